"""The corpus stage's report: what it reads, and a page that is safe and true."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from datatrove.data import Document

from kun_recipes.data.rows import removed_writers, row_writer
from kun_recipes.execution.launch import run_pipeline
from kun_recipes.reporting.corpus import DescribeRows, merge_tallies, write_corpus_report
from kun_recipes.reporting.language import catalogue, page_is_in, speaking
from tests.languages import Text, foreign_words

SUMMARY = {"rows_in": 7, "rows_kept": 2, "unused": 4000}


def write(writer, rank: int, *rows: tuple[str, str, dict]) -> None:
    with writer as open_writer:
        for row_id, text, metadata in rows:
            open_writer.write(Document(text, id=row_id, metadata={"source": "wudao", **metadata}), rank)


def folder_of_a_stage(folder: Path) -> Path:
    removed = removed_writers(folder / "removed")
    repetition, keywords = removed("repetition"), removed("keywords")
    write(repetition, 0, ("a", "重复重复", {"reason": "repetition", "value": "重复"}))
    write(repetition, 1, ("b", "又又又", {"reason": "repetition", "value": "0.91 in duplicate 12-grams"}))
    advertisement = ("c", "<script>点击下载</script>", {"reason": "low_quality_keyword", "value": "点击下载"})
    write(keywords, 1, advertisement, ("d", "首页|论坛", {"reason": "navigation", "value": "首页|论坛"}))
    with row_writer(folder / "rows", by_shard=True) as rows:
        for number, source in enumerate(["wudao", "skypile"]):
            metadata = {"source": source, "shard": "00000", "tokens": 3}
            rows.write(Document("好文字。", id=f"k{number}", metadata=metadata), number)
    return folder


def report_of(folder: Path, tasks: int = 2) -> tuple[dict, str]:
    run_pipeline([DescribeRows(folder / "removed", folder / "rows", folder / "tallies")], folder / "logs", tasks)
    tallies = merge_tallies(folder / "tallies")
    write_corpus_report(folder / "report.html", tallies, SUMMARY)
    return tallies, (folder / "report.html").read_text(encoding="utf-8")


def test_rows_of_all_tasks_are_tallied_by_block_and_reason(tmp_path):
    tallies, _ = report_of(folder_of_a_stage(tmp_path))
    counts = {block: {reason: tally.rows for reason, tally in reasons.items()} for block, reasons in tallies.items()}
    assert counts == {
        "01_repetition": {"repetition": 2},
        "02_keywords": {"low_quality_keyword": 1, "navigation": 1},
        "kept": {"wudao": 1, "skypile": 1},
    }
    assert tallies["kept"]["wudao"].bytes == 12


@pytest.mark.parametrize("language", ["en", "zh"])
def test_page_is_in_one_language(tmp_path, language):
    with speaking(language):
        report_of(folder_of_a_stage(tmp_path))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    without_rows = re.sub(r"<article.*?</article>", "", page, flags=re.DOTALL)
    assert foreign_words(" ".join(Text(without_rows).parts), language, {"wudao", "skypile", "keywords", "MB"}) == []
    assert page_is_in(language, tmp_path / "report.html")
    assert not page_is_in({"en": "zh", "zh": "en"}[language], tmp_path / "report.html")


def test_each_block_has_a_chinese_name(in_repository):
    code = "".join(path.read_text(encoding="utf-8") for part in ("corpus", "rules") for path in sorted_code(part))
    blocks = set(re.findall(r'removed\("([a-z_]+)"\)', code)) - {"held_out", "answer_copies_prompt"}
    assert len(blocks) > 20 and blocks - catalogue().names["block"].keys() == set()


def sorted_code(package: str) -> list[Path]:
    return sorted(Path("kun_recipes", package).rglob("*.py"))


def test_the_page_shows_the_rows_and_marks_what_was_matched(tmp_path):
    _, page = report_of(folder_of_a_stage(tmp_path))
    assert "<mark>重复</mark><mark>重复</mark>" in page
    assert "0.91 in duplicate 12-grams" in page
    assert "7 rows in, 2 kept" in page
    assert "4,000 of the input rows are documents that were not sampled" in page


def test_web_text_is_escaped_in_the_page(tmp_path):
    _, page = report_of(folder_of_a_stage(tmp_path))
    assert "<script>" not in page
    assert "&lt;script&gt;<mark>点击下载</mark>&lt;/script&gt;" in page


def test_every_tag_is_closed(tmp_path):
    _, page = report_of(folder_of_a_stage(tmp_path))
    open_tags: list[str] = []

    class Parser(HTMLParser):
        def handle_starttag(self, tag, attrs):
            if tag not in ("meta",):
                open_tags.append(tag)

        def handle_endtag(self, tag):
            assert open_tags.pop() == tag

    Parser().feed(page)
    assert open_tags == []
