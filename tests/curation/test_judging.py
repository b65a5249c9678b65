"""What a verdict leaves in the row, and which rows it drops."""

import math

import pytest
from datatrove.data import Document

from kun_recipes.curation.judging import JudgeAnswer, JudgeCandidate
from kun_recipes.data import schema
from kun_recipes.models.engines import load_engine

pytestmark = pytest.mark.slow


def rows(*instructions: str) -> list[Document]:
    return [
        Document(text="段落", id=str(number), metadata={schema.INSTRUCTION: instruction})
        for number, instruction in enumerate(instructions)
    ]


@pytest.mark.parametrize(
    ("name", "reason"), [("filter", "not_an_instruction"), ("score", "poor_instruction")], ids=["filter", "score"]
)
def test_a_verdict_is_stored_raw_calibrated_and_as_probability(settings, judges, calibration, name, reason, log_odds):
    judge = judges[name]
    instructions = ["写一首诗。", "什么是水？", "{instruction}", "首页 | 联系我们", "请翻译"]
    odds = log_odds(judge, instructions)
    threshold = sorted(odds)[2] - 0.75  # of the calibrated odds: those of the middle one, which stays
    known = calibration(name, bias=0.75, threshold=threshold, slope=0.5, intercept=-1.0)
    docs = rows(*instructions)
    verdicts = JudgeCandidate(settings, judge, lambda *_: known).filter_batch(docs)
    assert [verdict is True for verdict in verdicts] == [one - 0.75 >= threshold for one in odds]
    assert verdicts.count((False, reason)) == 2
    for doc, one, verdict in zip(docs, odds, verdicts, strict=True):
        assert doc.metadata[f"{name}_logodds"] == pytest.approx(one)
        assert doc.metadata[f"{name}_logodds_calibrated"] == pytest.approx(one - 0.75)
        assert doc.metadata[f"{name}_probability"] == pytest.approx(1 / (1 + math.exp(1 - 0.5 * (one - 0.75))))
        calibrated = doc.metadata[f"{name}_logodds_calibrated"]
        assert doc.metadata.get(schema.VALUE) == (None if verdict is True else calibrated)
        assert doc.metadata[schema.INSTRUCTION] == instructions[int(doc.id)]


def test_an_instruction_that_does_not_fit_is_dropped_and_the_others_are_judged(settings, judges, calibration):
    judge = judges["filter"]
    engine = load_engine(settings)
    known = calibration("filter", threshold=-1e9)
    frame = engine.count_tokens([judge.prompt.render(instruction="")])[0]
    room = engine.context_length - frame - 3  # 是 and 否 are three tokens of the tiny model
    docs = rows("写诗", "a" * room, "a" * (room + 1), "什么？")
    verdicts = JudgeCandidate(settings, judge, lambda *_: known).filter_batch(docs)
    assert verdicts == [True, True, (False, "context_length"), True]
    assert docs[2].metadata == {schema.INSTRUCTION: "a" * (room + 1), schema.VALUE: frame + room + 1}
    alone = rows("写诗")
    JudgeCandidate(settings, judge, lambda *_: known).filter_batch(alone)
    assert docs[0].metadata[schema.FILTER_LOGODDS] == pytest.approx(alone[0].metadata[schema.FILTER_LOGODDS], abs=1e-4)


def test_a_judge_of_pairs_reads_the_segment_as_the_output(settings, pair_judge, calibration, log_odds):
    pairs = [("水何时沸腾？", "水在一百度沸腾。"), ("水何时沸腾？", "欢迎选购水壶。"), ("写诗", "{instruction}")]
    odds = log_odds(pair_judge, pairs)
    assert odds[0] != pytest.approx(odds[1])
    docs = [
        Document(text=output, id=str(number), metadata={schema.INSTRUCTION: instruction})
        for number, (instruction, output) in enumerate(pairs)
    ]
    known = calibration("score", threshold=max(odds))
    verdicts = JudgeCandidate(settings, pair_judge, lambda *_: known).filter_batch(docs)
    assert [doc.metadata[schema.SCORE_LOGODDS] for doc in docs] == pytest.approx(odds)
    assert verdicts.count((False, "poor_pair")) == 2


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
    known = calibration("answer", bias=0.25, threshold=sorted(odds)[1] - 0.25, slope=1, intercept=0)
    verdicts = JudgeAnswer(settings, judge_of_answers, lambda *_: known).filter_batch(docs)
    assert verdicts == [True if one >= sorted(odds)[1] else (False, "wrong_answer") for one in odds]
    for doc, one in zip(docs, odds, strict=True):
        assert doc.metadata["answer_logodds"] == pytest.approx(one)
        assert doc.metadata["answer_logodds_calibrated"] == pytest.approx(one - 0.25)
        assert doc.metadata["answer_probability"] == pytest.approx(1 / (1 + math.exp(0.25 - one)))
