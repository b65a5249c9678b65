"""Count document ids that a corpus uses more than once. Rows do not depend on them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from datatrove.data import DocumentsPipeline
from datatrove.pipeline.base import PipelineStep

from kun_recipes.data import schema
from kun_recipes.data.hashing import choice_hash

PARTS = 16  # in which the digests are counted; each has a sixteenth of all in memory


class NoteSourceIds(PipelineStep):
    """Note 8 bytes of each document's source and id, for `count_repeated`; passes every document on.

    Args:
        folder: takes a file per task.
    """

    name = "🪪 source ids"
    type = "🏷️ - NUMBERING"

    def __init__(self, folder: str | Path):
        super().__init__()
        self.folder = Path(folder)

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / f"{rank:05d}.ids").open("wb") as file:
            for document in data:
                origin = f"{document.metadata[schema.SOURCE]}\x1f{document.metadata[schema.DOCUMENT_ID]}"
                file.write(choice_hash(origin).to_bytes(8, "little"))
                yield document


def count_repeated(*folders: str | Path, parts: int = PARTS) -> int:
    """Return how many documents have the source and id of one before; of two files of a name one counts."""
    files = {file.name: file for folder in folders for file in Path(folder).glob("*.ids")}
    return sum(len(digests) - len(np.unique(digests)) for digests in _parts([*files.values()], parts))


def _parts(files: list[Path], parts: int) -> Iterator[np.ndarray]:
    for part in range(parts):
        digests = (np.fromfile(file, "<u8") for file in files)
        yield np.concatenate([found[found % parts == part] for found in digests])
