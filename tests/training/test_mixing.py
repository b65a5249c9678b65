import itertools
import json
import random
from collections import Counter

import datasets
import pytest

from kun_recipes.data.pairs import Pair, Removed, split_pairs
from kun_recipes.errors import UserError
from kun_recipes.training.mixing import MixedSet, in_subset_order, load_mix, take
from kun_recipes.training.mixture import DatasetMixture, MixedDataset

SIZES = (9, 26, 39, 52, 100, 200, 360)
OWN = [Pair("自己的", "答", "own:1"), Pair("留出的", "答", "own:2")]


def write(path, *rows):
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n", encoding="utf-8")
    return str(path)


def rows(name, number):
    return [{"instruction": f"{name}{index}", "output": "答"} for index in range(number)]


def mix(*sets, fault=lambda _: None, seed=0):
    return load_mix(DatasetMixture(list(sets), seed), OWN, 4, fault)


def test_without_a_weight_all_rows_are_taken(tmp_path):
    coig = write(tmp_path / "coig.jsonl", *rows("甲", 5))
    (part,) = mix(MixedDataset(coig))
    assert Counter(seed.instruction for seed in part.pairs) == Counter(f"甲{index}" for index in range(5))
    assert part.counts() == {"source": coig, "rows_in": 5, "rows_kept": 5, "removed": {}}


def test_a_weight_takes_the_first_rows_in_the_order_of_subsets(tmp_path):
    coig, belle = write(tmp_path / "coig.jsonl", *rows("甲", 9)), write(tmp_path / "belle.jsonl", *rows("乙", 9))
    first, second = mix(MixedDataset(coig, weight=0.25), MixedDataset(belle, weight=0.9))
    assert [len(first.pairs), len(second.pairs)] == [2, 8]
    everything = [Pair(f"甲{index}", "答", f"{coig}:{index + 1}") for index in range(9)]
    assert first.pairs == take(everything, 2)[0]
    assert first.counts()["removed"] == {"not_in_mix": 7}
    assert (second.counts()["rows_in"], second.counts()["rows_kept"]) == (9, 8)


def test_another_seed_takes_other_rows(tmp_path):
    coig = write(tmp_path / "coig.jsonl", *rows("甲", 40))
    (first,), (again,), (other,) = (mix(MixedDataset(coig, weight=0.5), seed=seed) for seed in (0, 0, 1))
    assert first.pairs == again.pairs
    assert len(other.pairs) == 20 and 0 < len(set(first.pairs) & set(other.pairs)) < 20


@pytest.mark.parametrize(("at_most", "taken"), [(0.5, 2), (2.25, 9), (100.0, 9)])
def test_a_limit_takes_what_there_is(tmp_path, at_most, taken):
    """The number of pairs of a round is not known before, so that fewer rows are not an error."""
    coig = write(tmp_path / "coig.jsonl", *rows("甲", 9))
    (part,) = mix(MixedDataset(coig, at_most=at_most))
    assert len(part.pairs) == taken
    assert part.counts()["removed"] == ({"not_in_mix": 9 - taken} if taken < 9 else {})


def test_repeated_instruction_is_removed_as_duplicate(tmp_path):
    coig = write(
        tmp_path / "coig.jsonl", *({"instruction": x, "output": "别的"} for x in ("自己的", " 留出的 ", "新的"))
    )
    belle = write(tmp_path / "belle.jsonl", *({"instruction": x, "output": "又一个"} for x in ("新的", "更新的")))
    first, second = mix(MixedDataset(coig), MixedDataset(belle))
    assert [seed.instruction for seed in first.pairs + second.pairs] == ["新的", "更新的"]
    assert first.removed == [Removed(f"{coig}:{line}", "duplicate_instruction") for line in (1, 2)]
    assert second.removed == [Removed(f"{belle}:1", "duplicate_instruction")]


def test_each_set_has_its_own_column_mapping(tmp_path):
    belle = write(
        tmp_path / "belle.jsonl",
        {"instruction": "翻译", "input": "天", "output": "sky"},
        {"instruction": "问候", "input": "", "output": "你好"},
        {"instruction": "作诗", "input": None, "output": "床前"},
        {"instruction": "坏的", "input": 3, "output": "x"},
    )
    other = write(tmp_path / "other.jsonl", {"问": "几点", "答": "三点"})
    first, second = mix(
        MixedDataset(belle, columns=["instruction+input", "output"]), MixedDataset(other, columns=["问", "答"])
    )
    assert {(seed.instruction, seed.output) for seed in first.pairs} == {
        ("翻译\n天", "sky"),
        ("问候", "你好"),
        ("作诗", "床前"),
    }
    assert first.removed == [Removed(f"{belle}:4", "wrong_type")]
    assert second.pairs == [Pair("几点", "三点", f"{other}:1")]


def test_a_missing_column_is_named(tmp_path):
    belle = write(tmp_path / "belle.jsonl", *rows("甲", 1))
    with pytest.raises(UserError, match=f"{belle}:1: no column input; found instruction, output"):
        mix(MixedDataset(belle, columns=["instruction+input", "output"]))


def test_too_long_rows_do_not_count_towards_the_weight(tmp_path):
    coig = write(tmp_path / "coig.jsonl", *rows("甲", 6))
    long = take([Pair(f"甲{index}", "答", "") for index in range(6)], 1)[0][0].instruction
    (part,) = mix(MixedDataset(coig, weight=0.5), fault=lambda seed: "too_long" if seed.instruction == long else None)
    assert len(part.pairs) == 3
    assert part.counts()["removed"] == {"too_long": 1, "not_in_mix": 2}


def test_a_hub_dataset_is_asked_for_its_part(monkeypatch):
    asked = []

    def load_dataset(name, config, split, revision):
        asked.append((name, config, split, revision))
        found = datasets.Dataset.from_list(rows(name, 1))
        return found if split else {"train": found}

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    parts = mix(
        MixedDataset("BAAI/COIG", revision="0123abc"), MixedDataset("m-a-p/COIG-Kun", config="en", split="test_sft")
    )
    assert asked == [("BAAI/COIG", None, None, "0123abc"), ("m-a-p/COIG-Kun", "en", "test_sft", None)]
    assert parts[1].pairs[0].where == "m-a-p/COIG-Kun/test_sft:1"
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
