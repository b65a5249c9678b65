"""Models answer the prompts of a preference study (Kun §4.2.3)."""

from datatrove.data import Document

from kun_recipes.evaluation import columns
from kun_recipes.evaluation.held_out import AnswerInstruction
from kun_recipes.models.asking import Verdict
from kun_recipes.models.engines.base import Engine, Prompt


class AnswerPrompt(AnswerInstruction):
    """Write one answer to each prompt.

    Reads the text. Adds answer, answer_tokens, answer_finish_reason. Drops with reason "context_length" a prompt that
    leaves no room for an answer.
    """

    name = "✍️ answers"

    def ask(self, engine: Engine, docs: list[Document], prompts: list[Prompt]) -> list[Verdict]:
        for doc, completion in zip(docs, self.write(engine, docs, prompts), strict=True):
            doc.metadata |= {
                columns.ANSWER: completion.text.strip(),
                columns.ANSWER_TOKENS: completion.tokens,
                columns.ANSWER_FINISH: completion.finish_reason,
            }
        return [True] * len(docs)
