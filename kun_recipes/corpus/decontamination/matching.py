"""Find quotes of questions in segments, measure them, and drop the segments that quote one."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from datatrove.data import Document
from datatrove.pipeline.filters.base_filter import BaseFilter
from datatrove.pipeline.writers.disk_base import DiskWriter

from kun_recipes.corpus.decontamination.index import QuestionIndex, load_index, new_letters
from kun_recipes.data import schema
from kun_recipes.text.grams import gram_hashes, letters_in_place

SLOT_BITS = 24  # a table of 16 MB: with two million n-grams one other of eight meets a byte, of eighty a bit
BATCH = 32  # segments looked at in one go: numpy's calls cost more than the letters of one segment


class Quote(NamedTuple):
    """A question that a text quotes, and the share of the question's part that stands in the text."""

    question: str
    share: float


class Hits(NamedTuple):
    """Matches of the questions' n-grams in texts: numbers of the text, of the letter and of the n-gram."""

    text: np.ndarray
    letter: np.ndarray
    gram: np.ndarray


class Letters(NamedTuple):
    """Letters of several texts in one array, their places, and the start of each text, with the total at the end."""

    codes: np.ndarray
    places: np.ndarray
    firsts: np.ndarray


class Matcher:
    """Finds quotes of the index's questions.

    Looks at many texts in one go, for numpy's calls cost more than the letters of one segment. Their n-grams are
    looked up in a table of bits by part of their hash; the few that pass are searched for; matches are measured.
    """

    def __init__(self, index: QuestionIndex):
        self.index = index
        self.gate = np.zeros(1 << SLOT_BITS, dtype=np.uint8)
        np.bitwise_or.at(self.gate, _slots(index.grams), _bits(index.grams))

    def find(self, texts: Sequence[str]) -> list[Quote | None]:
        """Return, for each text, the question of which it quotes the largest share, or None."""
        # max keeps the first of equals
        return [max(quotes, key=lambda quote: quote.share, default=None) for quotes in self.find_all(texts)]

    def find_all(self, texts: Sequence[str]) -> list[list[Quote]]:
        """Return, for each text, the questions that it quotes, one entry per quoted part."""
        quotes: list[list[Quote]] = [[] for _ in texts]
        letters = _letters(texts)
        hits = self._hits(letters)
        if len(hits.gram):
            for number, part, share in self._quoted(hits):
                if not self.index.part_alone[part] or self._stands_alone(part, number, hits, letters):
                    quotes[number].append(Quote(str(self.index.names[self.index.part_question[part]]), share))
        return quotes

    def _hits(self, letters: Letters) -> Hits:
        ngram, known = self.index.settings.ngram, self.index.grams
        if len(letters.codes) < ngram or not len(known):
            return Hits(*np.empty((3, 0), np.int64))
        hashes = gram_hashes(letters.codes, ngram)
        passed = np.flatnonzero(self.gate.take(_slots(hashes)))
        hashes = hashes[passed]
        is_known = self.gate.take(_slots(hashes)) & _bits(hashes) != 0
        passed, hashes = passed[is_known], hashes[is_known]
        grams = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
        text = np.searchsorted(letters.firsts, passed, side="right") - 1
        is_hit = (known[grams] == hashes) & (passed + ngram <= letters.firsts[text + 1])  # within one text
        return Hits(text[is_hit], passed[is_hit], grams[is_hit])

    def _quoted(self, hits: Hits) -> list[tuple[int, int, float]]:
        """Return text, part and share of each quote."""
        settings, letters = self.index.settings, self.index.part_letters
        text, part, offset = self._postings(hits)
        if not len(part):
            return []
        opens = np.ones(len(part), dtype=bool)
        opens[1:] = (text[1:] != text[:-1]) | (part[1:] != part[:-1])
        firsts = np.flatnonzero(opens)
        shares = np.add.reduceat(new_letters(opens, offset, settings.ngram), firsts) / letters[part[firsts]]
        runs = _longest_runs(opens, offset, firsts) + settings.ngram
        quoted = np.where(self.index.part_alone[part[firsts]], shares == 1, shares >= settings.share)
        quoted |= runs >= settings.quote_letters
        found = firsts[quoted]
        return list(zip(text[found].tolist(), part[found].tolist(), shares[quoted].tolist(), strict=True))

    def _postings(self, hits: Hits) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return texts, and parts and offsets of what they share with them, sorted, each once."""
        text, gram = np.divmod(np.unique(hits.text * len(self.index.grams) + hits.gram), len(self.index.grams))
        starts = self.index.starts[gram]
        counts = self.index.starts[gram + 1] - starts
        places = np.repeat(starts - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
        part, offset = self.index.posting_part[places], self.index.posting_offset[places]
        text = np.repeat(text, counts)
        order = np.lexsort((offset, part, text))
        return text[order], part[order], offset[order]

    def _stands_alone(self, part: int, text: int, hits: Hits, letters: Letters) -> bool:
        """Return whether a part that is quoted in full stands somewhere with no letter right before and behind it."""
        index, length = self.index, int(self.index.part_letters[part])
        apart = np.ones(len(letters.codes) + 1, dtype=bool)  # whether something parts a letter from the one before
        apart[1:-1] = np.diff(letters.places) > 1
        apart[letters.firsts] = True
        opening = np.flatnonzero((index.posting_part == part) & (index.posting_offset == 0))
        gram = np.searchsorted(index.starts, opening, side="right") - 1
        starts = hits.letter[(hits.text == text) & (hits.gram == gram)]
        starts = starts[starts + length <= letters.firsts[text + 1]]
        return bool((apart[starts] & apart[starts + length]).any())


class Decontaminate(BaseFilter):
    """Drop segments that quote an evaluation question: its stem, its options, or a long run of either.

    Drops with reason "contaminated"; the value is "<benchmark>/<question id> <share of the question that is quoted>".

    Args:
        index: file that `QuestionIndex.save` wrote.
        exclusion_writer: where dropped rows go.
    """

    name = "🧪 decontaminate"

    def __init__(self, index: str | Path, exclusion_writer: DiskWriter | None = None):
        super().__init__(exclusion_writer, batch_size=BATCH)
        self.index = str(index)
        self._matcher: Matcher | None = None  # made in the process that uses it

    def filter(self, doc: Document) -> bool | tuple[bool, str]:
        return self.filter_batch([doc])[0]

    def filter_batch(self, batch: list[Document]) -> list[bool | tuple[bool, str]]:
        if self._matcher is None:
            self._matcher = Matcher(load_index(self.index))
        quotes = self._matcher.find([document.text for document in batch])
        return [self._verdict(document, quote) for document, quote in zip(batch, quotes, strict=True)]

    def _verdict(self, doc: Document, quote: Quote | None) -> bool | tuple[bool, str]:
        if quote is None:
            return True
        doc.metadata[schema.VALUE] = f"{quote.question} {quote.share:.2f}"
        self.stat_update(f"contaminated_{quote.question.partition('/')[0]}")
        return False, "contaminated"


def _letters(texts: Sequence[str]) -> Letters:
    in_place = letters_in_place("".join(texts))
    places = np.flatnonzero(in_place)
    begins = np.cumsum([0, *map(len, texts)])
    return Letters(in_place[places], places, np.searchsorted(places, begins))


def _longest_runs(opens: np.ndarray, offset: np.ndarray, firsts: np.ndarray) -> np.ndarray:
    """Return, for each part, the letters by which its longest unbroken quote is longer than an n-gram."""
    broken = opens.copy()
    broken[1:] |= offset[1:] - offset[:-1] > 1
    numbers = np.arange(len(offset))
    run = numbers - np.maximum.accumulate(np.where(broken, numbers, 0))
    return np.maximum.reduceat(run, firsts)


def _slots(hashes: np.ndarray) -> np.ndarray:
    """Return the byte of the gate, by a hash's upper bits."""
    return (hashes >> np.uint64(64 - SLOT_BITS)).view(np.int64)


def _bits(hashes: np.ndarray) -> np.ndarray:
    """Return the bit of that byte, by the bits below."""
    return np.uint8(1) << (hashes >> np.uint64(61 - SLOT_BITS) & np.uint64(7)).astype(np.uint8)
