"""Base classes of blocks that ask a model: many rows per call, and no prompt that does not fit the context."""

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import compress

from datatrove.data import Document
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.filters.base_filter import BaseFilter
from datatrove.pipeline.writers.disk_base import DiskWriter

from kun_recipes.data import schema
from kun_recipes.data.hashing import choice_hash
from kun_recipes.execution.usage import LOADING, TOKENS
from kun_recipes.models.engines import EngineSettings, load_engine
from kun_recipes.models.engines.base import Engine, Prompt, RowsRefused
from kun_recipes.models.engines.settings import EngineName
from kun_recipes.models.lengths import TokenBound

ROWS_A_CALL: dict[EngineName, int] = {"transformers": 1024, "vllm": 16384, "openai": 16384}
"""Rows handed to an engine at once; it makes its own batches of them. A call never crosses shards.

At the end of a call vLLM's batch runs empty: whole shards go into one.
"""

Verdict = bool | tuple[bool, str]


class AskModel(BaseFilter, ABC):
    """Block that asks a model about each row. Rows whose prompt leaves no room are dropped as "context_length".

    Args:
        engine: the model, loaded once per process.
        new_tokens: room that the answer needs in the model's context.
    """

    def __init__(self, engine: EngineSettings, new_tokens: int, exclusion_writer: DiskWriter | None = None):
        super().__init__(exclusion_writer, batch_size=ROWS_A_CALL[engine.engine])
        self.engine, self.new_tokens = engine, new_tokens

    @abstractmethod
    def prompt_for(self, doc: Document) -> Prompt:
        """Return the prompt of one row."""

    @abstractmethod
    def ask(self, engine: Engine, docs: list[Document], prompts: list[Prompt]) -> list[Verdict]:
        """Ask about rows whose prompts fit, add the answers to their metadata, and say which rows stay."""

    def room_for(self, doc: Document) -> int:
        """Return tokens that the row's answer needs in the model's context."""
        return self.new_tokens

    def filter(self, doc: Document) -> Verdict:
        return self.filter_batch([doc])[0]

    def filter_batch(self, batch: list[Document]) -> list[Verdict]:
        engine = engine_of(self, self.engine)
        prompts = [self.prompt_for(doc) for doc in batch]
        long = too_long(engine, prompts, [*map(self.room_for, batch)])
        kept = [index for index in range(len(batch)) if index not in long]
        verdicts = iter(self._ask(engine, [batch[index] for index in kept], [prompts[index] for index in kept]))
        self.stat_update(TOKENS, value=engine.take_worked())
        for index, length in long.items():
            batch[index].metadata[schema.VALUE] = length
        return [(False, "context_length") if index in long else next(verdicts) for index in range(len(batch))]

    def _ask(self, engine: Engine, docs: list[Document], prompts: list[Prompt]) -> list[Verdict]:
        """Ask about rows; those that a server refuses are dropped as "refused", and what it says is their value."""
        try:
            return self.ask(engine, docs, prompts)
        except RowsRefused as error:
            reasons = error.reasons(prompts)
        answered = [reason is None for reason in reasons]
        verdicts = iter(self.ask(engine, [*compress(docs, answered)], [*compress(prompts, answered)]))
        for doc, reason in zip(docs, reasons, strict=True):
            if reason is not None:
                doc.metadata[schema.VALUE] = reason
        return [(False, "refused") if reason is not None else next(verdicts) for reason in reasons]


def engine_of(block: PipelineStep, settings: EngineSettings) -> Engine:
    """Return the engine that a block asks, and note how long it took to load."""
    begun = time.perf_counter()
    engine = load_engine(settings)
    block.stat_update(LOADING, value=time.perf_counter() - begun)
    return engine


def too_long(engine: Engine, prompts: Sequence[Prompt], rooms: Sequence[int]) -> dict[int, int]:
    """Return the tokens of each prompt that leaves its answer no room in the model's context, by its index.

    Only the prompts of which an upper bound does not say that they fit are tokenised.
    """
    bound = TokenBound(engine.count_tokens)
    doubtful = [
        index
        for index, (prompt, room) in enumerate(zip(prompts, rooms, strict=True))
        if bound(prompt) + room > engine.context_length
    ]
    lengths = engine.count_tokens([prompts[index] for index in doubtful]) if doubtful else []
    found = zip(doubtful, lengths, strict=True)
    return {index: length for index, length in found if length + rooms[index] > engine.context_length}


def answer_tokens(engine: EngineSettings, answer: str) -> int:
    """Return the tokens of an answer that is read again, and of a frame around it."""
    (length,) = load_engine(engine).count_tokens([[{"role": "user", "content": answer}]])
    return length


def row_seed(seed: int, row_id: str, candidate: int = 0) -> int:
    """Return a sampling seed of 63 bits that depends on nothing but the run's seed, the row and the candidate."""
    return choice_hash(row_id, salt=f"{seed}:{candidate}:" if candidate else f"{seed}:") >> 1
