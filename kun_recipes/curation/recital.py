"""Instructions in which the label model recites the prompt that it was asked with."""

from datatrove.pipeline.writers.disk_base import DiskWriter

from kun_recipes.data import schema
from kun_recipes.rules.rule import Fault, Rule
from kun_recipes.text.views import letters, narrow

RECITED = 9
"""Letters in a row that make a recital; the demo's 444 seeds and judge items share three with its prompt at most."""


class RecitesPrompt(Rule):
    """Drop instructions that share a long run of letters with the label prompt.

    Reads the instruction. Reason: "recites_prompt"; the value is the run. Punctuation, blanks and width do not matter.

    Args:
        prompt: text of the prompt, its examples included.
        min_run: fewest letters, digits and Han characters in a row that make a recital; None keeps all.
    """

    name = "🦜 recites prompt"

    def __init__(self, prompt: str, min_run: int | None = RECITED, exclusion_writer: DiskWriter | None = None):
        super().__init__(schema.INSTRUCTION, exclusion_writer)
        self.prompt, self.min_run = letters(narrow(prompt)), min_run

    def find(self, text: str) -> Fault | None:
        plain = letters(text)
        if self.min_run is None:
            return None
        for start in range(len(plain) - self.min_run + 1):
            end = start + self.min_run
            if plain[start:end] in self.prompt:
                while end < len(plain) and plain[start : end + 1] in self.prompt:
                    end += 1
                return Fault("recites_prompt", plain[start:end])
        return None
