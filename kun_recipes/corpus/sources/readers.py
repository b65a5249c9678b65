"""The reader of the three corpora of Kun (§3.1), and of JSON lines and tables of one's own.

`kun_recipes.corpus.sources.formats` says how records are laid out; `files` and `streams` where they may lie.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import accumulate, chain, islice

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
from kun_recipes.corpus.sources.streams import HubDataset, StreamShard, parse_hub_url
from kun_recipes.data import schema
from kun_recipes.data.files import CorpusFile, list_files, printable
from kun_recipes.data.json_lines import Malformed
from kun_recipes.errors import UserError
from kun_recipes.progress import progress_bar

Part = CorpusFile | StreamShard
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

    Raises UserError for an input without files, and for a CSV or Parquet file without the columns that its fields
    name. What the Hub has to say about a data set comes when `tasks` is asked, or by reading it.
    """

    name = "📚 corpus"
    type = "📖 - READER"

    def __init__(
        self,
        inputs: Sequence[tuple[str, str, FieldNames]],
        limit: int | None,
        unreadable: DiskWriter,
    ):
        super().__init__()
        self.limit = limit
        self.unreadable = unreadable
        formats = [(path, corpus_format(format, fields)) for path, format, fields in inputs]
        self.paths = [path for path, _, _ in inputs]
        self.inputs = _tell_apart([(format, _find(path, format)) for path, format in formats])

    @property
    def ranks(self) -> list[tuple[str, list[int]]]:
        """The path of each input, and the ranks of the tasks that read it where there are `tasks` of them."""
        counts = [1 if self.limit is not None else len(_parts(parts)) for _, parts in self.inputs]
        ends = accumulate(counts)
        return [
            (path, list(range(end - count, end))) for path, count, end in zip(self.paths, counts, ends, strict=True)
        ]

    @property
    def tasks(self) -> int:
        """Number of tasks that find something to read."""
        return len(self._shares())

    def run(self, data: DocumentsPipeline = None, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        if data:
            yield from data
        with self.unreadable, progress_bar(None, "read", unit="document", shown=_draws(rank)) as bar:
            for format, parts in self._shares()[rank::world_size]:
                documents = chain.from_iterable(self._read(part, format, rank) for part in _parts(parts))
                for document in islice(documents, self.limit):
                    bar.update()
                    yield document

    def _shares(self) -> Sequence[tuple[CorpusFormat, Sequence[Part] | HubDataset]]:
        """Return the parts that each task reads, of one input each."""
        if self.limit is not None:
            return self.inputs
        return [(format, [part]) for format, parts in self.inputs for part in _parts(parts)]

    def _read(self, part: Part, format: CorpusFormat, rank: int) -> DocumentsPipeline:
        path, name = printable(part.path), printable(part.name)
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


Inputs = list[tuple[CorpusFormat, Sequence[Part] | HubDataset]]


def _tell_apart(inputs: Inputs) -> Inputs:
    """Number the files of a name that is in several inputs of a format: ids hold the name."""
    seen: Counter[tuple[str, str]] = Counter()
    named: Inputs = []
    for format, parts in inputs:
        if not isinstance(parts, HubDataset):
            keys = [(format.name, part.name) for part in parts]
            parts = [
                CorpusFile(part.path, f"{part.name}#{seen[key] + 1}") if seen[key] else part
                for key, part in zip(keys, parts, strict=True)
            ]
            seen.update(keys)
        named.append((format, parts))
    return named


def _parts(parts: Sequence[Part] | HubDataset) -> Sequence[Part]:
    return parts.shards if isinstance(parts, HubDataset) else parts


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
