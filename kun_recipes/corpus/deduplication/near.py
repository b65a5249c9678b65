"""Near duplicates: MinHash over character n-grams, with datatrove's blocks, joined to clusters."""

import resource
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from datatrove.data import DocumentsPipeline
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.dedup.minhash import (
    MinhashConfig,
    MinhashDedupBuckets,
    MinhashDedupSignature,
)
from datatrove.utils.hashing import HashConfig
from datatrove.utils.word_tokenizers import WordTokenizer
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from kun_recipes.corpus.deduplication.found import open_ids, places_of, rename_kept, write_found, write_id
from kun_recipes.text.grams import gram_hashes, letter_codes

PRIME = np.uint64((1 << 61) - 1)  # datatrove's: hashes are taken modulo a Mersenne prime
PRIME_BITS = np.uint64(61)
LOWER_HALF = np.uint64(2**32 - 1)
MIX = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)  # splitmix64 (Steele, Lea, Flood 2014)
CACHED_VALUES = 1 << 16  # hashes at a time: two arrays of them stay in the processor's cache
FILES_A_PAIR_TASK = 32  # files of the corpus for each task of a band: with one task, 10^9 rows take it an hour
OWN_FILES = 256  # that a process has open besides: logs, libraries, pipes
LINES_AT_ONCE = 256  # signatures of a file in memory; datatrove's default of 5 reads too often
PAIR = np.dtype([("first_rank", "<u4"), ("first_row", "<u4"), ("second_rank", "<u4"), ("second_row", "<u4")])
"""Record of datatrove's MinhashDedupBuckets."""


@dataclass(frozen=True)
class NearDuplicateSettings:
    """Limits from which two segments are near duplicates.

    Buckets and hashes are FineWeb-2's, by which a pair is found half of the time when 0.68 of the n-grams of both are
    common to them. FineWeb-2's n-grams are of five words, some eight characters, and meant for whole pages. Segments
    are short, and every changed letter costs as many n-grams as they are long: with five characters, paragraphs with
    a sentence dropped or added were found in 96 of 100 cases, with a tenth replaced in one place in 89, with every
    twentieth letter changed in 32 (with eight: 95, 85 and 6), with every fifth never. 20 bands of 6 hashes find more,
    but of templates with other facts in them.

    Attributes:
        ngram: letters of an n-gram; punctuation and blanks do not count.
        buckets: bands of the signature; two segments that agree in one of them are near duplicates.
        hashes_per_bucket: values of a band.
    """

    ngram: int = 5
    buckets: int = 14
    hashes_per_bucket: int = 8

    @property
    def half_found(self) -> float:
        """The similarity at which a pair is found half of the time."""
        return (1 - 0.5 ** (1 / self.buckets)) ** (1 / self.hashes_per_bucket)

    def found(self, similarity: float) -> float:
        """Return the share of pairs found whose n-grams overlap by `similarity` (intersection over union)."""
        return 1 - (1 - similarity**self.hashes_per_bucket) ** self.buckets

    def pair_tasks(self, files: int) -> int:
        """Return the number of tasks that look for equal bands in the signatures of so many files."""
        return self.buckets * -(-files // FILES_A_PAIR_TASK)

    @property
    def minhash(self) -> MinhashConfig:
        return MinhashConfig(
            n_grams=self.ngram,
            num_buckets=self.buckets,
            hashes_per_bucket=self.hashes_per_bucket,
            hash_config=HashConfig(precision=32),  # half the disk; eight values of 32 bits do not meet by chance
        )


class NoteSignatures(MinhashDedupSignature):
    """Note the MinHash signature of each row: datatrove's block, over n-grams of letters instead of words.

    Takes in all rows and passes none on. Rows with fewer letters than an n-gram are no near duplicate of any.

    Args:
        folder: takes a file per task and bucket, and the rows' ids.
    """

    name = "🎯 MinHash signatures"

    def __init__(self, folder: str | Path, settings: NearDuplicateSettings):
        super().__init__(str(folder), settings.minhash, language=NO_WORDS)
        self.folder = Path(folder)

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> None:
        super().run(self._note_ids(data, rank), rank, world_size)

    def get_shingles(self, text: str) -> np.ndarray:
        """Return a hash of each n-gram of the text's letters, uint64 [1, number]."""
        codes = letter_codes(text)
        if len(codes) < self.config.n_grams:
            return np.empty((1, 0), np.uint64)
        return _mixed(gram_hashes(codes, self.config.n_grams)).reshape(1, -1)

    def get_signature(self, shingles: np.ndarray) -> list[list[int]]:
        """Return datatrove's values five times as fast.

        The modulo is done by shifts, in the cache, and minima are taken along the memory.
        """
        factors, offsets = (parameter.reshape(-1, 1) for parameter in self.parameters)
        rows = max(1, min(self.num_hashes, CACHED_VALUES // shingles.size))
        values, shifted = np.empty((2, rows, shingles.size), np.uint64)
        signature = np.empty(self.num_hashes, np.uint64)
        for start in range(0, self.num_hashes, rows):
            part = slice(start, start + rows)
            count = len(factors[part])
            _permute(shingles, factors[part], offsets[part], values[:count], shifted[:count])
            np.min(values[:count], axis=1, out=signature[part])
        return signature.reshape(self.config.num_buckets, -1).tolist()

    def _note_ids(self, data: DocumentsPipeline, rank: int) -> DocumentsPipeline:
        with open_ids(self.folder, rank) as ids:
            for document in data:
                write_id(ids, document.id)
                yield document


class FindPairs(MinhashDedupBuckets):
    """Find the rows with an equal band: datatrove's block, for any number of files and of tasks.

    Reads no rows. Runs as a multiple of the number of bands, by `NearDuplicateSettings.pair_tasks`: the tasks of a
    band share out the values of its first hash.
    """

    def run(self, data: DocumentsPipeline = None, rank: int = 0, world_size: int = 1) -> None:
        band = rank // (world_size // self.config.num_buckets)
        allow_open_files(len(self.input_folder.list_files(subdirectory=f"bucket_{band:03d}")))
        super().run(data, rank, world_size)

    def get_worker_hash_range(self, sig_files: list[str], rank: int, world_size: int) -> tuple[int, int]:
        """Return the first hashes that a task compares, from one up to below the other.

        datatrove takes them from the first file, which must have a line for each task of the band: here the largest,
        and where that one is too small the first task compares all.
        """
        tasks = world_size // self.config.num_buckets
        line = 4 * self.config.hashes_per_bucket + 4
        largest = max(sig_files, key=self.input_folder.size, default=None)
        if largest is None or self.input_folder.size(largest) < tasks * line:
            lowest, above = super().get_worker_hash_range([], rank, world_size)
            return (lowest, above) if rank % tasks == 0 else (above, above)
        return super().get_worker_hash_range([largest], rank, world_size)


def signature_pairs(signatures: str | Path, pairs: str | Path, settings: NearDuplicateSettings) -> FindPairs:
    """Return the step that finds rows with an equal band."""
    return FindPairs(str(signatures), str(pairs), config=settings.minhash, lines_to_buffer=LINES_AT_ONCE)


def allow_open_files(count: int) -> None:
    """Let this process open so many files besides its own, as far as the system lets it: often 1,024 are allowed."""
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = count + OWN_FILES
    if allowed < needed:
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (needed if most == resource.RLIM_INFINITY else min(needed, most), most)
        )


class ClusterNearDuplicates(PipelineStep):
    """Join the pairs of all buckets to clusters and list all but the first row of each, for `DropRows` to drop.

    datatrove's MinhashDedupCluster keeps the row that its union-find happens to end at, and needs some 300 bytes a
    row; here the first in reading order stays, and the memory is some 230 bytes per row that has a near duplicate.
    Runs as one task and reads no rows.

    Args:
        pairs: what `signature_pairs` found.
        signatures: what `NoteSignatures` noted: the ids.
        found: takes the rows to drop.
        exact: exact duplicates that were found before: those whose copy goes now get the id of the row that stays.
    """

    name = "🎯 MinHash clusters"
    type = "🫂 - DEDUP"

    def __init__(self, pairs: str | Path, signatures: str | Path, found: str | Path, exact: str | Path | None = None):
        super().__init__()
        self.exact = Path(exact) if exact else None
        self.pairs = Path(pairs)
        self.signatures = Path(signatures)
        self.found = Path(found)

    def run(self, data: DocumentsPipeline = None, rank: int = 0, world_size: int = 1) -> None:
        if world_size != 1:
            raise ValueError(f"{type(self).__name__} must run as one task, not {world_size}: set tasks=1")
        with self.track_time():
            dropped = kept = np.empty(0, np.uint64)
            for _, paths in groupby(sorted(self.pairs.glob("*.dups")), key=lambda path: path.name.partition("_")[0]):
                first, second = _read_pairs(paths)  # a band after the other: most find the same pairs
                dropped, kept = join_pairs(np.concatenate([kept, first]), np.concatenate([dropped, second]))
            self.stat_update("near_duplicates", value=len(dropped))
            self.stat_update("clusters", value=len(np.unique(kept)))
            write_found(self.found, "near", dropped, kept, self.signatures)
            if self.exact and len(dropped):
                rename_kept(self.exact, dropped, kept, self.signatures)


def run_minhash(
    files: Sequence[DocumentsPipeline], folder: Path, settings: NearDuplicateSettings
) -> ClusterNearDuplicates:
    """Find the near duplicates among some rows in this process; return the last step, which has run.

    Args:
        files: rows in reading order, a task each.
        folder: emptied before; the rows to drop are in `found` of the returned step.
    """
    shutil.rmtree(folder, ignore_errors=True)
    signatures, pairs = folder / "signatures", folder / "pairs"
    for rank, rows in enumerate(files):
        NoteSignatures(signatures, settings).run(rows, rank, len(files))
    for bucket in range(settings.buckets):
        signature_pairs(signatures, pairs, settings).run(rank=bucket, world_size=settings.buckets)
    clusters = ClusterNearDuplicates(pairs, signatures, folder / "found")
    clusters.run()
    return clusters


def join_pairs(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return all but the least member of every cluster of the pairs, in order, and for each that least member."""
    members, ends = np.unique(np.concatenate([first, second]), return_inverse=True)
    one, other = ends[: len(first)], ends[len(first) :]
    pairs = coo_array((np.ones(len(first), bool), (one, other)), shape=(len(members), len(members)))
    _, cluster = connected_components(pairs, directed=False)
    least = np.unique(cluster, return_index=True)[1][cluster]  # members rise: the first of a cluster is the least
    moved = least != np.arange(len(members))
    return members[moved], members[least[moved]]


def _permute(
    shingles: np.ndarray, factors: np.ndarray, offsets: np.ndarray, values: np.ndarray, shifted: np.ndarray
) -> None:
    """Return ((shingles * factors + offsets) mod 2^64) mod PRIME, its lower 32 bits."""
    np.multiply(shingles, factors, out=values)
    np.add(values, offsets, out=values)
    np.right_shift(values, PRIME_BITS, out=shifted)
    np.bitwise_and(values, PRIME, out=values)
    np.add(values, shifted, out=values)  # at most PRIME + 7
    np.subtract(values, PRIME, out=shifted)  # huge below PRIME, for it wraps around
    np.minimum(values, shifted, out=values)
    np.bitwise_and(values, LOWER_HALF, out=values)


def _mixed(hashes: np.ndarray) -> np.ndarray:
    """Return the hashes with every bit depending on all others.

    The low bits of a polynomial depend on the low bits of the letters alone.
    """
    for factor in MIX:
        hashes = (hashes ^ (hashes >> np.uint64(30))) * factor
    return hashes ^ (hashes >> np.uint64(31))


def _read_pairs(paths: Iterable[Path]) -> tuple[np.ndarray, np.ndarray]:
    pairs = np.concatenate([np.fromfile(path, PAIR) for path in paths])
    first = places_of(pairs["first_rank"], pairs["first_row"])
    return first, places_of(pairs["second_rank"], pairs["second_row"])


class _NoWords(WordTokenizer):
    """Placeholder for the word tokenizer that datatrove's block would load: n-grams of letters need none."""

    def word_tokenize(self, text: str) -> list[str]:
        raise NotImplementedError("n-grams are of letters, not of words")

    sent_tokenize = span_tokenize = word_tokenize


NO_WORDS = _NoWords()
