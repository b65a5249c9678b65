"""Readers for the three corpora of Kun (§3.1) and for JSON lines of one's own.

    wudao     one JSON array a file, of {id, uniqueKey, title, content, ...}
    wanjuan   JSON lines {id, content, title?}
    skypile   JSON lines {text}
    jsonl     JSON lines {text, id?, source?, title?}

Each file plain, gzip (.gz) or zstd (.zst).
"""

import os
import re
import reprlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from datatrove.data import Document, DocumentsPipeline
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.writers.disk_base import DiskWriter
from datatrove.utils.logging import logger
from datatrove.utils.typeshelper import StatHints

from kun_recipes import schema
from kun_recipes.corpus.records import Malformed, Record, read_array, read_lines
from kun_recipes.errors import UserError

SUFFIXES = tuple(suffix + packed for suffix in (".json", ".jsonl") for packed in ("", ".gz", ".zst"))
RAW_CHARACTERS = 200  # of an unreadable record, kept to recognise it by


@dataclass(frozen=True)
class CorpusFormat:
    """How a corpus lays out its records.

    Attributes:
        read: yields the records of one file.
        text_key: field of the document's text.
        id_keys: fields that may hold the document's id, the first that is filled counts.
        names_source: whether records name their own source; otherwise the source is the format.
    """

    read: Callable[[str], Iterator[Record | Malformed]]
    text_key: str
    id_keys: tuple[str, ...] = ("id",)
    names_source: bool = False


FORMATS = {
    # WuDao's "id" counts from 0 again in every file; its uniqueKey does not
    "wudao": CorpusFormat(read_array, "content", id_keys=("uniqueKey", "id")),
    "wanjuan": CorpusFormat(read_lines, "content"),
    "skypile": CorpusFormat(read_lines, "text"),
    "jsonl": CorpusFormat(read_lines, "text", names_source=True),
}


@dataclass(frozen=True)
class InputFile:
    """A corpus file. `name` is its path below the input folder, so that ids do not change when the corpus moves."""

    path: str
    name: str
    format: str


class CorpusReader(PipelineStep):
    """Read documents; the files are shared out over the tasks, the i-th to rank i % world_size.

    A record that cannot be read goes to `unreadable`, counted as dropped by its reason: invalid_json, invalid_utf8,
    wrong_type, missing_field, empty_text, truncated_archive or corrupt_archive. The rest of the file is read on.

    Metadata out: source, document_id, file_path, and title where the record has one.

    Args:
        inputs: (path, format) each; a path is a file or a folder, a format a key of `FORMATS`.
        limit: documents read of each input at most; None reads all. With a limit one task reads all files of an
            input, so that the documents do not depend on the number of tasks.
        unreadable: takes a row a malformed record: its beginning as text, with reason, value, file_path and line.

    Raises UserError for an input without files.
    """

    name = "📚 corpus"
    type = "📖 - READER"

    def __init__(self, inputs: list[tuple[str, str]], limit: int | None, unreadable: DiskWriter):
        super().__init__()
        self.limit = limit
        self.unreadable = unreadable
        files = [list_input_files(path, format) for path, format in inputs]
        self.shares = [[file] for file in chain.from_iterable(files)] if limit is None else files

    @property
    def tasks(self) -> int:
        """Number of tasks that find something to read."""
        return len(self.shares)

    def run(self, data: DocumentsPipeline = None, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        if data:
            yield from data
        with self.unreadable:
            for share in self.shares[rank::world_size]:
                documents = chain.from_iterable(self._read(file, rank) for file in share)
                yield from islice(documents, self.limit)

    def _read(self, file: InputFile, rank: int) -> DocumentsPipeline:
        for record in FORMATS[file.format].read(file.path):
            self.stat_update(StatHints.total)
            row = record if isinstance(record, Malformed) else to_document(record, file)
            if isinstance(row, Malformed):
                self.stat_update(StatHints.dropped, f"dropped_{row.reason}")
                self.unreadable.write(_unreadable_row(row, file), rank)
            else:
                self.stat_update(StatHints.forwarded)
                self.update_doc_stats(row)
                yield row


def list_input_files(path: str, format: str) -> list[InputFile]:
    """Corpus files at `path`, a file or a folder searched recursively, in the order in which they are read.

    Raises UserError when there are none.
    """
    if format not in FORMATS:
        raise UserError(f"{format}: no corpus format; choose one of {', '.join(FORMATS)}")
    root = Path(path)
    if not root.exists():
        raise UserError(f"{path}: no such file or folder; input_path must name the {format} corpus")
    below = sorted(file for file in root.rglob("*") if file.is_file()) if root.is_dir() else [root]
    names = [(file, file.relative_to(root).as_posix() if root.is_dir() else file.name) for file in below]
    files = [InputFile(str(file), name, format) for file, name in names if _is_corpus_file(name)]
    if not files:
        raise UserError(f"{path}: no corpus file; the names of {format} files end in {', '.join(SUFFIXES)}")
    if ignored := len(below) - len(files):
        logger.info(f"{path}: {ignored} files that are no corpus files are ignored")
    return files


def to_document(record: Record, file: InputFile) -> Document | Malformed:
    """Give a record the schema's names, or say what keeps it from being a document."""
    layout, fields = FORMATS[file.format], record.value

    def malformed(reason: str, message: str) -> Malformed:
        return Malformed(record.number, reason, message, BRIEF.repr(fields))

    if not isinstance(fields, dict):
        return malformed("wrong_type", f"the record must be an object, not {_json_type(fields)}")
    if layout.text_key not in fields:
        return malformed("missing_field", f'no field "{layout.text_key}"')
    text = fields[layout.text_key]
    if not isinstance(text, str):
        return malformed("wrong_type", f'"{layout.text_key}" must be a string, not {_json_type(text)}')
    if not text.strip():
        return malformed("empty_text", f'"{layout.text_key}" is empty')
    document_id = next(filter(None, map(_id_text, map(fields.get, layout.id_keys))), f"{file.name}:{record.number}")
    metadata = {
        schema.SOURCE: _own_source(fields, file.name) if layout.names_source else file.format,
        schema.DOCUMENT_ID: document_id,
        schema.FILE_PATH: file.path,
    }
    title = fields.get("title")
    if isinstance(title, str) and title.strip():
        metadata[schema.TITLE] = title.strip()
    return Document(text=text, id=f"{metadata[schema.SOURCE]}/{document_id}", metadata=metadata)


def _is_corpus_file(name: str) -> bool:
    hidden = any(part.startswith(".") for part in name.split("/"))  # ._part.json, .cache/: left by tools, no corpus
    return name.endswith(SUFFIXES) and not hidden


def _id_text(value: object) -> str | None:
    is_id = isinstance(value, str | int) and not isinstance(value, bool)
    return str(value).strip() if is_id else None


def _own_source(fields: dict, file_name: str) -> str:
    """The record's source as the name of a dataset split, for which `datasets` wants word characters."""
    source = fields.get("source")
    if not isinstance(source, str) or not source.strip():
        source = os.path.basename(file_name).split(".")[0]
    return re.sub(r"[^A-Za-z0-9_]+", "_", source).strip("_") or "jsonl"


def _json_type(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _unreadable_row(malformed: Malformed, file: InputFile) -> Document:
    metadata = {
        schema.REASON: malformed.reason,
        schema.VALUE: malformed.message,
        schema.FILE_PATH: file.path,
        "line": malformed.number,
    }
    return Document(malformed.raw[:RAW_CHARACTERS], id=f"{file.path}:{malformed.number}", metadata=metadata)


BRIEF = reprlib.Repr()
BRIEF.maxstring = BRIEF.maxother = RAW_CHARACTERS
