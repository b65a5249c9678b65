"""From probabilities to votes, by hand."""

import pytest

from kun_recipes.studies.judge_votes import position_bias, preference_votes, quality_votes


def row(identity: str, a_first: float, b_first: float, prior: float = 0.0) -> dict:
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
    (vote,) = preference_votes([row("1", a_first, b_first, prior)], "judge")
    assert (vote.item, vote.annotator, vote.choice) == ("1", "judge", choice)


def test_the_preference_for_a_place_is_measured_before_and_after():
    rows = [row("1", 3, 1, 2), row("2", 1, 3, 2), row("3", 4, 4, 2), row("4", 1.5, 5, 2)]
    bias = position_bias(rows)
    assert bias["judged"] == 4 and bias["prior_logodds"] == 2
    assert bias["raw"] == {"first": 1.0, "disagree": 1.0}
    assert bias["calibrated"] == {"first": 5 / 8, "disagree": 1 / 4}


def test_no_answer_compared_is_no_error():
    assert position_bias([]) == {"judged": 0} and preference_votes([], "judge") == []


def test_a_criterion_is_met_from_even_odds():
    probabilities = {"clarity_probability": 0.5, "feasibility_probability": 0.49, "practicality_probability": 1.0}
    (vote,) = quality_votes([{"id": "1", **probabilities, "grade": "pass"}], "judge")
    assert (vote.clarity, vote.feasibility, vote.practicality, vote.output) == (True, False, True, "pass")
