"""Conversations as the chat template writes them: for training exactly as an engine asks for them later."""

from collections.abc import Sequence

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerBase

from kun_recipes.errors import UserError
from kun_recipes.models.engines.base import Message
from kun_recipes.models.templates import fold_system, takes_system, template_arguments
from kun_recipes.training.formatting import Conversation, template_name
from kun_recipes.training.options import TrainingOptions


class Rendering:
    """Renders the conversations of a run with its tokenizer, template and template arguments.

    Attributes:
        arguments: of the chat template, for each conversation.
    """

    def __init__(self, config: TrainingOptions, tokenizer: PreTrainedTokenizerBase):
        self.tokenizer = tokenizer
        self.arguments = template_arguments(tokenizer, config.chat_template_kwargs or {})
        self.template = template_name(config)
        self.with_system = takes_system(tokenizer)

    def lay_out(self, conversation: Conversation) -> Conversation:
        """Return the conversation with its system turn inside the first turn, if the template has no place for one."""
        if self.with_system:
            return conversation
        return {**conversation, "prompt": fold_system(conversation["prompt"])}

    def tokens(self, conversation: Conversation) -> int:
        """Return the tokens of a conversation. Raises UserError if the template refuses it."""
        turns = conversation["prompt"] + conversation["completion"]
        return len(self.tokenizer(self._render(turns), add_special_tokens=False)["input_ids"])

    def check_answers(self, conversation: Conversation) -> None:
        """Raise UserError unless each answer trained on stands behind the very text that asks for it later.

        A template may write an empty thought, or open one, before an answer that is asked for, and not before one that
        it is given: the model would never see in training what it sees afterwards.
        """
        turns = conversation["prompt"] + conversation["completion"]
        whole = self._render(turns)
        for place in range(len(conversation["prompt"]), len(turns), 2):
            asked = self._render(turns[:place], asking=True)
            if not whole.startswith(asked):
                raise UserError(
                    f"{self.template}: writes {asked[-30:]!r} before an answer in generation, but not in training; "
                    "set chat_template_path: recipes/prompts/chatml.jinja, or other chat_template_kwargs"
                )

    def _render(self, turns: Sequence[Message], asking: bool = False) -> str:
        try:
            return self.tokenizer.apply_chat_template(
                turns, tokenize=False, add_generation_prompt=asking, **self.arguments
            )
        except (TemplateError, TypeError, ValueError) as error:
            raise UserError(
                f"{self.template}: rejects a conversation ({error}); "
                "set chat_template_path: recipes/prompts/chatml.jinja, or other chat_template_kwargs"
            ) from error
