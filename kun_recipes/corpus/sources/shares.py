"""Shares of the corpora: what each task reads. Shares that were read before come first, so that a corpus can grow."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from datatrove.data import DocumentsPipeline
from datatrove.pipeline.base import PipelineStep

from kun_recipes.corpus.sources.formats import CorpusFormat
from kun_recipes.corpus.sources.streams import StreamShard
from kun_recipes.data.atomic import write_json
from kun_recipes.data.files import CorpusFile, printable
from kun_recipes.data.folders import fingerprint
from kun_recipes.errors import UserError

Part = CorpusFile | StreamShard
Note = dict[str, Any]


@dataclass(frozen=True)
class Share:
    """Parts of one input that one task reads.

    Attributes:
        input: number of the input.
        names: of the parts, in the ids of records without one.
    """

    input: int
    format: CorpusFormat
    parts: tuple[Part, ...]
    names: tuple[str, ...]

    def note(self) -> Note:
        """Return the layout and the parts, by which `arrange` knows the share again."""
        return {"layout": self.format.layout, "parts": [_note(part) for part in self.parts]}

    def is_unchanged(self, note: Note) -> bool:
        """Return whether the parts are those of a note of this layout and these names."""
        return self.note()["parts"] == note["parts"]


class NoteShares(PipelineStep):
    """Note what the task of the same rank has read, into `output`/<rank>.json. Reads no rows."""

    name = "🧾 files"
    type = "📊 - REPORT"

    def __init__(self, shares: Sequence[Share], output: Path):
        super().__init__()
        self.shares, self.output = shares, output

    def run(self, data: DocumentsPipeline = None, rank: int = 0, world_size: int = 1) -> None:
        write_json(self.output / f"{rank:05d}.json", self.shares[rank].note())


def arrange(shares: Sequence[Share], earlier: Sequence[Note]) -> list[Share]:
    """Return the shares, those of earlier notes first and in their order.

    Raises:
        UserError: a share of a note is no longer as it was.
    """
    waiting = defaultdict(list)
    for number, share in enumerate(shares):
        waiting[_key(share.format.layout, map(_name, share.parts))].append(number)
    first = []
    for note in earlier:
        names = [part["name"] for part in note["parts"]]
        same = waiting[_key(note["layout"], names)]
        found = next((number for number in same if shares[number].is_unchanged(note)), None)
        if found is None:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            raise UserError(
                f"{names[0]}{more}: was changed or removed, but the finished stage contains its rows; files can only "
                "be added (with max_documents: only corpora); restore it, or rebuild the stage (recipes/run.py: "
                "--only corpus --fresh)"
            )
        same.remove(found)
        first.append(found)
    added = sorted(set(range(len(shares))) - set(first))
    return [shares[number] for number in (*first, *added)]


def tell_apart(shares: Iterable[Share]) -> list[Share]:
    """Number the files of a name that is read more than once in a format: ids hold the name."""
    seen: Counter[tuple[str, str]] = Counter()
    told = []
    for share in shares:
        names = []
        for part, name in zip(share.parts, share.names, strict=True):
            before = seen[share.format.name, name] if isinstance(part, CorpusFile) else 0
            names.append(f"{name}#{before + 1}" if before else name)
            seen[share.format.name, name] += 1
        told.append(replace(share, names=tuple(names)))
    return told


def _key(layout: Sequence[str | None], names: Iterable[str]) -> tuple[Any, ...]:
    return (*layout, *names)


def _is_local(part: Part) -> bool:
    return isinstance(part, CorpusFile) and "://" not in part.path


def _name(part: Part) -> str:
    """Return the name by which a part is known again: of a local file that below its input, which may move."""
    return printable(part.name if _is_local(part) else part.path)


def _note(part: Part) -> Note:
    known = {"content": fingerprint(Path(part.path))} if _is_local(part) else {}
    return {"name": _name(part), **known}
