"""The paths of a config, by the types of its fields."""

from dataclasses import dataclass, fields

import pytest

from kun_recipes.chain.all_stages import ALL_STAGES
from kun_recipes.config.options import option
from kun_recipes.config.paths import ConfigPath, config_paths, map_paths
from kun_recipes.config.types import (
    DatasetPath,
    InputPath,
    ModelPath,
    OutputPath,
    PathKind,
    PromptPath,
    RoundPath,
    field_types,
)
from kun_recipes.curation import judge_data
from kun_recipes.data import pair_sources, row_sources


@dataclass(frozen=True)
class Part:
    path: DatasetPath = option(help="where")
    name: str = option("outputs", "a name that is no path")


@dataclass(kw_only=True)
class Config:
    output_dir: OutputPath = option(help="where it goes")
    model: ModelPath = option(help="what is asked")
    sampling: str = option("greedy", "no path, whatever lies in the current folder")
    prompt: PromptPath | None = option(None, "a prompt")
    inputs: list[InputPath] | None = option(None, "what is read")
    parts: list[Part] | None = option(None, "what is read, with names")


def test_every_path_is_found_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "greedy").mkdir()
    config = Config(output_dir="out", model="owner/name", inputs=["a", "b"], parts=[Part("c"), Part("owner/d", "out")])
    found = [(path.key, path.value, path.kind.written) for path in config_paths(config)]
    assert found == [
        ("output_dir", "out", True),
        ("model", "owner/name", False),
        ("inputs[0]", "a", False),
        ("inputs[1]", "b", False),
        ("parts[0].path", "c", False),
        ("parts[1].path", "owner/d", False),
    ]


@pytest.mark.parametrize(
    ("value", "is_id"),
    [
        ("owner/name", True),
        ("owner/name@abc", True),
        ("owner/a.jsonl", False),
        ("a/b/c", False),
        ("./a/b", False),
        ("a", False),
    ],
)
def test_a_hub_id_has_an_owner_and_no_suffix_of_data(value, is_id):
    (path,) = [one for one in config_paths(Config(output_dir="o", model=value)) if one.key == "model"]
    assert path.is_hub_id is is_id


@pytest.mark.parametrize("suffix", sorted({*pair_sources.SUFFIXES, *row_sources.SUFFIXES, *judge_data.FILES}))
def test_missing_file_of_rows_is_no_hub_id(suffix):
    assert not ConfigPath("seeds", f"data/seeds{suffix}", PathKind()).is_hub_id
    assert ConfigPath("seeds", f"data/seeds{suffix}-v1", PathKind()).is_hub_id


def test_the_folder_of_a_round_stands_for_those_of_its_stages():
    @dataclass
    class Rounds:
        before: RoundPath
        earlier: list[RoundPath]

    stages = ("label_model", "primary_chat_model", "label", "refine")
    found = [(path.key, path.value) for path in config_paths(Rounds("out/round_2", ["out/round_1"]))]
    assert found == [
        *(("before", f"out/round_2/{stage}") for stage in stages),
        *(("earlier[0]", f"out/round_1/{stage}") for stage in stages),
    ]


def test_paths_of_yaml_values_can_be_changed_before_they_are_typed():
    hints = field_types(Config)
    change = lambda key, path, kind: f"{key}:{path}"  # noqa: E731
    assert map_paths([{"path": "c", "name": "n"}], hints["parts"], change, "parts") == [
        {"path": "parts[0].path:c", "name": "n"}
    ]
    assert map_paths(3, hints["inputs"], change, "inputs") == 3  # a mistake is told later, where values are checked
    assert map_paths("greedy", hints["sampling"], change, "sampling") == "greedy"


@pytest.mark.parametrize("stage", ALL_STAGES.values(), ids=list(ALL_STAGES))
def test_no_option_of_a_stage_that_names_a_path_is_plain_text(stage):
    """Options named after files and folders have a path's type: graph, fingerprints and moving a run depend on it."""
    config_class = stage.config_class()
    own = [field for field in fields(config_class) if field.init and hasattr(field.metadata.get("help"), "spec")]
    named = (
        "_dir",
        "_path",
        "_prompt",
        "_file",
        "model",
        "prompt",
        "models",
        "seeds",
        "dataset",
        "rules",
        "judge_data",
    )
    plain = [
        field.name
        for field in own
        if field.name.endswith(named) and "PathKind" not in str(field_types(config_class)[field.name])
    ]
    assert set(plain) <= {
        "asked_models",
        "base_model",
        "models",
        "pairs_per_prompt",
    }  # a name on the Hub, sections with paths, a count
    assert "PathKind" in str(field_types(config_class)["output_dir"])
