"""Candidate instructions by the label model, and what says how likely they are (Kun §3.2)."""

import math
from pathlib import Path

from datatrove.data import Document, DocumentsPipeline
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.filters.base_filter import BaseFilter
from datatrove.pipeline.writers.disk_base import DiskWriter

from kun_recipes.data import schema
from kun_recipes.models.asking import ROWS_A_CALL, Verdict, WriteText
from kun_recipes.models.engines import EngineSettings, load_engine
from kun_recipes.models.engines.base import Completion, Prompt
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

    Reads the text. Adds instruction, instruction_tokens, instruction_finish_reason, instruction_logprob (nats a token,
    under the label model's own distribution), perplexity, label_model, label_prompt.
    Drops with reason "context_length" a segment whose prompt does not fit the model's context.
    """

    name = "🏷 label"

    def prompt_for(self, doc: Document) -> Prompt:
        return self.prompt.render(segment=doc.text)

    def columns(self, completion: Completion) -> dict[str, object]:
        return {
            schema.INSTRUCTION: completion.text.strip(),
            schema.INSTRUCTION_TOKENS: completion.tokens,
            schema.INSTRUCTION_FINISH: completion.finish_reason,
            schema.INSTRUCTION_LOGPROB: completion.logprob,
            schema.PERPLEXITY: math.exp(-completion.logprob),
            schema.LABEL_MODEL: self.author,
            schema.LABEL_PROMPT: self.prompt.fingerprint,
        }


class MeasureFit(BaseFilter):
    """Measure how much the segment explains its instruction: fit = log p(x̂|y) - log p(x̂), a token, in nats.

    Reads instruction, instruction_logprob. Adds instruction_prior_logprob, under the same model and prompt with
    an empty segment, and fit. It tells right pairs from shuffled ones at half a billion parameters, where asking the
    model does not. Drops an instruction of which nothing can be seen with reason "empty_instruction".
    """

    name = "🤝 fit"

    def __init__(self, engine: EngineSettings, prompt: PromptTemplate, exclusion_writer: DiskWriter | None = None):
        super().__init__(exclusion_writer, batch_size=ROWS_A_CALL)
        self.engine, self.prompt = engine, prompt

    def filter(self, doc: Document) -> Verdict:
        return self.filter_batch([doc])[0]

    def filter_batch(self, batch: list[Document]) -> list[Verdict]:
        written = [doc for doc in batch if not is_blank(doc.metadata[schema.INSTRUCTION])]
        without_segment = self.prompt.render(segment="")
        instructions = [doc.metadata[schema.INSTRUCTION] for doc in written]
        priors = load_engine(self.engine).score([without_segment] * len(written), instructions)
        for doc, prior in zip(written, priors, strict=True):
            doc.metadata[schema.INSTRUCTION_PRIOR] = prior
            doc.metadata[schema.FIT] = doc.metadata[schema.INSTRUCTION_LOGPROB] - prior
        return [schema.FIT in doc.metadata or (False, "empty_instruction") for doc in batch]
