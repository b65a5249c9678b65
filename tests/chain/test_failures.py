"""What a failed stage costs: what needs it does not run, what can do without it does."""

import io
import json
import sys
from pathlib import Path

import pytest
from rich.console import Console

from kun_recipes.chain.cluster.config import ClusterConfig
from kun_recipes.chain.cluster.submission import steps
from kun_recipes.chain.graph import needs, requires
from kun_recipes.chain.loading import load_chain
from kun_recipes.chain.local import run_here
from kun_recipes.chain.recipe import Chain
from kun_recipes.chain.stages.evaluate import EVALUATE
from kun_recipes.chain.stages.publish import PUBLISH
from kun_recipes.chain.stages.report import REPORT
from kun_recipes.errors import UserError

pytestmark = pytest.mark.usefixtures("in_repository")

PROGRAM = """
import json, pathlib, sys
folder, name, asked, *words = sys.argv[1:]
pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
pathlib.Path(folder, "words.json").write_text(json.dumps(words))
summary = {"stage": name, "rows_in": 1, "rows_kept": 1, "removed": {}, "seconds": 0.1, "config": json.loads(asked)}
pathlib.Path(folder, name).write_text(json.dumps(summary))
"""


@pytest.fixture
def chain(tmp_path) -> Chain:
    """The demo's chain with two final models, whose stages only say that they are done."""
    words = ["--output_dir", str(tmp_path / "run"), "--final_sizes", "3", "5"]
    made = load_chain("recipes/demo", words)
    for stage in made.stages:
        stage.launcher = [sys.executable, "-c", PROGRAM, str(stage.folder), stage.kind.summary_file, "{}"]
        stage.words = []
    return made


def fail(chain: Chain, name: str) -> None:
    (stage,) = chain.select([name])
    stage.launcher = [sys.executable, "-c", "import sys; sys.exit('too few rows')"]


def run(chain: Chain, monkeypatch) -> tuple[str, UserError | None]:
    monkeypatch.setattr("kun_recipes.chain.recipe.changed_keys", lambda asked, earlier: [])
    console = Console(file=io.StringIO(), width=200)
    failed = run_here(chain, chain.stages, console)
    return console.file.getvalue(), failed


def words_of(chain: Chain, name: str) -> list[str]:
    (stage,) = chain.select([name])
    return json.loads((stage.folder / "words.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["final_model_5", "evaluate", "statistics", "study", "report"])
def test_stages_that_can_do_without_a_failed_one_run(chain, monkeypatch, name):
    fail(chain, name)
    shown, failed = run(chain, monkeypatch)
    assert str(failed).startswith(f"{name} failed (exit code 1): too few rows")
    assert f"{name}  " in shown and " failed\n" in shown
    reading = [other for other, read in needs(chain.stages).items() if name in read]
    for stage in chain.stages:
        if stage.name != name:
            assert words_of(chain, stage.name) == (["--without_failed", "true"] if stage.name in reading else [])


@pytest.mark.parametrize("name", ["corpus", "label_model", "primary_chat_model", "label", "refine"])
def test_a_stage_that_others_cannot_do_without_ends_the_run(chain, monkeypatch, name):
    fail(chain, name)
    with pytest.raises(UserError, match=rf"^{name} failed"):
        run(chain, monkeypatch)
    later = chain.stages[[stage.name for stage in chain.stages].index(name) + 1 :]
    assert not any(stage.folder.exists() for stage in later)


def test_no_final_model_is_required_by_another_stage(chain):
    required = requires(chain.stages)
    assert not any({"final_model_3", "final_model_5"} & set(names) for names in required.values())
    assert required["refine"] == needs(chain.stages)["refine"]


def test_a_job_waits_for_the_end_of_what_may_fail(tmp_path):
    cluster = ClusterConfig(partition="gpu")
    chain = load_chain("recipes/demo", ["--output_dir", str(tmp_path)], cluster.placement)
    found = {step.stage.name: step for step in steps(chain, chain.stages, cluster, "recipes/demo", {})}
    assert found["evaluate"].may_fail == ("primary_chat_model", "final_model")
    assert found["report"].may_fail == (
        *("label_model", "primary_chat_model", "final_model", "evaluate", "statistics", "study"),
    )
    assert found["refine"].may_fail == ()
    for name in ("evaluate", "study", "report", "publish"):
        assert "--without_failed true" in found[name].script.text
    assert "--without_failed" not in found["refine"].script.text


def finish(folder: Path, name: str) -> None:
    folder.mkdir(parents=True)
    (folder / name).write_text("{}", encoding="utf-8")


@pytest.mark.parametrize("stage", [EVALUATE, REPORT, PUBLISH], ids=lambda stage: stage.name)
def test_a_stage_leaves_out_what_is_not_finished(tmp_path, stage, capsys):
    run_folder = tmp_path / "run"
    chain = load_chain("recipes/demo", ["--output_dir", str(run_folder), "--without_failed", "true", "--push", "true"])
    config = chain.select([stage.name])[0].config
    finish(run_folder / "label_model", "train_summary.json")
    finish(run_folder / "primary_chat_model", "train_summary.json")
    finish(run_folder / "final_model" / "checkpoints", "started.json")
    finish(run_folder / "evaluate", "started.json")
    left, missing = stage.left(config)
    assert str(run_folder / "final_model") in missing
    assert str(run_folder / "primary_chat_model") not in missing
    if stage is EVALUATE:
        assert left.models == [str(run_folder / "primary_chat_model")]
    else:
        assert [Path(folder).name for folder in left.model_dirs] == ["label_model", "primary_chat_model"]
        assert left.evaluation_dir is None
    if stage is PUBLISH:
        assert list(left.repositories) == ["dataset", "candidates", "label_model", "primary_chat_model"]
        assert left.push is False and config.push is True
    config.without_failed = False
    assert stage.left(config) == (config, [])
