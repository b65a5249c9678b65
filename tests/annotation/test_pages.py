import pytest

from kun_recipes.annotation.pages import IncompleteAnswer, parse_quality_form, quality_form_values

ANSWER = {"clarity": True, "feasibility": False, "practicality": True, "output": "fail"}


def test_quality_answer_round_trip():
    assert parse_quality_form("yes", "no", "yes", "fail") == ANSWER
    assert quality_form_values(ANSWER) == ["yes", "no", "yes", "fail"]
    assert quality_form_values(None) == [None] * 4


@pytest.mark.parametrize(
    "said",
    [(None, "no", "yes", "fail"), ("yes", "no", None, "pass"), ("yes", "no", "yes", None), ("1", "no", "no", "pass")],
)
def test_every_question_has_to_be_answered(said):
    with pytest.raises(IncompleteAnswer):
        parse_quality_form(*said)
