"""Preference pairs: which answer is the worse one, what is left out, and what they cost."""

from pathlib import Path
from typing import Any

import pytest
from datasets import load_dataset
from datatrove.data import Document

from kun_recipes.curation.preference import NoteTurnedDown, pair_of, write_pairs
from kun_recipes.data import schema
from kun_recipes.rules.ranges import RangeFilter
from tests.curation.stage_rows import write_rows

ROW = {
    "id": "a1",
    "source": "wudao",
    "text": "茶起源于中国，唐代已很普遍。点击查看更多。",
    schema.INSTRUCTION: "茶起源于哪里？",
    schema.OUTPUT: "茶起源于中国。",
    schema.SUPPORT: 2.5,
    schema.ANSWER_PROBABILITY: 0.8,
}
TURNED_DOWN = {
    schema.REJECTED_OUTPUT: "茶起源于印度。",
    schema.REJECTED_SUPPORT: 0.5,
    schema.REJECTED_PROBABILITY: 0.2,
    schema.REJECTED_REASON: "unsupported",
}

PAIRS: dict[str, tuple[dict[str, Any], str, tuple[Any, ...] | str]] = {
    # changes of the row, how answers are written, and (rejected, its two scores, its origin, reason) or why no pair
    "an answer that was turned down": (
        TURNED_DOWN,
        "polished",
        ("茶起源于印度。", 0.5, 0.2, "turned_down", "unsupported"),
    ),
    "the raw segment where none was": ({}, "polished", (ROW["text"], None, None, "segment", "not_polished")),
    "the segment is the answer": ({schema.OUTPUT: ROW["text"]}, "raw", "same_as_chosen"),
    "the segment word for word, in other punctuation": (
        {schema.OUTPUT: "茶起源于中国,唐代已很普遍.\n点击查看更多"},
        "polished",
        "same_as_chosen",
    ),
    "the same answer once more": (TURNED_DOWN | {schema.OUTPUT: "茶起源于印度"}, "polished", "same_as_chosen"),
    "an answer without the segment": ({}, "unaided", "written_without_segment"),
}


@pytest.mark.parametrize(("changes", "answers", "expected"), PAIRS.values(), ids=PAIRS)
def test_the_worse_answer_of_a_row(changes, answers, expected):
    row = ROW | changes
    pair = pair_of(row, answers)
    if isinstance(expected, str):
        assert pair == expected
        return
    rejected, support, probability, origin, reason = expected
    assert pair == {
        "id": "a1",
        "source": "wudao",
        "prompt": [{"role": "user", "content": "茶起源于哪里？"}],
        "chosen": [{"role": "assistant", "content": row[schema.OUTPUT]}],
        "rejected": [{"role": "assistant", "content": rejected}],
        "score_chosen": 2.5,
        "score_rejected": support,
        "judge_chosen": 0.8,
        "judge_rejected": probability,
        "rejected_from": origin,
        "reason": reason,
    }


def test_without_verification_there_are_no_scores():
    row = {key: value for key, value in ROW.items() if key not in (schema.SUPPORT, schema.ANSWER_PROBABILITY)}
    pair = pair_of(row, "polished")
    assert [pair[f"{score}_{side}"] for score in ("score", "judge") for side in ("chosen", "rejected")] == [None] * 4


def answer(output: str, support: float, perplexity: float = 1.0, **more: Any) -> dict[str, Any]:
    return {schema.OUTPUT: output, schema.SUPPORT: support, schema.PERPLEXITY: perplexity, **more}


CHECKS = [RangeFilter(schema.PERPLEXITY, "perplexity", highest=3)]
VERDICTS = [RangeFilter(schema.SUPPORT, "unsupported", lowest=2)]

GROUPS: dict[str, tuple[list[dict[str, Any]], str | None]] = {
    # answers to one instruction, and the one that is noted
    "one answer alone": ([answer("坏", 0)], None),
    "all are right": ([answer("好", 3), answer("更好", 4)], None),
    "one is turned down": ([answer("好", 3), answer("坏", 1)], "坏"),
    "the worst of two, wherever it stands": ([answer("更坏", 0), answer("好", 3), answer("坏", 1)], "更坏"),
    "of equals the first": ([answer("坏", 1, number=1), answer("也坏", 1), answer("好", 3)], "坏"),
    "an answer that the rules drop is not shown": ([answer("好", 3), answer("电话", 0, perplexity=9)], None),
    "none is right": ([answer("坏", 1), answer("更坏", 0)], "更坏"),
}


@pytest.mark.parametrize(("answers", "noted"), GROUPS.values(), ids=GROUPS)
def test_the_worst_answer_that_was_turned_down_is_noted(answers, noted):
    docs = [Document("段", "1", metadata=dict(one)) for one in answers]
    block = NoteTurnedDown(CHECKS, VERDICTS, lambda doc: (doc.metadata[schema.SUPPORT],))
    passed = list(block.run(iter(docs)))
    assert [doc.metadata[schema.OUTPUT] for doc in passed] == [one[schema.OUTPUT] for one in answers]
    assert [doc.metadata.get(schema.REJECTED_OUTPUT) for doc in passed] == [noted] * len(answers)
    if noted:
        worst = min(one[schema.SUPPORT] for one in answers if one[schema.PERPLEXITY] <= 3)
        assert {doc.metadata[schema.REJECTED_SUPPORT] for doc in passed} == {worst}
        assert {doc.metadata[schema.REJECTED_REASON] for doc in passed} == {"unsupported"}
        assert all(schema.VALUE not in doc.metadata for doc in passed)


def test_pairs_load_as_they_lie_and_the_others_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "cache"))
    rows = [ROW, ROW | TURNED_DOWN, ROW | {schema.OUTPUT: ROW["text"]}]
    counts = write_pairs(Path(write_rows(tmp_path / "rows", rows)), "polished", tmp_path / "preference")
    assert counts == {
        "pairs": 2,
        "rejected_from": {"segment": 1, "turned_down": 1},
        "left_out": {"same_as_chosen": 1},
    }
    pairs = load_dataset(str(tmp_path / "preference"), split="train")
    assert [pair["rejected"][0]["content"] for pair in pairs] == [ROW["text"], "茶起源于印度。"]
    assert pairs.column_names[:3] == ["prompt", "chosen", "rejected"]


def test_without_a_pair_there_is_no_file(tmp_path):
    rows = Path(write_rows(tmp_path / "rows", [ROW]))
    assert write_pairs(rows, "polished", tmp_path / "preference")["pairs"] == 1
    assert write_pairs(rows, "unaided", tmp_path / "preference")["left_out"] == {"written_without_segment": 1}
    assert list((tmp_path / "preference").iterdir()) == []
