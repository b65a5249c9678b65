"""Scores of one model from its records, and of two from theirs."""

import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from kun_recipes.evaluation import columns, metrics
from kun_recipes.evaluation.benchmarks import LETTERS

Record = dict[str, Any]
Compute = Callable[..., dict[str, float]]
"""`metrics.compute`, with the bootstrap's options filled in."""

READINGS = {
    "ppl": columns.PPL_PREDICTION,
    "ppl-full": columns.PPL_FULL_PREDICTION,
    "gen": columns.GEN_STRICT,
    "gen-lenient": columns.GEN_LENIENT,
}
"""Columns of the predictions, by what the results call them; gen is the strict reading, the leaderboards'."""


def benchmark_scores(records: Sequence[Record], asked: int) -> dict[str, Any]:
    """Return the scores of one benchmark: numbers of questions and answers, and a section per reading."""
    scores: dict[str, Any] = {"asked": asked, "answered": len(records)}
    for reading, column in readings(records):
        scores[reading] = {
            **accuracy(records, column),
            "groups": {name: accuracy(some, column) for name, some in _by_group(records)},
            "subjects": {name: _subject(some, column) for name, some in _by(records, columns.SUBJECT).items()},
            "contamination": {
                name: accuracy(some, column) if some else {"questions": 0}
                for name, some in _by_overlap(records).items()
            },
            "fewer_shots": _fewer_shots(records, reading.removesuffix("-lenient")),
            "unparsed": unparsed(records, column),
        }
    if "gen" in scores:
        scores["unparsed"] = unparsed(records, columns.GEN_STRICT, columns.GEN_LENIENT)
    return scores


def readings(records: Sequence[Record]) -> Iterator[tuple[str, str]]:
    """Return the readings that were asked for, and their columns."""
    return ((reading, column) for reading, column in READINGS.items() if records and column in records[0])


def accuracy(records: Sequence[Record], column: str) -> dict[str, float]:
    """Return both accuracies, with their intervals."""
    return metrics.compute(
        "choice_accuracy",
        predictions=[record[column] for record in records],
        references=[record[columns.GOLD] for record in records],
        subjects=[record[columns.SUBJECT] for record in records],
    )


def unparsed(records: Sequence[Record], *names: str) -> float:
    """Return the share of records of which none of these columns holds the letter of an option."""
    return statistics.fmean(not any(record[name] in LETTERS for name in names) for record in records)


def comparison(records: Sequence[Record], others: Sequence[Record], compute: Compute) -> Iterator[tuple[str, dict]]:
    """Return, by reading, the difference between `records` and `others` on the questions that both answered."""
    by_id = {record["id"]: record for record in others}
    pairs = [(record, by_id[record["id"]]) for record in records if record["id"] in by_id]
    for reading, column in readings([record for record, _ in pairs]):
        yield (
            reading,
            compute(
                "paired_difference",
                predictions=[record[column] for record, _ in pairs],
                others=[other[column] for _, other in pairs],
                references=[record[columns.GOLD] for record, _ in pairs],
                subjects=[record[columns.SUBJECT] for record, _ in pairs],
            ),
        )


def held_out_scores(records: Sequence[Record], asked: int, compute: Compute) -> dict[str, float]:
    """Return perplexity of the reference answers, and length, cut-offs and refusals of the model's own."""
    lengths = [len(record[columns.ANSWER]) for record in records]
    return {
        "asked": asked,
        **compute("reference_perplexity", predictions=[record[columns.REFERENCE_LOGPROB] for record in records]),
        "answer_characters": statistics.fmean(lengths),
        "answer_characters_median": statistics.median(lengths),
        "reference_characters": statistics.fmean(len(record[columns.REFERENCE]) for record in records),
        "cut_off": statistics.fmean(record[columns.ANSWER_FINISH] == "length" for record in records),
        "refusals": statistics.fmean(bool(record[columns.REFUSAL]) for record in records),
    }


def _subject(records: Sequence[Record], column: str) -> dict[str, float]:
    right = sum(record[column] == record[columns.GOLD] for record in records)
    return {"accuracy": right / len(records), "questions": len(records)}


def _by(records: Sequence[Record], column: str) -> dict[Any, list[Record]]:
    found: dict[Any, list[Record]] = {}
    for record in records:
        found.setdefault(record[column], []).append(record)
    return found


def _by_group(records: Sequence[Record]) -> Iterator[tuple[str, list[Record]]]:
    for name in dict.fromkeys(group for record in records for group in record[columns.GROUPS]):
        yield name, [record for record in records if name in record[columns.GROUPS]]


def _by_overlap(records: Sequence[Record]) -> dict[str, list[Record]]:
    found = _by(records, columns.OVERLAPS)
    return {"quoted": found.get(True, []), "not_quoted": found.get(False, [])}


def _fewer_shots(records: Sequence[Record], mode: str) -> int:
    shots = [record[f"{mode}_shots"] for record in records]
    return sum(number < max(shots) for number in shots)
