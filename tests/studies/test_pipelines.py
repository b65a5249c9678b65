"""What the judge is asked about each item, and what becomes of a model's answer."""

from types import SimpleNamespace

import pytest
from datatrove.data import Document

from kun_recipes.evaluation import columns
from kun_recipes.models.engines import EngineSettings
from kun_recipes.models.engines.base import Completion, Sampling
from kun_recipes.models.prompts import load_prompt
from kun_recipes.studies.pipelines import AnswerPrompt, preference_blocks, quality_blocks
from kun_recipes.studies.rubric import COMPARE_FIELDS, CRITERION_FIELDS, GRADE_FIELDS, JudgePrompts, load_rubric

SETTINGS = EngineSettings("transformers", "judge")
PAIR = Document("因为冷。", "1", metadata={"instruction": "水为什么会结冰？"})
ANSWERS = Document("打个招呼。", "1", metadata={"answer_a": "早上好。", "answer_b": "嗯。"})


@pytest.fixture
def prompts(in_repository) -> JudgePrompts:
    fields = {"criterion": CRITERION_FIELDS, "grade": GRADE_FIELDS, "compare": COMPARE_FIELDS}
    loaded = {name: load_prompt(f"recipes/prompts/{name}.txt", set(needed)) for name, needed in fields.items()}
    return JudgePrompts(**loaded, rubric=load_rubric())


def questions(blocks, doc) -> list[str]:
    return [block.prompt_for(doc)[-1]["content"] for block in blocks]


def test_a_pair_is_judged_by_each_criterion_and_graded(prompts):
    asked = questions(quality_blocks(SETTINGS, prompts, lambda name: None), PAIR)
    assert len(asked) == 4 and all(asked.count(one) == 1 for one in asked)
    assert "因为冷" in asked[-1] and "优秀" in asked[-1]
    assert not any("因为冷" in one for one in asked[:-1])


def test_two_answers_are_compared_in_both_orders(prompts):
    asked = questions(preference_blocks(SETTINGS, prompts, lambda name: None), ANSWERS)
    assert [one.index("早上好") < one.index("嗯。") for one in asked] == [True, False]


def test_an_answer_is_kept_without_the_blanks_around_it():
    written = Completion("\n 好的。 \n", 3, "stop", 0.0)
    engine = SimpleNamespace(generate=lambda prompts, sampling, seeds, *rest: [written])
    block = AnswerPrompt(SETTINGS, Sampling(8), 0, "chat", None)
    doc = Document("你好", "1")
    block.ask(engine, [doc], [block.prompt_for(doc)])
    assert doc.metadata[columns.ANSWER] == "好的。"
