"""Answer polishment: the primary chat model answers the instruction anew, with the segment before it (Kun §3.3)."""

from datatrove.data import Document

from kun_recipes import schema
from kun_recipes.curation.asking import WriteText
from kun_recipes.engines.base import Completion, Prompt


class PolishAnswer(WriteText):
    """Write the polished answer, by the refine prompt of figure 10: "{output}, please answer: {instruction}".

    Reads the text and instruction. Adds output, output_tokens, output_finish_reason, output_logprob (nats a token),
    chat_model, polish_prompt. The segment stays, so that the answer can be checked against it.
    Drops with reason "context_length" a row whose prompt and answer do not fit the model's context.
    """

    name = "✨ polish"

    def prompt_for(self, doc: Document) -> Prompt:
        return self.prompt.render(output=doc.text, instruction=doc.metadata[schema.INSTRUCTION])

    def columns(self, completion: Completion) -> dict[str, object]:
        return {
            schema.OUTPUT: completion.text.strip(),
            schema.OUTPUT_TOKENS: completion.tokens,
            schema.OUTPUT_FINISH: completion.finish_reason,
            schema.OUTPUT_LOGPROB: completion.logprob,
            schema.CHAT_MODEL: self.author,
            schema.POLISH_PROMPT: self.prompt.fingerprint,
        }
