"""The answers of the finished pairs: polished by the primary chat model (Kun §3.3), or the segments as they are."""

from datatrove.data import Document
from datatrove.pipeline.base import DocumentsPipeline, PipelineStep

from kun_recipes.curation.measuring import WriteText
from kun_recipes.data import schema
from kun_recipes.models.engines.base import Completion, Prompt
from kun_recipes.text.views import is_blank


class PolishAnswer(WriteText):
    """Write the polished answer, by the refine prompt of figure 10: "{segment}, please answer: {instruction}".

    Reads the text and instruction. Adds output, output_tokens, output_finish_reason, output_logprob (nats per token),
    chat_model, polish_prompt; of a further one answer_candidate, too. The segment stays, so that the answer can be
    checked against it.
    """

    name = "✨ polish"
    column = schema.OUTPUT
    number = schema.ANSWER_CANDIDATE
    own = (
        schema.OUTPUT,
        schema.OUTPUT_TOKENS,
        schema.OUTPUT_FINISH,
        schema.OUTPUT_LOGPROB,
        schema.OUTPUT_GIVEN,
        schema.OUTPUT_PRIOR,
        schema.SUPPORT,
        schema.ANSWER_LOGODDS,
        schema.ANSWER_CALIBRATED,
        schema.ANSWER_PROBABILITY,
        schema.PROMPT_TOKENS,
        schema.REFUSED,
    )

    def prompt_for(self, doc: Document) -> Prompt:
        return self.prompt.render(segment=doc.text, instruction=doc.metadata[schema.INSTRUCTION])

    def columns(self, completion: Completion) -> dict[str, object]:
        return {
            schema.OUTPUT: completion.text.strip(),
            schema.OUTPUT_TOKENS: completion.tokens,
            schema.OUTPUT_FINISH: completion.finish_reason,
            **({} if completion.logprob is None else {schema.OUTPUT_LOGPROB: completion.logprob}),
            schema.CHAT_MODEL: self.author,
            schema.POLISH_PROMPT: self.prompt.fingerprint,
        }


def has_answer(doc: Document) -> bool:
    """Tell whether something of the row's answer can be seen."""
    return not is_blank(doc.metadata.get(schema.OUTPUT, ""))


class AnswerWithSegment(PipelineStep):
    """Take the segment itself for the answer: the raw output that polishing is compared with (Kun §3.3, Humpback).

    Reads the text. Adds output and chat_model, the model that judged the pair. No model wrote the output, so that
    what else `PolishAnswer` adds stays out.

    Args:
        judge: what the judging model is called in the rows, by `kun_recipes.models.resolve.model_identity`.
    """

    type = "🪨 - ANSWER"
    name = "🪨 segment as it is"

    def __init__(self, judge: str):
        super().__init__()
        self.judge = judge

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        for doc in data:
            doc.metadata |= {schema.OUTPUT: doc.text, schema.CHAT_MODEL: self.judge}
            yield doc
