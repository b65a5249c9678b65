import pytest

from kun_recipes.annotation.pages import Unanswered, quality_answer, shown_quality

ANSWER = {"clarity": True, "feasibility": False, "practicality": True, "output": "fail"}


def test_a_quality_answer_there_and_back():
    assert quality_answer("yes", "no", "yes", "fail") == ANSWER
    assert shown_quality(ANSWER) == ["yes", "no", "yes", "fail"]
    assert shown_quality(None) == [None] * 4


@pytest.mark.parametrize(
    "said",
    [(None, "no", "yes", "fail"), ("yes", "no", None, "pass"), ("yes", "no", "yes", None), ("1", "no", "no", "pass")],
)
def test_every_question_has_to_be_answered(said):
    with pytest.raises(Unanswered):
        quality_answer(*said)
