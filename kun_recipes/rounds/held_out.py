"""Held-out seed pairs under the models of a round: how likely each finds them, and what the label model writes."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from datatrove.data import Document
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.writers.disk_base import DiskWriter

from kun_recipes.data.pairs import Pair
from kun_recipes.data.rows import read_rows, removed_writers, row_writer
from kun_recipes.evaluation import columns
from kun_recipes.evaluation.held_out import ReadPairs, pair_prompt
from kun_recipes.execution.counts import Counts, sum_counts
from kun_recipes.execution.folder import StageFolder
from kun_recipes.execution.launch import run_pipeline
from kun_recipes.models.asking import AskModel, Verdict, answer_tokens, row_seed
from kun_recipes.models.context import Request, open_engine
from kun_recipes.models.engines import EngineSettings, release_engines
from kun_recipes.models.engines.base import Engine, Prompt, Sampling
from kun_recipes.models.prompts import PromptTemplate, load_prompt
from kun_recipes.rounds.config import GainConfig
from kun_recipes.rounds.likeness import likeness

LABEL_MODEL, CHAT_MODEL = "label_model", "primary_chat_model"
MODELS = (LABEL_MODEL, CHAT_MODEL)
"""The models of a round, by the names of their folders."""

REFERENCE_PRIOR = "reference_prior_logprob"
"""Column: mean log-probability of the human's instruction per token (nats) after an empty segment."""
WRITTEN, LIKENESS = "written", "likeness"
"""Columns: the label model's own instruction, and its likeness to the human's."""

Records = dict[str, dict[str, Any]]
"""Measurements of each held-out pair, by its id."""


class ScoreOutput(AskModel):
    """Score the human's output of each pair under a chat model.

    Reads the instruction as text, and reference. Adds reference_logprob. Drops with reason "context_length".
    """

    name = "🌱 held-out outputs"

    def __init__(self, engine: EngineSettings, new_tokens: int = 0, exclusion_writer: DiskWriter | None = None):
        super().__init__(engine, new_tokens, exclusion_writer)

    def prompt_for(self, doc: Document) -> Prompt:
        return pair_prompt(doc.text, "chat")

    def room_for(self, doc: Document) -> int:
        return max(self.new_tokens, answer_tokens(self.engine, doc.metadata[columns.REFERENCE]))

    def ask(self, engine: Engine, docs: list[Document], prompts: list[Prompt]) -> list[Verdict]:
        scores = engine.score(prompts, [doc.metadata[columns.REFERENCE] for doc in docs])
        for doc, score in zip(docs, scores, strict=True):
            doc.metadata[columns.REFERENCE_LOGPROB] = score
        return [True] * len(docs)


class ScoreInstruction(ScoreOutput):
    """Score the human's instruction of each pair under a label model, and write one.

    Reads the output as text, and reference. Adds reference_logprob, reference_prior_logprob, written and likeness.
    Drops with reason "context_length".
    """

    name = "🌱 held-out instructions"

    def __init__(
        self,
        engine: EngineSettings,
        prompt: PromptTemplate,
        sampling: Sampling,
        seed: int,
        exclusion_writer: DiskWriter | None = None,
    ):
        super().__init__(engine, sampling.max_new_tokens, exclusion_writer)
        self.prompt, self.sampling, self.seed = prompt, sampling, seed

    def prompt_for(self, doc: Document) -> Prompt:
        return self.prompt.render(segment=doc.text)

    def ask(self, engine: Engine, docs: list[Document], prompts: list[Prompt]) -> list[Verdict]:
        verdicts = super().ask(engine, docs, prompts)
        references = [doc.metadata[columns.REFERENCE] for doc in docs]
        priors = engine.score([self.prompt.render(segment="")] * len(docs), references)
        written = engine.generate(prompts, self.sampling, [row_seed(self.seed, doc.id) for doc in docs])
        for doc, prior, completion in zip(docs, priors, written, strict=True):
            doc.metadata[REFERENCE_PRIOR] = prior
            doc.metadata[WRITTEN] = completion.text.strip()
            doc.metadata[LIKENESS] = likeness(completion.text, doc.metadata[columns.REFERENCE])
        return verdicts


def ask_round(config: GainConfig, stage: StageFolder, folder: str, pairs: Sequence[Pair]) -> Counts:
    """Ask both models of a round about the held-out pairs, only what is missing; no engine is left afterwards."""
    return sum_counts([_ask_model(config, stage, Path(folder, name), pairs) for name in MODELS])


def read_records(stage: StageFolder, folder: str, model: str) -> Records:
    """Return what a model of a round was found to say of the held-out pairs."""
    return {row["id"]: row for row in read_rows(stage.rows / Path(folder).name / model)}


def _ask_model(config: GainConfig, stage: StageFolder, model: Path, pairs: Sequence[Pair]) -> Counts:
    name = f"{model.parent.name}/{model.name}"
    removed = removed_writers(stage.removed / name)
    if model.name == LABEL_MODEL:
        prompt, sampling = load_prompt(config.label_prompt, {"segment"}), config.decoding()
        read = [replace(pair, instruction=pair.output, output=pair.instruction) for pair in pairs]  # reversed
        engine = open_engine(config, _label_requests(read, prompt, sampling), model=str(model))
        block: PipelineStep = ScoreInstruction(engine, prompt, sampling, config.seed, removed("held_out"))
    else:
        read = list(pairs)
        engine = open_engine(config, _chat_requests(read), model=str(model))
        block = ScoreOutput(engine, exclusion_writer=removed("held_out"))
    pipeline = [ReadPairs(read), block, row_writer(stage.rows / name)]
    counts = run_pipeline(pipeline, stage.logs(name.replace("/", "-")), 1, config.where(), reads=["held-out pairs"])
    release_engines()
    return counts


def _label_requests(pairs: Sequence[Pair], prompt: PromptTemplate, sampling: Sampling) -> Iterator[Request]:
    """Yield a request per output; an answer that is read again has at most a token per byte."""
    for pair in pairs:
        yield prompt.render(segment=pair.instruction), max(sampling.max_new_tokens, len(pair.output.encode()))


def _chat_requests(pairs: Sequence[Pair]) -> Iterator[Request]:
    for pair in pairs:
        yield pair_prompt(pair.instruction, "chat"), len(pair.output.encode())
