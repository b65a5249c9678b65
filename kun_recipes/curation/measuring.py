"""Base classes of the blocks by which label and refine measure rows. Rows are selected later, without a model.

A measuring block passes every row on, so that one folder holds all that was measured. A threshold can then be moved
in seconds: `RecallRows` gives the rows what is known of them, and a model is asked only about what is not.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import compress, groupby
from pathlib import Path
from typing import Any

from datatrove.data import Document, DocumentsPipeline
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.filters.base_filter import BaseFilter
from datatrove.pipeline.writers.disk_base import DiskWriter
from datatrove.utils.batching import batched

from kun_recipes.data import schema
from kun_recipes.data.rows import read_shard
from kun_recipes.execution.usage import TOKENS
from kun_recipes.models.asking import ROWS_A_CALL, engine_of, row_seed, too_long
from kun_recipes.models.engines import EngineSettings
from kun_recipes.models.engines.base import Completion, Engine, Prompt, RowsRefused, Sampling
from kun_recipes.models.prompts import PromptTemplate

Wanted = Callable[[Document], bool]
"""Function that returns whether to ask about a row: False if an earlier verdict drops it."""


class RecallRows(PipelineStep):
    """Give each row the columns that were measured before, by the task of the same rank.

    A row is the same where its id, its text and the columns of `same` are. Its further candidates follow it.

    Args:
        folder: each folder in it holds shards of measured rows.
        number: column of the candidates' numbers.
        candidates: how many of each row, the first included.
        same: columns that were read to measure the others.
    """

    name = "🧠 recall"
    type = "📖 - READER"

    def __init__(self, folder: Path, number: str, candidates: int = 1, same: Sequence[str] = ()):
        super().__init__()
        self.folder, self.number, self.candidates, self.same = folder, number, candidates, same

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        known = self._known(f"{rank:05d}.jsonl.zst")
        for doc in data:
            given = doc.metadata
            found = known.get((doc.id, doc.text, *map(given.get, self.same)), {})
            self.stat_update("recalled", value=int(bool(found)))
            doc.metadata = {**given, **found.get(0, {}), **given}
            yield doc
            for number in range(1, self.candidates):
                if number in found:
                    yield Document(doc.text, doc.id, metadata={**given, **found[number], **given})

    def _known(self, shard: str) -> dict[tuple[Any, ...], dict[int, dict[str, Any]]]:
        known: dict[tuple[Any, ...], dict[int, dict[str, Any]]] = {}
        for folder in sorted(self.folder.glob("*")):
            for row in read_shard(folder, shard) if (folder / shard).is_file() else ():
                key = (row.pop(schema.ID), row.pop(schema.TEXT), *map(row.get, self.same))
                candidates, number = known.setdefault(key, {}), row.get(self.number, 0)
                candidates[number] = candidates.get(number, {}) | row
        return known


class MeasureRows(PipelineStep, ABC):
    """A block that asks a model about the rows that lack its column, and passes every row on.

    A row whose prompt leaves the answer no room gets prompt_tokens instead, one that a server refuses gets refused,
    and no later block asks about either.

    Args:
        engine: the model, loaded once per process, by the first row that it is asked about.
        new_tokens: room that the answer needs in the model's context.
        wanted: rows that are asked about; None: all.
    """

    type = "🌡️ - MEASURE"

    def __init__(self, engine: EngineSettings, new_tokens: int, wanted: Wanted | None = None):
        super().__init__()
        self.engine, self.new_tokens, self.wanted = engine, new_tokens, wanted

    @property
    @abstractmethod
    def column(self) -> str:
        """The column by which a row shows that it was measured."""

    @abstractmethod
    def prompt_for(self, doc: Document) -> Prompt:
        """Return the longest prompt that is asked about one row."""

    @abstractmethod
    def measure(self, engine: Engine, docs: list[Document], prompts: list[Prompt]) -> None:
        """Add the columns to rows whose prompts fit."""

    def room_for(self, doc: Document) -> int:
        """Return tokens that the row's answer needs in the model's context."""
        return self.new_tokens

    def is_asked(self, doc: Document) -> bool:
        known = self.column in doc.metadata or is_unanswered(doc)
        return not known and (self.wanted is None or self.wanted(doc))

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        for batch in batched(data, ROWS_A_CALL[self.engine.engine]):
            asked = [doc for doc in batch if self.is_asked(doc)]
            self.stat_update("asked", value=len(asked))
            if asked:
                with self.track_time("batch"):
                    self._measure(asked)
            yield from batch

    def _measure(self, asked: list[Document]) -> None:
        engine = engine_of(self, self.engine)
        prompts = [self.prompt_for(doc) for doc in asked]
        long = too_long(engine, prompts, [*map(self.room_for, asked)])
        for index, length in long.items():
            asked[index].metadata[schema.PROMPT_TOKENS] = length
        fits = [index not in long for index in range(len(asked))]
        if any(fits):
            self._measure_fitting(engine, [*compress(asked, fits)], [*compress(prompts, fits)])
        self.stat_update(TOKENS, value=engine.take_worked())

    def _measure_fitting(self, engine: Engine, docs: list[Document], prompts: list[Prompt]) -> None:
        """Measure rows, and mark those that a server refuses; the engine has the answers to the others by then."""
        try:
            self.measure(engine, docs, prompts)
            return
        except RowsRefused as error:
            reasons = error.reasons(prompts)
        for doc, reason in zip(docs, reasons, strict=True):
            if reason is not None:
                doc.metadata[schema.REFUSED] = reason
        answered = [reason is None for reason in reasons]
        if any(answered):
            self.measure(engine, [*compress(docs, answered)], [*compress(prompts, answered)])


def is_unanswered(doc: Document) -> bool:
    """Return whether a model could not be asked about a row."""
    return schema.PROMPT_TOKENS in doc.metadata or schema.REFUSED in doc.metadata


class WriteText(MeasureRows):
    """A block that has the model write a text for each row, or several candidates.

    A further candidate is a row of its own behind the first, with the same id. The first is the text that would be
    written alone.

    Attributes:
        number: column of the number of a further candidate, from 1.
        own: columns that say something of one candidate, not of the row.

    Args:
        author: what the model is called in the rows, by `kun_recipes.models.resolve.model_identity`.
        prompt: the prompt file.
        sampling: how tokens are picked.
        seed: each text's own seed is derived from it, the row's id and the candidate's number.
        candidates: how many texts for each row.
        temperature: of further candidates where `sampling` is greedy.
    """

    number: str = schema.CANDIDATE
    own: Sequence[str] = ()

    def __init__(
        self,
        engine: EngineSettings,
        author: str,
        prompt: PromptTemplate,
        sampling: Sampling,
        seed: int,
        wanted: Wanted | None = None,
        candidates: int = 1,
        temperature: float = 0.0,
    ):
        super().__init__(engine, sampling.max_new_tokens, wanted)
        self.author, self.prompt, self.seed, self.candidates = author, prompt, seed, candidates
        self.first_is_greedy = sampling.temperature == 0
        self.sampling = replace(sampling, temperature=sampling.temperature or temperature)

    @abstractmethod
    def columns(self, completion: Completion) -> dict[str, object]:
        """Return the columns that a row gets from its completion."""

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        for doc in super().run(self._with_candidates(data), rank, world_size):
            if self.number not in doc.metadata or self.column in doc.metadata:
                yield doc

    def _with_candidates(self, data: DocumentsPipeline) -> Iterator[Document]:
        """Yield the rows, each followed by those of its further candidates; the recalled ones are there already."""
        for _, rows in groupby(data, key=lambda doc: doc.id):
            known = list(rows)
            yield from known
            first = known[0]
            if is_unanswered(first) and self.column not in first.metadata:
                continue
            shared = {key: value for key, value in first.metadata.items() if key not in self.own}
            for number in range(len(known), self.candidates):
                yield Document(first.text, first.id, metadata={**shared, self.number: number})

    def measure(self, engine: Engine, docs: list[Document], prompts: list[Prompt]) -> None:
        seeds = map(self._seed, docs)
        for doc, completion in zip(docs, engine.generate(prompts, self.sampling, [*seeds]), strict=True):
            doc.metadata |= self.columns(completion)

    def _seed(self, doc: Document) -> int | None:
        number = doc.metadata.get(self.number, 0)
        return None if self.first_is_greedy and not number else row_seed(self.seed, doc.id, number)


class FitsContext(BaseFilter):
    """Drop a row that a model could not be asked about: reason "context_length", value the prompt's tokens."""

    name = "📐 context"

    def __init__(self, exclusion_writer: DiskWriter | None = None):
        super().__init__(exclusion_writer)

    def filter(self, doc: Document) -> bool | tuple[bool, str]:
        if (length := doc.metadata.get(schema.PROMPT_TOKENS)) is None:
            return True
        doc.metadata[schema.VALUE] = length
        return False, "context_length"


class NotRefused(BaseFilter):
    """Drop a row that a server refuses to answer: reason "refused", value what it says."""

    name = "🙅 refused"

    def filter(self, doc: Document) -> bool | tuple[bool, str]:
        if (reason := doc.metadata.get(schema.REFUSED)) is None:
            return True
        doc.metadata[schema.VALUE] = reason
        return False, "refused"
