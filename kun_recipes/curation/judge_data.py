"""The judges' labelled items (Kun §3.2, §3.3).

Half trains the judges, a quarter chooses their thresholds, a quarter measures them. A threshold chosen on items that
the judge was trained on drops good instructions.

A line of a file is {"judge": "filter" | "score", "text": ..., "label": ..., "kind": ...}. The filter judge says 是
to texts that are a question or an imperative (figure 4), the score judge says 好 to good instructions (figure 10). For
comprehensive scoring, of the pair, a score item also has "output": ..., the answer to its text. An item of the answer
judge is {"judge": "answer", "segment": ..., "instruction": ..., "output": ..., "label": ..., "kind": ...}: does the
output, given the segment, answer the instruction? In place of a file, people's votes give items of the score judge:
`voted_items`. Items and votes may be datasets of the Hub, too.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kun_recipes.curation.voted_items import (
    PARQUET,
    VOTES,
    Vote,
    checked_votes,
    count_votes,
    is_vote,
    no_texts,
    votes_of,
)
from kun_recipes.data.hashing import choice_hash
from kun_recipes.data.hub_datasets import HUB_DATASET, config_names, load_splits
from kun_recipes.data.json_lines import Malformed, read_lines
from kun_recipes.errors import UserError

LABELS = {"filter": ("是", "否"), "score": ("好", "差"), "answer": ("好", "差")}
"""The two verdicts of each judge, the one that keeps a row first."""

FILES = (".jsonl", ".csv", PARQUET)
"""Endings of what is read from here, and never asked of the Hub."""

PARTS = ("train it on", "choose its threshold by", "measure it on")
"""The parts of the items, by what they are for."""

ARTICLE = {"output": "an", "segment": "a"}
"""Fields that may be judged together with a text, and the article of each in messages."""


@dataclass(frozen=True)
class JudgeItem:
    """A text with the verdict that a careful reader gives it.

    Attributes:
        text: the text, an instruction where an output is judged with it.
        kind: what the text is an example of, such as "menu" or "vague": for reading the judges' mistakes by kind.
        output: the answer that is judged with the text; empty where the text is judged alone.
        segment: what the answer must be true to; empty where it is judged without.
        file: where the item stands; each file is parted on its own.
    """

    judge: str
    text: str
    label: str
    kind: str
    output: str = ""
    segment: str = ""
    file: str = field(default="", compare=False)

    @property
    def asked(self) -> tuple[str, str, str]:
        """(instruction, output, segment), what a judge is asked about."""
        return self.text, self.output, self.segment


def load_judge_items(
    paths: str | Path | Sequence[str | Path],
    pairs: bool = False,
    judges: Collection[str] = ("filter", "score"),
) -> list[JudgeItem]:
    """Read the items of a file, or of several, in their order.

    Args:
        pairs: whether the score judge is asked about instruction and output together, or about the instruction alone.
            Its items must have an output in the first case and none in the second.
        judges: those that are asked, for which each part needs an item of each label.

    Raises UserError naming file and line on an invalid or duplicate item, and naming judge and label
    where the files cannot give each part an item.
    """
    files = [str(path) for path in ([paths] if isinstance(paths, str | Path) else paths)]
    items: dict[tuple[str, ...], JudgeItem] = {}
    for file in files:
        for where, item in _read(file, pairs):
            if items.setdefault((item.judge, *item.asked), item) is not item:
                raise UserError(f"{where}: the {item.judge} judge already has this text: {item.text}")
    for judge in judges:
        _check_parts(judge, [item for item in items.values() if item.judge == judge], ", ".join(files))
    return list(items.values())


def split_judge_items(items: Iterable[JudgeItem]) -> tuple[list[JudgeItem], list[JudgeItem], list[JudgeItem]]:
    """Part the items: (training, development, held out).

    The judges are trained on the first half; of the rest, one half chooses their thresholds and the other measures
    them. The items of each judge and label are parted by the order of their hashes. Items with segments are parted by
    their segments instead, those of one segment together: a judge that has learnt what a segment says would be
    measured too well on it. Of an odd number the earlier part takes one more.

    The order of a file does not matter, and items of another file move none: items that were trained on stay so.
    """
    home: dict[str, str] = {}  # the first file that has a segment
    groups: dict[tuple[str, ...], dict[str, list[JudgeItem]]] = {}
    for item in items:
        group: tuple[str, ...] = (item.file, item.judge, item.label)
        name = f"{item.text}{item.output}"
        if item.segment:
            group, name = (home.setdefault(item.segment, item.file),), item.segment
        groups.setdefault(group, {}).setdefault(name, []).append(item)
    parts: tuple[list[JudgeItem], list[JudgeItem], list[JudgeItem]] = ([], [], [])
    for units in groups.values():
        names = sorted(units, key=choice_hash)
        first = (len(names) + 1) // 2
        second = first + (len(names) - first + 1) // 2
        for part, taken in zip(parts, (names[:first], names[first:second], names[second:]), strict=True):
            part += [item for name in taken for item in units[name]]
    training, development, held_out = (sorted(part, key=_order) for part in parts)
    return training, development, held_out


def _order(item: JudgeItem) -> tuple[str, str, int]:
    return item.judge, item.label, choice_hash(f"{item.text}{item.output}")


def _check_parts(judge: str, items: Sequence[JudgeItem], files: str) -> None:
    for part, purpose in zip(split_judge_items(items), PARTS, strict=True):
        for label in LABELS[judge]:
            if not any(item.label == label for item in part):
                count = sum(item.label == label for item in items)
                apart = ", of at least 4 segments" if judge == "answer" else ""
                raise UserError(
                    f"{files}: the {judge} judge has {count} items labelled {label}, but none to {purpose}; "
                    f"give it at least 4 in one file{apart}: half train it, a quarter chooses its threshold, "
                    "a quarter measures it"
                )


def _read(file: str, pairs: bool) -> Iterator[tuple[str, JudgeItem]]:
    """Yield the items of a file, and where each stands."""
    path = Path(file)
    hub = None if path.exists() or path.suffix in FILES else HUB_DATASET.fullmatch(file)
    if hub:
        yield from _read_hub(file, hub["name"], hub["revision"], pairs)
    elif not path.exists():
        raise UserError(f"{file}: no such file of labelled items")
    elif path.is_dir() or path.suffix == PARQUET:
        yield from _voted(file, votes_of(path), pairs)
    elif path.suffix == ".csv":
        raise no_texts(file)
    else:
        for record in read_lines(file):
            where = f"{file}:{record.number}"
            if isinstance(record, Malformed):
                raise UserError(f"{where}: not JSON: {record.message}")
            yield where, _parse(record.value, where, file, pairs)


def _read_hub(source: str, name: str, revision: str | None, pairs: bool) -> Iterator[tuple[str, JudgeItem]]:
    """Yield the items of a dataset of the Hub: of its votes on pairs where it has such a config, else its rows."""
    problem = f"{source}: neither a file of labelled items nor a dataset that is available on the Hub"
    subset = VOTES if VOTES in config_names(name, revision, problem) else None
    for split, rows in load_splits(name, revision, subset, None, problem).items():
        where = f"{source}/{split}"
        if subset:
            yield from _voted(source, checked_votes(where, rows.with_format("arrow")[:]), pairs)
        else:
            places = ((f"{where}:{number}", row) for number, row in enumerate(rows, start=1))
            yield from ((place, _parse(row, place, source, pairs)) for place, row in places)


def _voted(source: str, votes: Sequence[Vote], pairs: bool) -> Iterator[tuple[str, JudgeItem]]:
    for instruction, output, good in count_votes(source, votes, pairs):
        label = LABELS["score"][0 if good else 1]
        yield source, JudgeItem("score", instruction, label, "voted", output, file=source)


def _parse(row: Any, where: str, file: str, pairs: bool) -> JudgeItem:
    if not isinstance(row, dict):
        raise UserError(f"{where}: not a JSON object")
    if is_vote(row):
        raise no_texts(where)
    text = "instruction" if row.get("judge") == "answer" else "text"
    for key in ("judge", text, "label"):
        if not isinstance(row.get(key), str) or not row[key].strip():
            raise UserError(f"{where}: {key} must be non-empty text")
    judge = row["judge"]
    if judge not in LABELS:
        *others, last = LABELS
        raise UserError(f"{where}: unknown judge {judge}; the judges are {', '.join(others)} and {last}")
    if row["label"] not in LABELS[judge]:
        raise UserError(f"{where}: the {judge} judge answers {' or '.join(LABELS[judge])}, not {row['label']}")
    about = {"answer": ("segment", "output"), "score": ("output",) if pairs else ()}.get(judge, ())
    for key in ARTICLE:
        if key in about:
            if not isinstance(row.get(key), str) or not row[key].strip():
                what = "the pair and its segment" if judge == "answer" else "the pair"
                fault = f"{key} must be non-empty text"
                raise UserError(f"{where}: {fault}: the {judge} judge is asked about {what}")
        elif row.get(key):
            what = "the pair alone" if about else "the instruction alone"
            raise UserError(f"{where}: has {ARTICLE[key]} {key}, but the {judge} judge is asked about {what}")
    texts = {key: row[key] for key in about}
    return JudgeItem(judge, row[text], row["label"], str(row.get("kind") or ""), **texts, file=file)
