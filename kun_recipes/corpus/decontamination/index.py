"""Index of the n-grams of all questions as arrays for numpy's search: each n-gram with its places in the questions."""

import dataclasses
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kun_recipes.corpus.decontamination.benchmarks import OPTIONS, Question
from kun_recipes.data.atomic import whole_or_not_at_all
from kun_recipes.text.grams import gram_hashes, letter_codes

STEM, CHOICES, WHOLE = range(3)
"""Kinds of parts: the stem, the options in a row, or the stem and its options."""


@dataclass(frozen=True)
class DecontaminationSettings:
    """Limits from which a text counts as a quote of a question.

    Attributes:
        ngram: letters of an n-gram. PaLM (Chowdhery et al. 2022, §8) takes 8 words; 8 Chinese characters are some five
            words: rare enough to tell a quote from a phrase, short enough that a changed letter costs little of it.
        share: of the letters of a question's part that must stand in matched n-grams (PaLM's 70%).
        min_letters: shortest part that is looked for anywhere. Below two n-grams, "我国的根本政治制度是" is as much a
            phrase of any text as a question; a shorter stem is looked for together with its options, and alone only
            where it stands by itself, between punctuation.
        quote_letters: a run of this length is a quote, whatever its share of a longer part (GPT-4's report takes 50
            characters).
        max_questions: an n-gram in more questions than these is how questions are put ("下列关于…的说法中正确的是"),
            not what one of them asks, and counts for nothing. The few below it may share the text they ask about.
    """

    ngram: int = 8
    share: float = 0.7
    min_letters: int = 16
    quote_letters: int = 50
    max_questions: int = 10


class Part(NamedTuple):
    """A piece of a question by which it may be quoted."""

    question: int
    kind: int
    hashes: np.ndarray


@dataclass(frozen=True)
class QuestionIndex:
    """Index of the questions of all benchmarks, by `build_index`.

    Memory: 60 MB for 25 000 questions (C-Eval and CMMLU), and 16 MB for the gate of a `Matcher`.

    Attributes:
        settings: what it was built by.
        names: of the questions.
        grams: hashes of the n-grams, sorted.
        starts: where the postings of each n-gram begin, and at last their number.
        posting_part, posting_offset: a posting is the n-gram's place: a part, and the letter at which it begins there.
        part_question: the question of each part.
        part_letters: the letters of each part that stand in its n-grams.
        part_alone: whether a part counts only where it stands by itself, between punctuation: short stems and prompts.
    """

    settings: DecontaminationSettings
    names: np.ndarray
    grams: np.ndarray
    starts: np.ndarray
    posting_part: np.ndarray
    posting_offset: np.ndarray
    part_question: np.ndarray
    part_letters: np.ndarray
    part_alone: np.ndarray

    def save(self, path: str | Path) -> None:
        """Write the index atomically: the file is whole or missing."""
        arrays = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)[1:]}
        with whole_or_not_at_all(Path(path)) as partial, partial.open("wb") as file:
            np.savez(file, **arrays, **dataclasses.asdict(self.settings))


def load_index(path: str | Path) -> QuestionIndex:
    """Read the index that `save` wrote; once per process."""
    status = os.stat(path)
    return _load(str(path), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=1)
def _load(path: str, _size: int, _time: int) -> QuestionIndex:
    with np.load(path) as saved:
        settings = {field.name: saved[field.name].item() for field in dataclasses.fields(DecontaminationSettings)}
        arrays = {field.name: saved[field.name] for field in dataclasses.fields(QuestionIndex)[1:]}
    return QuestionIndex(DecontaminationSettings(**settings), **arrays)


def build_index(questions: Sequence[Question], settings: DecontaminationSettings | None = None) -> QuestionIndex:
    """Index the stem of every question, its options with and without letters, and short stems with their options.

    A short stem or prompt alone counts only as a whole, and one shorter than an n-gram not at all.

    Called once per run. Takes some 7 seconds and 500 MB for 25 000 questions.
    """
    settings = settings or DecontaminationSettings()
    parts = [part for number, question in enumerate(questions) for part in _parts(number, question, settings)]
    grams, gram_of, part_of, offset_of = _postings(parts, settings.max_questions)
    letters = _letters(part_of, offset_of, len(parts), settings.ngram)
    kept, alone = _choose(parts, letters, settings)
    numbers = np.cumsum(kept) - 1
    used = kept[part_of]
    counts = np.bincount(gram_of[used], minlength=len(grams))
    return QuestionIndex(
        settings=settings,
        names=np.array([question.name for question in questions], dtype=np.str_),
        grams=grams[counts > 0],
        starts=np.concatenate([[0], np.cumsum(counts[counts > 0])]),
        posting_part=numbers[part_of[used]].astype(np.int32),
        posting_offset=offset_of[used].astype(np.int32),
        part_question=np.array([part.question for part in parts], dtype=np.int64)[kept],
        part_letters=letters[kept],
        part_alone=alone[kept],
    )


def _parts(number: int, question: Question, settings: DecontaminationSettings) -> Iterator[Part]:
    stem = letter_codes(question.stem)
    pieces = [(STEM, stem)]
    if question.options:
        plain = letter_codes("".join(question.options))
        lettered = letter_codes("".join(map("".join, zip(OPTIONS, question.options, strict=False))))
        pieces += [(CHOICES, plain), (CHOICES, lettered)]
        if len(stem) < 2 * settings.min_letters:  # a longer one, even half of phrases, is looked for by itself
            pieces += [(WHOLE, np.concatenate([stem, plain])), (WHOLE, np.concatenate([stem, lettered]))]
    for kind, codes in pieces:
        if len(codes) >= settings.ngram:
            yield Part(number, kind, gram_hashes(codes, settings.ngram))


def _postings(parts: list[Part], max_questions: int) -> tuple[np.ndarray, ...]:
    """Return all n-grams, sorted, and the postings of those that stand in few questions, in the same order.

    A posting is the number of its n-gram, its part, and the place where it begins there.
    """
    lengths = np.array([len(part.hashes) for part in parts], dtype=np.int64)
    hashes = np.concatenate([part.hashes for part in parts]) if parts else np.empty(0, np.uint64)
    part_of = np.repeat(np.arange(len(parts)), lengths)
    offset_of = np.arange(len(hashes)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    grams, gram_of = np.unique(hashes, return_inverse=True)
    question_of = np.repeat(np.array([part.question for part in parts], dtype=np.int64), lengths)
    pairs = np.unique(gram_of * (question_of.max(initial=0) + 1) + question_of)
    in_questions = np.bincount(pairs // (question_of.max(initial=0) + 1), minlength=len(grams))
    order = np.argsort(gram_of, kind="stable")
    order = order[in_questions[gram_of[order]] <= max_questions]
    return grams, gram_of[order], part_of[order], offset_of[order]


def _letters(part_of: np.ndarray, offset_of: np.ndarray, parts: int, ngram: int) -> np.ndarray:
    """Return the number of letters of each part that stand in its n-grams."""
    order = np.lexsort((offset_of, part_of))
    part, offset = part_of[order], offset_of[order]
    opens = np.ones(len(part), dtype=bool)
    opens[1:] = part[1:] != part[:-1]
    return np.bincount(part, weights=new_letters(opens, offset, ngram), minlength=parts).astype(np.int64)


def new_letters(opens: np.ndarray, offset: np.ndarray, ngram: int) -> np.ndarray:
    """Return how many letters each n-gram adds to the part's n-grams before it.

    Args:
        opens: which n-grams are the first of their part.
        offset: where they begin in it, in order.
    """
    added = np.minimum(np.diff(offset, prepend=0), ngram)
    added[opens] = ngram
    return added


def _choose(
    parts: list[Part], letters: np.ndarray, settings: DecontaminationSettings
) -> tuple[np.ndarray, np.ndarray]:
    """Return which parts are looked for, and which of these count only where they stand by themselves."""
    kept, alone = letters >= settings.min_letters, np.zeros(len(parts), dtype=bool)
    stem_suffices = {part.question for part, enough in zip(parts, kept, strict=True) if enough and part.kind == STEM}
    for number, part in enumerate(parts):
        if part.kind == WHOLE and part.question in stem_suffices:
            kept[number] = False
        elif part.kind == STEM and not kept[number]:
            whole = letters[number] == len(part.hashes) + settings.ngram - 1
            kept[number] = alone[number] = whole
    return kept, alone
