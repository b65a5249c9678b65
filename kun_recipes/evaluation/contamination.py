"""Which questions the training rows quote, found as the corpus stage finds them in segments."""

from collections.abc import Mapping, Sequence

from kun_recipes.corpus import decontamination
from kun_recipes.corpus.decontamination import build_index
from kun_recipes.corpus.decontamination.matching import Matcher
from kun_recipes.data.pairs import load_pairs
from kun_recipes.evaluation.questions import Question

TEXTS_AT_ONCE = 32
DEFAULT = ("instruction", "output")


def overlapping(
    questions: Sequence[Question], training_rows: Sequence[str], columns: Mapping[str, tuple[str, str]]
) -> frozenset[str]:
    """Ids of the questions that a training row quotes: in its instruction, its output, or the two in a row.

    Args:
        training_rows: sets of pairs.
        columns: names of instruction and output in a set where they are others.

    Raises UserError when a set cannot be read.
    """
    texts = [text for path in training_rows for text in _texts(path, *columns.get(path, DEFAULT))]
    index = build_index([decontamination.Question(one.id, one.stem, one.options) for one in questions])
    matcher = Matcher(index)
    return frozenset(
        quote.question
        for first in range(0, len(texts), TEXTS_AT_ONCE)
        for quotes in matcher.find_all(texts[first : first + TEXTS_AT_ONCE])
        for quote in quotes
    )


def _texts(path: str, instruction: str, output: str) -> list[str]:
    seeds, _ = load_pairs(path, instruction, output)
    return [f"{seed.instruction}\n{seed.output}" for seed in seeds]
