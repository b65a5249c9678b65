import itertools
import json
import random
from collections import Counter

import datasets
import pytest

from kun_recipes.data.pairs import Pair, Removed, split_pairs
from kun_recipes.errors import ConfigError, UserError
from kun_recipes.training.config import MixedIn
from kun_recipes.training.mixing import MixedSet, in_subset_order, load_mix, take

SIZES = (9, 26, 39, 52, 100, 200, 360)
OWN = [Pair("自己的", "答", "own:1"), Pair("留出的", "答", "own:2")]


def write(path, *rows):
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n", encoding="utf-8")
    return str(path)


def rows(name, number):
    return [{"instruction": f"{name}{index}", "output": "答"} for index in range(number)]


@pytest.fixture
def mix(make_config):
    def mix(own=OWN, trained=4, fault=lambda _: None, **options):
        return load_mix(make_config(**options), own, trained, fault)

    return mix


def test_without_a_weight_all_rows_are_taken(mix, tmp_path):
    coig = write(tmp_path / "coig.jsonl", *rows("甲", 5))
    (part,) = mix(mix=[MixedIn(coig)])
    assert Counter(seed.instruction for seed in part.pairs) == Counter(f"甲{index}" for index in range(5))
    assert part.counts() == {"source": coig, "rows_in": 5, "rows_kept": 5, "removed": {}}


def test_a_weight_takes_the_first_rows_in_the_order_of_subsets(mix, tmp_path):
    coig, belle = write(tmp_path / "coig.jsonl", *rows("甲", 9)), write(tmp_path / "belle.jsonl", *rows("乙", 9))
    first, second = mix(mix=[MixedIn(coig, weight=0.5), MixedIn(belle, weight=2.0)])
    assert [len(first.pairs), len(second.pairs)] == [2, 8]
    everything = [Pair(f"甲{index}", "答", f"{coig}:{index + 1}") for index in range(9)]
    assert first.pairs == take(everything, 2)[0]
    assert first.counts()["removed"] == {"not_in_mix": 7}
    assert (second.counts()["rows_in"], second.counts()["rows_kept"]) == (9, 8)


def test_weight_above_the_available_rows_is_an_error(mix, tmp_path):
    coig = write(tmp_path / "coig.jsonl", *rows("甲", 9))
    assert len(mix(mix=[MixedIn(coig, weight=2.25)])[0].pairs) == 9
    message = f"mix: weight 2.5 of 4 rows asks 10 of {coig}, which has 9 to train on; lower the weight, or leave"
    with pytest.raises(UserError, match=message):
        mix(mix=[MixedIn(coig, weight=2.5)])


@pytest.mark.parametrize(("at_most", "taken"), [(0.5, 2), (2.25, 9), (100.0, 9)])
def test_a_limit_takes_what_there_is(mix, tmp_path, at_most, taken):
    """As a weight would, but fewer rows are no mistake: how many pairs a round gives is not known before."""
    coig = write(tmp_path / "coig.jsonl", *rows("甲", 9))
    (part,) = mix(mix=[MixedIn(coig, at_most=at_most)])
    assert len(part.pairs) == taken
    assert part.counts()["removed"] == ({"not_in_mix": 9 - taken} if taken < 9 else {})


def test_a_limit_beside_a_weight_is_refused(make_config):
    with pytest.raises(ConfigError, match=r"mix\[0\].at_most: weight is set too"):
        make_config(mix=[MixedIn("owner/set", weight=1.0, at_most=1.0)]).check()


def test_repeated_instruction_is_removed_as_duplicate(mix, tmp_path):
    coig = write(
        tmp_path / "coig.jsonl", *({"instruction": x, "output": "别的"} for x in ("自己的", " 留出的 ", "新的"))
    )
    belle = write(tmp_path / "belle.jsonl", *({"instruction": x, "output": "又一个"} for x in ("新的", "更新的")))
    first, second = mix(mix=[MixedIn(coig), MixedIn(belle)])
    assert [seed.instruction for seed in first.pairs + second.pairs] == ["新的", "更新的"]
    assert first.removed == [Removed(f"{coig}:{line}", "duplicate_instruction") for line in (1, 2)]
    assert second.removed == [Removed(f"{belle}:1", "duplicate_instruction")]


def test_each_set_has_its_own_column_mapping(mix, tmp_path):
    belle = write(
        tmp_path / "belle.jsonl",
        {"instruction": "翻译", "input": "天", "output": "sky"},
        {"instruction": "问候", "input": "", "output": "你好"},
        {"instruction": "作诗", "input": None, "output": "床前"},
        {"instruction": "坏的", "input": 3, "output": "x"},
    )
    other = write(tmp_path / "other.jsonl", {"问": "几点", "答": "三点"})
    first, second = mix(
        mix=[MixedIn(belle, "instruction+input", "output"), MixedIn(other, instruction="问", output="答")]
    )
    assert {(seed.instruction, seed.output) for seed in first.pairs} == {
        ("翻译\n天", "sky"),
        ("问候", "你好"),
        ("作诗", "床前"),
    }
    assert first.removed == [Removed(f"{belle}:4", "wrong_type")]
    assert second.pairs == [Pair("几点", "三点", f"{other}:1")]


def test_a_missing_column_is_named(mix, tmp_path):
    belle = write(tmp_path / "belle.jsonl", *rows("甲", 1))
    with pytest.raises(UserError, match=f"{belle}:1: no column input; found instruction, output"):
        mix(mix=[MixedIn(belle, "instruction+input", "output")])


def test_too_long_rows_do_not_count_towards_the_weight(mix, tmp_path):
    coig = write(tmp_path / "coig.jsonl", *rows("甲", 6))
    long = take([Pair(f"甲{index}", "答", "") for index in range(6)], 1)[0][0].instruction
    (part,) = mix(mix=[MixedIn(coig, weight=1.0)], fault=lambda seed: "too_long" if seed.instruction == long else None)
    assert len(part.pairs) == 4
    assert part.counts()["removed"] == {"too_long": 1, "not_in_mix": 1}


def test_a_hub_dataset_is_asked_for_its_revision(mix, tmp_path, monkeypatch):
    asked = []

    def load_dataset(name, revision):
        asked.append((name, revision))
        return {"train": rows(name, 1)}

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    parts = mix(mix=[MixedIn("BAAI/COIG", revision="0123abc"), MixedIn("m-a-p/COIG-Kun")])
    assert asked == [("BAAI/COIG", "0123abc"), ("m-a-p/COIG-Kun", None)]
    assert parts[0] == MixedSet("BAAI/COIG", [Pair("BAAI/COIG0", "答", "BAAI/COIG/train:1")], [])


def some_seeds(number):
    return [Pair(f"问题{index}", "答", f"f:{index}") for index in range(number)]


def test_subsets_are_nested():
    subsets = [take(some_seeds(400), size)[0] for size in SIZES]
    assert [len(subset) for subset in subsets] == list(SIZES)
    for smaller, larger in itertools.pairwise(subsets):
        assert larger[: len(smaller)] == smaller


def test_a_subset_does_not_depend_on_the_order_of_the_files():
    seeds = some_seeds(400)
    shuffled = random.Random(1).sample(seeds, len(seeds))
    assert shuffled != seeds
    assert take(shuffled, 52) == take(seeds, 52)


def test_added_rows_keep_the_order_of_the_others():
    few = some_seeds(100)
    assert [seed for seed in in_subset_order(some_seeds(300)) if seed in set(few)] == in_subset_order(few)


def test_subset_order_stays_the_same_between_releases():
    """Kept from release to release: another order would make another 9k."""
    assert [seed.instruction for seed in in_subset_order(some_seeds(6))] == [
        "问题3",
        "问题1",
        "问题0",
        "问题4",
        "问题2",
        "问题5",
    ]


def test_subset_order_is_independent_of_the_held_out_split():
    seeds = some_seeds(2000)
    subset = take(seeds, 1000)[0]
    held_out = set(split_pairs(seeds, 0.1)[1])
    assert 60 <= sum(seed in held_out for seed in subset) <= 140  # by the split's own hash it would be 0 or all


def test_take_skips_rows_that_do_not_fit_and_stops_at_the_size():
    seeds = some_seeds(20)
    order = in_subset_order(seeds)
    asked = []

    def fault(seed):
        asked.append(seed)
        return "too_long" if seed == order[1] else None

    unfit = [Removed(order[1].where, "too_long")]
    assert take(seeds, 3, fault) == ([order[0], order[2], order[3]], unfit, order[4:])
    assert asked == order[:4]


def test_take_without_size_or_beyond_the_rows_takes_all():
    seeds = some_seeds(5)
    assert take(seeds, None) == take(seeds, 9) == (in_subset_order(seeds), [], [])
