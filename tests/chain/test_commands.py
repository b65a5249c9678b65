"""The commands of `recipes/run.py`: what is checked before what is removed, and which options go together."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from kun_recipes.chain import commands
from kun_recipes.chain.commands import RunOptions, run_recipe
from kun_recipes.chain.loading import load_chain
from kun_recipes.chain.stages.corpus import CORPUS
from kun_recipes.errors import UserError

pytestmark = pytest.mark.usefixtures("in_repository")


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    """The folder of the demo's corpus stage, complete."""
    (stage,) = load_chain("recipes/demo", ["--output_dir", str(tmp_path)]).select(["corpus"])
    stage.folder.mkdir(parents=True)
    summary = {"config": stage.kind.asked(stage.config), "rows_in": 1, "rows_kept": 1, "removed": {}, "seconds": 1.0}
    (stage.folder / stage.kind.summary_file).write_text(json.dumps(summary), encoding="utf-8")
    assert stage.complete
    return stage.folder


def run(folder: Path, fresh: bool) -> None:
    options = RunOptions()
    options.recipe, options.only, options.fresh = "recipes/demo", ["corpus"], fresh
    run_recipe(options, ["--output_dir", str(folder.parent)], Console())


def test_a_fresh_run_checks_complete_stages_and_removes_nothing_before(finished, monkeypatch):
    def refuse(*_):
        raise UserError("a package is missing")

    monkeypatch.setattr(type(CORPUS), "check", refuse)
    run(finished, fresh=False)
    with pytest.raises(UserError, match="a package is missing"):
        run(finished, fresh=True)
    assert (finished / CORPUS.summary_file).is_file()


def test_a_run_with_a_failed_stage_fails(finished, monkeypatch):
    monkeypatch.setattr(commands, "run_here", lambda *_: UserError("final_model failed"))
    with pytest.raises(UserError, match="final_model failed"):
        run(finished, fresh=False)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("sample", "outputs/demo/corpus", "--sample requires --plan"),
        ("dry_run", True, "--dry-run requires --slurm CLUSTER"),
        ("status", True, "--status requires --slurm CLUSTER"),
    ],
)
def test_an_option_without_the_one_that_it_goes_with_is_refused(name, value, message):
    options = RunOptions()
    options.recipe = "recipes/demo"
    setattr(options, name, value)
    with pytest.raises(UserError, match=message):
        run_recipe(options, [], Console())


def test_a_plan_takes_its_rates_from_the_sample(tmp_path, monkeypatch):
    options = RunOptions()
    options.recipe, options.plan, options.sample = "recipes/demo", True, str(tmp_path)
    seen = []
    monkeypatch.setattr(commands, "estimate", lambda chain, known, sample, *_: seen.append(sample))
    monkeypatch.setattr(commands, "show", lambda *_: None)
    run_recipe(options, [], Console())
    assert seen == [tmp_path]


def test_a_fresh_submission_removes_nothing_under_running_jobs(finished, monkeypatch):
    def refuse(*_):
        raise UserError("corpus is running")

    monkeypatch.setattr(commands, "refuse_running", refuse)
    options = RunOptions()
    options.recipe, options.only, options.fresh, options.slurm = (
        "recipes/demo",
        ["corpus"],
        True,
        "recipes/cluster.yaml",
    )
    with pytest.raises(UserError, match="corpus is running"):
        run_recipe(options, ["--output_dir", str(finished.parent)], Console())
    assert (finished / CORPUS.summary_file).is_file()
