"""The arms of an ablation, as data: what each changes in a recipe's refine stage, and what is trained on its rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kun_recipes.curation.config import CHECKS, RefineConfig

FIRST = "focused-polished"

Values = Mapping[str, str | tuple[str, ...]]

SCORING: dict[str, Values] = {
    "instruction": {
        "score_prompt": "recipes/prompts/score.txt",
        "judge_data": (
            "recipes/demo/data/judge.jsonl",
            "recipes/demo/data/answers.jsonl",
            "recipes/demo/data/answers_more.jsonl",
        ),
    },
    "pair": {
        "score_prompt": "recipes/prompts/score_pair.txt",
        "judge_data": ("recipes/humpback/data/judge_pairs.jsonl",),
    },
}
"""By `score_target`: prompt and labelled items, for an arm whose recipe scores the other."""

ANSWERS: dict[str, Values] = {
    "polished": {"polish_prompt": "recipes/prompts/polish.txt"},
    "raw": {},
    "unaided": {"polish_prompt": "recipes/prompts/answer.txt"},
}
"""By `answers`: the prompt, for an arm whose recipe writes others."""

TRAINED_ON = {"final_model": "seeds", "preference": "pairs"}
"""By the name of a training stage: its option that takes the rows of an arm, or their preference pairs."""


@dataclass(frozen=True)
class Arm:
    """An arm: a recipe's refine stage and one training of what that keeps.

    Attributes:
        scored: `score_target`, what the score judge is asked about.
        answers: as refine's option.
        verified: whether checks of answers drop rows, which takes labelled answers in the recipe's judge_data.
        checks: those that drop rows; None: the recipe's own.
        training: stage file of the training, a key of `TRAINED_ON` or one of its further files, final_model_<name>.
        trained: what the arm changes in that file.
        start: arm whose model is trained further, on preference pairs of what that arm keeps; it has no refine stage
            then. None: the model is trained on the rows of the arm itself.
    """

    scored: str = "instruction"
    answers: str = "polished"
    verified: bool = False
    checks: tuple[str, ...] | None = None
    training: str = "final_model"
    trained: Values = field(default_factory=dict)
    start: str | None = None

    def refined(self, recipe: RefineConfig) -> Values:
        """Return the values of refine that make the arm, with the prompts and items that its recipe lacks."""
        values: dict[str, str | tuple[str, ...]] = {
            "score_target": self.scored,
            "answers": self.answers,
            "verify": str(self.verified).lower(),
            "keep_unverified": "false",
            "answer_candidates": "1",
        }
        if recipe.score_target != self.scored:
            values |= SCORING[self.scored]
        if recipe.answers != self.answers:
            values |= ANSWERS[self.answers]
        return values | ({"checks": self.checks} if self.checks else {})

    @property
    def rows_option(self) -> str:
        """The option of its training that takes its rows."""
        return next(option for stage, option in TRAINED_ON.items() if f"{self.training}_".startswith(f"{stage}_"))


MAIN_ARMS = {
    FIRST: Arm(),
    "focused-polished-verified": Arm(verified=True),
    "comprehensive-polished": Arm(scored="pair"),
    "focused-raw": Arm(answers="raw"),
    "comprehensive-raw": Arm(scored="pair", answers="raw"),
    "focused-unaided": Arm(answers="unaided"),
}
"""The first is the paper's method, the second ours, with the checks of answers. comprehensive-raw is Humpback's (Li et
al. 2023); focused-unaided is instruction back-and-forth translation's control: answers written without the document
(Nguyen et al. 2024)."""

CHECK_ARMS = {f"{FIRST}-{check}": Arm(verified=True, checks=(check,)) for check in CHECKS}
"""The paper's method with one check of answers alone."""

FURTHER_ARMS = {"preference": Arm(training="preference", start="focused-polished-verified")}
"""Models of other arms, trained further. The paper has none."""

ARMS = MAIN_ARMS | CHECK_ARMS | FURTHER_ARMS
