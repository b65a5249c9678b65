"""Largely repetitive texts, by what and how often they repeat (Kun A.2), and answers that repeat the question."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from datatrove.data import Document
from datatrove.pipeline.filters.base_filter import BaseFilter
from datatrove.pipeline.writers.disk_base import DiskWriter

from kun_recipes.config.types import Count, Share
from kun_recipes.data import schema
from kun_recipes.rules.rule import Fault, Rule, Verdict, sentences, verdict
from kun_recipes.text.classes import pack
from kun_recipes.text.grams import covered, repeats
from kun_recipes.text.views import HAN, decode, letters, narrow

LONGEST_UNIT = 80  # characters; a longer unit that repeats is seen as a duplicate sentence
LENGTHS = range(1, LONGEST_UNIT + 1)
NAME = re.compile(rf"[{HAN}]{{0,4}} ?`?[-A-Za-z_$.][\w.$-]{{1,40}}")
WORD = re.compile(rf"[A-Za-z{HAN}]")
HAN_WORD = re.compile(rf"[{HAN}]")


@dataclass(frozen=True)
class RepetitionSettings:
    """Limits on repetition. None switches a check off.

    Attributes:
        max_duplicate_share: highest share of the characters that stands in sentences or lines said before.
        min_sentence: characters under which a sentence or line does not count as one.
        max_unit_repeats: most times in a row that a unit of 2 characters or more may stand.
        max_long_repeats: most times in a row that a unit of `min_sentence` to 80 characters may stand.
        max_character_repeats: most times in a row that one Han character may stand.
        ngram: n of the character n-grams.
        max_ngram_share: highest share of the characters that stands in n-grams seen before.
        min_names: fewest lines of a reference that stays: its lines say much the same, each of another name.
    """

    max_duplicate_share: Share | None
    min_sentence: Count
    max_unit_repeats: Count | None
    max_long_repeats: Count | None
    max_character_repeats: Count | None
    ngram: Count
    max_ngram_share: Share | None
    min_names: Count | None = None


class Repetition(Rule):
    """Drop texts that are largely repetitive, at the start, in the middle or at the end (Kun A.2, second rule).

    Reads the text `field` names. Reason: "repetition"; the value is the repeated unit or the measured share.

    Args:
        field: which text is read.
        settings: how much may repeat.
    """

    name = "🔁 repetition"

    def __init__(self, field: str, settings: RepetitionSettings, exclusion_writer: DiskWriter | None = None):
        super().__init__(field, exclusion_writer)
        self.settings = settings
        runs = {length: most * length for length in LENGTHS if (most := self._max_repeats(length)) is not None}
        self.short_units = [length for length in runs if runs[length] < settings.ngram]
        self.long_runs = {length: run for length, run in runs.items() if run >= settings.ngram}

    def find(self, text: str) -> Fault | None:
        fault = self._measure(text)
        return None if fault and is_reference(text, self.settings.min_names) else fault

    def _measure(self, text: str) -> Fault | None:
        settings = self.settings
        if settings.max_duplicate_share is not None:
            share = duplicate_share(sentences(text, settings.min_sentence), len(text))
            if share > settings.max_duplicate_share:
                return Fault("repetition", f"{share:.2f} in duplicate sentences")
        packed, _ = pack(text)
        earlier, later = repeats(packed, settings.ngram)
        if unit := self._repeated_unit(packed, earlier, later):
            return Fault("repetition", unit)
        limit = settings.max_ngram_share
        if limit is not None and covered(later, settings.ngram) > limit * len(packed):
            share = duplicate_ngram_share(decode(packed), settings.ngram)
            if share > limit:
                return Fault("repetition", f"{share:.2f} in duplicate {settings.ngram}-grams")
        return None

    def _repeated_unit(self, codes: np.ndarray, earlier: np.ndarray, later: np.ndarray) -> str | None:
        """Return as `repeated_unit` does, trying a unit that holds n-grams only where these occur again.

        In a row of units every n-gram stands again at the unit's length or before, so that the longest run of such
        n-grams bounds the unit, and the unit which n-grams count.
        """
        if unit := repeated_unit(codes, self._max_repeats, self.short_units):
            return unit
        bound, lengths = LONGEST_UNIT + 1, list(self.long_runs)
        while lengths and lengths[-1] < bound:
            bound = lengths[-1]
            again = longest_run(earlier[later - earlier <= bound]) + self.settings.ngram - 1
            lengths = [length for length in lengths if self.long_runs[length] <= again]
        return repeated_unit(codes, self._max_repeats, lengths)

    def _max_repeats(self, length: int) -> int | None:
        """Return most times in a row that a unit of so many characters may stand."""
        settings = self.settings
        if length == 1:
            return settings.max_character_repeats
        if length < settings.min_sentence or settings.max_long_repeats is None:
            return settings.max_unit_repeats
        return settings.max_long_repeats


class AnswerCopiesPrompt(BaseFilter):
    """Drop answers that only repeat the instruction.

    Reads the instruction and the output. Reason: "echo"; the value is the number of letters that the answer adds. An
    answer that repeats the question and then answers it stays.

    Args:
        min_added: fewest letters, digits and Han characters of an answer that the instruction lacks; None keeps all.
        exclusion_writer: where dropped rows go.
    """

    name = "🦜 answer copies prompt"

    def __init__(self, min_added: int | None, exclusion_writer: DiskWriter | None = None):
        super().__init__(exclusion_writer)
        self.min_added = min_added

    def filter(self, doc: Document) -> Verdict:
        asked, answered = (letters(narrow(doc.metadata[field])) for field in (schema.INSTRUCTION, schema.OUTPUT))
        if self.min_added is None or not asked or asked not in answered:
            return True
        added = len(answered.replace(asked, ""))
        return verdict(doc, Fault("echo", str(added)) if added < self.min_added else None)


def is_reference(text: str, min_names: int | None) -> bool:
    """Return whether the lines describe functions or options: most have a Latin name of their own."""
    if min_names is None:
        return False
    lines = [line for line in text.split("\n") if line.strip()]
    names = {name[0] for line in lines if (name := NAME.match(line))}
    return len(names) >= max(min_names, len(lines) / 2.5)


def duplicate_share(sentences: list[str], characters: int) -> float:
    """Return share of a text's characters that stand in sentences which an earlier sentence equals."""
    seen: set[str] = set()
    duplicate = 0
    for sentence in sentences:
        duplicate += len(sentence) if sentence in seen else 0
        seen.add(sentence)
    return duplicate / max(characters, 1)


def duplicate_ngram_share(text: str, n: int) -> float:
    """Return share of a text's characters that stand in a character n-gram which occurred before."""
    seen: set[str] = set()
    covered_to = duplicate = 0
    for start in range(len(text) - n + 1):
        gram = text[start : start + n]
        if gram in seen:
            duplicate += start + n - max(start, covered_to)
            covered_to = start + n
        seen.add(gram)
    return duplicate / max(len(text), 1)


def repeated_unit(
    codes: np.ndarray, max_repeats: Callable[[int], int | None], lengths: Sequence[int] = LENGTHS
) -> str | None:
    """Return the first unit that stands in a row more often than allowed, as "unit × times"; None if there is none.

    `max_repeats` says how often a unit of a given length may stand. A unit counts when it has a letter or a Han
    character (columns of zeros are no repetition); a unit of one character only when that is Han. Linear in the text:
    for each length, where the text equals itself shifted by that length.
    """
    for length in lengths:
        most = max_repeats(length)
        if most is None or 2 * length > len(codes):
            continue
        for start, end in runs(codes[length:] == codes[:-length], at_least=most * length):
            unit = decode(codes[start : start + length])
            if (HAN_WORD if length == 1 else WORD).search(unit):
                return f"{unit} × {(end - start) // length + 1}"
    return None


def runs(equal: np.ndarray, at_least: int) -> list[list[int]]:
    """Return start and end of every run of True in a boolean array [n] that is at least so long."""
    if np.count_nonzero(equal) < at_least:
        return []
    edges = np.flatnonzero(np.diff(np.concatenate(([False], equal, [False])))).reshape(-1, 2)
    return edges[edges[:, 1] - edges[:, 0] >= at_least].tolist()


def longest_run(numbers: np.ndarray) -> int:
    """Return length of the longest row of successive numbers among different ones in any order."""
    if len(numbers) < 2:
        return len(numbers)
    numbers = np.sort(numbers)
    breaks = (numbers[1:] - numbers[:-1] != 1).nonzero()[0]
    ends = np.concatenate(([-1], breaks, [len(numbers) - 1]))
    return int((ends[1:] - ends[:-1]).max())
