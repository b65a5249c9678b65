from functools import partial

import pytest

from kun_recipes.evaluation.metrics import compute
from kun_recipes.evaluation.scores import benchmark_scores, comparison, held_out_scores

BOOTSTRAP = partial(compute, resamples=200, seed=0)


def test_scores_by_hand(record):
    records = [
        record(0, "law", "A", "A", groups=["Humanities"], gen_strict="A", gen_lenient="", gen_shots=5),
        record(1, "law", "B", "A", groups=["Humanities"], gen_strict="T", gen_lenient="", gen_shots=3),
        record(0, "physics", "C", "C", groups=["STEM", "Hard"], gen_strict="T", gen_lenient="C", gen_shots=5),
        record(
            1,
            "physics",
            "D",
            "D",
            groups=["STEM", "Hard"],
            overlaps=True,
            gen_strict="D",
            gen_lenient="D",
            gen_shots=5,
        ),
    ]
    scores = benchmark_scores(records, 6)
    assert (scores["asked"], scores["answered"]) == (6, 4)
    assert scores["ppl"]["accuracy"] == pytest.approx((0.5 + 1) / 2)
    assert scores["ppl"]["subjects"]["law"] == {"accuracy": 0.5, "questions": 2}
    assert {name: group["accuracy"] for name, group in scores["ppl"]["groups"].items()} == {
        "Humanities": 0.5,
        "STEM": 1,
        "Hard": 1,
    }
    split = scores["ppl"]["contamination"]
    assert (split["quoted"]["pooled"], split["quoted"]["questions"]) == (1, 1)
    assert (split["not_quoted"]["pooled"], split["not_quoted"]["questions"]) == (pytest.approx(2 / 3), 3)
    assert scores["gen"]["accuracy"] == pytest.approx(0.5)
    assert scores["gen-lenient"]["accuracy"] == pytest.approx(0.5)
    assert (scores["gen"]["unparsed"], scores["gen-lenient"]["unparsed"], scores["unparsed"]) == (0.5, 0.5, 0.25)
    assert (scores["ppl"]["fewer_shots"], scores["gen"]["fewer_shots"]) == (0, 1)


def test_no_quoted_question_gives_no_accuracy(record):
    scores = benchmark_scores([record(0, "law", "A", "A")], 1)
    assert scores["ppl"]["contamination"]["quoted"] == {"questions": 0}
    assert "gen" not in scores and "unparsed" not in scores


def test_a_comparison_is_of_the_questions_that_both_answered(record):
    one = [record(0, "law", "A", "A"), record(1, "law", "A", "A"), record(2, "law", "A", "B")]
    other = [record(2, "law", "A", "A"), record(0, "law", "A", "B")]
    ((reading, scores),) = comparison(one, other, BOOTSTRAP)
    assert (reading, scores["questions"]) == ("ppl", 2)
    assert (scores["only_model"], scores["only_other"], scores["difference"]) == (1, 1, 0)


def test_held_out_scores_by_hand():
    def pair(reference, logprob, answer, finish="stop", refusal=""):
        return {
            "reference": reference,
            "reference_logprob": logprob,
            "answer": answer,
            "answer_finish_reason": finish,
            "refusal": refusal,
        }

    records = [
        pair("四个字的", 0.0, "二字"),
        pair("两字", 0.0, "很抱歉，我不能", "length", "我不能"),
        pair("三个字", 0.0, ""),
    ]
    scores = held_out_scores(records, 4, BOOTSTRAP)
    assert scores["perplexity"] == 1
    assert (scores["asked"], scores["pairs"]) == (4, 3)
    assert (scores["answer_characters"], scores["answer_characters_median"]) == (3, 2)
    assert scores["reference_characters"] == 3
    assert (scores["cut_off"], scores["refusals"]) == (pytest.approx(1 / 3), pytest.approx(1 / 3))
