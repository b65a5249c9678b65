"""Models answer the prompts of a preference study (Kun §4.2.3)."""

from datatrove.data import Document
from datatrove.pipeline.writers.disk_base import DiskWriter

from kun_recipes.curation.asking import AskModel, Verdict, row_seed
from kun_recipes.engines import EngineSettings
from kun_recipes.engines.base import Engine, Prompt, Sampling
from kun_recipes.evaluation.held_out import pair_prompt
from kun_recipes.evaluation.prompts import Format

ANSWER, ANSWER_TOKENS, ANSWER_FINISH = "answer", "answer_tokens", "answer_finish_reason"


class AnswerPrompt(AskModel):
    """Write one answer to each prompt.

    Reads the text. Adds answer, answer_tokens, answer_finish_reason. Drops with reason "context_length" a prompt that
    leaves no room for an answer.
    """

    name = "✍️ answers"

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

    def ask(self, engine: Engine, docs: list[Document], prompts: list[Prompt]) -> list[Verdict]:
        seeds = [row_seed(self.seed, doc.id) for doc in docs]
        for doc, completion in zip(docs, engine.generate(prompts, self.sampling, seeds), strict=True):
            doc.metadata |= {
                ANSWER: completion.text.strip(),
                ANSWER_TOKENS: completion.tokens,
                ANSWER_FINISH: completion.finish_reason,
            }
        return [True] * len(docs)
