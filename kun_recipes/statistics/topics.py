"""The fixed lists of topics, and the options that one question about them offers (Kun §4.2.1, figure 2)."""

import string
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

import numpy

from kun_recipes.config.settings import load_typed
from kun_recipes.config.values import first_repeated
from kun_recipes.errors import UserError
from kun_recipes.models.asking import row_seed

LETTERS = string.ascii_uppercase
TOPICS_FILE = files("kun_recipes.statistics") / "topics.yaml"
SIZES = {"discipline": 24, "sector": 16, "text_type": 15}  # Kun §4.2.1
LISTS = tuple(SIZES)


@dataclass(frozen=True)
class Topic:
    """One option.

    Attributes:
        key: in rows and figures.
        name: as the model reads it.
    """

    key: str
    name: str
    english: str


@dataclass(frozen=True)
class TopicList:
    """A list of options that exclude one another; `title` is what they are called in the question."""

    title: str
    english: str
    topics: tuple[Topic, ...]

    def order(self, row_id: str, turn: int) -> list[Topic]:
        """Return the options in the order of this row and turn, shuffled because models prefer early letters."""
        places = numpy.random.default_rng(row_seed(turn, row_id)).permutation(len(self.topics))
        return [self.topics[place] for place in places]

    @property
    def letters(self) -> str:
        return LETTERS[: len(self.topics)]


@dataclass(frozen=True)
class TopicLists:
    """The three lists of topics.yaml."""

    discipline: TopicList
    sector: TopicList
    text_type: TopicList

    def named(self, name: str) -> TopicList:
        return getattr(self, name)


@cache
def load_topics(source: Traversable = TOPICS_FILE) -> TopicLists:
    """Read the lists. Raises UserError, naming file and key, for invalid lists, duplicate topics or too many."""
    lists = load_typed(source, TopicLists)
    for name in LISTS:
        topics = lists.named(name).topics
        if not 2 <= len(topics) <= len(LETTERS):
            raise UserError(f"{source}: {name}: {len(topics)} topics; give 2 to {len(LETTERS)}, one per letter")
        for values in ([topic.key for topic in topics], [topic.name for topic in topics]):
            if double := first_repeated(values):
                raise UserError(f"{source}: {name}: duplicate topic {double}")
    return lists


def write_options(topics: Sequence[Topic]) -> str:
    """Return the options as the prompt shows them: one line each, with a letter."""
    return "\n".join(f"{letter}. {topic.name}" for letter, topic in zip(LETTERS, topics, strict=False))
