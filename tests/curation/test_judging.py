"""What a judge's answer leaves in the row."""

import math

import pytest
from datatrove.data import Document

from kun_recipes.curation.judging import AskAboutAnswer, AskJudge
from kun_recipes.data import schema
from kun_recipes.models.engines import load_engine
from tests.curation.stage_rows import measured

pytestmark = pytest.mark.slow


def rows(*instructions: str) -> list[Document]:
    return [
        Document(text="段落", id=str(number), metadata={schema.INSTRUCTION: instruction})
        for number, instruction in enumerate(instructions)
    ]


@pytest.mark.parametrize("name", ["filter", "score"])
def test_a_verdict_is_stored_raw_calibrated_and_as_probability(settings, judges, calibration, name, log_odds):
    judge = judges[name]
    instructions = ["写一首诗。", "什么是水？", "{instruction}", "首页 | 联系我们", "请翻译"]
    odds = log_odds(judge, instructions)
    known = calibration(name, bias=0.75, slope=0.5, intercept=-1.0)
    docs = measured(AskJudge(settings, judge, lambda *_: known), rows(*instructions))
    for doc, one in zip(docs, odds, strict=True):
        assert doc.metadata == {
            schema.INSTRUCTION: instructions[int(doc.id)],
            f"{name}_logodds": pytest.approx(one),
            f"{name}_logodds_calibrated": pytest.approx(one - 0.75),
            f"{name}_probability": pytest.approx(1 / (1 + math.exp(1 - 0.5 * (one - 0.75)))),
        }


def test_instruction_over_context_is_reported_and_others_are_judged(settings, judges, calibration):
    judge = judges["filter"]
    engine = load_engine(settings)
    known = calibration("filter")
    frame = engine.count_tokens([judge.prompt.render(instruction="")])[0]
    room = engine.context_length - frame - 3  # 是 and 否 are three tokens of the tiny model
    docs = measured(AskJudge(settings, judge, lambda *_: known), rows("写诗", "a" * room, "a" * (room + 1), "什么？"))
    assert [schema.FILTER_LOGODDS in doc.metadata for doc in docs] == [True, True, False, True]
    assert docs[2].metadata == {schema.INSTRUCTION: "a" * (room + 1), schema.PROMPT_TOKENS: frame + room + 1}
    alone = measured(AskJudge(settings, judge, lambda *_: known), rows("写诗"))
    assert docs[0].metadata[schema.FILTER_LOGODDS] == pytest.approx(alone[0].metadata[schema.FILTER_LOGODDS], abs=1e-4)


def test_a_judge_of_pairs_reads_the_segment_as_the_output(settings, pair_judge, calibration, log_odds):
    pairs = [("水何时沸腾？", "水在一百度沸腾。"), ("水何时沸腾？", "欢迎选购水壶。"), ("写诗", "{instruction}")]
    odds = log_odds(pair_judge, pairs)
    assert odds[0] != pytest.approx(odds[1])
    docs = [
        Document(text=output, id=str(number), metadata={schema.INSTRUCTION: instruction})
        for number, (instruction, output) in enumerate(pairs)
    ]
    measured(AskJudge(settings, pair_judge, lambda *_: calibration("score")), docs)
    assert [doc.metadata[schema.SCORE_LOGODDS] for doc in docs] == pytest.approx(odds)


def test_each_judge_drops_with_its_own_reason(judges, pair_judge, judge_of_answers):
    found = [judge.reason for judge in (judges["filter"], judges["score"], pair_judge, judge_of_answers)]
    assert found == ["not_an_instruction", "poor_instruction", "poor_pair", "wrong_answer"]


def test_an_answer_is_judged_without_its_tail(settings, judge_of_answers, calibration):
    block = AskAboutAnswer(settings, judge_of_answers, lambda *_: calibration("answer"))
    columns = {schema.INSTRUCTION: "水何时沸腾？", schema.OUTPUT: "一百度。\n以上内容仅供参考。"}
    asked = block.prompt_for(Document("水在一百度沸腾。", "0", metadata=columns))
    assert asked == judge_of_answers.prompt_for("水何时沸腾？", "一百度。", "水在一百度沸腾。")


def test_an_answer_is_judged_with_its_segment(settings, judge_of_answers, calibration):
    texts = [
        ("水在一百度沸腾。", "水何时沸腾？", "一百度。"),
        ("水在零度结冰。", "水何时沸腾？", "一百度。"),
        ("甲", "乙", "丙"),
    ]
    prompts = [
        judge_of_answers.prompt.render(segment=segment, instruction=instruction, output=output)
        for segment, instruction, output in texts
    ]
    odds = [good - poor for good, poor in load_engine(settings).choose(prompts, ("好", "差"))]
    assert odds[0] != pytest.approx(odds[1], abs=1e-4)
    docs = [
        Document(text=segment, id=segment, metadata={schema.INSTRUCTION: instruction, schema.OUTPUT: output})
        for segment, instruction, output in texts
    ]
    known = calibration("answer", bias=0.25, slope=1, intercept=0)
    measured(AskAboutAnswer(settings, judge_of_answers, lambda *_: known), docs)
    for doc, one in zip(docs, odds, strict=True):
        assert doc.metadata["answer_logodds"] == pytest.approx(one)
        assert doc.metadata["answer_logodds_calibrated"] == pytest.approx(one - 0.25)
        assert doc.metadata["answer_probability"] == pytest.approx(1 / (1 + math.exp(0.25 - one)))
