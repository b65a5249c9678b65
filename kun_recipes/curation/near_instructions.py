"""Near duplicates among the instructions that refine keeps: of each cluster the first in reading order stays."""

from pathlib import Path

from datatrove.data import Document, DocumentsPipeline
from datatrove.pipeline.base import PipelineStep

from kun_recipes.corpus.deduplication import DropRows, NearDuplicateSettings, run_minhash
from kun_recipes.data import schema
from kun_recipes.data.rows import RankReader, row_writer
from kun_recipes.rules.pipelines import Removed

REASON = "near_duplicate_instruction"

SETTINGS = NearDuplicateSettings(ngram=2)
"""Pairs of letters, for instructions are short; half of those are found that have 0.68 of all their pairs in common.
A full stop, 请 or 吗 more or less is found; another thing in the same sentence is not, unless the sentence is long."""


def find_near_instructions(rows: Path, tasks: int, folder: Path) -> Path:
    """Return a folder, below `folder`, that lists for `DropRows` the rows whose instruction repeats an earlier one.

    Args:
        rows: shards, one of each task at most.
    """
    files = [_instructions(RankReader(rows).run(rank=rank)) for rank in range(tasks)]
    return run_minhash(files, folder, SETTINGS).found


def unique_instructions(rows: Path, found: Path, kept: Path, removed: Removed) -> list[PipelineStep]:
    """Return the rows whose instruction repeats no earlier one."""
    return [RankReader(rows), DropRows(found, REASON, removed("near_instructions")), row_writer(kept)]


def _instructions(rows: DocumentsPipeline) -> DocumentsPipeline:
    return (Document(row.metadata[schema.INSTRUCTION], row.id) for row in rows or ())
