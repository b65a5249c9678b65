"""Checks of rows that are published, or are to be, in any set of instructions and answers."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, NamedTuple

from kun_recipes.data import schema
from kun_recipes.data.columns import SEGMENT
from kun_recipes.privacy import PrivacySettings, find_private
from kun_recipes.publishing.disclosure import is_local_path
from kun_recipes.rules import Rules, SensitiveInformation, text_rules
from kun_recipes.rules.rule import Rule
from kun_recipes.text.views import narrow

WRITTEN = (schema.INSTRUCTION, schema.OUTPUT)
"""Texts that a model wrote: the rules on sensitive information say what they may not hold."""

FOUND = (SEGMENT, schema.TITLE, schema.DOCUMENT_ID)
"""Texts of the web: the privacy settings say what is masked in them."""

INPUT = "input"
"""The column of Alpaca's form that continues an instruction."""

REJECTED = "rejected"
"""The worse answer of a preference pair, by a model or of the web."""

SHOWN = 3
"""Places named for each problem; the rest are counted."""


@dataclass
class Problem:
    """One kind of thing that is wrong.

    Attributes:
        serious: whether a set with it is refused; the others are for a person to judge.
        rows: in how many rows; 0 for what is not of rows.
        places: of the first of them, as "wudao:17 (id): what was found".
    """

    what: str
    serious: bool
    rows: int = 0
    places: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        more = f" and {self.rows - len(self.places)} more" if self.rows > len(self.places) else ""
        return f"{self.what}: {', '.join(self.places)}{more}"


class Fault(NamedTuple):
    """Something that is wrong with one row."""

    what: str
    detail: str = ""


class RowsCheck:
    """Looks at every row once and keeps what it finds; memory grows by a hash per row.

    Args:
        privacy: what is private in a segment, and its placeholders.
        rules: the A.2 rules.
        quality: whether to count, too, what a person should judge: what the rules would drop, and pairs that repeat.
    """

    def __init__(self, privacy: PrivacySettings, rules: Rules, quality: bool):
        self.privacy, self.quality = privacy, quality
        self.rules = _rules_by_field(rules)
        self.rows: dict[str, int] = {}
        self.pairs: dict[str, int] = {}
        self.problems: dict[str, Problem] = {}
        self._ids: set[bytes] = set()
        self._pairs: set[bytes] = set()

    def look(self, split: str, row: Mapping[str, Any]) -> None:
        """Look at the next row of a split."""
        self.rows[split] = self.rows.get(split, 0) + 1
        place = f"{split}:{self.rows[split]}" + (f" ({row[schema.ID]})" if schema.ID in row else "")
        is_pair = is_preference(row)
        if is_pair:
            self.pairs[split] = self.rows[split]
            row = _with_texts(row)
        texts = {name: text for name in (*WRITTEN, *FOUND, INPUT, REJECTED) if isinstance(text := row.get(name), str)}
        self._note(place, True, self._serious(split, row, texts))
        if self.quality:
            self._note(place, False, _useless(texts) if is_pair else self._doubtful(texts))

    def _note(self, place: str, serious: bool, faults: Iterator[Fault]) -> None:
        first = {fault.what: fault for fault in reversed(list(faults))}  # a row counts once
        for what, fault in first.items():
            problem = self.problems.setdefault(what, Problem(what, serious))
            problem.rows += 1
            if len(problem.places) < SHOWN:
                problem.places.append(f"{place}: {fault.detail}" if fault.detail else place)

    def _serious(self, split: str, row: Mapping[str, Any], texts: Mapping[str, str]) -> Iterator[Fault]:
        if schema.ID in row and not str("" if row[schema.ID] is None else row[schema.ID]).strip():
            yield Fault(f"empty {schema.ID}")
        config = split.rpartition("/")[0]  # configs may share rows
        for name in (*WRITTEN, SEGMENT, REJECTED):
            if name in row and not isinstance(row[name], str | None):
                yield Fault(f"{name} is not text", type(row[name]).__name__)
            elif name in row and not (row[name] or "").strip():
                yield Fault(f"empty {name}")
        if is_local_path(texts.get(schema.DOCUMENT_ID, "")):
            yield Fault(f"local path in {schema.DOCUMENT_ID}", _redacted(texts[schema.DOCUMENT_ID]))
        if row.get(schema.ID) is not None and _seen(self._ids, f"{config}\0{row[schema.ID]}"):
            yield Fault("id used twice")
        if (
            not self.quality and not config and row.get(schema.SOURCE, split) != split
        ):  # of other people's sets it may say anything
            yield Fault("source differs from its split", str(row[schema.SOURCE]))
        for name, text in texts.items():
            yield from self._private(name, text)

    def _private(self, name: str, text: str) -> Iterator[Fault]:
        if name in (*FOUND, REJECTED):
            for kind, start, end in find_private(text, self.privacy):
                yield Fault(f"private data in {name}", f"{kind} {_redacted(text[start:end])}")
        for rule in self.rules.get(name, []):
            if isinstance(rule, SensitiveInformation) and (fault := rule.find(narrow(text))):
                yield Fault(f"private data in {name}", f"{fault.reason} {_redacted(fault.value)}")

    def _doubtful(self, texts: Mapping[str, str]) -> Iterator[Fault]:
        if texts.get(INPUT, "").strip():
            yield Fault(f"{INPUT} continues the instruction", "trainers must join them")
        if schema.OUTPUT in texts and _seen(self._pairs, "\0".join(texts.get(name, "") for name in (*WRITTEN, INPUT))):
            yield Fault("duplicate pair")
        for name in WRITTEN:
            text = narrow(texts.get(name, ""))
            if placeholder := self.privacy.placeholder_pattern.search(text):
                yield Fault(f"placeholder in {name}", placeholder[0])
            for rule in self.rules[name]:
                if text.strip() and not isinstance(rule, SensitiveInformation) and (fault := rule.find(text)):
                    yield Fault(f"{name}: {fault.reason}", fault.value)


def is_preference(columns: Iterable[str]) -> bool:
    """Tell whether columns are those of preference pairs in TRL's form."""
    return {"prompt", "chosen", REJECTED} <= {*columns}


def _with_texts(pair: Mapping[str, Any]) -> dict[str, Any]:
    """Return a preference pair with the texts of its conversations in the place of instruction and outputs."""
    instruction, chosen, rejected = (_text_of(pair[name]) for name in ("prompt", "chosen", REJECTED))
    return {**pair, schema.INSTRUCTION: instruction, schema.OUTPUT: chosen, REJECTED: rejected}


def _text_of(turns: Any) -> Any:
    """Return the text of a conversation; anything else as it is."""
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        return turns
    return "\n".join(str(turn.get("content") or "") for turn in turns)


def _useless(texts: Mapping[str, str]) -> Iterator[Fault]:
    """Yield what is wrong with a preference pair; its answer is looked at among the rows."""
    if texts.get(schema.OUTPUT, "").strip() == texts.get(REJECTED, "").strip():
        yield Fault("chosen and rejected are the same")


def _rules_by_field(rules: Rules) -> dict[str, list[Rule]]:
    """Return the rules that read one text of a row, by its name."""
    of_instructions = text_rules(rules, "instruction")
    return {
        schema.INSTRUCTION: of_instructions,
        INPUT: [rule for rule in of_instructions if isinstance(rule, SensitiveInformation)],
        schema.OUTPUT: text_rules(rules, "answer"),
    }


def _seen(known: set[bytes], text: str) -> bool:
    """Tell if the text was seen before, and remember it."""
    before = len(known)
    known.add(blake2b(text.encode(errors="surrogatepass"), digest_size=12).digest())
    return len(known) == before


def _redacted(text: str) -> str:
    """Return enough of a private item to find it by, and not more: messages end up in logs."""
    return f"{text[:2]}…{text[-1:]}"
