"""Rows that are withheld from a release: those that a file names by row, document, source or licence.

A line is `document: d17`, `source: wudao`, `licence: cc-by-nc-4.0` or `row: <id>`. A line without such a word
holds ids of rows. A `#` begins a comment line.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from kun_recipes.data import schema
from kun_recipes.errors import UserError
from kun_recipes.privacy import PrivacySettings
from kun_recipes.publishing.checking.rows import SHOWN
from kun_recipes.publishing.disclosure import public_document
from kun_recipes.publishing.licences import Licence

ROW, DOCUMENT, SOURCE, LICENCE = KINDS = ("row", "document", "source", "licence")
RECORD = "withheld.json"
"""Record of what was withheld, in the folder that is published: ids of rows by kind, and no text."""

_LINE = re.compile(r"(?P<kind>[a-z]+)(?:@(?P<source>[^\s:]+))?:\s+(?P<name>.+)")


class Target(NamedTuple):
    """Rows that are withheld together.

    Attributes:
        source: of a document whose name several sources have; None: whichever has it.
    """

    kind: str
    name: str
    source: str | None = None

    def __str__(self) -> str:
        at = f"@{self.source}" if self.source else ""
        return self.name if self.kind == ROW else f"{self.kind}{at}: {self.name}"


class Withholding:
    """The rows that a file names.

    Args:
        file: None names none.
        licences: of each source.
        privacy: by which names of documents are published: a request quotes what its author saw.
    """

    def __init__(self, file: str | None, licences: Mapping[str, Licence], privacy: PrivacySettings):
        self.file, self.licences, self.privacy = file, licences, privacy
        self.targets = frozenset(_read(file)) if file else frozenset[Target]()
        self._names_documents = any(target.kind == DOCUMENT for target in self.targets)

    def kind_of(self, row: Mapping[str, Any]) -> str | None:
        """Return by which kind of target a row is withheld; None for a row that is not."""
        return next((target.kind for target in self._targets_of(row)), None)

    def check(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Raise UserError for targets that no row has, or documents of several sources.

        A removal that was asked for would not happen, or one that was not asked for would.
        """
        unknown, sources = set(self.targets), defaultdict(set)
        for row in rows:
            for target in self._targets_of(row):
                unknown.discard(target)
                sources[target].add(row[schema.SOURCE])
        if unknown:
            shown = ", ".join(map(str, sorted(unknown, key=str)[:SHOWN])) + (" …" if len(unknown) > SHOWN else "")
            raise UserError(
                f"{self.file}: {len(unknown)} of its entries match no row of the run: {shown}; correct or remove them"
            )
        for target, names in sources.items():
            if target.kind == DOCUMENT and len(names) > 1:
                raise UserError(
                    f"{self.file}: {target}: the sources {', '.join(sorted(names))} have a document of this name; "
                    f"write which one is meant: {DOCUMENT}@{min(names)}: {target.name}"
                )

    def _targets_of(self, row: Mapping[str, Any]) -> Iterator[Target]:
        """Yield the targets that a row belongs to."""
        source = row[schema.SOURCE]
        known = [Target(ROW, row[schema.ID]), Target(SOURCE, source)]
        if source in self.licences:
            known.append(Target(LICENCE, self.licences[source].id))
        if self._names_documents and (document := row.get(schema.DOCUMENT_ID)):
            for name in dict.fromkeys((str(document), public_document(str(document), self.privacy))):
                known += [Target(DOCUMENT, name), Target(DOCUMENT, name, source)]
        return (target for target in known if target in self.targets)


def _read(file: str) -> Iterator[Target]:
    try:
        lines = Path(file).read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise UserError(f"{file}: not a UTF-8 text file of row ids ({error.reason} at byte {error.start})") from error
    for number, line in enumerate(map(str.strip, lines), start=1):
        if line.startswith("#"):
            continue
        if not (entry := _LINE.fullmatch(line)):
            yield from (Target(ROW, identity) for identity in line.split())
            continue
        kind = LICENCE if entry["kind"] == "license" else entry["kind"]
        if kind not in KINDS or (entry["source"] and kind != DOCUMENT):
            raise UserError(
                f"{file}:{number}: {line.partition(' ')[0]} unknown kind; "
                f"write a row's id, or one of {', '.join(f'{one}:' for one in KINDS)} and {DOCUMENT}@<source>:"
            )
        yield Target(kind, entry["name"].strip(), entry["source"])
