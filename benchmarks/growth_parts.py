"""Texts, signatures and digests that growth.py makes, and the steps on them that it measures.

    python benchmarks/growth_parts.py <part> <folder> [<number> ...]

makes something in a folder, or runs a part on what is there, in a process of its own.
"""

import random
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import orjson

from kun_recipes.corpus.deduplication import ClusterNearDuplicates, FindExactDuplicates, signature_pairs
from kun_recipes.corpus.deduplication.exact import DIGEST
from kun_recipes.corpus.deduplication.near import PAIR, NearDuplicateSettings
from kun_recipes.data.json_lines import read_lines

SOURCES = ("recipes/demo/data/corpus/*/*.json*", "benchmarks/quality/segments.jsonl", "benchmarks/rules/good*.jsonl")
SENTENCE = re.compile(r"[^。！？\n]{8,120}[。！？]")
PARAGRAPHS, SENTENCES = (2, 7), (3, 8)  # of a made document, of a paragraph: at least and at most
COPIED = 0.1  # share of the documents that are copies of earlier ones, and as many with a sentence changed

ROWS_A_FILE = 250_000
PAIRED = 0.2  # share of made signatures that share bands with an earlier row
AGREE = 0.6  # probability that such a pair shares a given band
SIGNATURE = np.dtype([("hashes", "<u4", 8), ("row", "<u4")])
SETTINGS = NearDuplicateSettings()


def sentences() -> list[str]:
    """Return the different Chinese sentences of the texts in the repository, in a fixed order."""
    found: dict[str, None] = {}
    for path in (path for pattern in SOURCES for path in sorted(Path().glob(pattern))):
        records = read_lines(str(path)) if path.suffix == ".jsonl" else orjson.loads(path.read_bytes())
        for record in records:
            row = record if isinstance(record, dict) else record.value
            found |= dict.fromkeys(SENTENCE.findall(row.get("text") or row["content"]))
    return list(found)


def documents(seed: int) -> Iterator[str]:
    """Yield documents of sentences drawn at random, so that few are alike; some are copies, some nearly."""
    pool, drawn = sentences(), random.Random(seed)
    earlier: list[list[list[str]]] = []
    while True:
        chance = drawn.random()
        if earlier and chance < 2 * COPIED:
            paragraphs = [list(one) for one in drawn.choice(earlier)]
            if chance < COPIED:
                drawn.choice(paragraphs)[0] = drawn.choice(pool)
        else:
            paragraphs = [drawn.sample(pool, drawn.randint(*SENTENCES)) for _ in range(drawn.randint(*PARAGRAPHS))]
            earlier.append(paragraphs)
        yield "\n".join(map("".join, paragraphs))


def make_corpus(folder: Path, files: int, kilobytes: int) -> None:
    """Write files of so much text each."""
    folder.mkdir(parents=True)
    for number in range(files):
        written = 0
        with (folder / f"part-{number:05d}.jsonl").open("wb") as file:
            for place, text in enumerate(documents(number)):
                file.write(orjson.dumps({"id": f"{number}/{place}", "text": text}) + b"\n")
                written += len(text.encode())
                if written >= kilobytes * 1e3:
                    break


def make_signatures(folder: Path, rows: int) -> None:
    """Write the signatures of made rows: the first band whole, of the others only the pairs, and the rows' ids.

    A fifth of the rows agree with an earlier row, in about eight of the fourteen bands; all else is random.
    """
    drawn = np.random.default_rng(0)
    files = -(-rows // ROWS_A_FILE)
    later = np.flatnonzero(drawn.random(rows) < PAIRED)
    later = later[later > 0]
    earlier = (drawn.random(len(later)) * later).astype(np.int64)
    hashes = drawn.integers(0, 2**32, (rows, 8), np.uint32)
    hashes[:, 0] = np.minimum(drawn.exponential(2**32 / 300, rows), 2**32 - 1)  # the least of some 300 hashes
    agree = drawn.random(len(later)) < AGREE
    for place, other in zip(later[agree].tolist(), earlier[agree].tolist(), strict=True):
        hashes[place] = hashes[other]
    band = folder / "signatures" / "bucket_000"
    ids = folder / "signatures" / "ids"
    for path in (band, ids, folder / "pairs"):
        path.mkdir(parents=True)
    for number in range(files):
        part = hashes[number * ROWS_A_FILE : (number + 1) * ROWS_A_FILE]
        records = np.empty(len(part), SIGNATURE)
        order = np.lexsort(part.T[::-1])
        records["hashes"], records["row"] = part[order], order
        records.tofile(band / f"{number:05d}.minhash.sig")
        first = number * ROWS_A_FILE
        np.char.mod("%024d", np.arange(first, first + len(part))).astype("S24").tofile(ids / f"{number:05d}.ids")
    for bucket in range(1, SETTINGS.buckets):
        agree = drawn.random(len(later)) < AGREE
        records = np.empty(agree.sum(), PAIR)
        for name, places in (("first", earlier[agree]), ("second", later[agree])):
            records[f"{name}_rank"], records[f"{name}_row"] = np.divmod(places, ROWS_A_FILE)
        records.tofile(folder / "pairs" / f"{bucket:05d}_00.dups")


def make_digests(folder: Path, rows: int) -> None:
    """Write one bucket of digests, a tenth of them copies, and the rows' ids."""
    drawn = np.random.default_rng(0)
    bucket, ids = folder / "digests" / "bucket_000", folder / "digests" / "ids"
    bucket.mkdir(parents=True)
    ids.mkdir()
    digests = np.empty(rows, DIGEST)
    digests["high"], digests["low"] = drawn.integers(0, 2**63, (2, rows), np.uint64)
    copies = np.flatnonzero(drawn.random(rows) < COPIED)
    digests[copies] = digests[(drawn.random(len(copies)) * copies).astype(np.int64)]
    digests["row"] = np.arange(rows) % ROWS_A_FILE
    for number in range(-(-rows // ROWS_A_FILE)):
        part = digests[number * ROWS_A_FILE : (number + 1) * ROWS_A_FILE]
        part.tofile(bucket / f"{number:05d}.digests")
        np.char.mod("%024d", np.arange(len(part))).astype("S24").tofile(ids / f"{number:05d}.ids")


def find_pairs(folder: Path) -> None:
    """Compare the first of the fourteen bands."""
    signature_pairs(folder / "signatures", folder / "pairs", SETTINGS).run(rank=0, world_size=SETTINGS.buckets)


def cluster(folder: Path) -> None:
    ClusterNearDuplicates(folder / "pairs", folder / "signatures", folder / "near_duplicates").run()


def find_copies(folder: Path) -> None:
    FindExactDuplicates(folder / "digests", folder / "duplicates").run()


def nothing(folder: Path) -> None:
    """Import, and return: what a process costs before it begins."""


PARTS: dict[str, Callable[[Path], None]] = {
    "pairs": find_pairs,
    "clusters": cluster,
    "duplicates": find_copies,
    "nothing": nothing,
}
MADE: dict[str, Callable[..., None]] = {
    "corpus": make_corpus,
    "signatures": make_signatures,
    "digests": make_digests,
}


if __name__ == "__main__":
    part, name, *more = sys.argv[1:]
    if part in MADE:
        MADE[part](Path(name), *map(int, more))
    else:
        PARTS[part](Path(name))
