"""The judges' labelled items: half trains the judges, a quarter chooses their thresholds, a quarter measures them
(Kun §3.2, §3.3). A threshold chosen on items that the judge was trained on drops good instructions.

A line of the file is {"judge": "filter" | "score", "text": ..., "label": ..., "kind": ...}. The filter judge says 是
to texts that are a question or an imperative (figure 4), the score judge says 好 to good instructions (figure 10). For
comprehensive scoring, of the pair, a score item also has "output": ..., the answer to its text.
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from kun_recipes.data.hashing import choice_hash
from kun_recipes.errors import UserError

LABELS = {"filter": ("是", "否"), "score": ("好", "差")}
"""The two verdicts of each judge, the one that keeps a row first."""


@dataclass(frozen=True)
class JudgeItem:
    """A text with the verdict that a careful reader gives it.

    Attributes:
        kind: what the text is an example of, such as "menu" or "vague": for reading the judges' mistakes by kind.
        output: the answer that is judged with the text; empty where the text is judged alone.
    """

    judge: str
    text: str
    label: str
    kind: str
    output: str = ""

    @property
    def pair(self) -> tuple[str, str]:
        """(instruction, output), what a judge is asked about."""
        return self.text, self.output


def load_judge_items(path: str | Path, pairs: bool = False) -> list[JudgeItem]:
    """Read the items in file order.

    Args:
        pairs: whether the score judge is asked about instruction and output together, or about the instruction alone.
            Its items must have an output in the first case and none in the second.

    Raises UserError naming file and line on text that is no such item or occurs twice, and naming judge and label
    where a file cannot give each part an item.
    """
    items: dict[tuple[str, str, str], JudgeItem] = {}
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        item = _parse(line, f"{path}:{number}", pairs)
        if items.setdefault((item.judge, item.text, item.output), item) is not item:
            raise UserError(f"{path}:{number}: the {item.judge} judge has this text already: {item.text}")
    counts = Counter((item.judge, item.label) for item in items.values())
    for judge, labels in LABELS.items():
        for label in labels:
            if counts[judge, label] < 4:
                raise UserError(
                    f"{path}: the {judge} judge has {counts[judge, label]} items labelled {label}; "
                    "it needs at least 4: two to train on, one to choose its threshold by, one to measure it on"
                )
    return list(items.values())


def split_judge_items(items: Iterable[JudgeItem]) -> tuple[list[JudgeItem], list[JudgeItem], list[JudgeItem]]:
    """Part the items of each judge and label, by the order of their hashes: (training, development, held out).

    The judges are trained on the first half; of the rest, one half chooses their thresholds and the other measures
    them. The order of the file does not matter. Of an odd number the earlier part takes one more.
    """
    parts: tuple[list[JudgeItem], list[JudgeItem], list[JudgeItem]] = ([], [], [])
    for _, group in groupby(sorted(items, key=_hash_order), key=lambda item: (item.judge, item.label)):
        some = list(group)
        first = (len(some) + 1) // 2
        second = first + (len(some) - first + 1) // 2
        for part, taken in zip(parts, (some[:first], some[first:second], some[second:]), strict=True):
            part += taken
    return parts


def _hash_order(item: JudgeItem) -> tuple[str, str, int]:
    return item.judge, item.label, choice_hash(f"{item.text}{item.output}")


def _parse(line: str, where: str, pairs: bool) -> JudgeItem:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise UserError(f"{where}: not JSON: {error}") from error
    if not isinstance(row, dict):
        raise UserError(f"{where}: not a JSON object")
    for key in ("judge", "text", "label"):
        if not isinstance(row.get(key), str) or not row[key].strip():
            raise UserError(f"{where}: {key} must be text that is not empty")
    if row["judge"] not in LABELS:
        raise UserError(f"{where}: unknown judge {row['judge']}; there are {' and '.join(LABELS)}")
    if row["label"] not in LABELS[row["judge"]]:
        raise UserError(
            f"{where}: the {row['judge']} judge answers {' or '.join(LABELS[row['judge']])}, not {row['label']}"
        )
    output = row.get("output", "")
    if pairs and row["judge"] == "score":
        if not isinstance(output, str) or not output.strip():
            raise UserError(f"{where}: output must be text that is not empty: the score judge is asked about the pair")
    elif output:
        raise UserError(f"{where}: has an output, but the {row['judge']} judge is asked about the instruction alone")
    return JudgeItem(row["judge"], row["text"], row["label"], str(row.get("kind", "")), output)
