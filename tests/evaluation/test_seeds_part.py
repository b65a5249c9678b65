"""Seeds of the Hub: the stages that measure by them read the same part as the trainings."""

from typing import Any

import pytest

from kun_recipes.chain.config import RunConfig
from kun_recipes.config.shared import SEED_OPTIONS
from kun_recipes.data import pair_sources
from kun_recipes.data.pair_sources import HubPart
from kun_recipes.errors import ConfigError
from kun_recipes.evaluation.config import Benchmark, EvaluateConfig
from kun_recipes.evaluation.held_out import held_out_pairs
from kun_recipes.rounds.config import GainConfig
from kun_recipes.statistics.config import StatisticsConfig

PART = {"seeds_revision": "abc", "seeds_subset": "tea", "seeds_split": "train"}
SHARED = {"output_dir": "o", "model": "org/model"}
STAGES: dict[type, dict[str, Any]] = {
    EvaluateConfig: SHARED | {"benchmarks": [Benchmark("ceval", "ceval")]},
    GainConfig: SHARED | {"before": "a", "after": "b"},
    StatisticsConfig: SHARED | {"dataset": "d", "reference_year": 2025},
}


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.__name__)
def test_part_is_of_a_hub_dataset_alone(stage, tmp_path):
    config = stage(**STAGES[stage], **PART, seeds="owner/seeds")
    config.check()
    assert config.seeds_part() == HubPart("abc", "tea", "train", ("seeds_subset", "seeds_split"))
    for option, value in PART.items():
        with pytest.raises(ConfigError, match=f"{option}.*applies only to a Hub dataset"):
            stage(**STAGES[stage], seeds=str(tmp_path), **{option: value}).check()


def test_part_is_read(monkeypatch):
    asked = []

    def load_splits(name, revision, subset, split, *_):
        asked.append((name, revision, subset, split))
        return {"train": [{"instruction": f"问{number}", "output": "答"} for number in range(9)]}

    monkeypatch.setattr(pair_sources, "load_splits", load_splits)
    config = StatisticsConfig(**STAGES[StatisticsConfig], **PART, seeds="owner/seeds")
    (seeds,) = config.reference_sets()
    assert len(list(seeds.read())) == 9
    assert held_out_pairs("owner/seeds", "instruction", "output", 0.5, None, config.seeds_part())
    assert asked == [("owner/seeds", "abc", "tea", "train")] * 2


def test_run_shares_the_part():
    assert PART.keys() < set(SEED_OPTIONS)
    assert RunConfig(output_dir="o", model="m", seeds="owner/seeds", **PART).seeds_part().subset == "tea"
