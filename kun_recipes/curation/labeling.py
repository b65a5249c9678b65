"""Candidate instructions by the label model, and what says how likely they are (Kun §3.2)."""

import math
from pathlib import Path

from datatrove.data import Document, DocumentsPipeline
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.filters.base_filter import BaseFilter

from kun_recipes.curation.measuring import MeasureRows, WriteText
from kun_recipes.data import schema
from kun_recipes.models.engines import EngineSettings
from kun_recipes.models.engines.base import Completion, Engine, Prompt
from kun_recipes.models.engines.chats import ChatTokenizer
from kun_recipes.models.prompts import PromptTemplate
from kun_recipes.text.views import is_blank


class CountTokens(PipelineStep):
    """Count the tokens of rows that no corpus stage counted: people may label rows of their own.

    Adds tokens where a row has no such number.

    Args:
        model: folder of the model whose tokenizer counts.
    """

    name = "🔢 tokens"
    type = "🏷️ - COUNTING"

    def __init__(self, model: str):
        super().__init__()
        self.model = model

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        chats: ChatTokenizer | None = None
        for doc in data:
            if not isinstance(doc.metadata.get(schema.TOKENS), int):
                chats = chats or ChatTokenizer.load(Path(self.model))
                doc.metadata[schema.TOKENS] = chats.count_text(doc.text)
            yield doc


class LabelInstructions(WriteText):
    """Write the instruction that each segment answers, x̂ = M_yx(y) (Kun §3.2).

    Reads the text. Adds instruction, instruction_tokens, instruction_finish_reason, instruction_logprob (nats per
    token, under the label model's own distribution), perplexity, label_model, label_prompt; of a further one
    candidate, too.
    """

    name = "🏷 label"
    column = schema.INSTRUCTION
    number = schema.CANDIDATE
    own = (
        schema.INSTRUCTION,
        schema.INSTRUCTION_TOKENS,
        schema.INSTRUCTION_FINISH,
        schema.INSTRUCTION_LOGPROB,
        schema.INSTRUCTION_PRIOR,
        schema.PERPLEXITY,
        schema.FIT,
        schema.PROMPT_TOKENS,
        schema.REFUSED,
    )

    def prompt_for(self, doc: Document) -> Prompt:
        return self.prompt.render(segment=doc.text)

    def columns(self, completion: Completion) -> dict[str, object]:
        return {
            schema.INSTRUCTION: completion.text.strip(),
            schema.INSTRUCTION_TOKENS: completion.tokens,
            schema.INSTRUCTION_FINISH: completion.finish_reason,
            **_likelihood(completion.logprob),
            schema.LABEL_MODEL: self.author,
            schema.LABEL_PROMPT: self.prompt.fingerprint,
        }


def _likelihood(logprob: float | None) -> dict[str, object]:
    """Return the columns of a log-probability per token, which a server may not give."""
    return {} if logprob is None else {schema.INSTRUCTION_LOGPROB: logprob, schema.PERPLEXITY: math.exp(-logprob)}


class MeasureFit(MeasureRows):
    """Measure how much the segment explains its instruction: fit = log p(x̂|y) - log p(x̂), in nats per token.

    Reads instruction, instruction_logprob. Adds instruction_prior_logprob, under the same model and prompt with
    an empty segment, and fit. It tells right pairs from shuffled ones at half a billion parameters, where asking the
    model does not. An instruction of which nothing can be seen has no fit.
    """

    name = "🤝 fit"
    column = schema.FIT

    def __init__(self, engine: EngineSettings, prompt: PromptTemplate):
        super().__init__(engine, new_tokens=0, wanted=has_instruction)
        self.without_segment = prompt.render(segment="")

    def prompt_for(self, doc: Document) -> Prompt:
        return self.without_segment

    def measure(self, engine: Engine, docs: list[Document], prompts: list[Prompt]) -> None:
        priors = engine.score(prompts, [doc.metadata[schema.INSTRUCTION] for doc in docs])
        for doc, prior in zip(docs, priors, strict=True):
            doc.metadata[schema.INSTRUCTION_PRIOR] = prior
            doc.metadata[schema.FIT] = doc.metadata[schema.INSTRUCTION_LOGPROB] - prior


def has_instruction(doc: Document) -> bool:
    """Tell whether something of the row's instruction can be seen."""
    return not is_blank(doc.metadata.get(schema.INSTRUCTION, ""))


class EmptyInstruction(BaseFilter):
    """Drop a row whose label model wrote nothing that can be seen, with reason "empty_instruction"."""

    name = "🕳 empty"

    def filter(self, doc: Document) -> bool | tuple[bool, str]:
        return has_instruction(doc) or (False, "empty_instruction")
