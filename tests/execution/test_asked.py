"""What a stage was asked: which values and inputs make two runs the same."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kun_recipes.config.types import InputPath, ModelPath, RoundPath
from kun_recipes.data.atomic import write_json
from kun_recipes.data.folders import fingerprint
from kun_recipes.execution.asked import changed_keys, describe
from tests.execution.conftest import NamedSet


def test_describe_fingerprints_existing_paths(config, tmp_path):
    config = replace(config, inputs=[config.seeds, "no/such/file"], threshold=1.5)
    known = {"path": config.seeds, "content": fingerprint(Path(config.seeds))}
    assert describe(config) == {
        "seeds": known,
        "inputs": [known, "no/such/file"],
        "sampling": "greedy",
        "sets": None,
        "threshold": 1.5,
    }


def test_path_in_a_section_is_fingerprinted_by_content(config):
    known = {"path": config.seeds, "content": fingerprint(Path(config.seeds))}
    named = replace(config, sets=[NamedSet(config.seeds), NamedSet("owner/name", "other")])
    assert describe(named)["sets"] == [{"path": known, "name": "seeds"}, {"path": "owner/name", "name": "other"}]


def test_addresses_are_compared_as_they_are_written():
    @dataclass
    class Config:
        inputs: list[InputPath]

    first, second = (describe(Config([f"hf://datasets/a/b@{commit}/*.jsonl"])) for commit in ("1", "2"))
    assert first == {"inputs": ["hf://datasets/a/b@1/*.jsonl"]}
    assert changed_keys(first, second) == ["inputs"]


def test_another_name_of_a_model_is_another_input(tmp_path):
    @dataclass
    class Config:
        model: ModelPath

    for path in ("one/a", "two/a", "one/b"):
        (tmp_path / path).mkdir(parents=True)
        write_json(tmp_path / path / "train_summary.json", {"rows_kept": 1})
    one, moved, renamed = (describe(Config(str(tmp_path / path))) for path in ("one/a", "two/a", "one/b"))
    assert changed_keys(one, moved) == []
    assert changed_keys(one, renamed) == ["model"]


def test_a_round_is_known_by_the_stages_that_are_read_of_it(tmp_path):
    @dataclass
    class Config:
        before: RoundPath

    def described(name: str) -> dict[str, Any]:
        return describe(Config(str(tmp_path / name)))

    for name in ("one/round_1", "two/round_1", "two/round_2"):
        write_json(tmp_path / name / "label_model" / "train_summary.json", {"rows_kept": 1})
        write_json(tmp_path / name / "refine" / "stage.json", {"rows_kept": 2, "seconds": 3})
    one = described("one/round_1")
    (tmp_path / "one/round_1/gain").mkdir()
    (tmp_path / "one/round_1/gain/stage.json").touch()
    assert described("one/round_1") == one  # what another stage wrote there
    assert changed_keys(one, described("two/round_1")) == []
    assert changed_keys(one, described("two/round_2")) == ["before"]
    write_json(tmp_path / "one/round_1" / "refine" / "stage.json", {"rows_kept": 1, "seconds": 3})
    assert changed_keys(one, described("one/round_1")) == ["before"]


def test_a_mapping_with_a_key_content_is_no_path():
    known, unknown = {"mix": [{"path": "a", "limit": None}]}, {"mix": [{"path": "a"}]}
    assert changed_keys(known, unknown) == []  # of an earlier version, whose sections lack an option that is null
    assert changed_keys({"mix": [{"path": "a", "limit": 1}]}, unknown) == ["mix"]
    assert changed_keys({"weights": {"content": 1, "a": 2}}, {"weights": {"content": 1, "a": 3}}) == ["weights"]


def test_describe_fingerprints_the_files_of_a_glob(tmp_path, monkeypatch):
    @dataclass
    class Config:
        inputs: InputPath

    config = Config(str(tmp_path / "*.jsonl"))
    (tmp_path / "a.jsonl").write_text("一", encoding="utf-8")
    first = describe(config)
    (tmp_path / "b.txt").write_text("二", encoding="utf-8")
    assert describe(config) == first
    monkeypatch.chdir(tmp_path)
    assert describe(Config("*.jsonl"))["inputs"]["content"] == first["inputs"]["content"]
    (tmp_path / "b.jsonl").write_text("二", encoding="utf-8")
    assert describe(config) != first
