"""The model says what a pair is about: each list asked several times, its options in another order each time."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import numpy
from datatrove.data import Document
from datatrove.pipeline.writers.disk_base import DiskWriter
from scipy.special import softmax

from kun_recipes.data import schema
from kun_recipes.models.asking import AskModel, Verdict
from kun_recipes.models.engines import EngineSettings, load_engine
from kun_recipes.models.engines.base import Engine, Prompt
from kun_recipes.models.prompts import PromptTemplate
from kun_recipes.statistics.topics import TopicList, write_options

FIELDS = {"kind", "options", "instruction", "output"}
ANSWER_TOKENS = 4  # room for a letter, in any tokenizer
TOP = 10  # Kun figure 2
CONTENT_FREE = "无"
PRIOR_ORDERS = 4  # orders of the options over which the preference for letters is averaged
SET = "set"
"""Column of the name of the row's set."""


class AskTopic(AskModel):
    """Ask for the topic of each pair by one list, once (Kun §4.2.1).

    The answer is the letter that gains most over what the model answers on content-free input (Zhao et al. 2021): the
    demo's model of half a billion parameters says B to everything otherwise.

    Reads instruction and the text as its output. Adds <list>_<turn>, the topic's key, <list>_<turn>_letter, by which
    a preference for letters shows, and <list>_<turn>_probability. Drops with reason "context_length".

    Args:
        list_name: of the list, for columns.
        turn: 1 for the first time; decides the order of the options, with the row's id.
        characters: shown of an instruction and of an output, the first; the rest is cut off.
    """

    def __init__(
        self,
        engine: EngineSettings,
        prompt: PromptTemplate,
        list_name: str,
        topics: TopicList,
        turn: int,
        characters: int,
        exclusion_writer: DiskWriter | None = None,
    ):
        self.name = f"🏷️ {list_name} {turn}"
        super().__init__(engine, ANSWER_TOKENS, exclusion_writer)
        self.prompt, self.topics, self.turn, self.characters = prompt, topics, turn, characters
        self.column = topic_column(list_name, turn)

    def prompt_for(self, doc: Document) -> Prompt:
        return topic_prompt(self.prompt, self.topics, self.turn, self.characters, doc)

    def ask(self, engine: Engine, docs: list[Document], prompts: list[Prompt]) -> list[Verdict]:
        prior = letter_prior(self.engine, self.prompt, self.topics) if docs else ()
        for doc, logprobs in zip(docs, engine.choose(prompts, list(self.topics.letters)), strict=True):
            gains = numpy.subtract(logprobs, prior)
            best = int(gains.argmax())
            doc.metadata |= {
                self.column: self.topics.order(doc.id, self.turn)[best].key,
                f"{self.column}_letter": self.topics.letters[best],
                f"{self.column}_probability": float(softmax(gains)[best]),
            }
        return [True] * len(docs)


@cache  # of a process: each list is asked in several blocks
def letter_prior(settings: EngineSettings, prompt: PromptTemplate, topics: TopicList) -> tuple[float, ...]:
    """Return the mean log-probability (nats) of each letter for an empty text, over a few orders of the options."""
    nothing = [
        Document(CONTENT_FREE, f"{CONTENT_FREE}{order}", metadata={schema.INSTRUCTION: CONTENT_FREE})
        for order in range(PRIOR_ORDERS)
    ]
    prompts = [topic_prompt(prompt, topics, 0, len(CONTENT_FREE), doc) for doc in nothing]
    return tuple(numpy.mean(load_engine(settings).choose(prompts, list(topics.letters)), axis=0).tolist())


def topic_prompt(prompt: PromptTemplate, topics: TopicList, turn: int, characters: int, doc: Document) -> Prompt:
    """Return the question about one pair, the beginning of its texts shown."""
    return prompt.render(
        kind=topics.title,
        options=write_options(topics.order(doc.id, turn)),
        instruction=_beginning(doc.metadata[schema.INSTRUCTION], characters),
        output=_beginning(doc.text, characters),
    )


def topic_column(list_name: str, turn: int) -> str:
    return f"{list_name}_{turn}"


def topic_statistics(
    rows: Iterable[Mapping[str, Any]], list_name: str, topics: TopicList, repeats: int
) -> dict[str, Any]:
    """Count the rows asked, those that agreed in all turns or disagreed, and the topics of those that agreed.

    `by_chance` is the agreement of a reader who picks letters without reading; `letters` counts the letters picked,
    which are even where the model has no favourite.
    """
    counts, letters = dict.fromkeys((topic.key for topic in topics.topics), 0), dict.fromkeys(topics.letters, 0)
    asked = agreed = 0
    for row in rows:
        asked += 1
        columns = [topic_column(list_name, turn) for turn in range(1, repeats + 1)]
        for column in columns:
            letters[row[f"{column}_letter"]] += 1
        if len({row[column] for column in columns}) == 1:
            agreed += 1
            counts[row[columns[0]]] += 1
    names = {topic.key: topic for topic in topics.topics}
    ranked = sorted(counts.items(), key=lambda item: -item[1])
    return {
        "title": topics.title,
        "asked": asked,
        "agreed": agreed,
        "disagreed": asked - agreed,
        "agreement": agreed / asked if asked else 0.0,
        "by_chance": len(topics.topics) ** -(repeats - 1),
        "letters": letters,
        "topics": [
            {
                "key": key,
                "name": names[key].name,
                "english": names[key].english,
                "rows": count,
                "share": count / agreed if agreed else 0.0,
            }
            for key, count in ranked
        ],
    }


def _beginning(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[:characters] + "……"
