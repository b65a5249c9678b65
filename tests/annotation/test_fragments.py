import pytest

from kun_recipes.annotation.assignment import Step, Turn
from kun_recipes.annotation.fragments import header_html, item_html, notice_html, progress_html
from kun_recipes.annotation.texts import load_texts

TEXTS = load_texts()["zh"]


@pytest.mark.parametrize("task", ["quality", "preference"])
def test_model_output_is_escaped(study, task):
    item = next(iter(study.tasks[task].values()))
    html = item_html(task, item, Turn(7, item.id, "a", None), TEXTS)
    assert "<script" not in html
    assert "<img" not in html
    assert "&lt;script&gt;document.title=&#39;run&#39;&lt;/script&gt;" in html
    assert "&#34;\n${1+1} {{value}} **bold**" in html or "&gt;\n${1+1} {{value}} **bold**" in html
    assert 'data-turn="7"' in html


@pytest.mark.parametrize(("first", "order"), [("a", ["甲 0", "乙 0"]), ("b", ["乙 0", "甲 0"])])
def test_answers_are_in_assigned_order_without_model_names(study, first, order):
    item = study.tasks["preference"]["p0/kun/belle"]
    html = item_html("preference", item, Turn(1, item.id, first, None), TEXTS)
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
