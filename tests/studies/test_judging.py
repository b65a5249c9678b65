"""The judge's questions, the orders of options, and the votes made of its probabilities, by hand."""

import itertools
import math
import re

import pytest
from datatrove.data import Document

from kun_recipes.models.engines import EngineSettings
from kun_recipes.models.prompts import load_prompt
from kun_recipes.studies import judging
from kun_recipes.studies.judging import (
    CompareAnswers,
    JudgeCriterion,
    JudgeGrade,
    criterion_bias,
    position_bias,
    preference_votes,
    quality_votes,
)
from kun_recipes.studies.rubric import COMPARE_FIELDS, CRITERION_FIELDS, GRADE_FIELDS, load_rubric
from kun_recipes.studies.votes import CRITERIA

SETTINGS = EngineSettings("transformers", "judge")

PROMPTS = {
    "criterion": CRITERION_FIELDS,
    "grade": GRADE_FIELDS,
    "compare": COMPARE_FIELDS,
}


@pytest.fixture
def prompts(repository):
    return {name: load_prompt(repository / f"recipes/prompts/{name}.txt", fields) for name, fields in PROMPTS.items()}


class LikesTheFirst:
    """An engine that answers by the place of an option, whatever it says."""

    def __init__(self, *probabilities: float):
        self.probabilities = probabilities
        self.prompts: list = []

    def choose(self, prompts, choices):
        self.prompts += prompts
        return [[math.log(value) for value in self.probabilities]] * len(prompts)


def pair() -> Document:
    return Document("因为冷。", "1", metadata={"instruction": "水为什么会结冰？"})


def test_the_criterion_and_the_instruction_stand_in_the_question(prompts, monkeypatch):
    block = JudgeCriterion(SETTINGS, prompts["criterion"], load_rubric(), "practicality")
    doc, engine = pair(), LikesTheFirst(0.7, 0.3)
    monkeypatch.setattr(judging, "load_engine", lambda settings: engine)
    judging.criterion_prior.cache_clear()
    block.ask(engine, [doc], [block.prompt_for(doc)])
    question = engine.prompts[1][-1]["content"]
    assert "水为什么会结冰？" in question and "日常生活" in question and "因为冷" not in question
    assert doc.metadata["practicality_probability"] == pytest.approx(0.7)
    odds = pytest.approx(math.log(0.7 / 0.3))
    assert doc.metadata["practicality_logodds"] == doc.metadata["practicality_prior_logodds"] == odds
    nothing = engine.prompts[0][-1]["content"]
    assert nothing.startswith("指令：无\n") and "日常生活" in nothing


def test_letter_preference_does_not_change_the_grade(prompts):
    block = JudgeGrade(SETTINGS, prompts["grade"], load_rubric())
    doc, engine = pair(), LikesTheFirst(0.8, 0.15, 0.05)
    block.ask(engine, [doc], [block.prompt_for(doc)])
    shown = [re.findall(r"[ABC]\. (优秀|合格|不合格)", prompt[-1]["content"]) for prompt in engine.prompts]
    assert shown[0] == ["优秀", "合格", "不合格"]
    assert sorted(shown) == sorted(map(list, itertools.permutations(shown[0])))
    assert list(doc.metadata["grade_probabilities"].values()) == pytest.approx([1 / 3] * 3)


def test_answers_are_compared_in_both_orders(prompts, monkeypatch):
    engine = LikesTheFirst(0.9, 0.1)
    monkeypatch.setattr(judging, "load_engine", lambda settings: engine)
    judging.position_prior.cache_clear()
    doc = Document("你好", "1", metadata={"answer_a": "早上好。", "answer_b": "嗯。"})
    for first in ("a", "b"):
        block = CompareAnswers(SETTINGS, prompts["compare"], first)
        block.ask(engine, [doc], [block.prompt_for(doc)])
    asked = [prompt[-1]["content"] for prompt in engine.prompts]
    assert [text.index("早上好") < text.index("嗯。") for text in asked if "早上好" in text] == [True, False]
    odds = math.log(0.9) - math.log(0.1)
    assert doc.metadata["a_first_logodds"] == doc.metadata["b_first_logodds"] == pytest.approx(odds)
    assert doc.metadata["prior_logodds"] == pytest.approx(odds)  # what the place alone is worth


def judged(identity: str, a_first: float, b_first: float, prior: float = 0.0) -> dict:
    return {"id": identity, "a_first_logodds": a_first, "b_first_logodds": b_first, "prior_logodds": prior}


@pytest.mark.parametrize(
    "a_first, b_first, prior, choice",
    [
        (2, -1, 0, "a"),  # a wins from both places
        (-2, 1, 0, "b"),
        (3, 1, 0, "tie"),  # whatever is read first wins
        (-1, -3, 0, "tie"),
        (3, 1, 2, "a"),  # the place alone is worth 2: a gains 1 there, b loses 1
        (1, 3, 2, "b"),
        (3, 3, 2, "tie"),
    ],
)
def test_a_choice_that_depends_on_the_order_is_a_tie(a_first, b_first, prior, choice):
    (vote,) = preference_votes([judged("1", a_first, b_first, prior)], "judge")
    assert (vote.item, vote.annotator, vote.choice) == ("1", "judge", choice)


def test_position_preference_is_measured_before_and_after_calibration():
    rows = [judged("1", 3, 1, 2), judged("2", 1, 3, 2), judged("3", 4, 4, 2), judged("4", 1.5, 5, 2)]
    bias = position_bias(rows)
    assert bias["judged"] == 4 and bias["prior_logodds"] == 2
    assert bias["raw"] == {"first": 1.0, "disagree": 1.0}
    assert bias["calibrated"] == {"first": 5 / 8, "disagree": 1 / 4}


def test_no_comparison_gives_empty_figures():
    assert position_bias([]) == {"judged": 0} and preference_votes([], "judge") == []


@pytest.mark.parametrize(
    ("logodds", "prior", "met"), [(0.0, 0.0, True), (-0.1, 0.0, False), (1.0, 2.0, False), (-1.0, -2.0, True)]
)
def test_a_criterion_is_met_where_yes_is_likelier_than_for_no_content(logodds, prior, met):
    odds = {f"{name}_logodds": logodds for name in CRITERIA} | {f"{name}_prior_logodds": prior for name in CRITERIA}
    (vote,) = quality_votes([{"id": "1", **odds, "grade": "pass"}], "judge")
    assert (vote.clarity, vote.feasibility, vote.practicality, vote.output) == (met, met, met, "pass")


def test_liking_for_yes_is_measured_before_and_after_calibration():
    rows = [
        {f"{name}_{end}": value for name in CRITERIA for end, value in (("logodds", odds), ("prior_logodds", 2.0))}
        for odds in (1.0, 3.0, -1.0, 5.0)
    ]
    assert criterion_bias(rows)["clarity"] == {"prior_logodds": 2.0, "raw": 0.75, "calibrated": 0.5}
    assert criterion_bias([]) == {}
