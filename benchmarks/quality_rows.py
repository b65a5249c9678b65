"""The rows of benchmarks/quality.py: those that were read, a folder per model, and those of a run."""

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from kun_recipes.data import schema
from kun_recipes.data.folders import require_finished
from kun_recipes.data.json_lines import Malformed, read_lines
from kun_recipes.data.rows import check_rows, read_rows
from kun_recipes.errors import UserError

FOLDER = Path(__file__).parent / "quality"
SEGMENTS = FOLDER / "segments.jsonl"
ROWS, JUDGES = "rows.jsonl", "judges.json"
"""Files of a model's folder: its rows, with what readers said of them, and the measurements of its judges."""
PARTS = ("chosen", "held_out")
WHYS = {
    "instruction_not_one": "it asks for nothing: a statement, a title, a broken sentence",
    "instruction_senseless": "the request makes no sense, or assumes something false",
    "leans_on_context": "the instruction is unclear on its own: 本文, 该公司, an event without its place or year",
    "contradicts": "the answer contradicts the segment: a number, a negation, two things swapped",
    "invented": "the answer adds what is neither in the segment nor common knowledge",
    "not_answered": "the answer is to another question, or to no question",
    "circular": "the answer only repeats the instruction",
    "partial": "so much of the requested answer is missing that it does not help the person who asked",
    "badly_written": "a broken or repeated sentence, or remains of markup or a prompt",
}
"""Reasons why a pair is not good, in the order in which a reader looks for them: the first that holds is noted."""
NOT_MEASURED = {
    *(schema.ID, schema.TEXT, schema.SOURCE, schema.DOCUMENT_ID, schema.TITLE, schema.FILE_PATH),
    *(schema.SPAN_START, schema.SPAN_END, schema.INSTRUCTION, schema.OUTPUT, "kind", "half"),
}
"""Columns that are not kept with a read row: the segment, the pair, and where the run had it from."""
NEEDED = (
    *(schema.TOKENS, schema.INSTRUCTION_TOKENS, schema.INSTRUCTION_FINISH, schema.OUTPUT_FINISH),
    *(schema.PERPLEXITY, schema.FIT, schema.FILTER_CALIBRATED, schema.SCORE_CALIBRATED),
)
"""Columns without which the selecting passes cannot be made again."""


@dataclass(frozen=True)
class Segment:
    """A segment of real text; `part` says whether its rows may be looked at to choose anything."""

    id: str
    text: str
    kind: str
    part: str


@dataclass(frozen=True, eq=False)
class Candidate:
    """A pair that the models wrote for a segment; it equals itself alone, so that what is found out of it is kept.

    Attributes:
        output: the answer as it was written; None where the run wrote none.
        measured: the columns of the stages, by `kun_recipes.data.schema`.
        good: a reader's verdict; None: not read.
        why: why it is not good, one of `WHYS`.
    """

    segment: Segment
    instruction: str
    output: str | None
    measured: dict[str, Any]
    good: bool | None = None
    why: str | None = None
    reader: str | None = None

    @property
    def key(self) -> tuple[str, str, str | None]:
        return self.segment.id, self.instruction, self.output

    def to_dict(self) -> dict[str, Any]:
        """Return the candidate as a line of rows.jsonl."""
        return {
            "segment_id": self.segment.id,
            "kind": self.segment.kind,
            "part": self.segment.part,
            "instruction": self.instruction,
            "output": self.output,
            "good": self.good,
            "why": self.why,
            "reader": self.reader,
            "measured": self.measured,
        }


def model_folders() -> list[Path]:
    """Return the folders of the models whose rows are in the repository, in the order of their names."""
    return sorted(file.parent for file in FOLDER.glob(f"*/{ROWS}"))


def read_segments(file: Path) -> dict[str, Segment]:
    """Return the segments by their ids."""
    found: dict[str, Segment] = {}
    for where, line in _lines(file, {"id": str, "text": str, "kind": str, "half": str}):
        _require(line["half"] in PARTS, where, f"half must be {' or '.join(PARTS)}, not {line['half']}")
        _require(line["id"] not in found, where, f"duplicate id {line['id']}")
        found[line["id"]] = Segment(line["id"], line["text"], line["kind"], line["half"])
    return found


def read_labelled(file: Path, segments: dict[str, Segment]) -> list[Candidate]:
    """Return the rows that were given to readers. Raises UserError at an invalid line."""
    found: dict[tuple[str, str, str | None], Candidate] = {}
    wanted = dict.fromkeys(("segment_id", "kind", "part", "instruction", "output"), str) | {"measured": dict}
    for where, line in _lines(file, wanted):
        segment = segments.get(line["segment_id"])
        _require(segment is not None, where, f"no segment {line['segment_id']} in the file of segments")
        assert segment is not None
        for name, value in (("kind", segment.kind), ("part", segment.part)):
            _require(
                line[name] == value, where, f"{name} is {line[name]}, but that of segment {segment.id} is {value}"
            )
        if lacking := [name for name in NEEDED if name not in line["measured"]]:
            raise UserError(f"{where}: measured has no {', '.join(lacking)}; write the row again with --write-rows")
        good, why, reader = line.get("good"), line.get("why"), line.get("reader")
        _require(good is None or isinstance(good, bool), where, "good must be true, false, or null if nobody read it")
        if good is False:
            _require(why in WHYS, where, f"why must be one of {', '.join(WHYS)}")
        else:
            _require(why is None, where, "why must be null, because the row is not marked as bad")
        _require(good is None or bool(reader), where, "reader must say who read the row")
        row = Candidate(segment, line["instruction"], line["output"], line["measured"], good, why, reader)
        _require(row.key not in found, where, "repeats the segment, instruction and output of an earlier line")
        found[row.key] = row
    return list(found.values())


def read_stages(label: Path, refine: Path, segments: dict[str, Segment]) -> tuple[list[Candidate], int]:
    """Return the candidates of finished label and refine stages, and how many rows were of no segment.

    A segment is known by its text. All that was measured is read, whatever the stages' thresholds were.
    """
    by_text = {segment.text: segment for segment in segments.values()}
    rows: dict[str, dict[str, Any]] = {}
    for stage in (label, refine):
        require_finished(str(stage / "measured"))
        check_rows(stage / "measured")
        for row in read_rows(stage / "measured"):
            if schema.CANDIDATE in row or schema.ANSWER_CANDIDATE in row:
                raise UserError(f"{stage}: has several candidates per row; run the stage with one")
            rows[row[schema.ID]] = rows.get(row[schema.ID], {}) | row
    found = [_candidate(by_text[row[schema.TEXT]], row) for row in rows.values() if row[schema.TEXT] in by_text]
    return found, len(rows) - len(found)


def _candidate(segment: Segment, row: dict[str, Any]) -> Candidate:
    measured = {name: value for name, value in row.items() if name not in NOT_MEASURED}
    return Candidate(segment, row.get(schema.INSTRUCTION, ""), row.get(schema.OUTPUT), measured)


def with_labels(candidates: Iterable[Candidate], labelled: Iterable[Candidate]) -> list[Candidate]:
    """Return the candidates, each with what a reader said of the same segment, instruction and output."""
    known = {row.key: row for row in labelled}
    found = ((row, known.get(row.key, row)) for row in candidates)
    return [replace(row, good=said.good, why=said.why, reader=said.reader) for row, said in found]


def write_unread(file: Path, candidates: Iterable[Candidate], seed: int) -> int:
    """Write the answered candidates that were not read, each once, in random order; return how many."""
    if file.exists():
        raise UserError(f"{file}: exists already and may contain labels; give another file")
    once = {row.key: row for row in candidates if is_unread(row)}
    unread = [once[key] for key in sorted(once)]
    random.Random(seed).shuffle(unread)
    file.write_bytes(b"".join(orjson.dumps(row.to_dict()) + b"\n" for row in unread))
    return len(unread)


def is_unread(row: Candidate) -> bool:
    return row.good is None and row.output is not None


def count_unread(candidates: Iterable[Candidate]) -> str:
    """Return how many answered candidates were not read, by part and kind, for a message."""
    unread = Counter(f"{row.segment.part} {row.segment.kind}" for row in candidates if is_unread(row))
    named = ", ".join(f"{name} {count}" for name, count in sorted(unread.items()))
    return f"{unread.total()} ({named})" if unread else "0"


def _lines(file: Path, wanted: dict[str, type]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the objects of a JSON lines file, which have values of the wanted types, and where each stands."""
    if not file.is_file():
        raise UserError(f"{file}: no such file; see benchmarks/README.md for how to make it")
    for record in read_lines(str(file)):
        where = f"{file}:{record.number}"
        if isinstance(record, Malformed):
            raise UserError(f"{where}: not JSON: {record.message}")
        _require(isinstance(record.value, dict), where, "not a JSON object")
        for key, kind in wanted.items():
            text = "text" if kind is str else "an object"
            _require(isinstance(record.value.get(key), kind), where, f"{key} must be {text}")
        yield where, record.value


def _require(holds: bool, where: str, message: str) -> None:
    if not holds:
        raise UserError(f"{where}: {message}")
