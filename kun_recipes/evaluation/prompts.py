"""The prompts of a question, letter for letter OpenCompass's: as one text for a base model, or as turns of a chat."""

import hashlib
from collections.abc import Sequence
from typing import Literal

from kun_recipes.evaluation.benchmarks import LETTERS, Benchmark, Spacing
from kun_recipes.evaluation.questions import Question
from kun_recipes.models.engines.base import Prompt

Format = Literal["plain", "chat"]
"""plain: one text, for a base model; chat: turns, rendered by the model's own template."""

PPL_SPACING: dict[Spacing, tuple[str, str]] = {"opencompass": ("\n" * 3, "\n" * 5), "single": ("\n", "\n")}
"""Separators of a plain PPL prompt: between the shots, and between the last shot and the question."""


class PromptBuilder:
    """Writes the prompts of one benchmark in one format.

    In a plain prompt turns are joined by a newline, as OpenCompass does without a meta template: C-Eval's letter
    stands on a line of its own. In PPL its templates are keyed by the answer, and the separator behind each shot and
    the one behind all of them are turns too: three newlines part the shots, and five part the last from the question.
    """

    def __init__(self, benchmark: Benchmark, format: Format, spacing: Spacing = "opencompass"):
        self.benchmark, self.format = benchmark, format
        self.between, self.behind = PPL_SPACING[spacing]
        self.titles = {subject.name: subject.title for subject in benchmark.subjects}

    def choice_prompt(self, question: Question, shots: Sequence[Question]) -> Prompt:
        """Return the prompt after which one of `choices` is likeliest."""
        if self.format == "plain":
            return _plain(self._before_choice(shots) + self.turn(question) + "\n")
        return [*self._turns(shots), _user(self.turn(question))]

    def generation_prompt(self, question: Question, shots: Sequence[Question]) -> Prompt:
        """Return the prompt after which the answer is written; a plain one holds the answer's first words."""
        if self.format == "plain":
            begun = self.answer("")
            before = "".join(f"{self._shown(shot)}\n" for shot in shots)
            return _plain(before + self.turn(question) + (f"\n{begun}" if begun else ""))
        return [*self._turns(shots), _user(self.turn(question))]

    @property
    def choices(self) -> list[str]:
        return [self.answer(letter) for letter in LETTERS]

    def full_text(self, question: Question, shots: Sequence[Question], letter: str) -> str:
        """Return the plain text with an answer, whose cross-entropy OpenCompass compares."""
        return self._before_choice(shots) + self.turn(question) + "\n" + self.answer(letter)

    def turn(self, question: Question) -> str:
        """Return the user's turn."""
        values = dict(zip(LETTERS, question.options, strict=True))
        values |= {"subject": self.titles[question.subject], "question": question.stem}
        return "\n".join(line.format_map(values) for line in self.benchmark.question)

    def answer(self, letter: str) -> str:
        """Return the model's turn."""
        return self.benchmark.answer.format(letter=letter)

    def _before_choice(self, shots: Sequence[Question]) -> str:
        return self.between.join(map(self._shown, shots)) + self.behind if shots else ""

    def _shown(self, shot: Question) -> str:
        return f"{self.turn(shot)}\n{self.answer(shot.gold)}"

    def _turns(self, shots: Sequence[Question]) -> Prompt:
        pairs = ((_user(self.turn(shot)), _assistant(self.answer(shot.gold))) for shot in shots)
        return [turn for pair in pairs for turn in pair]


def prompt_hash(prompt: Prompt) -> str:
    """Return a hash of the prompts. Runs with equal hashes asked the same."""
    text = "\n".join(f"[{turn['role']}]\n{turn['content']}" for turn in prompt)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _plain(text: str) -> Prompt:
    return [_user(text)]


def _user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def _assistant(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}
