"""Held-out pairs: the likelihood of the reference answers, and the answers that the model writes.

No benchmark and no annotator: it tells on a laptop, in a minute, whether polishing helped.
"""

from collections.abc import Sequence

from datatrove.data import Document, DocumentsPipeline
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.writers.disk_base import DiskWriter

from kun_recipes.data.pair_sources import MAIN, HubPart
from kun_recipes.data.pairs import Pair, load_pairs, split_pairs
from kun_recipes.errors import UserError
from kun_recipes.evaluation import columns
from kun_recipes.evaluation.prompts import Format
from kun_recipes.models.asking import AskModel, Verdict, answer_tokens, row_seed
from kun_recipes.models.engines import EngineSettings
from kun_recipes.models.engines.base import Completion, Engine, Prompt, Sampling
from kun_recipes.rules.keywords import Refusal


def held_out_pairs(
    source: str, instruction: str, output: str, share: float, limit: int | None, part: HubPart = MAIN
) -> list[Pair]:
    """Return the pairs that a training with the same share held out of this file; at most `limit`, the first.

    Raises UserError without any pair.
    """
    seeds, _ = load_pairs(source, instruction, output, part)
    _, held_out = split_pairs(seeds, share)
    if not held_out:
        raise UserError(f"{source}: no pair is held out with held_out_share: {share}; raise it")
    return held_out[:limit]


class ReadPairs(PipelineStep):
    """Yield the held-out pairs, the instruction as text. Adds reference."""

    name = "🌱 held-out pairs"
    type = "📖 - READER"

    def __init__(self, pairs: Sequence[Pair]):
        super().__init__()
        self.pairs = list(pairs)

    def run(self, data: DocumentsPipeline = None, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        for number, pair in enumerate(self.pairs):
            self.stat_update("documents")
            yield Document(pair.instruction, f"held_out/{number}", metadata={columns.REFERENCE: pair.output})


class AnswerInstruction(AskModel):
    """Write an answer to each row's text, an instruction, asked as chat models or as base models are."""

    def __init__(
        self,
        engine: EngineSettings,
        sampling: Sampling,
        seed: int,
        format: Format,
        exclusion_writer: DiskWriter | None = None,
    ):
        super().__init__(engine, sampling.max_new_tokens, exclusion_writer)
        self.sampling, self.seed, self.format = sampling, seed, format

    def prompt_for(self, doc: Document) -> Prompt:
        return pair_prompt(doc.text, self.format)

    def write(self, engine: Engine, docs: list[Document], prompts: list[Prompt]) -> list[Completion]:
        seeds = [row_seed(self.seed, doc.id) for doc in docs]
        return engine.generate(prompts, self.sampling, seeds)


class AnswerPairs(AnswerInstruction):
    """Score the reference answer of each pair, and write one.

    Reads the instruction and reference. Adds reference_logprob, answer, answer_tokens, answer_finish_reason, refusal.
    Drops with reason "context_length" a pair that does not fit the model's context.

    Args:
        refusal: what a refusal is, of the rules on answers.
    """

    name = "🌱 held out"

    def __init__(
        self,
        engine: EngineSettings,
        sampling: Sampling,
        seed: int,
        format: Format,
        refusal: Refusal,
        exclusion_writer: DiskWriter | None = None,
    ):
        super().__init__(engine, sampling, seed, format, exclusion_writer)
        self.refusal = refusal

    def room_for(self, doc: Document) -> int:
        """Return the number of tokens of the longer answer."""
        return max(self.new_tokens, answer_tokens(self.engine, doc.metadata[columns.REFERENCE]))

    def ask(self, engine: Engine, docs: list[Document], prompts: list[Prompt]) -> list[Verdict]:
        logprobs = engine.score(prompts, [doc.metadata[columns.REFERENCE] for doc in docs])
        written = self.write(engine, docs, prompts)
        for doc, logprob, completion in zip(docs, logprobs, written, strict=True):
            refused = self.refusal.find(completion.text)
            doc.metadata |= {
                columns.REFERENCE_LOGPROB: logprob,
                columns.ANSWER: completion.text,
                columns.ANSWER_TOKENS: completion.tokens,
                columns.ANSWER_FINISH: completion.finish_reason,
                columns.REFUSAL: refused.value if refused else "",
            }
        return [True] * len(docs)


def pair_prompt(instruction: str, format: Format) -> Prompt:
    """Return the prompt of an instruction; for a base model the answer begins on the next line."""
    return [{"role": "user", "content": instruction + ("\n" if format == "plain" else "")}]
