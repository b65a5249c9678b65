"""Count the labelled rows that the rules of the corpus stage wrongly lose or wrongly keep. Change rules by this.

    python benchmarks/rules.py
    python benchmarks/rules.py --half use --show good_lost

The rows are benchmarks/rules/*.jsonl, in our own words; what each kind is, its name says:

    good*.jsonl    {"text", "kind", "half"}             lost where less than half of its Han characters are kept,
                                                        or one of the strings of "must" (may be left out) is not
    bad*.jsonl     {"text", "kind", "half"}             kept where a segment of it is
    private.jsonl  {"text", "kind", "secrets", "half"}  by masking alone: missed is each secret that is still there,
                                                        touched a text without secrets that is changed
    names.jsonl    {"text", "kind", "names", "half"}    by the count of names alone: missed is what recall lacks,
                                                        wrong what precision lacks

Look at the half "use" when you change a rule, and never at the rows of the half "held_out", only at its figures.
"""

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from datatrove.data import Document
from datatrove.pipeline.base import PipelineStep
from rich.console import Console
from rich.table import Table

from kun_recipes.corpus.config import Corpus, CorpusConfig
from kun_recipes.corpus.corpus import segment
from kun_recipes.corpus.segments.selection import ChooseSegments
from kun_recipes.corpus.sources.readers import CorpusReader
from kun_recipes.corpus.sources.source_ids import NoteSourceIds
from kun_recipes.data import schema
from kun_recipes.privacy import MaskPrivateData, NameWords, find_names
from kun_recipes.text.classes import HAN_CHARACTER, class_counts
from kun_recipes.text.views import narrow

ROWS = Path(__file__).parent / "rules"
LEAST_KEPT = 0.5  # share of a good text's Han characters: what is cut out of it is smaller than what stays
GOOD_LOST, BAD_KEPT, SECRETS_MISSED, TOUCHED = "good_lost", "bad_kept", "secrets_missed", "harmless_touched"
NAMES_MISSED, NAMES_WRONG = "names_missed", "names_wrong"
KEPT = "(kept)"


class Outcome(NamedTuple):
    """Result of the rules for one row: the number of texts or secrets, how many are wrong, and the reasons."""

    measure: str
    row: dict[str, Any]
    wrong: int
    of: int
    reasons: tuple[str, ...]


class Removals:
    """An exclusion writer that notes reasons and values."""

    def __init__(self) -> None:
        self.reasons: list[str] = []
        self.values: list[str] = []

    def __enter__(self) -> "Removals":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def write(self, document: Document, rank: int = 0) -> None:
        self.reasons.append(document.metadata["filter_reason"])
        self.values.append(f"{self.reasons[-1]}: {document.metadata.get(schema.VALUE)}")

    def clear(self) -> None:
        self.reasons, self.values = [], []


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, default=ROWS, help="folder of the labelled rows")
    parser.add_argument("--half", choices=["use", "held_out"], help="use only one half")
    parser.add_argument("--show", nargs="*", default=[], help=f"print the rows of {GOOD_LOST}, {BAD_KEPT}, …")
    parser.add_argument("--model", default="recipes/demo/model.yaml", help="model whose tokenizer counts the tokens")
    return parser.parse_args()


def rules_of(model: str, removals: Removals) -> list[PipelineStep]:
    """The stage's blocks that see a single text, from normalisation to masking."""
    config = CorpusConfig(corpora=[Corpus("rules", "jsonl")], output_dir="rules", model=model)
    reader = CorpusReader([], None, removals)
    blocks = segment(config, Path(), reader, lambda name: removals)[1:]
    return [block for block in blocks[:-2] if not isinstance(block, ChooseSegments | NoteSourceIds)]


def kept_texts(blocks: list[PipelineStep], row: dict[str, Any]) -> list[str]:
    documents: Any = iter([Document(row["text"], id="0", metadata={schema.SOURCE: "web", schema.DOCUMENT_ID: "0"})])
    for block in blocks:
        documents = block.run(documents)
    return [document.text for document in documents]


def judge(name: str, row: dict[str, Any], kept: list[str], reasons: tuple[str, ...]) -> Iterator[Outcome]:
    """The row's outcomes, by the file that it is from."""
    if name.startswith("bad"):
        yield Outcome(BAD_KEPT, row, bool(kept), 1, () if not kept else (KEPT,))
        return
    text = "\n".join(kept)
    if name == "private":
        missed = sum(secret in text for secret in row["secrets"])
        yield Outcome(SECRETS_MISSED, row, missed, len(row["secrets"]), (KEPT,) if missed else ())
        if not row["secrets"]:
            yield Outcome(TOUCHED, row, text != row["text"], 1, ("(masked)",) if text != row["text"] else ())
        return
    lost = count_han(text) < LEAST_KEPT * count_han(row["text"]) or any(one not in text for one in row.get("must", ()))
    yield Outcome(GOOD_LOST, row, lost, 1, (reasons or ("(cut out)",)) if lost else ())


def judge_names(row: dict[str, Any], words: NameWords) -> Iterator[Outcome]:
    text = narrow(row["text"])
    found = [text[start:end] for start, end in find_names(text, words)]
    yield Outcome(NAMES_MISSED, row, sum(name not in found for name in row["names"]), len(row["names"]), ())
    yield Outcome(NAMES_WRONG, row, sum(name not in row["names"] for name in found), len(found), ())


def outcomes_of(name: str, row: dict[str, Any], blocks: list[PipelineStep], removals: Removals) -> Iterator[Outcome]:
    """The outcomes of a row of the file with that name."""
    removals.clear()
    masks: list[Any] = [block for block in blocks if isinstance(block, MaskPrivateData)]
    if name == "names":
        yield from judge_names(row, masks[0].settings.names)
    else:
        kept = kept_texts(masks if name == "private" else blocks, row)
        yield from judge(name, row, kept, tuple(dict.fromkeys(removals.reasons)))


def count_han(text: str) -> int:
    return class_counts(text)[HAN_CHARACTER]


def table_of(measure: str, half: str, outcomes: list[Outcome]) -> Table:
    wrong, of = sum(one.wrong for one in outcomes), sum(one.of for one in outcomes)
    table = Table(title=f"{half}: {measure} {wrong} of {of} ({wrong / max(of, 1):.1%})", title_justify="left")
    for column in ("kind", "wrong", "of", "reasons"):
        table.add_column(column, justify="left" if column in ("kind", "reasons") else "right")
    kinds = defaultdict(list)
    for one in outcomes:
        kinds[one.row["kind"]].append(one)
    for kind, ones in sorted(kinds.items(), key=lambda item: -sum(one.wrong for one in item[1])):
        reasons = Counter(reason for one in ones for reason in one.reasons)
        named = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
        table.add_row(kind, str(sum(one.wrong for one in ones)), str(sum(one.of for one in ones)), named)
    return table


def main() -> None:
    options, console = arguments(), Console()
    removals = Removals()
    blocks = rules_of(options.model, removals)
    tables: dict[tuple[str, str], list[Outcome]] = defaultdict(list)
    for file in sorted(options.rows.glob("*.jsonl")):
        for line in file.read_bytes().splitlines():
            row = orjson.loads(line)
            if options.half not in (None, row["half"]):
                continue
            for one in outcomes_of(file.stem, row, blocks, removals):
                tables[row["half"], one.measure].append(one)
                if one.wrong and one.measure in options.show:
                    console.print(
                        f"{one.measure} · {row['kind']} · {removals.values}",
                        style="bold",
                        markup=False,
                        soft_wrap=True,
                    )
                    console.print(row["text"], markup=False, soft_wrap=True)
    for (half, measure), outcomes in sorted(tables.items()):
        console.print(table_of(measure, half, outcomes))


if __name__ == "__main__":
    main()
