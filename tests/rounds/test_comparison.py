"""What is compared of the rows and judges that two rounds left."""

import math

import pytest

from kun_recipes.rounds.comparison import Bootstrap, held_out_changes, judge_changes, row_changes
from kun_recipes.rounds.rows import count_repeated, read_round
from tests.rounds.conftest import JUDGED, row

BOOTSTRAP = Bootstrap(1000, 0)
LONG = "请介绍中国古代四大发明之一的造纸术是怎样传到世界各地的"


def count_tokens(texts):
    return list(map(len, texts))


def changes_of_rows(*folders, repeated=None):
    rounds = tuple(read_round(str(folder), count_tokens, 100) for folder in folders)
    return {change.name: change for change in row_changes(rounds, repeated)}


def changes_of_judges(*folders):
    rounds = tuple(read_round(str(folder), count_tokens, 100) for folder in folders)
    return {change.name: change for change in judge_changes(*(one / "refine" for one in folders), rounds, BOOTSTRAP)}


def test_rows_of_each_round_are_counted_and_measured(make_round):
    before = make_round("round_1", [row("介绍茶。", "茶是饮料。", 0.0)] * 6, candidates=60)
    after = make_round("round_2", [row("什么是茶？", "茶是一种饮料。", 2.0)] * 9, candidates=20)
    found = changes_of_rows(before, after)
    shown = {name: (one.before, one.after, one.on) for name, one in found.items()}
    assert shown["kept_label"] == (0.5, 0.5, "120 and 40 segments")
    assert shown["kept_refine"] == (0.1, 0.45, "60 and 20 candidates")
    assert found["kept_refine"].verdict == "changed"
    assert shown["precision_support"] == (0.5, pytest.approx(1 / (1 + math.exp(-2))), "6 and 9 kept rows")
    assert found["precision_support"].verdict == "better"
    assert shown["length_instruction"] == (4, 5, "6 and 9 kept rows")
    assert shown["form_question"] == (0, 1, "6 and 9 kept rows")
    assert shown["form_imperative"] == (1, 0, "6 and 9 kept rows")
    assert found["form_question"].verdict == "changed"
    assert "precision_answer" not in found and "precision_labelled" not in found and "repeated" not in found


def test_the_precision_of_the_checks_has_the_interval_of_both(make_round):
    def verified(low: float, value: float, high: float) -> dict:
        return {"verification": {"items": 60, "precision": value, "precision_low": low, "precision_high": high}}

    one, more = verified(0.4, 0.5, 0.6), verified(0.8, 0.9, 0.95)
    change = changes_of_rows(make_round("round_1", **one), make_round("round_2", **more))["precision_labelled"]
    assert (change.before, change.after, change.on) == (0.5, 0.9, "60 labelled answers")
    assert change.low == pytest.approx(0.4 - 0.2**0.5 / 10**0.5) and change.high == pytest.approx(
        0.4 + (0.0125) ** 0.5
    )
    assert "precision_labelled" not in changes_of_rows(make_round("round_3"), make_round("round_4", **more))


def test_diversity_is_measured_over_equally_many_letters(make_round):
    same = [row("介绍茶。", "茶是饮料。")] * 4
    other = [row(f"介绍{what}。", f"{what}是饮料。") for what in "茶酒水奶糖盐油醋"]
    found = changes_of_rows(make_round("round_1", same), make_round("round_2", other))
    change = found["distinct_2_instruction"]
    assert change.on == "12 letters"
    assert (change.before, change.after) == (2 / 8, 5 / 8)  # of 介绍茶介绍酒介绍水介绍奶: 介绍 and four others
    assert change.low is None


def test_a_round_that_kept_nothing_is_compared_by_what_there_is(make_round):
    found = changes_of_rows(make_round("round_1"), make_round("round_2", []))
    assert (found["kept_refine"].before, found["kept_refine"].after) == (0.1, 0)
    assert not {"form_question", "length_output", "distinct_2_output"} & found.keys()


def test_a_round_without_candidates_has_no_share(make_round):
    found = changes_of_rows(make_round("round_1"), make_round("round_2", [], candidates=0))
    change = found["kept_refine"]
    assert (change.before, change.after, change.low) == (0.1, None, None)


@pytest.mark.parametrize(
    ("earlier", "last", "repeated"),
    [
        ([[LONG]], [LONG, "别的什么完全不同的问题呢"], 1),
        ([[LONG]], [LONG, LONG + "？"], 2),
        ([["别的什么完全不同的问题呢"]], [LONG, LONG], 0),  # of the round itself
        ([[LONG], ["别的什么完全不同的问题呢"]], [LONG], 1),  # of the first of three rounds
        ([[LONG, LONG]], [], 0),
        ([[]], [LONG], 0),
        ([["茶"]], ["茶"], 0),  # too short for an n-gram
    ],
)
def test_near_duplicates_of_earlier_rounds_are_counted(make_round, tmp_path, earlier, last, repeated):
    rounds = [
        make_round(f"round_{n}", [row(text, "。") for text in texts]) for n, texts in enumerate([*earlier, last])
    ]
    assert count_repeated(list(map(str, rounds)), tmp_path / "scratch") == repeated
    assert not (tmp_path / "scratch").exists()


BLIND = {"log_odds": [1.0, 1.0, -1.0, -1.0] * 3, "right": JUDGED["right"]}


def test_judges_are_compared_on_the_same_items(make_round):
    found = changes_of_judges(
        make_round("round_1", judged={"filter": BLIND, "score": JUDGED}),
        make_round("round_2", judged={"filter": JUDGED, "support": JUDGED}),
    )
    assert list(found) == ["auc_filter"]  # those that both rounds have
    unjudged = make_round("round_3", [], candidates=0)
    (unjudged / "refine" / "judges.json").unlink()
    assert changes_of_judges(unjudged, unjudged) == {}
    change = found["auc_filter"]
    assert (change.before, change.after, change.on) == (0.5, 1.0, "12 held-out items")
    assert change.verdict == "better"


@pytest.mark.parametrize(
    "other", [{"judge_data": "others"}, {"judged": {"filter": {**JUDGED, "right": [True] * 3 + JUDGED["right"][3:]}}}]
)
def test_judges_measured_on_other_items_have_no_interval(make_round, other):
    one = {"judged": {"filter": BLIND}}
    change = changes_of_judges(make_round("round_1", **one), make_round("round_2", **one | other))["auc_filter"]
    assert (change.low, change.on) == (None, "12 items, others than before")


def records(**scores: tuple[float, ...]) -> dict:
    return {
        key: dict(zip(("reference_logprob", "reference_prior_logprob", "likeness"), values, strict=True))
        for key, values in scores.items()
    }


def test_held_out_pairs_are_compared_where_both_rounds_have_them():
    before, after = (
        records(a=(-2.0, -3.0, 0.1), b=(-4.0, -4.0, 0.3)),
        records(b=(-3.0, -5.0, 0.5), c=(-1.0, -1.0, 1.0)),
    )
    found = {one.name: one for one in held_out_changes((before, after), (after, after), BOOTSTRAP)}
    shown = {name: (one.before, one.after, one.better, one.on) for name, one in found.items()}
    assert shown == {
        "label_loss": (4.0, 3.0, "lower", "1 held-out pair"),
        "chat_loss": (2.0, 2.0, "lower", "2 held-out pairs"),
        "human_fit": (0.0, 2.0, "higher", "1 held-out pair"),
        "likeness": (0.3, 0.5, "higher", "1 held-out pair"),
    }
    nothing = next(held_out_changes(({}, after), (after, after), BOOTSTRAP))
    assert (nothing.before, nothing.after, nothing.low) == (None, None, None)
