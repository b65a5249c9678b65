"""The two languages: each message has both, with the same values, and no message is left over."""

import ast
import re
import string
from collections.abc import Iterator
from importlib.resources import as_file
from pathlib import Path

import jinja2
import pytest
from fontTools.ttLib import TTFont
from jinja2.ext import extract_from_ast

from kun_recipes.privacy import KINDS
from kun_recipes.reporting.drawing import FONT_FILE
from kun_recipes.reporting.language import catalogue, is_english, listed, named, retold, speaking, stage_name, tr
from kun_recipes.rules import load_rules
from kun_recipes.rules.sensitive import REASONS

PACKAGE = Path("kun_recipes")
FOLDERS = ("chain", "data", "evaluation", "publishing", "reporting", "rounds", "statistics", "studies")
HAN = re.compile(r"[\u4e00-\u9fff]")
SAME_IN_BOTH = {"AUC", "PPL", "GEN", "–", "{part} of {whole}", "Fleiss' κ", "p (McNemar)", "{title} ({aside})"}
SAME_IN_BOTH |= {"{question}: {answer}", "{share}% {grade}", "{rows:,} ({share:.1%})", "{decision}. {more}"}
SAME_IN_BOTH |= {"tokens", "{tokens} tokens", "Bradley–Terry"}


def strings_and_messages() -> tuple[set[str], set[str]]:
    """Return all strings of the code and of the pages' templates, and those of them that `tr` is given."""
    strings: set[str] = set()
    given: set[str] = set()
    for path in (path for folder in FOLDERS for path in (PACKAGE / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                strings.add(node.value)
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "tr":
                given |= {node.args[0].value} if isinstance(node.args[0], ast.Constant) else set()
    environment = jinja2.Environment()
    environment.filters |= dict.fromkeys(("named", "retold", "stage_name", "mark", "block", "reason"), str)
    for path in (*PACKAGE.rglob("report.html.jinja"), *PACKAGE.rglob("corpus.html.jinja")):
        tree = environment.parse(path.read_text(encoding="utf-8"))
        strings |= {node.value for node in tree.find_all(jinja2.nodes.Const) if isinstance(node.value, str)}
        for *_, parts in extract_from_ast(tree, ("tr",)):
            given |= set(parts if isinstance(parts, tuple) else [parts]) - {None}
    return strings | given, given


def fields(text: str) -> Iterator[str]:
    return (name for _, name, _, _ in string.Formatter().parse(text) if name)


def test_each_message_has_both_languages(in_repository):
    strings, given = strings_and_messages()
    messages = catalogue().messages
    assert given - messages.keys() == set()  # Chinese is missing
    assert messages.keys() - strings == set()  # the code has no such text


def test_chinese_messages_use_the_values_of_the_english_ones():
    for english, chinese in catalogue().messages.items():
        assert set(fields(chinese)) <= set(fields(english)), english
        assert HAN.search(chinese) or english in SAME_IN_BOTH, english


def test_the_bundled_font_has_every_character_of_the_messages(in_repository):
    with as_file(FONT_FILE) as path:
        known = TTFont(path).getBestCmap()
    text = Path("kun_recipes/reporting/zh.yaml").read_text(encoding="utf-8")
    assert {character for character in text if character.isprintable()} - {*map(chr, known)} == set()


def test_stored_texts_keep_their_numbers():
    for english, chinese in catalogue().stored.items():
        assert english.count("#") == chinese.count("#"), english


def test_each_known_reason_has_a_chinese_name(in_repository):
    table = Path("docs/corpus.md").read_text(encoding="utf-8").split("\n\n")[2]
    documented = {
        word
        for line in table.splitlines()[2:]
        for word in re.findall(r"`([a-z]+(?:_[a-z0-9]+)*)`", line.split("|")[3].partition("; ids that repeat")[0])
    }
    keywords = load_rules().keywords
    listed_in_rules = {one.reason for kind in ("instruction", "answer") for one in keywords.of(kind)}
    reasons = documented | listed_in_rules | {*KINDS, *REASONS.values()}
    assert len(reasons) > 60
    assert reasons - catalogue().names["reason"].keys() == set()


def test_language_holds_inside_and_ends_with_an_error():
    with pytest.raises(ZeroDivisionError), speaking("zh"):
        assert tr("{count} other reasons", count=3) == "其余 3 种原因"
        assert listed(["甲", "乙"]) == "甲、乙"
        assert 1 / 0
    assert is_english() and tr("{count} other reasons", count=3) == "3 other reasons"


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("1,234 held-out pairs", "1,234 条留出数据"),
        ("7 and 12 kept rows", "7 和 12 条产出"),
        ("3 items, others than before", "3 道题，与前一轮不同"),
        ("P(right answer), by support", "P(回答正确)，按支持度"),
        (
            "development items, precision 0.75 there; none has the target, 0.9",
            "开发题，其上精确率 0.75；没有阈值达到目标 0.9",
        ),
        ("words of a user's own, twice", "words of a user's own, twice"),
    ],
)
def test_stored_texts_are_retold(english, chinese):
    assert retold(english) == english
    with speaking("zh"):
        assert retold(english) == chinese


def test_names_without_chinese_keep_their_identifier():
    assert named("near_duplicate", "reason") == "near duplicate"
    assert stage_name("gain round_2") == "gain round_2"
    with speaking("zh"):
        assert named("near_duplicate", "reason") == "近似重复"
        assert named("my_own_rule", "reason") == "my_own_rule"
        assert stage_name("gain round_2") == "轮次比较 round_2"
        assert stage_name("final_model_9k") == "final_model_9k"


def test_a_message_without_chinese_is_an_error():
    with speaking("zh"), pytest.raises(KeyError):
        tr("nobody has translated this")
