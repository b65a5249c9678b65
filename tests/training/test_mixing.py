import json
from collections import Counter

import datasets
import pytest

from kun_recipes.data.pairs import Removed, Seed
from kun_recipes.errors import UserError
from kun_recipes.training.mixing import MixedSet, load_mix
from kun_recipes.training.subsets import take

OWN = [Seed("自己的", "答", "own:1"), Seed("留出的", "答", "own:2")]


def write(path, *rows):
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n", encoding="utf-8")
    return str(path)


def rows(name, number):
    return [{"instruction": f"{name}{index}", "output": "答"} for index in range(number)]


@pytest.fixture
def mix(make_config):
    def mix(own=OWN, trained=4, fits=lambda _: True, **options):
        return load_mix(make_config(**options), own, trained, fits)

    return mix


def test_without_a_weight_all_rows_are_taken(mix, tmp_path):
    coig = write(tmp_path / "coig.jsonl", *rows("甲", 5))
    (part,) = mix(mix=[coig])
    assert Counter(seed.instruction for seed in part.pairs) == Counter(f"甲{index}" for index in range(5))
    assert part.counts() == {"source": coig, "rows_in": 5, "rows_kept": 5, "removed": {}}


def test_a_weight_takes_the_first_rows_in_the_order_of_subsets(mix, tmp_path):
    coig, belle = write(tmp_path / "coig.jsonl", *rows("甲", 9)), write(tmp_path / "belle.jsonl", *rows("乙", 9))
    first, second = mix(mix=[coig, belle], mix_weights=[0.5, 2.0])
    assert [len(first.pairs), len(second.pairs)] == [2, 8]
    everything = [Seed(f"甲{index}", "答", f"{coig}:{index + 1}") for index in range(9)]
    assert first.pairs == take(everything, 2)[0]
    assert first.counts()["removed"] == {"not_in_mix": 7}
    assert (second.counts()["rows_in"], second.counts()["rows_kept"]) == (9, 8)


def test_weight_above_the_available_rows_is_an_error(mix, tmp_path):
    coig = write(tmp_path / "coig.jsonl", *rows("甲", 9))
    assert len(mix(mix=[coig], mix_weights=[2.25])[0].pairs) == 9
    message = f"mix_weights: 2.5 of 4 rows asks 10 of {coig}, which has 9 to train on; lower the weight, or leave"
    with pytest.raises(UserError, match=message):
        mix(mix=[coig], mix_weights=[2.5])


def test_repeated_instruction_is_removed_as_duplicate(mix, tmp_path):
    coig = write(
        tmp_path / "coig.jsonl", *({"instruction": x, "output": "别的"} for x in ("自己的", " 留出的 ", "新的"))
    )
    belle = write(tmp_path / "belle.jsonl", *({"instruction": x, "output": "又一个"} for x in ("新的", "更新的")))
    first, second = mix(mix=[coig, belle])
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
        mix=[belle, other], mix_columns=["instruction=instruction+input output=output", "instruction=问 output=答"]
    )
    assert {(seed.instruction, seed.output) for seed in first.pairs} == {
        ("翻译\n天", "sky"),
        ("问候", "你好"),
        ("作诗", "床前"),
    }
    assert first.removed == [Removed(f"{belle}:4", "wrong_type")]
    assert second.pairs == [Seed("几点", "三点", f"{other}:1")]


def test_a_missing_column_is_named(mix, tmp_path):
    belle = write(tmp_path / "belle.jsonl", *rows("甲", 1))
    with pytest.raises(UserError, match=f"{belle}:1: no column input; found instruction, output"):
        mix(mix=[belle], mix_columns=["instruction=instruction+input output=output"])


def test_too_long_rows_do_not_count_towards_the_weight(mix, tmp_path):
    coig = write(tmp_path / "coig.jsonl", *rows("甲", 6))
    long = take([Seed(f"甲{index}", "答", "") for index in range(6)], 1)[0][0].instruction
    (part,) = mix(mix=[coig], mix_weights=[1.0], fits=lambda seed: seed.instruction != long)
    assert len(part.pairs) == 4
    assert part.counts()["removed"] == {"too_long": 1, "not_in_mix": 1}


def test_a_hub_dataset_is_asked_for_its_revision(mix, tmp_path, monkeypatch):
    asked = []

    def load_dataset(name, revision):
        asked.append((name, revision))
        return {"train": rows(name, 1)}

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    parts = mix(mix=["BAAI/COIG", "m-a-p/COIG-Kun"], mix_revisions=["0123abc", "none"])
    assert asked == [("BAAI/COIG", "0123abc"), ("m-a-p/COIG-Kun", None)]
    assert parts[0] == MixedSet("BAAI/COIG", [Seed("BAAI/COIG0", "答", "BAAI/COIG/train:1")], [])
