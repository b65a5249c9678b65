"""Selection of the final set by diversity, at equal size: does it lower the loss on people's pairs?

    python benchmarks/diversity.py [--size 20] [--draws 3]

The pool is the pairs of `quality/` that a reader called good, of two models and five kinds of text. `--size` of them
are chosen: at random (`--draws` times, which shows how far chance goes), by k-center on character bigrams (no
embeddings), and equally from each kind of text, as by tags. The demo's primary chat model is trained on half of the
demo's seeds and the chosen pairs, without judge items; the other half of the seeds measures it.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from itertools import pairwise, zip_longest
from pathlib import Path

import numpy as np
import yaml
from quality_rows import ROWS, SEGMENTS, model_folders, read_labelled, read_segments
from rich.console import Console
from rich.table import Table

from kun_recipes.data.hashing import choice_hash

CONFIG = Path("recipes/demo/primary_chat_model.yaml")
JUDGES = ("judge_data", "filter_prompt", "score_prompt", "judge_passes", "benchmarks", "dataset_mixture")
HELD_OUT_SHARE = 0.5


def good_pairs() -> list[dict[str, str]]:
    """Return the pairs that were called good, in an order that only their texts decide."""
    segments = read_segments(SEGMENTS)
    rows = [row for folder in model_folders() for row in read_labelled(folder / ROWS, segments)]
    good = [
        {"instruction": row.instruction, "output": row.output or "", "kind": row.segment.kind}
        for row in rows
        if row.good
    ]
    return sorted(good, key=lambda pair: choice_hash(pair["instruction"] + pair["output"]))


def bigram_vectors(pairs: list[dict[str, str]]) -> np.ndarray:
    """Return a row of unit length per pair: counts of the character bigrams of instruction and output."""
    texts = [pair["instruction"] + pair["output"] for pair in pairs]
    counts = [Counter(map("".join, pairwise(text))) for text in texts]
    places = {bigram: place for place, bigram in enumerate(sorted(set().union(*counts)))}
    vectors = np.zeros((len(pairs), len(places)))
    for row, count in zip(vectors, counts, strict=True):
        row[[places[bigram] for bigram in count]] = list(count.values())
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def by_center(pairs: list[dict[str, str]], size: int) -> list[dict[str, str]]:
    """Return the pairs of a greedy k-center: each next one is the farthest, by cosine, from those chosen."""
    vectors = bigram_vectors(pairs)
    chosen = [0]
    nearest = vectors @ vectors[0]
    while len(chosen) < size:
        chosen.append(int(nearest.argmin()))
        nearest = np.maximum(nearest, vectors @ vectors[chosen[-1]])
    return [pairs[place] for place in chosen]


def by_kind(pairs: list[dict[str, str]], size: int) -> list[dict[str, str]]:
    """Return as many pairs of each kind of text, while there are any."""
    kinds = defaultdict(list)
    for pair in pairs:
        kinds[pair["kind"]].append(pair)
    turns = [pair for turn in zip_longest(*kinds.values()) for pair in turn if pair]
    return turns[:size]


def at_random(pairs: list[dict[str, str]], size: int, seed: int) -> list[dict[str, str]]:
    chosen = np.random.default_rng(seed).choice(len(pairs), size, replace=False)
    return [pairs[place] for place in chosen]


def losses(chosen: list[dict[str, str]], folder: Path) -> tuple[float, float]:
    """Train on half of the seeds and the chosen pairs; return the loss on the other half before and after, in nats."""
    folder.mkdir()
    options = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    options = {key: value for key, value in options.items() if key not in JUDGES}
    options |= {"seeds": "recipes/demo/data/seeds.jsonl", "held_out_share": HELD_OUT_SHARE}
    options["output_dir"] = str(folder / "model")
    if chosen:
        lines = (json.dumps(pair, ensure_ascii=False) for pair in chosen)
        (folder / "chosen.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        options["dataset_mixture"] = {"datasets": [{"id": str(folder / "chosen.jsonl")}]}
    (folder / "train.yaml").write_text(yaml.safe_dump(options, allow_unicode=True), encoding="utf-8")
    subprocess.run(
        [sys.executable, "recipes/train.py", "--config", str(folder / "train.yaml")],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    summary = json.loads((folder / "model/train_summary.json").read_text(encoding="utf-8"))
    return summary["held_out_loss_before"], summary["held_out_loss_after"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=20, help="number of pairs to choose")
    parser.add_argument("--draws", type=int, default=3, help="number of random choices")
    args = parser.parse_args()
    pool = good_pairs()
    choices = {"none: only seeds": []}
    choices |= {f"random, draw {seed}": at_random(pool, args.size, seed) for seed in range(args.draws)}
    choices |= {
        "k-center, bigrams": by_center(pool, args.size),
        "equal numbers of each kind": by_kind(pool, args.size),
    }
    table = Table(title=f"{args.size} of {len(pool)} good pairs, with half of the seeds")
    for column in ("chosen", "distinct bigrams", "kinds", "held-out loss before", "after (nats per token)"):
        table.add_column(column)
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, chosen) in enumerate(choices.items()):
            before, after = losses(chosen, Path(folder, str(number)))
            texts = [pair["instruction"] + pair["output"] for pair in chosen]
            bigrams = {text[place : place + 2] for text in texts for place in range(len(text) - 1)}
            kinds = Counter(pair["kind"] for pair in chosen)
            shown = ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items()))
            table.add_row(name, f"{len(bigrams):,}", shown, f"{before:.3f}", f"{after:.3f}")
            print(name, after, file=sys.stderr)
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
