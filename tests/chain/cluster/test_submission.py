"""What is submitted, after what, and what is left alone; the queue here is one that the tests make up."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from kun_recipes.chain.cluster.config import ClusterConfig
from kun_recipes.chain.cluster.submission import Step, steps
from kun_recipes.chain.loading import load_chain
from kun_recipes.chain.recipe import Chain
from kun_recipes.config.command_line import load
from kun_recipes.errors import UserError
from kun_recipes.execution.slurm.queue import Job

pytestmark = pytest.mark.usefixtures("in_repository")


@pytest.fixture
def cluster() -> ClusterConfig:
    return load(ClusterConfig, ["--partition", "a800"])


@pytest.fixture
def chain(tmp_path, cluster) -> Chain:
    return load_chain("recipes/demo", ["--output_dir", str(tmp_path)], cluster.placement)


def finish(chain: Chain, *names: str) -> None:
    for stage in chain.select(names):
        stage.folder.mkdir()
        summary = {"config": stage.kind.asked(stage.kind.left(stage.config)), "rows_kept": 1}
        (stage.folder / stage.kind.summary_file).write_text(json.dumps(summary), encoding="utf-8")


def after(found: list[Step]) -> dict[str, tuple[str, ...] | None]:
    return {step.stage.name: step.after if step.script else None for step in found}


def test_each_stage_waits_for_what_it_reads(chain, cluster):
    everything = ("corpus", "label_model", "primary_chat_model", "label", "refine", "final_model", "evaluate")
    assert after(steps(chain, chain.stages, cluster, "recipes/demo", {})) == {
        "corpus": (),
        "label_model": (),
        "primary_chat_model": (),
        "label": ("corpus", "label_model"),
        "refine": ("primary_chat_model", "label"),
        "final_model": ("primary_chat_model", "refine"),
        "evaluate": ("primary_chat_model", "refine", "final_model"),
        "statistics": ("primary_chat_model", "refine"),
        "study": ("primary_chat_model", "refine", "final_model"),
        "report": (*everything, "statistics", "study"),
        "publish": (*everything, "report"),
    }


def test_complete_stages_are_neither_submitted_nor_waited_for(chain, cluster):
    finish(chain, "corpus", "primary_chat_model")
    found = after(steps(chain, chain.stages, cluster, "recipes/demo", {}))
    assert (found["corpus"], found["primary_chat_model"]) == (None, None)
    assert (found["label"], found["refine"]) == (("label_model",), ("label",))


def test_push_is_always_submitted(tmp_path, cluster):
    chain = load_chain("recipes/demo", ["--output_dir", str(tmp_path), "--push", "true"], cluster.placement)
    for stage in chain.stages:  # in their order: what a stage reads is in its summary
        finish(chain, stage.name)
    found = after(steps(chain, chain.stages, cluster, "recipes/demo", {}))
    assert found == {**dict.fromkeys(found), "publish": ()}


def test_queued_jobs_are_waited_for(chain, cluster):
    job = Job("7", "RUNNING", "None", chain.select(["corpus"])[0].folder)
    finish(chain, "label_model")
    (label,) = steps(chain, chain.select(["label"]), cluster, "recipes/demo", {"corpus": job})
    assert (label.after, label.queued) == (("corpus",), None)
    (corpus,) = steps(chain, chain.select(["corpus"]), cluster, "recipes/demo", {"corpus": job})
    assert corpus.queued == job


def test_missing_input_that_no_job_will_write_is_an_error(chain, cluster):
    finish(chain, "label_model")
    with pytest.raises(
        UserError, match=r"^label reads from corpus, which is not complete; run it first, or submit it too \(--only"
    ):
        steps(chain, chain.select(["label"]), cluster, "recipes/demo", {})


def run(*words: str, path: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "recipes/run.py", "recipes/kun-6b", *words]
    return subprocess.run(command, capture_output=True, text=True, env={"PATH": str(path), "COLUMNS": "100"})


@pytest.mark.slow
def test_the_scripts_can_be_read_without_a_cluster_and_without_the_data(tmp_path):
    shown = run("--slurm", "recipes/cluster.yaml", "--dry-run", path=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.count("#!/bin/bash") == 18
    assert "\nfinal_model_52k_coig: after primary_chat_model, refine\n" in shown.stdout
    assert not Path("outputs/kun-6b/slurm").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--dry-run"], "--dry-run requires --slurm CLUSTER"),
        (["--status"], "--status requires --slurm CLUSTER"),
        (["--sample", "x"], "--sample requires --plan"),
        (["--slurm", "nothing.yaml"], "nothing.yaml: no such file"),
        (
            ["--slurm", "recipes/cluster.yaml"],
            "recipes/kun-6b/corpus.yaml: corpora[0].path: no such file or folder: data/wudao",
        ),
        (["--slurm", "recipes/cluster.yaml", "--dry-run", "--only", "lable"], "command line: lable: no such stage"),
    ],
)
def test_a_mistake_gets_one_line(tmp_path, words, message):
    shown = run(*words, path=tmp_path)
    assert shown.returncode == 2
    assert shown.stderr.startswith(message) and shown.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_plan_is_made_without_a_cluster_and_without_the_data(tmp_path):
    shown = run("--slurm", "recipes/cluster.yaml", "--plan", path=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "final_model_360k" in shown.stdout and "GPU hours" in shown.stdout
