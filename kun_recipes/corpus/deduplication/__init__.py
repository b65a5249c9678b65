"""Duplicates among segments, across files and sources: exact ones, and near ones by MinHash.

Both work in three steps, each a pipeline of its own: every task of the segments notes a digest or a signature of each
row; the notes are compared, a bucket a task; every task drops the rows found. Of each set of copies the first in
reading order stays, by file and by row in the file, so that it does not depend on how the work was split.
"""

from kun_recipes.corpus.deduplication.exact import DigestRows, FindExactDuplicates, text_digest
from kun_recipes.corpus.deduplication.found import DropRows
from kun_recipes.corpus.deduplication.near import (
    ClusterNearDuplicates,
    NearDuplicateSettings,
    NoteSignatures,
    run_minhash,
    signature_pairs,
)

__all__ = [
    "ClusterNearDuplicates",
    "DigestRows",
    "DropRows",
    "FindExactDuplicates",
    "NearDuplicateSettings",
    "NoteSignatures",
    "run_minhash",
    "signature_pairs",
    "text_digest",
]
