"""Parts that corpus.py measures, each called in a process of its own.

python benchmarks/corpus_parts.py <part> <folder of material.jsonl> <model>
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

import orjson

MATERIAL = "material.jsonl"


class Nowhere:
    """An exclusion writer for records that cannot be read: the material has none."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def write(self, document, rank=0):
        raise ValueError(document)


def read_documents(paths: list[str], formats: list[str]):
    from kun_recipes.corpus.sources.formats import USUAL_NAMES
    from kun_recipes.corpus.sources.readers import CorpusReader

    inputs = [(path, format, USUAL_NAMES) for path, format in zip(paths, formats, strict=True)]
    return list(CorpusReader(inputs, None, Nowhere()).run())


def write_material(path: Path, documents: list, megabytes: float) -> float:
    """Write JSON lines with at least so many megabytes of text; returns how many they are."""
    written = copy = 0
    with path.open("wb") as file:
        while written < megabytes * 1e6:
            for number, document in enumerate(documents):
                row = {"id": f"{copy}/{number}", "text": document.text, "source": "web"}
                file.write(orjson.dumps(row) + b"\n")
                written += len(document.text.encode())
                if written >= megabytes * 1e6:
                    break
            copy += 1
    return written / 1e6


def blocks_of(folder: Path, model: str, output: Path):
    """The stage's first pipeline, which does all the work on text, as the stage builds it."""
    from kun_recipes.corpus.config import Corpus, CorpusConfig
    from kun_recipes.corpus.corpus import segment
    from kun_recipes.corpus.sources.readers import CorpusReader
    from kun_recipes.data.rows import removed_writers

    config = CorpusConfig(corpora=[Corpus(str(folder / MATERIAL), "jsonl")], output_dir=str(output), model=model)
    removed = removed_writers(output / "removed")
    reader = CorpusReader(config.inputs(), None, removed("unreadable"))
    return segment(config, output, reader, removed)


def exhaust(rows: Iterable) -> int:
    return sum(1 for _ in rows)


def measure_limit(folder: Path, model: str, output: Path) -> dict:
    """Read, parse and write, nothing else."""
    blocks = blocks_of(folder, model, output)
    begun = time.perf_counter()
    exhaust(blocks[-1].run(blocks[0].run()))
    return {"reading and writing alone (the limit)": time.perf_counter() - begun}


def measure_stage(folder: Path, model: str, output: Path) -> dict:
    blocks = blocks_of(folder, model, output)
    warm_up(blocks)
    rows = None
    begun = time.perf_counter()
    for block in blocks:
        rows = block.run(rows)
    exhaust(rows)
    return {"whole stage": time.perf_counter() - begun}


def measure_blocks(folder: Path, model: str, output: Path) -> dict:
    """Every block of the running stage: row by row, since blocks share the views of a row's text."""
    blocks = blocks_of(folder, model, output)
    warm_up(blocks)
    until, rows = [0.0] * len(blocks), None
    for number, block in enumerate(blocks):
        rows = timed(block.run(rows), until, number)
    exhaust(rows)
    names = [f"{number:02d} {type(block).__name__}" for number, block in enumerate(blocks)]
    return {name: after - before for name, before, after in zip(names, [0.0, *until], until, strict=False)}


def timed(rows: Iterable, seconds: list[float], number: int) -> Iterator:
    """The rows; adds to seconds[number] what this block and those before it take for them."""
    rows = iter(rows)
    while True:
        begun = time.perf_counter()
        row = next(rows, None)
        seconds[number] += time.perf_counter() - begun
        if row is None:
            return
        yield row


def warm_up(blocks: list) -> None:
    """Run every block on one document, so that it builds its tables of characters, vocabulary, … for the process."""
    rows = islice(blocks[0].run(), 1)
    for block in blocks[1:-2]:  # without the digests and the writer
        rows = block.run(rows)
    exhaust(rows)


def measure_datatrove(folder: Path, model: str, output: Path) -> dict:
    """Run datatrove's own blocks for what mojibake, privacy and document rules do, a character for a word.

    Their tokenizer for Chinese, spaCy's, is not a dependency of this project, and would take longer.
    """
    from datatrove.pipeline.filters import FineWebQualityFilter, GopherRepetitionFilter
    from datatrove.pipeline.formatters import FTFYFormatter, PIIFormatter
    from datatrove.utils.word_tokenizers import WordTokenizer

    class Characters(WordTokenizer):
        def word_tokenize(self, text: str) -> list[str]:
            return list(text)

        def sent_tokenize(self, text: str) -> list[str]:
            return text.split("。")

        def span_tokenize(self, text: str) -> list[tuple[int, int]]:
            return [(place, place + 1) for place in range(len(text))]

    rows = read_documents([str(folder / MATERIAL)], ["jsonl"])
    limits = {"dup_n_grams": ((10, 1.0),), "top_n_grams": ((5, 1.0),)}  # the two that document_rules measures
    stock = [FTFYFormatter(), PIIFormatter(), GopherRepetitionFilter(language=Characters(), **limits)]
    stock.append(FineWebQualityFilter(language=Characters()))
    seconds = {}
    for block in stock:
        begun = time.perf_counter()
        exhaust(block.run(iter(rows)))
        seconds[f"datatrove {type(block).__name__}"] = time.perf_counter() - begun
    return seconds


MEASUREMENTS: dict[str, Callable[[Path, str, Path], dict]] = {
    "limit": measure_limit,
    "stage": measure_stage,
    "blocks": measure_blocks,
    "datatrove": measure_datatrove,
}


if __name__ == "__main__":
    part, folder, model = sys.argv[1:]
    with tempfile.TemporaryDirectory() as output:
        print(json.dumps(MEASUREMENTS[part](Path(folder), model, Path(output))))
