"""Two releases of a dataset compared: rows that were added or removed, and why, and answers that changed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from kun_recipes.data import schema
from kun_recipes.data.atomic import write_json
from kun_recipes.data.manifest import CARD, row_digest
from kun_recipes.data.parquet import DATA
from kun_recipes.data.row_sources import RowSource
from kun_recipes.errors import UserError
from kun_recipes.progress import progress_bar
from kun_recipes.publishing.disclosure import public_path
from kun_recipes.publishing.removal_reasons import NOT_TOLD, Left, removal_reasons, run_of

CHANGES = "changes.json"
ADDED, REMOVED = "added", "removed"
ANSWER, INSTRUCTION, OTHER = "answer_changed", "instruction_changed", "other_columns_changed"
COUNTED = (ADDED, REMOVED, ANSWER, INSTRUCTION, OTHER)
"""Counts of each source. A row of both counts once: for its instruction, its answer, or the rest."""

ID_DIGITS = 24
_ABSENT = b""


@dataclass(frozen=True, slots=True)
class _Row:
    """Hashes of the texts of a row, and its origin."""

    identity: str
    instruction: bytes
    answer: bytes
    whole: bytes
    source: str


@dataclass
class Release:
    """A release that was read.

    Attributes:
        name: as it may be published.
        commit: of a dataset of the Hub.
        rows: in their order.
        have_ids: whether each has one.
    """

    path: str
    name: str
    commit: str | None
    rows: list[_Row] = field(default_factory=list)
    have_ids: bool = True


@dataclass(frozen=True)
class Changes:
    """Differences of two releases.

    Attributes:
        by: column that identifies a row in both: the id, or the instruction if rows have no ids.
        sources: counts of each source, those of `COUNTED` and the rows of both releases.
        reasons: rows that were removed, by reason.
        ids: of the rows of each kind but `OTHER`; of a removed row with its source and reason.
    """

    earlier: Release
    later: Release
    by: str
    sources: dict[str, Counter[str]]
    reasons: Counter[str]
    ids: dict[str, list[Any]]

    def total(self, kind: str) -> int:
        return sum(counts[kind] for counts in self.sources.values())

    def as_json(self) -> dict[str, Any]:
        def told(release: Release) -> dict[str, Any]:
            commit = {"commit": release.commit} if release.commit else {}
            return {"release": release.name, **commit, "rows": len(release.rows)}

        return {
            "earlier": told(self.earlier),
            "later": told(self.later),
            "rows_known_by": self.by,
            "counts": {kind: self.total(kind) for kind in COUNTED},
            "sources": {source: dict(counts) for source, counts in self.sources.items()},
            "removed_by_reason": dict(self.reasons),
            **self.ids,
        }


def compare(earlier: str, later: str, run: Mapping[str, Path] | None = None, name: str | None = None) -> Changes:
    """Compare two releases: folders, or owner/name@revision on the Hub. Takes some 300 bytes of memory per row.

    Args:
        run: folders of the stages that made the later one, whose lists of removed rows tell reasons; None: those that
            its own folder names, where it was built here.
        name: of the later release, where its folder has not yet its last name.

    Raises:
        UserError: one of them cannot be read.
    """
    before, after = read_release(earlier), read_release(later)
    after.name = name or after.name
    by_id = before.have_ids and after.have_ids
    known_before, known_after = _by_key(before, by_id), _by_key(after, by_id)
    sources: dict[str, Counter[str]] = {}

    def count(kind: str, row: _Row) -> None:
        sources.setdefault(row.source, Counter({"earlier": 0, "later": 0} | dict.fromkeys(COUNTED, 0)))[kind] += 1

    ids: dict[str, list[Any]] = {kind: [] for kind in (ADDED, ANSWER, INSTRUCTION)}
    for row in before.rows:
        count("earlier", row)
    for key, row in known_after.items():
        count("later", row)
        kind = _difference(known_before.get(key), row)
        if kind:
            count(kind, row)
        if kind in ids:
            ids[kind].append(row.identity)
    gone = [row for key, row in known_before.items() if key not in known_after]
    reasons = _reasons(before, after, gone, run) if by_id else {}
    removed = []
    for row in gone:
        count(REMOVED, row)
        reason = reasons.get(row.identity, NOT_TOLD)
        removed.append({"id": row.identity, "source": row.source, "reason": reason})
    counted = Counter(one["reason"] for one in removed)
    by = schema.ID if by_id else schema.INSTRUCTION
    return Changes(before, after, by, dict(sorted(sources.items())), counted, {REMOVED: removed, **ids})


def read_release(path: str) -> Release:
    """Read the rows of a release. Raises UserError for a missing or empty release, or a row without an instruction."""
    source = _rows_of(path)
    source.check()
    if source.is_local and not Path(path).exists():
        raise UserError(f"{path}: neither a folder nor owner/name@revision on the Hub")
    commit = source.pin(None)
    release = Release(path, public_path(path), commit)
    with progress_bar(None, f"reading {path}") as bar:
        for where, split, row in source.read(commit):
            release.rows.append(_known(where, split, row))
            release.have_ids &= bool(_id(row))
            bar.update()
    if not release.rows:
        raise UserError(f"{path}: has no rows")
    return release


def _rows_of(path: str) -> RowSource:
    """Return the rows of a release; while it is built here, its card does not yet say where they are."""
    folder = Path(path)
    is_built = (folder / DATA).is_dir() and not (folder / CARD).exists()
    return RowSource(str(folder / DATA) if is_built else path)


def _known(where: str, split: str, row: Mapping[str, Any]) -> _Row:
    instruction = row.get(schema.INSTRUCTION)
    if not isinstance(instruction, str):
        raise UserError(
            f"{where}: no text in column {schema.INSTRUCTION} (columns: {', '.join(row)}); a release must have "
            "instructions"
        )
    output, source = row.get(schema.OUTPUT), row.get(schema.SOURCE)
    known = _hash(instruction)
    return _Row(
        _id(row) or known.hex()[:ID_DIGITS],
        known,
        _hash(output) if isinstance(output, str) else _ABSENT,
        row_digest(row),
        source if isinstance(source, str) else split,
    )


def _id(row: Mapping[str, Any]) -> str:
    value = row.get(schema.ID)
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _hash(text: str) -> bytes:
    return blake2b(text.encode(errors="surrogatepass"), digest_size=16).digest()


def _by_key(release: Release, by_id: bool) -> dict[tuple[Any, int], _Row]:
    """Return the rows by id or instruction; of those that share one, the first with the first of the other release."""
    seen: Counter[Any] = Counter()
    found = {}
    for row in release.rows:
        key = row.identity if by_id else row.instruction
        found[key, seen[key]] = row
        seen[key] += 1
    return found


def _difference(before: _Row | None, after: _Row) -> str | None:
    if before is None:
        return ADDED
    if before.instruction != after.instruction:
        return INSTRUCTION
    if before.answer != after.answer:
        return ANSWER
    return OTHER if before.whole != after.whole else None


def _reasons(
    before: Release, after: Release, gone: Sequence[_Row], run: Mapping[str, Path] | None
) -> Mapping[str, str]:
    """Return the reason of each removed row whose reason is known; the earlier release is read again for them."""
    if not gone:
        return {}
    of_source = {row.identity: row.source for row in gone}
    rows = (row for _, _, row in _rows_of(before.path).read(before.commit) if _id(row) in of_source)
    left = [Left(_id(row), of_source[_id(row)], row.get(schema.DOCUMENT_ID)) for row in rows]
    return removal_reasons(left, after.path, after.commit, run_of(after.path) if run is None else run)


def show(changes: Changes, console: Console) -> None:
    """Print the counts by source, and the reasons for which rows were removed."""
    console.print(Text(f"{changes.earlier.name} -> {changes.later.name}, rows matched by {changes.by}"))
    heads = ("earlier", "later", *COUNTED)
    table = Table("source", *(Column(head.replace("_", " "), justify="right") for head in heads))
    for source, counts in changes.sources.items():
        table.add_row(Text(source), *(f"{counts[head]:,}" for head in heads))
    if len(changes.sources) > 1:
        table.add_row("all", *(f"{changes.total(head):,}" for head in heads))
    console.print(table)
    if changes.reasons:
        table = Table("removed because", Column("rows", justify="right"))
        for reason, rows in changes.reasons.most_common():
            table.add_row(Text(reason), f"{rows:,}")
        console.print(table)


def write(changes: Changes, file: Path) -> None:
    write_json(file, changes.as_json())
