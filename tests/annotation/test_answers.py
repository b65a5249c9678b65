import pytest

from kun_recipes.annotation.answers import Unanswered, choice_of, quality_answer, shown_quality

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


@pytest.mark.parametrize(
    ("pressed", "first", "choice"),
    [
        ("left", "a", "a"),
        ("right", "a", "b"),
        ("left", "b", "b"),
        ("right", "b", "a"),
        ("tie", "b", "tie"),
        ("both_bad", "a", "both_bad"),
    ],
)
def test_sides_become_answers(pressed, first, choice):
    assert choice_of(pressed, first) == choice
