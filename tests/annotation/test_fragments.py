import re
from importlib.resources import files

import pytest

from kun_recipes.annotation.assignment import Assignment, Step
from kun_recipes.annotation.fragments import header_html, item_html, load_texts, notice_html, progress_html

TEXTS = load_texts()["zh"]


@pytest.mark.parametrize("task", ["quality", "preference"])
def test_model_output_is_escaped(study, task):
    item = next(iter(study.tasks[task].values()))
    html = item_html(task, item, Assignment(7, item.id, "a", None), TEXTS)
    assert "<script" not in html
    assert "<img" not in html
    assert "&lt;script&gt;document.title=&#39;run&#39;&lt;/script&gt;" in html
    assert "&#34;\n${1+1} {{value}} **bold**" in html or "&gt;\n${1+1} {{value}} **bold**" in html
    assert 'data-turn="7"' in html


@pytest.mark.parametrize(("first", "order"), [("a", ["甲 0", "乙 0"]), ("b", ["乙 0", "甲 0"])])
def test_answers_are_in_assigned_order_without_model_names(study, first, order):
    item = study.tasks["preference"]["p0/kun/belle"]
    html = item_html("preference", item, Assignment(1, item.id, first, None), TEXTS)
    assert sorted(order, key=html.index) == order
    assert "kun" not in html
    assert "belle" not in html


def test_last_item_is_followed_by_a_message():
    assert TEXTS["done"] in item_html("quality", None, None, TEXTS)
    assert 'data-turn="done"' in item_html("quality", None, None, TEXTS)


@pytest.mark.parametrize(
    ("done", "total", "percent"), [(12, 100, "12.0%"), (0, 8, "0.0%"), (8, 8, "100.0%"), (0, 0, "100.0%")]
)
def test_progress(done, total, percent):
    html = progress_html(Step("shown", None, done, total), TEXTS)
    assert f"<span>{done} / {total}</span>" in html
    assert f"width: {percent}" in html


def test_the_header_leads_to_tasks_and_the_other_language():
    html = header_html("quality", ["quality", "preference"], "zh", load_texts())
    assert '<a href="/zh/quality/" class="here">质量评估</a><a href="/zh/preference/" class="">' in html
    assert '<a href="/en/quality/" class="" lang="en">English</a>' in html


def test_notice_is_shown_only_if_there_is_one():
    assert notice_html(None) == ""
    assert notice_html("<b>") == '<p role="alert">&lt;b&gt;</p>'


def test_both_languages_have_all_texts():
    texts = load_texts()
    assert list(texts) == ["zh", "en"]
    assert list(texts["zh"]) == list(texts["en"])
    for language in texts.values():
        assert all(isinstance(text, str) and text.strip() for text in language.values())


def test_both_languages_have_the_same_fields_and_keys():
    texts = load_texts()
    for pattern in (r"\{\w+\}", r"<kbd>.*?</kbd>"):
        for key, text in texts["zh"].items():
            assert re.findall(pattern, text) == re.findall(pattern, texts["en"][key]), key


def test_no_text_is_unused():
    folder = files("kun_recipes.annotation")
    sources = "".join(path.read_text() for path in folder.iterdir() if path.name.endswith((".py", ".jinja")))
    sources += " ".join(["quality_rubric", "preference_rubric", "quality_keys", "preference_keys"])  # made of a task's
    said = {"clarity", "feasibility", "practicality", "excellent", "pass", "fail"}  # and of an answer's name
    assert [key for key in load_texts()["zh"] if key not in sources and key not in said] == []


def test_keys_shown_on_the_page_are_bound():
    script = (files("kun_recipes.annotation") / "keys.js").read_text(encoding="utf-8").lower()
    names = {"←": "arrowleft", "→": "arrowright"}
    for text in load_texts()["zh"].values():
        for key in re.findall(r"<kbd>(.*?)</kbd>", text):
            assert re.search(rf"\b{names.get(key, key.lower())}: ", script), key
