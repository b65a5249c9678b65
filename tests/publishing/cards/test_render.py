"""Cards: nothing missing, nothing left open, and no text of a row that is markup."""

import pytest
from huggingface_hub import DatasetCardData

from kun_recipes.errors import UserError
from kun_recipes.publishing.cards.render import faults_of_text, plain, render_card

METADATA = DatasetCardData(license="mit")


def render(tmp_path, template: str, **facts) -> str:
    path = tmp_path / "card.md.jinja"
    path.write_text(template, encoding="utf-8")
    return render_card(path, facts, METADATA)


def test_metadata_comes_first(tmp_path):
    assert render(tmp_path, "# {{ title }}\n\nText.\n", title="水") == "---\nlicense: mit\n---\n\n# 水\n\nText.\n"


def test_missing_fact_is_an_error(tmp_path):
    with pytest.raises(UserError, match=r"card\.md\.jinja: uses an undefined variable: 'rows'"):
        render(tmp_path, "# {{ title }}\n\n{{ rows }}", title="x")
    with pytest.raises(UserError, match=r"card\.md\.jinja: uses an undefined variable: .*'max_tokens'"):
        render(tmp_path, "# {{ corpus.max_tokens }}", corpus={})


def test_invalid_template_is_an_error_with_its_line(tmp_path):
    with pytest.raises(UserError, match=r"card\.md\.jinja:2: "):
        render(tmp_path, "# x\n{% if %}\n")


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("# A\n\ntext", []),
        ("# A\n\n## B\n\ntext", []),  # a heading may open with a smaller one
        ("# A\n\n## B\n\n## C\n\ntext", ["empty section: B"]),
        ("# A\n\ntext\n\n## B\n", ["empty section: B"]),
        ("# A\n\n```\n# no heading\n```", []),
        ("# A\n\n~~~~text\n# no heading\n~~~~\n\n## B", ["empty section: B"]),
        ("# A\n\n| x | None |", ["left open: '| None |'"]),
        ("# A\n\nlicence: None", ["left open: ': None'"]),
        ("# A\n\n[More Information Needed]", ["left open: 'More Information Needed'"]),
        ("# A\n\nNone of them is wrong.", []),
    ],
)
def test_unfinished_text_is_found(text, faults):
    assert faults_of_text(text) == faults


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("水的沸点是100℃，约1.5倍。", "水的沸点是100℃，约1.5倍。"),
        ("第一行\n\n  第二行", "第一行<br>第二行"),
        ("<script>alert(1)</script>", "&#60;script&#62;alert(1)&#60;/script&#62;"),
        ("![图](javascript:x)", "!&#91;图&#93;(javascript&#58;x)"),
        ("**粗** `码` a|b", "&#42;&#42;粗&#42;&#42; &#96;码&#96; a&#124;b"),
        ("# 不是标题", "&#35; 不是标题"),
        ("- 不是列表", "&#45; 不是列表"),
        ("1. 不是列表", "&#49;. 不是列表"),
        ("12) 不是列表", "&#49;2) 不是列表"),
        ("A & B", "A &#38; B"),
    ],
)
def test_text_of_a_row_is_escaped(text, shown):
    assert plain(text) == shown
