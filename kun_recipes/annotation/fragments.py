"""The parts of a page: its texts in Chinese and in English, and HTML. Model output is escaped here alone."""

from functools import cache
from importlib.resources import files

import yaml
from markupsafe import Markup

from kun_recipes.annotation.assignment import Assignment, Step
from kun_recipes.annotation.study import Item
from kun_recipes.studies.items import PreferenceItem, QualityItem

Texts = dict[str, str]

CARD = Markup('<section class="card {kind}"><h2>{title}</h2><div class="said">{text}</div></section>')
ITEM = Markup('<article data-turn="{number}" class="{task}" lang="zh-Hans">{cards}</article>')
DONE = Markup('<article data-turn="done" class="done"><p class="big">{done}</p><p>{more}</p></article>')
PROGRESS = Markup(
    '<div class="progress"><div class="bar"><div style="width: {percent}%"></div></div><span>{text}</span></div>'
)
HEADER = Markup('<header lang="{lang}"><nav>{tasks}</nav><nav class="languages">{languages}</nav></header>')
NOTICE = Markup('<p role="alert">{text}</p>')
LINK = Markup('<a href="{address}" class="{state}"{lang}>{text}</a>')


@cache
def load_texts() -> dict[str, dict[str, str]]:
    """Return every text of the pages, by language, then by key."""
    return yaml.safe_load((files("kun_recipes.annotation") / "texts.yaml").read_text(encoding="utf-8"))


def item_html(task: str, item: Item | None, assignment: Assignment | None, texts: Texts) -> str:
    """Return one item, or the message that all items are done."""
    if assignment is None or item is None:
        return DONE.format(done=texts["done"], more=texts["done_more"])
    cards = _quality(item, texts) if isinstance(item, QualityItem) else _preference(item, assignment.first, texts)
    return ITEM.format(number=assignment.id, task=task, cards=Markup("").join(cards))


def progress_html(step: Step, texts: Texts) -> str:
    percent = 100 * step.done / step.total if step.total else 100
    return PROGRESS.format(percent=f"{percent:.1f}", text=texts["progress"].format(done=step.done, total=step.total))


def notice_html(text: str | None) -> str:
    return NOTICE.format(text=text) if text else ""


def header_html(task: str, tasks: list[str], language: str, texts: dict[str, Texts]) -> str:
    """Return links to the study's tasks and to the other language; the current ones are marked."""
    to_tasks = [_link(page_path(one, language), texts[language][one], one == task) for one in tasks]
    others = [
        _link(page_path(task, one), texts[one]["name"], False, texts[one]["lang"]) for one in texts if one != language
    ]
    return HEADER.format(
        lang=texts[language]["lang"], tasks=Markup("").join(to_tasks), languages=Markup("").join(others)
    )


def page_path(task: str, language: str) -> str:
    return f"/{language}/{task}/"


def _link(address: str, text: str, here: bool, lang: str | None = None) -> Markup:
    attribute = Markup(' lang="{}"').format(lang) if lang else ""
    return LINK.format(address=address, text=text, state="here" if here else "", lang=attribute)


def _quality(item: QualityItem, texts: Texts) -> list[Markup]:
    return [_card("asked", texts["instruction"], item.instruction), _card("output", texts["output"], item.output)]


def _preference(item: PreferenceItem, first: str, texts: Texts) -> list[Markup]:
    answers = (item.answer_a, item.answer_b)
    left, right = answers if first == "a" else reversed(answers)
    return [
        _card("asked", texts["prompt"], item.prompt),
        _card("answer", texts["answer_left"], left),
        _card("answer", texts["answer_right"], right),
    ]


def _card(kind: str, title: str, text: str) -> Markup:
    return CARD.format(kind=kind, title=title, text=text)
