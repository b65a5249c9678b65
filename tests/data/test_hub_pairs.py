"""Pairs of a Hub dataset: the revision stands in the path, config and split in options."""

import pytest
from datasets import Dataset
from huggingface_hub import HfApi

from kun_recipes.data.pair_sources import HubPart
from kun_recipes.data.pairs import PairSet
from kun_recipes.errors import ConfigError, UserError
from kun_recipes.execution.folder import StageFolder
from kun_recipes.statistics.config import Reference, StatisticsConfig
from kun_recipes.studies.config import StudyConfig
from kun_recipes.studies.inputs import gather


@pytest.fixture
def commit(hub, monkeypatch) -> str:
    """A commit of a dataset of two configs, of which one changed since."""
    monkeypatch.setenv("HF_TOKEN", "hf_ana")
    Dataset.from_list([{"instruction": "旧问", "output": "旧答"}]).push_to_hub("ana/Pairs", "tea", private=True)
    Dataset.from_list([{"instruction": "米问", "output": "米答"}]).push_to_hub("ana/Pairs", "rice", private=True)
    commit = HfApi(endpoint=hub.url, token="hf_ana").dataset_info("ana/Pairs").sha
    Dataset.from_list([{"instruction": "新问", "output": "新答"}]).push_to_hub("ana/Pairs", "tea", private=True)
    return commit


def instructions(one: PairSet) -> list[str]:
    return [pair.instruction for pair in one.read()]


def config(**options) -> StatisticsConfig:
    return StatisticsConfig(model="model", output_dir="out", reference_year=2024, **options)


def test_dataset_and_references_are_read_at_their_revision(commit):
    reference = Reference(path="ana/Pairs", name="new", subset="tea", split="train")
    asked = config(dataset=f"ana/Pairs@{commit}", dataset_subset="tea", references=[reference])
    asked.check()
    assert instructions(asked.dataset_set()) == ["旧问"]
    assert [instructions(one) for one in asked.reference_sets()] == [["新问"]]


def test_a_study_samples_the_named_config(commit):
    asked = StudyConfig(model="m", output_dir="o", judge=False, dataset=f"ana/Pairs@{commit}", dataset_subset="tea")
    assert [pair.instruction for pair in gather(asked, StageFolder("study", asked)).pairs] == ["旧问"]


def test_a_revision_given_twice_is_refused(commit):
    with pytest.raises(UserError, match=rf"ana/Pairs@{commit}: names a revision, and so does an option: main; remove"):
        instructions(PairSet("pairs", f"ana/Pairs@{commit}", part=HubPart("main", "tea")))


@pytest.mark.parametrize("key", ["dataset_subset", "dataset_split"])
def test_parts_of_a_folder_are_refused(tmp_path, key):
    with pytest.raises(ConfigError, match="applies only to a Hub dataset; the dataset is a path"):
        config(dataset=str(tmp_path), **{key: "tea"}).check()
    with pytest.raises(ConfigError, match="applies only to a Hub dataset; the dataset is a path"):
        StudyConfig(model="model", output_dir="out", dataset=str(tmp_path), **{key: "tea"}).check()


def test_parts_of_a_reference_that_is_a_folder_are_refused(tmp_path):
    reference = Reference(path=str(tmp_path), name="folder", split="train")
    with pytest.raises(ConfigError, match=r"references.0.*apply to a Hub dataset"):
        config(dataset=str(tmp_path), references=[reference]).check()
