"""Growth of a finished corpus stage: only the added files are read.

An increment is a run of the stage in `scratch/growth` whose first tasks count as done: its ranks follow those of the
rows that are there, and the copies of these rows go. When it is complete, its files are moved to the earlier
ones. Killed before, it leaves the stage finished as it was; killed while they are moved, unfinished until the same
command has moved the rest. Every step can be done twice.

<output_dir>/noted/files/<rank>.json       what each task read
<output_dir>/noted/source_ids/<rank>.ids   digests of the documents' ids
<output_dir>/noted/sample/thresholds.json  hashes up to which the sources were sampled
<output_dir>/noted/tallies/<rank>.json     tallies of the run, or increment, that began with this rank, for the report
"""

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from datatrove.data import Document, DocumentsPipeline

from kun_recipes.corpus.config import CorpusConfig
from kun_recipes.corpus.sources.shares import Note
from kun_recipes.data import schema
from kun_recipes.data.folders import SUMMARY
from kun_recipes.data.rows import RankReader, read_shard
from kun_recipes.execution.counts import Counts
from kun_recipes.execution.folder import StageFolder
from kun_recipes.execution.summaries import finished_summary
from kun_recipes.execution.usage import Used
from kun_recipes.reporting import PAGE

NOTED, INCREMENT = "noted", "growth"
MOVED = ("rows/*", "removed/*/*", f"{NOTED}/*/*", PAGE)
COMPARED = ("rows", "removed/*_not_sampled", "removed/*_near_duplicate")
"""Folders of the rows that new ones may be copies of. Of two that are near duplicates the one that stayed is first."""


@dataclass(frozen=True)
class Earlier:
    """A finished stage that grows.

    Attributes:
        folder: of the stage.
        summary: its summary as it was before it began to grow.
    """

    folder: Path
    summary: dict[str, Any]

    @property
    def tasks(self) -> int:
        return self.summary["tasks"]

    @property
    def notes(self) -> list[Note]:
        """Notes of the files that its tasks read, by rank."""
        return [_read_json(self.folder / NOTED / f"files/{rank:05d}.json") for rank in range(self.tasks)]

    @property
    def counts(self) -> Counts:
        """Its counts, for the sum with those of an increment."""
        summary = self.summary
        removed = Counter(summary["removed"])
        return Counts(
            summary["documents"],
            summary["rows_in"],
            summary["rows_kept"],
            removed,
            summary["lines_removed"],
            used=Used(**{**used, "tokens": used["tokens"] or 0}) if (used := summary.get("used")) else Used(),
        )

    def history(self, files: int, added: Counts) -> list[dict[str, int]]:
        """Return the increments of the stage, the newest last."""
        newest = {"files": files, "rows_in": added.rows_in, "rows_kept": added.rows_out}
        return [*self.summary.get("grown", []), newest]


class GrownReader(RankReader):
    """Read the segments of the task of the same rank; of an earlier task the rows that copies are compared with."""

    def __init__(self, folder: str | Path, earlier: Earlier | None):
        super().__init__(folder)
        self.tasks, self.earlier = (earlier.tasks, earlier.folder) if earlier else (0, Path())

    def run(self, data: DocumentsPipeline = None, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        yield from self._earlier_rows(rank) if rank < self.tasks else super().run(data, rank, world_size)

    def _earlier_rows(self, rank: int) -> Iterator[Document]:
        for pattern in COMPARED:
            for path in sorted(self.earlier.glob(f"{pattern}/{rank:05d}[._]*")):
                for row in read_shard(path.parent, path.name):
                    yield Document(row[schema.TEXT], row[schema.ID])


def find_earlier(stage: StageFolder) -> Earlier | None:
    """Return the finished stage where more files are asked of it, and nothing else is asked otherwise.

    None, too, if it noted no files, as no earlier version did, or the notes are gone.
    """
    left = stage.scratch / INCREMENT / "earlier"  # of an increment that was killed while its files were moved
    place = stage.folder if (stage.folder / SUMMARY).is_file() else left
    if not (place / SUMMARY).is_file():
        return None
    summary = finished_summary(place)
    if stage.changed_since(summary) != ["corpora"] or not (stage.folder / NOTED).is_dir():
        return None
    if place == left:
        stage.begin()  # refuses what is asked otherwise than by the increment
    return Earlier(stage.folder, summary)


def increment_of(stage: StageFolder, config: CorpusConfig) -> StageFolder:
    """Return the folder in which an increment of the stage is made."""
    return StageFolder(stage.name, replace(config, output_dir=str(stage.scratch / INCREMENT)))


def begin_increment(increment: StageFolder) -> None:
    """Begin an increment, or continue it; remove one that was made from other files."""
    if increment.is_outdated():
        shutil.rmtree(increment.folder)
    increment.begin()


def move_increment(stage: StageFolder, increment: StageFolder) -> None:
    """Move the files of an increment to the earlier ones. Until its summary is written the stage is unfinished."""
    if (stage.folder / SUMMARY).is_file():
        stage.begin_growth()
        (increment.folder / "earlier").mkdir(exist_ok=True)
        os.replace(stage.folder / SUMMARY, increment.folder / "earlier" / SUMMARY)
    for name in MOVED:
        for path in sorted(increment.folder.glob(name)):
            target = stage.folder / path.relative_to(increment.folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, target)


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
