"""What a finished corpus stage on some documents says about a larger run, and the stages after it where they ran."""

from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import orjson

from kun_recipes.chain.plan.figures import Figure, Figures
from kun_recipes.data import schema
from kun_recipes.data.folders import SUMMARY
from kun_recipes.data.rows import read_rows
from kun_recipes.errors import UserError


@dataclass(frozen=True)
class Sample:
    """Rates of a small run. Its seconds are left out: they hold its start-up, and nothing says on how many cores.

    Attributes:
        folder: of the corpus stage.
        corpus: its summary; tokens_per_segment and bytes_per_row (on disk, kept or removed) are of its rows.
        label: summary of the label stage beside it, if that finished, and instruction_tokens, the mean of its rows.
        refine: the same of the refine stage, and answer_tokens.
    """

    folder: Path
    corpus: dict[str, Any]
    tokens_per_segment: float | None
    bytes_per_row: float
    label: dict[str, Any] | None = None
    instruction_tokens: float | None = None
    refine: dict[str, Any] | None = None
    answer_tokens: float | None = None


def read_sample(corpus_folder: Path) -> Sample:
    """Read a corpus stage's folder, and the folders `label` and `refine` beside it where those stages finished.

    Raises:
        UserError: the corpus stage is not finished, or kept no row.
    """
    folder = Path(corpus_folder)
    corpus = _summary(folder)
    if corpus is None or "documents" not in corpus:
        raise UserError(f"{folder}: no finished corpus stage; run recipes/corpus.py with --max_documents there first")
    on_disk = sum(
        file.stat().st_size for part in ("rows", "removed") for file in (folder / part).rglob("*") if file.is_file()
    )
    label, refine = (_summary(folder.parent / name) for name in ("label", "refine"))
    return Sample(
        folder,
        corpus,
        tokens_per_segment=_mean(folder, schema.TOKENS),
        bytes_per_row=on_disk / corpus["rows_in"],
        label=label,
        instruction_tokens=_mean(folder.parent / "label", schema.INSTRUCTION_TOKENS) if label else None,
        refine=refine,
        answer_tokens=_mean(folder.parent / "refine", schema.OUTPUT_TOKENS) if refine else None,
    )


def with_sample(figures: Figures, sample: Sample) -> Figures:
    """The figures, with those that the sample measured in their place.

    What a sample's own row limit left out ("not_sampled") counts as kept: the plan applies its own limit. Shares of
    the judges: the filter judge sees every candidate, the score judge what that kept, the rules see the answers.
    """
    summary, source = sample.corpus, f"sample {sample.folder}"
    kept = summary["rows_kept"] + summary["removed"].get("not_sampled", 0)
    figures = replace(
        figures,
        corpus=replace(
            figures.corpus,
            segments_per_document=_rate(summary["rows_in"], summary["documents"], "documents", source),
            kept_share=_rate(kept, summary["rows_in"], "segments", source),
            tokens_per_segment=Figure(sample.tokens_per_segment, f"{source}: mean of its rows"),
            bytes_per_row=Figure(sample.bytes_per_row, f"{source}: its rows and removed rows on disk"),
        ),
    )
    return _with_refine(_with_label(figures, sample), sample)


def _with_label(figures: Figures, sample: Sample) -> Figures:
    if sample.label is None:
        return figures
    source = f"sample {sample.folder.parent / 'label'}"
    kept = _rate(sample.label["rows_kept"], sample.label["rows_in"], "candidates", source)
    tokens = Figure(sample.instruction_tokens, f"{source}: mean of its rows")
    return replace(figures, label=replace(figures.label, instruction_tokens=tokens, kept_share=kept))


def _with_refine(figures: Figures, sample: Sample) -> Figures:
    if sample.refine is None:
        return figures
    source = f"sample {sample.folder.parent / 'refine'}"
    candidates, removed = sample.refine["rows_in"], sample.refine["removed"]
    instructions = candidates - removed.get("not_an_instruction", 0)
    good = instructions - removed.get("poor_instruction", 0) - removed.get("poor_pair", 0)
    return replace(
        figures,
        refine=replace(
            figures.refine,
            instruction_share=_rate(instructions, candidates, "candidates", source),
            good_share=_rate(good, instructions, "instructions", source),
            kept_share=_rate(sample.refine["rows_kept"], good, "answers", source),
            answer_tokens=Figure(sample.answer_tokens, f"{source}: mean of its rows"),
        ),
    )


def _rate(part: int, whole: int, of: str, source: str) -> Figure:
    return Figure(part / whole, f"{source}: {part:,} of {whole:,} {of}")


def _summary(folder: Path) -> dict[str, Any] | None:
    """A finished stage's summary, with rows; None where it is not finished, or kept none."""
    path = folder / SUMMARY
    if not path.is_file():
        return None
    summary = orjson.loads(path.read_bytes())
    return summary if summary["rows_kept"] else None


def _mean(folder: Path, column: str) -> float | None:
    """Of the rows that have the column: raw answers, which no model wrote, have no token count."""
    values = [row[column] for row in read_rows(folder / "rows") if column in row]
    return fmean(values) if values else None
