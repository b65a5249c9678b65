"""Train and measure the classifier of junk (kun_recipes/rules/spam.py) on labelled rows.

    python benchmarks/spam.py           # what the shipped weights do on both halves of the rows, and their speed
    python benchmarks/spam.py --write   # train them again on the half "use" (needs scikit-learn, of the extra dev)

Bad rows are benchmarks/rules/bad.jsonl, good ones good_web.jsonl and good_ordinary.jsonl next to it and the answers of
recipes/demo/data/seeds.jsonl, every other one held out. All are our own words. The rows of
the half "held_out" share no sentence with the others.
"""

import argparse
import time
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import orjson
from rich.console import Console
from rich.table import Table

from kun_recipes.rules import spam
from kun_recipes.text.views import narrow

ROWS = Path(__file__).parent / "rules"
SEEDS = Path("recipes/demo/data/seeds.jsonl")
WRITTEN = Path(spam.__file__).parent / spam.WEIGHTS
NOT_SPAM = ("mojibake", "chat_marker")  # bad by their characters: the rules' matter
GOOD_KEPT = (
    0.99  # share of the used good rows that score MIDDLE or less, each by weights of FOLDS - 1 folds without it
)
FOLDS = 10
STRENGTH = 3.0  # inverse of the regularisation; 1 to 10 differ by 0.002 of the held-out AUC


class Labelled(NamedTuple):
    text: str
    kind: str
    half: str
    bad: bool


def read_rows() -> list[Labelled]:
    rows = []
    for name, bad in (("bad", True), ("good_web", False), ("good_ordinary", False)):
        for row in map(orjson.loads, (ROWS / f"{name}.jsonl").read_bytes().splitlines()):
            rows.append(Labelled(narrow(row["text"]), row["kind"], row["half"], bad))
    for number, row in enumerate(map(orjson.loads, SEEDS.read_bytes().splitlines())):
        rows.append(Labelled(narrow(row["output"]), "seed answers", ("use", "held_out")[number % 2], False))
    return [row for row in rows if row.kind not in NOT_SPAM]


def train(rows: list[Labelled]) -> None:
    """Write the weights, in half precision, and the intercept by which GOOD_KEPT of the good rows stay."""
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
    from sklearn.model_selection import StratifiedKFold, cross_val_predict  # type: ignore[import-untyped]

    buckets = [spam.spam_features(row.text) for row in rows]
    lengths = np.array([len(one) for one in buckets])
    values = np.repeat(1 / np.sqrt(lengths), lengths)
    shape = (len(rows), 1 << spam.BUCKET_BITS)
    matrix = csr_matrix((values, np.concatenate(buckets), np.concatenate(([0], lengths.cumsum()))), shape)
    bad = np.array([row.bad for row in rows])
    model = LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=1000)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    margins = cross_val_predict(model, matrix, bad, cv=folds, method="decision_function")
    model.fit(matrix, bad)
    weights, intercept = model.coef_[0].astype(np.float16), model.intercept_[0]
    np.savez_compressed(WRITTEN, weights=weights, intercept=intercept - np.quantile(margins[~bad], GOOD_KEPT))


def measure(half: str, rows: list[Labelled]) -> Table:
    scores = np.array([spam.spam_score(row.text) for row in rows])
    bad = np.array([row.bad for row in rows])
    over = scores > spam.MIDDLE
    title = (
        f"{half}: AUC {auc(scores, bad):.4f}, bad kept {np.mean(~over[bad]):.1%}, good lost {np.mean(over[~bad]):.1%}"
    )
    table = Table("kind", "rows", "wrong", title=title, title_justify="left")
    kinds: dict[str, list[bool]] = defaultdict(list)
    for row, dropped in zip(rows, over, strict=True):
        kinds[("bad: " if row.bad else "good: ") + row.kind].append(bool(dropped) != row.bad)
    for kind, wrong in sorted(kinds.items()):
        table.add_row(kind, str(len(wrong)), str(sum(wrong)))
    return table


def auc(scores: np.ndarray, bad: np.ndarray) -> float:
    """Share of the pairs of a bad and a good row in which the bad one scores higher, ties by half."""
    high, low = scores[bad][:, None], scores[~bad]
    return float(np.mean(high > low) + np.mean(high == low) / 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="train and write the weights")
    options, console, rows = parser.parse_args(), Console(), read_rows()
    halves = {half: [row for row in rows if row.half == half] for half in ("use", "held_out")}
    if options.write:
        train(halves["use"])
    for half, ones in halves.items():
        console.print(measure(half, ones))
    texts = [
        "\n".join(row.text for row in rows[place : place + 3]) for place in range(len(rows))
    ]  # as long as segments
    spam.spam_score(texts[0])  # makes its tables
    begun = time.perf_counter()
    for text in texts:
        spam.spam_score(text)
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    console.print(f"{megabytes / (time.perf_counter() - begun):.1f} MB/s on one core")


if __name__ == "__main__":
    main()
