"""A stage's folder: when it counts as finished, and what may change before it is run again."""

import json
import os
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from kun_recipes.config.options import option
from kun_recipes.config.types import DatasetPath, InputPath, ModelPath, OutputPath, RoundPath
from kun_recipes.data.atomic import write_json
from kun_recipes.data.folders import fingerprint, require_finished
from kun_recipes.errors import UserError
from kun_recipes.execution.counts import Counts
from kun_recipes.execution.failed import WithoutFailed
from kun_recipes.execution.folder import StageFolder, Versioned, changed_keys, describe, report

COUNTS = Counts(read=5, rows_in=5, rows_out=3, removed=Counter(fit=2))


@dataclass(frozen=True)
class NamedSet:
    path: DatasetPath = option()
    name: str = option("seeds")


@dataclass(kw_only=True)
class SampleConfig:
    output_dir: OutputPath = option(affects_rows=False)
    seeds: DatasetPath = option()
    inputs: list[InputPath] = option(["x"])
    sampling: str = option("greedy")
    sets: list[NamedSet] | None = option(None)
    threshold: float | None = option(None)
    workers: int = option(1, affects_rows=False)
    max_batch_tokens: int = option(64, affects_rows=False)


@pytest.fixture
def config(tmp_path) -> SampleConfig:
    (tmp_path / "seeds.jsonl").write_text("{}\n", encoding="utf-8")
    return SampleConfig(output_dir=str(tmp_path / "stage"), seeds=str(tmp_path / "seeds.jsonl"))


def finished(config: SampleConfig) -> StageFolder:
    stage = StageFolder("label", config)
    stage.begin()
    stage.finish(COUNTS)
    return stage


def test_a_stage_begins_and_finishes(config):
    stage = StageFolder("label", config)
    assert stage.summary() is None
    stage.begin()
    assert {path.name for path in stage.folder.iterdir()} == {"started.json"}
    assert stage.summary() is None
    summary = stage.finish(COUNTS, splits={"wudao": 3})
    assert {path.name for path in stage.folder.iterdir()} == {"stage.json"}
    assert 0 <= summary.pop("seconds") < 60
    assert summary == {
        "stage": "label",
        "rows_in": 5,
        "rows_kept": 3,
        "removed": {"fit": 2},
        "splits": {"wudao": 3},
        "config": describe(config),
    }
    again = StageFolder("label", config).summary()
    assert again.pop("seconds") >= 0
    assert again == summary


def test_the_folders_of_a_stage(config, tmp_path):
    stage = StageFolder("label", config)
    assert (stage.rows, stage.removed) == (tmp_path / "stage" / "rows", tmp_path / "stage" / "removed")
    assert stage.logs("select") == tmp_path / "stage" / "logs" / "select"


def test_a_stage_that_lost_a_row_does_not_finish(config):
    stage = StageFolder("label", config)
    stage.begin()
    with pytest.raises(RuntimeError, match="label: 5 rows in, but 4 kept and 0 removed"):
        stage.finish(Counts(5, 5, 4))
    assert stage.summary() is None


def test_a_killed_stage_may_begin_again(config):
    StageFolder("label", config).begin()
    StageFolder("label", config).begin()


CHANGES = {
    "another value": ({"threshold": 0.5}, "threshold (threshold: null then, 0.5 now)"),
    "two values": ({"threshold": 0.5, "inputs": ["y"]}, 'inputs, threshold (inputs: ["x"] then, ["y"] now)'),
    "a long value": (
        {"inputs": ["很" * 99]},
        f'inputs (inputs: ["x"] then, ["{"很" * 75}... now)',
    ),
}


@pytest.mark.parametrize(("changes", "said"), CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("state", ["finished", "begun"])
def test_a_changed_value_names_the_field_and_both_values(config, changes, said, state):
    if state == "finished":
        finished(config)
    else:
        StageFolder("label", config).begin()
    changed = StageFolder("label", replace(config, **changes))
    with pytest.raises(UserError) as caught:
        _ = changed.summary() if state == "finished" else changed.begin()
    assert str(caught.value) == (
        f"{config.output_dir}: was made with another {said}; "
        "remove the folder or give another output_dir (recipes/run.py: --fresh)"
    )


@pytest.mark.parametrize("changes", [{"workers": 4}, {"max_batch_tokens": 9}])
def test_options_without_effect_on_rows_may_change(config, changes):
    finished(config)
    assert StageFolder("label", replace(config, **changes)).summary()["rows_kept"] == 3


def test_the_folder_may_move(config, tmp_path):
    finished(config)
    os.replace(config.output_dir, tmp_path / "moved")
    assert StageFolder("label", replace(config, output_dir=str(tmp_path / "moved"))).summary()["rows_kept"] == 3


def test_changed_input_content_is_refused(config):
    finished(config)
    Path(config.seeds).write_text("{ }\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"was made with another seeds \(seeds: .* then, .* now\)"):
        StageFolder("label", config).summary()


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


def test_a_folder_named_like_a_value_is_no_input(config, tmp_path, monkeypatch):
    finished(config)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "greedy").mkdir()
    assert StageFolder("label", config).summary()["rows_kept"] == 3


def test_inputs_may_move_or_be_named_by_another_path(config, tmp_path, monkeypatch):
    finished(config)
    monkeypatch.chdir(tmp_path)
    assert StageFolder("label", replace(config, seeds="seeds.jsonl")).summary()["rows_kept"] == 3
    os.replace(config.seeds, tmp_path / "moved.jsonl")
    assert StageFolder("label", replace(config, seeds="moved.jsonl")).summary()["rows_kept"] == 3


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


def test_a_files_fingerprint_is_its_content_not_its_time(tmp_path):
    file = tmp_path / "a"
    file.write_text("一", encoding="utf-8")
    first = fingerprint(file)
    os.utime(file, (0, 0))
    assert fingerprint(file) == first
    file.write_text("二", encoding="utf-8")
    assert fingerprint(file) != first


def test_a_large_files_fingerprint_is_its_size_and_time(tmp_path, monkeypatch):
    monkeypatch.setattr("kun_recipes.data.folders._WHOLE", 2)
    file = tmp_path / "a"
    file.write_bytes(b"abc")
    os.utime(file, (0, 0))
    first = fingerprint(file)
    file.write_bytes(b"xyz")
    os.utime(file, (0, 0))
    assert fingerprint(file) == first
    os.utime(file, (0, 1))
    assert fingerprint(file) != first


@pytest.mark.parametrize(
    ("change", "same"),
    [
        (lambda folder: os.utime(folder / "a", (0, 0)), True),
        (lambda folder: (folder / "a").write_text("二"), False),
        (lambda folder: (folder / "b").write_text("三"), False),
        (lambda folder: os.replace(folder / "a", folder / "c"), False),
        (lambda folder: (folder / "sub" / "d").unlink(), False),
    ],
    ids=["time", "content", "another file", "name", "one less"],
)
def test_a_folders_fingerprint_is_that_of_its_files(tmp_path, change, same):
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (folder / "a").write_text("一", encoding="utf-8")
    (folder / "sub" / "d").write_text("四", encoding="utf-8")
    first = fingerprint(folder)
    change(folder)
    assert (fingerprint(folder) == first) is same


@pytest.mark.parametrize(
    ("summary", "folder"), [("stage/stage.json", "stage/rows"), ("model/train_summary.json", "model")]
)
def test_fingerprint_of_a_finished_folder_ignores_times(tmp_path, summary, folder):
    (tmp_path / folder).mkdir(parents=True)
    write_json(tmp_path / summary, {"rows_kept": 3, "seconds": 1.5, "throughput": {"mfu": 0.4}})
    first = fingerprint(tmp_path / folder)
    (tmp_path / folder / "00000.jsonl").write_text("{}", encoding="utf-8")  # packed anew, say: not looked at
    write_json(tmp_path / summary, {"seconds": 99, "rows_kept": 3, "throughput": {"mfu": 0.3}})
    assert fingerprint(tmp_path / folder) == first
    write_json(tmp_path / summary, {"rows_kept": 4, "seconds": 1.5})
    assert fingerprint(tmp_path / folder) != first


def test_a_finished_folder_is_known_wherever_its_inputs_lay(tmp_path):
    (tmp_path / "stage" / "rows").mkdir(parents=True)
    for path in ("outputs/a", "/elsewhere/a"):
        summary = {"rows_kept": 3, "config": {"model": {"path": path, "content": "1f"}}}
        write_json(tmp_path / "stage" / "stage.json", summary)
        (tmp_path / path.strip("/").replace("/", "-")).write_text(fingerprint(tmp_path / "stage" / "rows"))
    assert (tmp_path / "outputs-a").read_text() == (tmp_path / "elsewhere-a").read_text()


def test_a_training_is_known_wherever_the_sets_lay_that_it_read(tmp_path):
    def trained(source: str, rows: int) -> str:
        write_json(tmp_path / "train_summary.json", {"mixed": [{"source": source, "rows_kept": rows}]})
        return fingerprint(tmp_path)

    assert trained("run/refine/rows", 3) == trained("/moved/refine/rows", 3) != trained("run/refine/rows", 4)


def test_rows_of_an_unfinished_stage_are_refused(config):
    stage = StageFolder("label", config)
    require_finished(str(stage.rows))  # rows of one's own, which no stage wrote
    stage.begin()
    with pytest.raises(UserError) as caught:
        require_finished(str(stage.rows))
    assert str(caught.value) == f"{stage.folder}: this stage was started but did not finish; run it again first"
    stage.finish(COUNTS)
    require_finished(str(stage.rows))


def test_a_kill_after_the_summary_leaves_a_finished_stage(config):
    stage = StageFolder("label", config)
    stage.begin()
    started = (stage.folder / "started.json").read_bytes()
    stage.finish(COUNTS)
    (stage.folder / "started.json").write_bytes(started)  # the kill came before it was removed
    require_finished(str(stage.rows))
    assert StageFolder("label", config).summary()["rows_kept"] == 3


def test_json_is_written_atomically(tmp_path):
    path = tmp_path / "new" / "stage.json"
    write_json(path, {"原因": 1})
    assert path.read_text(encoding="utf-8") == '{\n  "原因": 1\n}\n'
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert json.loads(path.read_text(encoding="utf-8")) == {"原因": 1}
    write_json(path, {"b": 2})
    assert [file.name for file in path.parent.iterdir()] == ["stage.json"]
    assert json.loads(path.read_text(encoding="utf-8")) == {"b": 2}


@pytest.mark.parametrize(
    ("removed", "said"), [({"fit": 2, "perplexity": 1}, "fit 2, perplexity 1"), ({}, "none")], ids=["some", "none"]
)
def test_report_is_one_line_on_stderr(capsys, removed, said):
    summary = {"stage": "label", "rows_in": 5, "rows_kept": 2, "removed": removed, "seconds": 61.4}
    report(summary, Path("outputs/label"))
    line = f"label: 5 rows in, 2 kept, removed: {said} (61 s) -> outputs/label\n"
    assert capsys.readouterr() == ("", line)


@dataclass(kw_only=True)
class VersionedConfig(Versioned, SampleConfig):
    def versions(self):
        return {"prompt_versions": {"ceval": 2}}


def test_a_stage_made_with_other_versions_is_refused(config):
    """So is one that was made when there were none."""
    versioned = VersionedConfig(**vars(config))
    StageFolder("label", config).begin()
    with pytest.raises(UserError, match=r"another prompt_versions \(prompt_versions: null then"):
        StageFolder("label", versioned).begin()
    finished(config)
    with pytest.raises(UserError, match="another prompt_versions"):
        StageFolder("label", versioned).summary()


@dataclass(kw_only=True)
class SparingConfig(WithoutFailed, SampleConfig):
    models: list[ModelPath] | None = option(None)
    base: str = option("b")


ALL, PART = ["primary", "final"], ["primary"]


def sparing(config: SampleConfig, models: list[str], missing: list[str], **values: str) -> SparingConfig:
    made = SparingConfig(**vars(config), models=models, **values)
    made.left_out = {"models": missing} if missing else {}
    return made


@pytest.mark.parametrize("end", [finished, lambda config: StageFolder("label", config).begin()], ids=["made", "begun"])
@pytest.mark.parametrize(
    ("then", "now"),
    [((PART, ["final"]), (ALL, [])), ((ALL, []), (PART, ["final"])), ((PART, ["final"]), (["final"], ["primary"]))],
    ids=["mended", "failed since", "another failed"],
)
def test_stage_that_ran_without_a_failed_input_is_made_again(config, then, now, end):
    end(sparing(config, *then))
    (Path(config.output_dir) / "rows").mkdir()
    stage = StageFolder("label", sparing(config, *now))
    assert stage.summary() is None
    assert (stage.folder / "rows").is_dir()  # until the inputs are known to be good
    stage.begin()
    assert not (stage.folder / "rows").exists()
    summary = stage.finish(COUNTS)
    assert summary.get("left_out") == ({"models": now[1]} if now[1] else None)
    assert stage.summary() == summary


@pytest.mark.parametrize(
    "changed",
    [sparing, lambda config, models, missing: sparing(config, models, missing, base="c")],
    ids=["no failure", "something else"],
)
def test_a_stage_that_differs_by_more_is_refused(config, changed):
    failed = ["final"] if changed is not sparing else []
    finished(sparing(config, PART, failed))
    with pytest.raises(UserError, match="was made with another models"):
        StageFolder("label", changed(config, ALL, [])).summary()
    assert (Path(config.output_dir) / "stage.json").is_file()
