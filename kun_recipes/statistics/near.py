"""Near duplicates left in a set of pairs, found as the corpus stage finds them among segments."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from datatrove.data import Document

from kun_recipes.corpus.deduplication import (
    ClusterNearDuplicates,
    NearDuplicateSettings,
    NoteSignatures,
    signature_pairs,
)
from kun_recipes.data.pairs import Pair


class NearDuplicates:
    """Counts the pairs, instruction and output together, that have a near duplicate in their set.

    Args:
        folder: for signatures, some 600 bytes a pair; emptied before and after.
    """

    def __init__(self, folder: Path, settings: NearDuplicateSettings | None = None):
        self.folder = folder
        self.settings = settings or NearDuplicateSettings()

    def count(self, pairs: Iterable[Pair]) -> dict[str, int]:
        """Rows with a near duplicate, and the clusters that they form."""
        shutil.rmtree(self.folder, ignore_errors=True)
        signatures, found = self.folder / "signatures", self.folder / "pairs"
        documents = (Document(f"{pair.instruction}\n{pair.output}", str(n)) for n, pair in enumerate(pairs))
        NoteSignatures(signatures, self.settings).run(documents)
        for bucket in range(self.settings.buckets):
            signature_pairs(signatures, found, self.settings).run(rank=bucket, world_size=self.settings.buckets)
        clusters = ClusterNearDuplicates(found, signatures, self.folder / "found")
        clusters.run()
        shutil.rmtree(self.folder)
        counted = {name: int(clusters.stats[name].total) for name in ("near_duplicates", "clusters")}
        return {"rows": counted["near_duplicates"] + counted["clusters"], "clusters": counted["clusters"]}
