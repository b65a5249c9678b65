"""Which pairs are judged, and which models meet."""

from collections import Counter
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from kun_recipes.data.pairs import Pair, Removed
from kun_recipes.studies.inputs import matchups, preference_items, sample_pairs

PAIRS = [Pair("问", "答", id=f"row-{number}", source="wudao" if number % 4 else "skypile") for number in range(400)]
MODELS = ["base", "kun", "coig", "belle"]


def sampled(pairs, per_source, seed) -> list[Pair]:
    return sample_pairs(pairs, per_source, seed)[0]


def test_equal_numbers_are_sampled_per_source():
    chosen = sampled(PAIRS, 20, seed=0)
    assert Counter(pair.source for pair in chosen) == {"wudao": 20, "skypile": 20}
    assert Counter(pair.source for pair in chosen[:20])["wudao"] > 3  # mixed, not one after the other


def test_sample_does_not_depend_on_order_and_duplicates():
    chosen = sampled(PAIRS, 20, seed=0)
    assert sample_pairs([Removed("f:1", "not_json"), *reversed(PAIRS), *PAIRS], 20, seed=0) == (chosen, 1)
    assert sampled(PAIRS, 20, seed=1) != chosen


def test_a_larger_sample_holds_the_smaller():
    assert set(sampled(PAIRS, 10, seed=0)) < set(sampled(PAIRS, 30, seed=0))


def test_a_small_source_is_taken_whole():
    assert len(sampled(PAIRS[:5], 20, seed=0)) == 5


def test_every_pair_of_models_meets_on_every_prompt_by_default():
    found = list(matchups(["p1", "p2"], MODELS, None, seed=0))
    assert sorted(found) == sorted((p, *pair) for p in ("p1", "p2") for pair in combinations(MODELS, 2))


@given(prompts=st.integers(1, 60), models=st.integers(2, 7), per_prompt=st.integers(1, 30))
def test_reduced_design_pairs_models_equally_often(prompts, models, per_prompt):
    names = [f"m{number}" for number in range(models)]
    found = list(matchups([f"p{number}" for number in range(prompts)], names, per_prompt, seed=0))
    pairs = list(combinations(names, 2))
    assert len(found) == len(set(found)) == prompts * min(per_prompt, len(pairs))
    met = Counter((first, second) for _, first, second in found)
    assert max(met.values()) - min(met.get(pair, 0) for pair in pairs) <= 1


def test_unanswered_prompt_gives_no_item():
    answers = {"kun": {"p1": "好", "p2": "好"}, "base": {"p1": "嗯"}}
    items = preference_items({"p1": "你好", "p2": "再见"}, answers, None, seed=0)
    assert [(item.id, item.answer_a, item.answer_b) for item in items] == [("p1/kun/base", "好", "嗯")]
