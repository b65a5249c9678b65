"""The rubric of rubric.yaml, and the prompts by which a model judges by it."""

import string
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import permutations
from pathlib import Path

from kun_recipes.config.settings import load_typed
from kun_recipes.errors import UserError
from kun_recipes.models.prompts import PromptTemplate, load_prompt
from kun_recipes.studies.config import StudyConfig
from kun_recipes.studies.votes import CRITERIA, GRADES

RUBRIC_FILE = files("kun_recipes.studies") / "rubric.yaml"
CRITERION_FIELDS = {"instruction", "question"}
GRADE_FIELDS = {"instruction", "output", "options"}
COMPARE_FIELDS = {"prompt", "first", "second"}
LETTERS = string.ascii_uppercase[: len(GRADES)]


@dataclass(frozen=True)
class Entry:
    """A criterion or a grade; `key` is what votes call it."""

    key: str
    text: str


@dataclass(frozen=True)
class Rubric:
    """Criteria and grades by which a pair is judged (Kun §4.2.2)."""

    criteria: tuple[Entry, ...]
    grades: tuple[Entry, ...]

    def question(self, criterion: str) -> str:
        return next(entry.text for entry in self.criteria if entry.key == criterion)

    def orders(self) -> list[tuple[Entry, ...]]:
        """Return all orders of the grades, that of the rubric first."""
        return list(permutations(self.grades))


@cache
def load_rubric(source: Traversable = RUBRIC_FILE) -> Rubric:
    """Read the rubric. Raises UserError, naming the file, when its keys are not those of the votes."""
    rubric = load_typed(source, Rubric)
    for name, keys in (("criteria", CRITERIA), ("grades", GRADES)):
        if (found := tuple(entry.key for entry in getattr(rubric, name))) != keys:
            raise UserError(f"{source}: {name}: the keys must be {', '.join(keys)}, not {', '.join(found)}")
    return rubric


def write_grades(grades: Sequence[Entry]) -> str:
    """Return the grades as the prompt shows them: one line each, with a letter."""
    return "\n".join(f"{letter}. {grade.text}" for letter, grade in zip(LETTERS, grades, strict=True))


@dataclass(frozen=True)
class JudgePrompts:
    """The prompt files and the rubric, read."""

    criterion: PromptTemplate
    grade: PromptTemplate
    compare: PromptTemplate
    rubric: Rubric

    @classmethod
    def load(cls, config: StudyConfig) -> "JudgePrompts":
        """Raises UserError, naming file and line, for an invalid prompt or rubric."""
        return cls(
            load_prompt(config.criterion_prompt, CRITERION_FIELDS),
            load_prompt(config.grade_prompt, GRADE_FIELDS),
            load_prompt(config.compare_prompt, COMPARE_FIELDS),
            load_rubric(Path(config.rubric)) if config.rubric else load_rubric(),
        )
