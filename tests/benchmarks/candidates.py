"""Read rows and their measurements, as the tests of benchmarks/quality.py have them."""

import json
from pathlib import Path
from typing import Any

from quality_rows import Candidate, Segment
from quality_selecting import Selecting

from kun_recipes.curation.config import LabelConfig, RefineConfig
from kun_recipes.data import schema

TEXT = "新修的产业路长六点八公里，去年底通车。货车能一直开到果园，运费降了三成，果农不用再肩挑。"
SEGMENTS = {
    "news-01": Segment("news-01", TEXT, "news", "chosen"),
    "law-01": Segment("law-01", TEXT.replace("果", "茶"), "law", "held_out"),
}
MEASURED: dict[str, Any] = {
    schema.TOKENS: 40,
    schema.INSTRUCTION_TOKENS: 9,
    schema.INSTRUCTION_FINISH: "stop",
    schema.OUTPUT_FINISH: "stop",
    schema.PERPLEXITY: 2.0,
    schema.FIT: 1.0,
    schema.FILTER_CALIBRATED: 3.0,
    schema.SCORE_CALIBRATED: 3.0,
    schema.SUPPORT: 3.0,
    schema.ANSWER_CALIBRATED: 3.0,
}
LINE: dict[str, Any] = {
    "segment_id": "news-01",
    "kind": "news",
    "part": "chosen",
    "instruction": "修通产业路以后，果农的运输有什么变化？",
    "output": "货车可以直接开到果园，运费降低了三成，果农不用再肩挑。",
    "good": True,
    "why": None,
    "reader": "甲",
    "measured": MEASURED,
}


def row(good: bool | None = True, segment: str = "news-01", why: str | None = None, **columns: Any) -> Candidate:
    texts = {name: columns.pop(name, LINE[name]) for name in ("instruction", "output")}
    return Candidate(SEGMENTS[segment], **texts, measured=MEASURED | columns, good=good, why=why, reader="甲")


def write_lines(path: Path, *lines: Any) -> Path:
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return path


def add_model(folder: Path, judges: Path, *lines: Any) -> Path:
    """Write a model's folder of read rows."""
    folder.mkdir()
    write_lines(folder / "rows.jsonl", *lines)
    (folder / "judges.json").write_bytes(judges.read_bytes())
    return folder


def without(column: str) -> dict[str, Any]:
    return {name: value for name, value in MEASURED.items() if name != column}


def selecting(rows: list[Candidate], judges: Path, **options: Any) -> Selecting:
    label = LabelConfig(segments="s", output_dir="l", model="m", max_perplexity=4, **options)
    refine = RefineConfig(candidates="l/rows", output_dir="r", dataset_dir="d", model="m", judge_data=[])
    return Selecting(rows, label, refine, judges)
