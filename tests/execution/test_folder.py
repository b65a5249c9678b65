"""A stage's folder: when it counts as finished, and what may change before it is run again."""

import json
import os
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from kun_recipes.config.options import option
from kun_recipes.config.types import ModelPath
from kun_recipes.data.atomic import write_json
from kun_recipes.data.folders import require_finished
from kun_recipes.errors import UserError
from kun_recipes.execution.asked import Versioned, describe
from kun_recipes.execution.counts import Counts
from kun_recipes.execution.failed import WithoutFailed
from kun_recipes.execution.folder import StageFolder, report
from tests.execution.conftest import SampleConfig

COUNTS = Counts(read=5, rows_in=5, rows_out=3, removed=Counter(fit=2))


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
        "remove the folder or set another output_dir (recipes/run.py: --fresh)"
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
