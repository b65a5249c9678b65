"""benchmarks/quality_rows.py: lines of readers, the shipped rows, and the rows of finished stages."""

import json

import pytest
import quality_rows
from quality_rows import Candidate
from quality_tables import (
    by_part,
)

from kun_recipes.data import schema
from kun_recipes.errors import UserError
from tests.benchmarks.candidates import LINE, MEASURED, SEGMENTS, row, without, write_lines
from tests.curation.stage_rows import write_rows

FAULTS = {
    "another segment": ({"segment_id": "news-9"}, "no segment news-9"),
    "another kind": ({"kind": "law"}, "kind is law, but that of segment news-01 is news"),
    "the other part": ({"part": "held_out"}, "part is held_out, but that of segment news-01 is chosen"),
    "no answer": ({"output": None}, "output must be text"),
    "good is a number": ({"good": 1}, "good must be true, false, or null"),
    "bad without a reason": ({"good": False}, "why must be one of instruction_not_one, "),
    "bad for a reason of one's own": ({"good": False, "why": "ugly"}, "why must be one of instruction_not_one, "),
    "good with a reason": ({"why": "partial"}, "why must be null"),
    "read by nobody": ({"reader": ""}, "reader must say who read the row"),
    "nothing measured": ({"measured": None}, "measured must be an object"),
    "too little measured": ({"measured": without(schema.FIT)}, "measured has no fit;"),
}


@pytest.mark.parametrize(("change", "message"), FAULTS.values(), ids=FAULTS)
def test_a_line_that_no_reader_could_mean_is_named(tmp_path, change, message):
    file = write_lines(tmp_path / "rows.jsonl", LINE | {"output": "另一个回答。"}, LINE | change)
    with pytest.raises(UserError) as error:
        quality_rows.read_labelled(file, SEGMENTS)
    assert str(error.value).startswith(f"{file}:2: {message}")


def test_a_pair_is_labelled_once(tmp_path):
    file = write_lines(tmp_path / "rows.jsonl", LINE, LINE | {"good": False, "why": "partial"})
    with pytest.raises(
        UserError, match=r"rows\.jsonl:2: repeats the segment, instruction and output of an earlier line"
    ):
        quality_rows.read_labelled(file, SEGMENTS)


def test_the_shipped_segments_are_halved_within_each_kind(repository):
    parts = by_part([Candidate(one, "", "", {}) for one in quality_rows.read_segments(quality_rows.SEGMENTS).values()])
    counts = {
        part: [sum(row.segment.kind == kind for row in rows) for kind in ("news", "encyclopaedia")]
        for part, rows in parts.items()
    }
    assert counts == {"chosen": [30, 30], "held_out": [30, 30]}
    assert {part: len(rows) for part, rows in parts.items()} == {"chosen": 81, "held_out": 79}


def test_each_shipped_model_has_rows_that_were_read_and_its_judges():
    segments = quality_rows.read_segments(quality_rows.SEGMENTS)
    folders = quality_rows.model_folders()
    assert [folder.name for folder in folders] == ["qwen2.5-coder-0.5b-64-seeds", "qwen2.5-coder-1.5b"]
    for folder in folders:
        rows = quality_rows.read_labelled(folder / "rows.jsonl", segments)
        held_out = [one for one in segments.values() if one.part == "held_out"]
        assert len({row.segment.id for row in rows if row.segment.part == "held_out"}) > 0.9 * len(held_out)
        assert all(row.good is not None for row in rows)
        assert len({row.measured[schema.LABEL_MODEL] for row in rows}) == 1
        assert {"filter", "score", "support", "answer"} <= json.loads((folder / "judges.json").read_text()).keys()


def test_report_names_each_reason(repository):
    page = (repository / "benchmarks/README.md").read_text(encoding="utf-8")
    for why, meaning in quality_rows.WHYS.items():
        assert f"| `{why}` | {meaning} |" in page


def test_stages_with_several_candidates_for_a_row_are_refused(stages):
    write_rows(stages[0] / "measured", [{"text": "文章。", schema.SOURCE: "web", schema.CANDIDATE: 1}])
    with pytest.raises(UserError, match="label: has several candidates per row; run the stage with one"):
        quality_rows.read_stages(*stages, SEGMENTS)


def test_rows_of_stages_are_written_for_readers_and_known_again(tmp_path, stages):
    found, foreign = quality_rows.read_stages(*stages, SEGMENTS)
    assert [(row.segment.id, row.instruction, row.output) for row in found] == [
        ("news-01", "问题0？", "回答0。"),
        ("law-01", "问题1？", "回答1。"),
        ("news-01", "问题2？", None),
    ]
    assert foreign == 1
    assert found[0].measured == MEASURED
    assert quality_rows.count_unread(found) == "2 (chosen news 1, held_out law 1)"
    file = tmp_path / "unread.jsonl"
    assert quality_rows.write_unread(file, [*found, found[0]], seed=0) == 2
    with pytest.raises(UserError, match=r"unread\.jsonl: exists already"):
        quality_rows.write_unread(file, found, seed=0)
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    for line in lines:
        assert line["good"] is None
        line |= {"good": line["output"] == "回答1。", "reader": "乙"}
        line["why"] = None if line["good"] else "invented"
    labelled = quality_rows.read_labelled(write_lines(tmp_path / "read.jsonl", *lines), SEGMENTS)
    known = quality_rows.with_labels(found, labelled)
    assert [(row.good, row.why, row.reader) for row in known] == [
        (False, "invented", "乙"),
        (True, None, "乙"),
        (None, None, None),
    ]
    assert quality_rows.count_unread(known) == "0"


def test_the_order_for_readers_depends_on_the_seed_alone(tmp_path):
    rows = [row(None, output=f"回答{number}。") for number in range(20)]
    for name, some, seed in (("one", rows, 0), ("two", rows[::-1], 0), ("three", rows, 1)):
        quality_rows.write_unread(tmp_path / name, some, seed)
    one, two, three = ((tmp_path / name).read_bytes() for name in ("one", "two", "three"))
    assert one == two != three
