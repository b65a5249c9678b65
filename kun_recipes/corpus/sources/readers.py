"""The reader of the three corpora of Kun (§3.1), and of JSON lines and tables of one's own.

`kun_recipes.corpus.sources.formats` says how records are laid out; `files` and `streams` where they may lie.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import chain, islice

import multiprocess
from datatrove.data import Document, DocumentsPipeline
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.writers.disk_base import DiskWriter
from datatrove.utils.typeshelper import StatHints

from kun_recipes.corpus.sources.formats import (
    RAW_CHARACTERS,
    CorpusFormat,
    FieldNames,
    corpus_format,
    to_document,
)
from kun_recipes.corpus.sources.shares import Note, Part, Share, arrange, tell_apart
from kun_recipes.corpus.sources.streams import HubDataset, StreamShard, parse_hub_url
from kun_recipes.data import schema
from kun_recipes.data.files import CorpusFile, list_files, printable
from kun_recipes.data.json_lines import Malformed
from kun_recipes.errors import UserError
from kun_recipes.progress import progress_bar

BYTES = "bytes"


class CorpusReader(PipelineStep):
    """Read documents; the files are shared out over the tasks, the i-th to rank i % world_size.

    A record that cannot be read goes to `unreadable`, counted as dropped by its reason: invalid_json, invalid_utf8,
    wrong_type, missing_field, empty_text, truncated_archive, corrupt_archive, corrupt_file, broken_row, wrong_file or
    empty_file.
    What can be read of the file is.

    Metadata out: source, document_id, file_path, record (its number in the file), and title where the record has one.
    Counts the UTF-8 bytes of the texts as "bytes".

    Args:
        inputs: (path, format, fields) each; a path is a file, a folder or a glob, local or what fsspec opens, or a
            data set of the Hub (hf://datasets/org/name, whose shards are taken for files); a format is one of
            `FORMATS`; fields are the names of a document's fields, for the formats jsonl, csv and
            parquet.
        limit: documents read of each input at most; None reads all. With a limit one task reads all files of an
            input, so that the documents do not depend on the number of tasks.
        unreadable: takes a row per malformed record: its beginning as text, with reason, value, file_path and line.
        earlier: notes of what was read before; the tasks of the first ranks read it, as they did.

    Raises UserError for an input without files, and for a CSV or Parquet file without the columns that its fields
    name. The Hub's errors about a data set are raised by `tasks`, or when it is read.
    """

    name = "📚 corpus"
    type = "📖 - READER"

    def __init__(
        self,
        inputs: Sequence[tuple[str, str, FieldNames]],
        limit: int | None,
        unreadable: DiskWriter,
        earlier: Sequence[Note] = (),
    ):
        super().__init__()
        self.limit = limit
        self.unreadable = unreadable
        self.earlier = earlier
        formats = [(path, corpus_format(format, fields)) for path, format, fields in inputs]
        self.paths = [path for path, _, _ in inputs]
        self.inputs = [(format, _find(path, format)) for path, format in formats]

    @cached_property
    def shares(self) -> list[Share]:
        """Files that the tasks read, by rank."""
        shares = []
        for number, (format, found) in enumerate(self.inputs):
            parts = found.shards if isinstance(found, HubDataset) else found
            for some in [parts] if self.limit is not None else [[part] for part in parts]:
                shares.append(Share(number, format, tuple(some), tuple(part.name for part in some)))
        return tell_apart(arrange(shares, self.earlier))

    @property
    def ranks(self) -> list[tuple[str, list[int]]]:
        """The path of each input, and the ranks of the tasks that read it, but for what was read before."""
        ranks: list[list[int]] = [[] for _ in self.paths]
        for rank, share in enumerate(self.shares):
            if rank >= len(self.earlier):
                ranks[share.input].append(rank)
        return [one for one in zip(self.paths, ranks, strict=True) if one[1] or not self.earlier]

    @property
    def new_ranks(self) -> list[tuple[str, list[int]]]:
        """Those of `ranks` whose inputs were not read at all before."""
        known = {self.paths[share.input] for share in self.shares[: len(self.earlier)]}
        return [(path, ranks) for path, ranks in self.ranks if path not in known]

    @property
    def tasks(self) -> int:
        """Number of tasks that find something to read."""
        return len(self.shares)

    def run(self, data: DocumentsPipeline = None, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        if data:
            yield from data
        with self.unreadable, progress_bar(None, "read", unit="document", shown=_draws(rank)) as bar:
            for share in self.shares[rank::world_size]:
                parts = zip(share.parts, share.names, strict=True)
                documents = chain.from_iterable(self._read(part, name, share.format, rank) for part, name in parts)
                for document in islice(documents, self.limit):
                    bar.update()
                    yield document

    def _read(self, part: Part, name: str, format: CorpusFormat, rank: int) -> DocumentsPipeline:
        path, name = printable(part.path), printable(name)
        for record in part.read() if isinstance(part, StreamShard) else format.read(part.path):
            self.stat_update(StatHints.total)
            row = record if isinstance(record, Malformed) else to_document(record, format, path, name)
            if isinstance(row, Malformed):
                self.stat_update(StatHints.dropped, f"dropped_{row.reason}")
                self.unreadable.write(_unreadable_row(row, path), rank)
            else:
                self.stat_update(StatHints.forwarded)
                self.stat_update(BYTES, value=len(row.text.encode()))
                self.update_doc_stats(row)
                yield row


def _find(path: str, format: CorpusFormat) -> Sequence[CorpusFile] | HubDataset:
    if dataset := parse_hub_url(path):
        return dataset
    files = list_files(path, format.suffixes)
    if format.check:
        _check_any(files, format.check)
    return files


def _check_any(files: Sequence[CorpusFile], check: Callable[[str], None]) -> None:
    """Raise what `check` says of the first file, unless another one passes."""
    first: UserError | None = None
    for file in files:
        try:
            return check(file.path)
        except UserError as error:
            first = first or error
    if first:
        raise first


def _draws(rank: int) -> bool:
    """Return whether this task shows its progress: the first of those that run side by side in a pool."""
    return rank == 0 or multiprocess.parent_process() is None


def _unreadable_row(malformed: Malformed, path: str) -> Document:
    metadata = {
        schema.REASON: malformed.reason,
        schema.VALUE: malformed.message,
        schema.FILE_PATH: path,
        "line": malformed.number,
    }
    return Document(malformed.raw[:RAW_CHARACTERS], id=f"{path}:{malformed.number}", metadata=metadata)
