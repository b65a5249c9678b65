"""Results of studies against small ones computed by hand."""

import math

import pytest
from scipy.stats import binomtest

from kun_recipes.studies.items import PreferenceItem, QualityItem
from kun_recipes.studies.preferences import measure_preferences
from kun_recipes.studies.quality import measure_quality
from kun_recipes.studies.report import notes, voters_shown, votes_drawn
from kun_recipes.studies.results import compare_voters, measure_study
from kun_recipes.studies.votes import PreferenceVote, QualityVote

PAIRS = [
    QualityItem("1", "wudao", "水为什么会结冰？", "因为冷。"),
    QualityItem("2", "wudao", "写一首诗。", "好。"),
    QualityItem("3", "skypile", "什么是公证？", "公证是……"),
]
PROMPTS = [
    PreferenceItem("p1/xy", "你好", "x", "y", "好", "嗯"),
    PreferenceItem("p2/xy", "再见", "x", "y", "好", "嗯"),
    PreferenceItem("p1/yz", "你好", "y", "z", "嗯", "哦"),
]


def judged(item: str, *grades: str, clarity: str = "111") -> list[QualityVote]:
    return [
        QualityVote(item, f"a{number}", clear == "1", True, False, grade, number)
        for number, (grade, clear) in enumerate(zip(grades, clarity, strict=False))
    ]


def chosen(item: str, *choices: str, first: str = "a") -> list[PreferenceVote]:
    return [PreferenceVote(item, f"a{number}", choice, first, number) for number, choice in enumerate(choices)]


def test_table_1_counts_votes_by_source():
    votes = [
        *judged("1", "excellent", "excellent", "pass", clarity="110"),
        *judged("2", "fail", "fail", "fail", clarity="000"),
        *judged("3", "pass", "excellent", "fail"),
    ]
    found = measure_quality(PAIRS, votes, resamples=200)
    table = found["table"]
    assert list(table) == ["skypile", "wudao", "all"]
    assert table["wudao"]["clarity_yes"]["value"] == pytest.approx(2 / 6)
    assert table["wudao"]["output_excellent"]["value"] == pytest.approx(2 / 6)
    assert table["all"]["output_fail"]["value"] == pytest.approx(4 / 9)
    assert table["all"]["feasibility_yes"] == {"value": 1.0, "low": pytest.approx(0.4385, abs=1e-4), "high": 1.0}
    assert table["all"]["practicality_yes"]["value"] == 0
    assert 0 < table["wudao"]["clarity_yes"]["low"] < 2 / 6 < table["wudao"]["clarity_yes"]["high"] < 1
    assert found["labels"]["output"] == {"excellent": 1, "pass": 0, "fail": 1, "none": 1}
    assert found["labels"]["clarity"] == {"yes": 2, "no": 1, "none": 0}
    assert found["agreement"]["output"]["identical"] == {"all_same": 1, "some_same": 1, "all_different": 1}
    assert (found["voted"], found["votes"], found["voters"]) == (3, 9, 3)


def test_items_without_a_vote_and_votes_without_an_item_are_counted_nowhere():
    found = measure_quality(PAIRS, [*judged("1", "pass"), *judged("gone", "fail")], resamples=100)
    assert (found["items"], found["voted"], found["votes"]) == (3, 1, 1)
    assert found["table"]["skypile"]["output_fail"] == {"value": None, "low": None, "high": None}
    assert found["table"]["all"]["output_pass"]["value"] == 1


def test_ties_and_both_bad_are_half_a_win_for_each():
    votes = [*chosen("p1/xy", "a", "a", "tie"), *chosen("p2/xy", "b", "both_bad"), *chosen("p1/yz", "a", first="b")]
    found = measure_preferences(PROMPTS, votes, resamples=200)
    (xy, yz) = found["pairs"]
    assert xy["models"] == ["x", "y"]
    assert {key: xy[key] for key in ("wins", "ties", "losses", "both_bad")} == {
        "wins": 2,
        "ties": 2,
        "losses": 1,
        "both_bad": 1,
    }
    assert xy["win_rate"]["value"] == pytest.approx(3 / 5)
    assert yz["win_rate"]["value"] == 1
    assert found["models"]["y"]["win_rate"]["value"] == pytest.approx(3 / 6)
    assert list(found["models"]) == ["x", "y", "z"]  # the best first
    assert found["left"] == pytest.approx(2 / 4)  # of a a b a, the first two were shown first
    assert (found["items"], found["voted"], found["prompts"]) == (3, 3, 2)


def test_ratings_of_two_models_are_their_odds():
    votes = chosen("p1/xy", *["a"] * 9, "b")
    found = measure_preferences(PROMPTS[:2], votes, resamples=100)
    gap = found["models"]["x"]["rating"]["value"] - found["models"]["y"]["rating"]["value"]
    assert gap == pytest.approx(400 * math.log10(9.5 / 1.5))  # half a vote each way goes before
    assert found["models"]["x"]["rating"]["value"] + found["models"]["y"]["rating"]["value"] == pytest.approx(2000)


def test_a_model_that_always_wins_has_intervals_with_a_width():
    prompts = [PreferenceItem(f"p{number}", f"{number}", "x", "y", "好", "嗯") for number in range(12)]
    votes = [vote for prompt in prompts for vote in chosen(prompt.id, "a", "a", "a")]
    found = measure_preferences(prompts, votes, resamples=300)
    rate, rating = (found["models"]["x"][name] for name in ("win_rate", "rating"))
    assert rate["high"] == 1 and rate["low"] == pytest.approx(binomtest(12, 12).proportion_ci(method="wilson").low)
    assert found["pairs"][0]["win_rate"] == rate
    assert found["models"]["y"]["win_rate"]["low"] == 0 < found["models"]["y"]["win_rate"]["high"]
    assert rating["low"] < rating["value"] - 50 and rating["value"] == pytest.approx(rating["high"], abs=60)


def test_only_ties_have_an_interval_around_a_half():
    found = measure_preferences(PROMPTS[:2], [*chosen("p1/xy", "tie"), *chosen("p2/xy", "tie")], resamples=100)
    rate = found["pairs"][0]["win_rate"]
    assert rate["value"] == 0.5 and rate["low"] < 0.4 < 0.6 < rate["high"]
    assert found["models"]["x"]["rating"]["value"] == pytest.approx(1000)


def results_by_judge(*grades: str) -> dict:
    """Results without people: a judge gave these grades, and said yes to the clarity of all but the last."""
    last = len(grades)
    votes = [
        vote
        for number, grade in enumerate(grades, 1)
        for vote in judged(str(number), grade, **({"clarity": "0"} if number == last else {}))
    ]
    found = {"quality": measure_quality(PAIRS, votes, resamples=100), "preference": None}
    judge = {"name": "judge@0", "votes": found, "criteria": {}, "position": {"judged": 0}, "self_judged": {}}
    return {"people": None, "judge": judge}


@pytest.mark.parametrize(
    ("grades", "verdicts", "drawn"),
    [
        (("pass", "pass", "fail"), "feasibility: yes, practicality: no): it does not distinguish pairs", {"quality"}),
        (
            ("pass", "pass", "pass"),
            "feasibility: yes, practicality: no, output: pass): it does not distinguish pairs; "
            "its grades are not plotted",
            set(),
        ),
    ],
)
def test_constant_verdicts_of_a_judge_are_a_warning_and_constant_grades_no_figure(grades, verdicts, drawn):
    results = results_by_judge(*grades)
    assert list(notes(results)) == [f"warning: judge gave every pair the same verdict ({verdicts}"]
    assert set(votes_drawn(results, "judge")) == set(voters_shown(results)) == drawn


def test_a_study_without_votes_has_no_figures():
    assert measure_study({"quality": PAIRS}, {}) == {"quality": None, "preference": None}
    found = measure_preferences(PROMPTS, [], resamples=100)
    assert found["models"]["x"]["rating"]["value"] is None and found["pairs"] == [] and found["left"] is None


def test_a_model_is_compared_with_the_majority_of_people():
    items = {"quality": PAIRS, "preference": PROMPTS}
    people = {
        "quality": [*judged("1", "pass", "pass", "fail"), *judged("2", "pass", "fail"), *judged("3", "fail")],
        "preference": [*chosen("p1/xy", "a", "a"), *chosen("p2/xy", "both_bad"), *chosen("p1/yz", "b")],
    }
    model = {
        "quality": [*judged("1", "pass"), *judged("2", "pass"), *judged("3", "pass")],
        "preference": [*chosen("p1/xy", "a"), *chosen("p2/xy", "tie")],
    }
    found = compare_voters(items, people, model, resamples=100)
    assert found["output"]["items"] == 2 and found["output"]["left_out"] == 1  # people are torn about the second
    assert found["output"]["percent"]["value"] == 0.5
    assert found["clarity"]["percent"]["value"] == 1
    assert found["preference"]["items"] == 2 and found["preference"]["left_out"] == 1
    assert found["preference"]["percent"]["value"] == 1
