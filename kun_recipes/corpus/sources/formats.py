"""Layout of each corpus's records, and the document made of a record.

    wudao     {id, uniqueKey, title, content, ...}, published as one JSON array a file
    wanjuan   {id, content, title?}; questions of the exam subset {id, q_main, option_a?, ..., std_ans?, answer?}
    skypile   {text}
    jsonl     fields of one's own, {text, id?, source?, title?} if not named otherwise; MNBVC's {段落: [{内容}, ...]}
    csv       the same as columns of CSV or TSV files with a header
    parquet   the same as columns of Parquet files

All but the last two are JSON: lines, or an array (`json_files`). All but the last may be packed (.gz, .zst, .xz), or
in a zip or tar archive; they are UTF-8, GB18030 or UTF-16.
A text may be a list of paragraphs, or such a list written into a string.
"""

import ast
import os
import re
import reprlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple, get_args

from datatrove.data import Document

from kun_recipes.data import csv_files, json_files, schema
from kun_recipes.data.archives import CONTAINERS, PACKINGS
from kun_recipes.data.csv_files import check_csv, read_csv
from kun_recipes.data.json_files import read_json
from kun_recipes.data.json_lines import Malformed, Record
from kun_recipes.data.rows import RECORD, source_name
from kun_recipes.data.tables import check_table, read_table
from kun_recipes.errors import UserError
from kun_recipes.text.views import is_blank

FormatName = Literal["wudao", "wanjuan", "skypile", "jsonl", "csv", "parquet"]
FORMATS: tuple[FormatName, ...] = get_args(FormatName)
JSON_SUFFIXES = (*(suffix + packing for suffix in json_files.SUFFIXES for packing in PACKINGS), *CONTAINERS)
CSV_SUFFIXES = (*(suffix + packing for suffix in csv_files.SUFFIXES for packing in PACKINGS), *CONTAINERS)
RAW_CHARACTERS = 200  # of an unreadable record, kept to recognise it by
FIELDS = 10  # of a record without text, named
PARAGRAPHS = "段落"  # MNBVC's list of a document's paragraphs
PARAGRAPH_TEXTS = ("内容", "content", "text")  # fields of a paragraph that is an object
EXAM_QUESTION, EXAM_ANSWERS = "q_main", ("std_ans", "answer")
EXAM_EXPLANATIONS = ("answer_detail", "analysis", "explanation")
EXAM_OPTIONS = {f"option_{letter.lower()}": letter for letter in "ABCDEF"}


@dataclass(frozen=True)
class FieldNames:
    """Names of the fields or columns of one's own corpus; all but the text may be missing."""

    text: str = "text"
    id: str = "id"
    title: str = "title"
    source: str = "source"


USUAL_NAMES = FieldNames()


@dataclass(frozen=True)
class CorpusFormat:
    """Layout of a corpus's records.

    Attributes:
        name: one of `FORMATS`.
        read: yields the records of one file.
        suffixes: how the names of files end that hold records.
        text: field of the document's text.
        ids: fields that may hold the document's id, the first that is filled counts.
        title: field of the title.
        source: field of the source; None where the source is the format.
        compose: makes the text of a record without the field of the text; None when it cannot.
        check: raises UserError for a file in which fields are missing.
    """

    name: str
    read: Callable[[str], Iterator[Record | Malformed]] = read_json
    suffixes: tuple[str, ...] = JSON_SUFFIXES
    text: str = "text"
    ids: tuple[str, ...] = ("id",)
    title: str = "title"
    source: str | None = None
    compose: Callable[[dict], str | None] | None = None
    check: Callable[[str], None] | None = None

    @property
    def layout(self) -> list[str | None]:
        """The names by which a record is read."""
        return [self.name, self.text, *self.ids, self.title, self.source]


class _Table(NamedTuple):
    """Readers of files with named columns, which take the required and the optional ones, and the files' endings."""

    read: Callable[..., Iterator[Record | Malformed]]
    check: Callable[..., None]
    suffixes: tuple[str, ...]


TABLES = {"csv": _Table(read_csv, check_csv, CSV_SUFFIXES), "parquet": _Table(read_table, check_table, (".parquet",))}


def corpus_format(name: str, fields: FieldNames) -> CorpusFormat:
    """Return the format of a name; `fields` counts for jsonl, csv and parquet. Raises UserError for an unknown one."""
    own = partial(CorpusFormat, name, text=fields.text, ids=(fields.id,), title=fields.title, source=fields.source)
    match name:
        case "wudao":  # its "id" counts from 0 again in every file, its uniqueKey does not
            read = partial(read_json, texts=("content",))
            return CorpusFormat(name, read, text="content", ids=("uniqueKey", "id"))
        case "wanjuan":
            read = partial(read_json, texts=("content", EXAM_QUESTION))
            return CorpusFormat(name, read, text="content", compose=exam_text)
        case "skypile":
            return CorpusFormat(name)
        case "jsonl":
            return own(read=partial(read_json, texts=(fields.text, PARAGRAPHS)), compose=paragraphs_text)
        case "csv" | "parquet":
            required, optional = _columns(fields)
            table = TABLES[name]
            return own(
                read=partial(table.read, required=required, optional=optional),
                suffixes=table.suffixes,
                check=partial(table.check, required=required),
            )
    raise UserError(f"{name}: unknown corpus format; choose one of {', '.join(FORMATS)}")


def to_document(record: Record, format: CorpusFormat, path: str, name: str) -> Document | Malformed:
    """Give a record the schema's names, or say what keeps it from being a document.

    Args:
        path: of the file, for its rows to name.
        name: of the file in its corpus, for the ids of records without one.
    """
    fields = record.value
    text, problem = _text(fields, format)
    if problem:
        return Malformed(record.number, *problem, raw=BRIEF.repr(fields))
    document_id = next(filter(None, map(_id_text, map(fields.get, format.ids))), f"{name}:{record.number}")
    source = _own_source(fields.get(format.source), name) if format.source else format.name
    metadata = {schema.SOURCE: source, schema.DOCUMENT_ID: document_id, schema.FILE_PATH: path, RECORD: record.number}
    title = fields.get(format.title)
    if isinstance(title, str) and title.strip():
        metadata[schema.TITLE] = title.strip()
    return Document(text=text, id=f"{source}/{document_id}", metadata=metadata)


def exam_text(fields: dict) -> str | None:
    """Return a record of the exam subset as one readable text: the question, its options, the answer, the explanation.

    None for a record without a question. `std_ans` is filled for questions with options, `answer` for the others. The
    names of the fields are those of the public release as remembered, not verified against it: {id, q_type, q_main,
    option_a ... option_f, std_ans, answer, answer_detail, grade, major, ...}.
    """
    question = _joined(fields.get(EXAM_QUESTION))
    if not question:
        return None
    options = [(f"{letter}. ", _joined(fields.get(name))) for name, letter in EXAM_OPTIONS.items()]
    answers = [("答案：", _all_of(fields, EXAM_ANSWERS, "；")), ("解析：", _all_of(fields, EXAM_EXPLANATIONS, "\n"))]
    return "\n".join([question, *(label + text for label, text in options + answers if text)])


def paragraphs_text(fields: dict) -> str | None:
    """Return the text of an MNBVC document, or None if the record is not one."""
    return _paragraphs(fields.get(PARAGRAPHS))


def _text(fields: object, format: CorpusFormat) -> tuple[str, tuple[str, str] | None]:
    """Return the text of a record, or the reason and the message why it has no text."""
    if not isinstance(fields, dict):
        return "", ("wrong_type", f"the record must be an object, not {_json_type(fields)}")
    if format.text in fields:
        text = fields[format.text]
        if isinstance(text, list) or (isinstance(text, str) and text.startswith("[")):
            text = _paragraphs(text) or text
    elif not format.compose or (text := format.compose(fields)) is None:
        return "", ("missing_field", f'no field "{format.text}"; the fields are {", ".join(list(fields)[:FIELDS])}')
    if not isinstance(text, str):
        return "", ("wrong_type", f'"{format.text}" must be a string, not {_json_type(text)}')
    return text, ("empty_text", f'"{format.text}" is empty') if is_blank(text) else None


def _columns(fields: FieldNames) -> tuple[list[str], list[str]]:
    """Return the columns that a table must have and those that it may have.

    Required are the text's and those named in the config.
    """
    others = {fields.id, fields.title, fields.source}
    usual = {USUAL_NAMES.id, USUAL_NAMES.title, USUAL_NAMES.source}
    return sorted({fields.text} | others - usual), sorted(others & usual)


def _id_text(value: object) -> str | None:
    is_id = isinstance(value, str | int) and not isinstance(value, bool)
    return str(value).strip() if is_id else None


def _own_source(source: object, file_name: str) -> str:
    """Return the name of the record's source, or else of the file, as that of a dataset split."""
    file_words = re.sub(r"\W+", "_", os.path.basename(file_name).split(".")[0]).strip("_")
    return source_name(source) or source_name(file_words) or "jsonl"


def _paragraphs(value: object) -> str | None:
    """Return the text of a list of paragraphs, or of such a list written into a string; None for anything else."""
    if isinstance(value, str):
        try:
            value = ast.literal_eval(value.strip()) if value.rstrip().endswith("]") else None
        except (ValueError, SyntaxError, MemoryError, RecursionError):  # what ast raises for what is no literal
            return None
    if not isinstance(value, list):
        return None
    parts = [_paragraph(item) for item in value]
    return "\n".join(filter(None, parts)) if parts and None not in parts else None


def _paragraph(value: object) -> str | None:
    if isinstance(value, dict):
        value = next((value[name] for name in PARAGRAPH_TEXTS if name in value), None)
    return _paragraphs(value) if isinstance(value, list) else value if isinstance(value, str) else None


def _json_type(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null", bytes: "bytes"}
    return names.get(type(value), "a number")


def _all_of(fields: dict, names: tuple[str, ...], separator: str) -> str:
    """Return the different texts of some fields, one after the other."""
    return separator.join(dict.fromkeys(filter(None, (_joined(fields.get(name)) for name in names))))


def _joined(value: object) -> str:
    """Return a string or list of strings as text; nothing for what is neither."""
    if isinstance(value, list):
        return "；".join(filter(None, map(_joined, value)))
    return value.strip() if isinstance(value, str) else ""


BRIEF = reprlib.Repr()
BRIEF.maxstring = BRIEF.maxother = RAW_CHARACTERS
