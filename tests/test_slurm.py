"""The whole chain on a real Slurm of two nodes: the rows and weights of the local run, also after kills.

The local run is that of test_demo.py.
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kun_recipes.chain.all_stages import STAGES as ALL
from kun_recipes.data.rows import read_rows
from kun_recipes.execution.slurm.queue import Job, queue
from tests.two_rounds import results

STAGES = [name for name in ALL if name != "preference"]  # which runs on request

CLUSTER = """
partition: cpu
time: "00:30:00"
gpus_per_node: 0
cores_per_gpu: 1
cpu_jobs: 1
cpu_memory_gb: 1
gpu_jobs: 2
gpu_memory_gb: 1
"""

pytestmark = pytest.mark.timeout(1500)


@pytest.fixture
def cluster(slurm, tmp_path: Path) -> Path:
    file = tmp_path / "cluster.yaml"
    file.write_text(CLUSTER, encoding="utf-8")
    return file


@pytest.fixture
def run(cluster: Path, repository: Path, demo_command) -> Callable[..., subprocess.CompletedProcess]:
    """`recipes/run.py recipes/demo --slurm cluster.yaml`, with further words."""

    def run_recipe(output: Path, *words: str) -> subprocess.CompletedProcess:
        command = demo_command(output, "--slurm", str(cluster), *words)
        wide = {**os.environ, "COLUMNS": "400"}
        return subprocess.run(command, cwd=repository, capture_output=True, text=True, env=wide)

    return run_recipe


@pytest.fixture
def without(finished: Path, tmp_path: Path) -> Callable[..., Path]:
    """A copy of the finished run that lacks what some stages wrote."""

    def copy(*stages: str) -> Path:
        output = tmp_path / "again"
        shutil.copytree(finished, output)
        for stage in stages:
            shutil.rmtree(output / stage)
        return output

    return copy


def wait_until(happens: Callable[[], object]) -> None:
    deadline = time.monotonic() + 1200
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def jobs_below(output: Path) -> list[Job]:
    return [job for job in queue() if job.folder.is_relative_to(output.resolve())]


def until_done(output: Path) -> None:
    wait_until(lambda: not jobs_below(output))


def kill(job: str, *options: str) -> None:
    subprocess.run(["scancel", *options, job], check=True)


def job_of(submitted: subprocess.CompletedProcess, stage: str) -> str:
    """The job that a submission gave a stage."""
    assert submitted.returncode == 0, submitted.stderr
    told = next(line for line in submitted.stdout.splitlines() if line.startswith(f"{stage}: job"))
    return told.split()[2].rstrip(",")


def states(shown: subprocess.CompletedProcess) -> dict[str, str]:
    """From the table of --status: each stage's state."""
    assert shown.returncode == 0, shown.stderr
    cells = [
        [cell.strip() for cell in line.split("│")]
        for line in shown.stdout.partition("Funnel")[0].splitlines()
        if "│" in line
    ]
    return {row[1]: row[3] for row in cells if len(row) > 4 and row[1] in STAGES}


def test_slurm_run_has_the_rows_and_weights_of_the_local_run(run, finished, contents, tmp_path):
    output = tmp_path / "cluster"
    dry = run(output, "--dry-run")
    assert dry.stdout.count("#!/bin/bash") == len(STAGES)
    assert not output.exists()
    submitted = run(output)
    assert submitted.stdout.splitlines()[3].endswith(", after corpus, label_model")
    assert set(states(run(output, "--status")).values()) <= {"pending", "running", "complete"}
    assert run(output).stdout.count("is already in the queue") + run(output).stdout.count(": complete") >= len(STAGES)
    refused = run(output, "--fresh", "--only", "publish")  # the last to end, however slow this machine
    assert refused.returncode == 2
    assert refused.stderr.startswith("publish: job ") and "`scancel" in refused.stderr
    until_done(output)
    assert contents(output) == contents(finished)
    shown = run(output, "--status")
    assert set(states(shown).values()) == {"complete"}
    assert "Funnel" in shown.stdout
    assert run(output).stdout.splitlines() == [f"{stage}: complete" for stage in STAGES]


def test_stages_after_a_failed_stage_never_start(run, without, tmp_path):
    later = ("label", "refine", "dataset", "final_model", "evaluate", "statistics", "study", "report", "publish")
    output = without("label_model", *later)
    broken = tmp_path / "broken"  # a folder that is missing is refused before any job
    broken.mkdir()
    run(output, "--label_model.model_name_or_path", str(broken))
    until_done(output)
    shown = run(output, "--label_model.model_name_or_path", str(broken), "--status")
    assert states(shown) == {
        "corpus": "complete",
        "label_model": "failed",
        "primary_chat_model": "complete",
        "label": "not submitted",
        "refine": "not submitted",
        "final_model": "not submitted",
        "evaluate": "not submitted",
        "statistics": "not submitted",
        "study": "not submitted",
        "report": "not submitted",
        "publish": "not submitted",
    }
    assert f"label_model failed: model {broken}: {broken} contains no config.json" in shown.stdout


@pytest.fixture
def labelling(run, without) -> Callable[..., tuple[Path, str, str]]:
    """A label stage whose first task is at work: the run's folder, the job that leads, and the task's."""

    def begin() -> tuple[Path, str, str]:
        output = without("label", "refine", "dataset", "final_model")
        leading = job_of(run(output, "--only", "label"), "label")
        wait_until((output / "label" / "logs" / "measure" / "logs" / "task_00000.log").exists)
        return output, leading, next(job.id for job in jobs_below(output) if job.id.endswith("_0"))

    return begin


def label_rows(output: Path) -> list[dict]:
    return [row for folder in ("rows", "measured") for row in read_rows(output / "label" / folder)]


def test_killed_array_task_is_rerun(run, labelling, finished):
    output, _, task = labelling()
    kill(task, "--signal=KILL", "--full")
    until_done(output)
    shown = run(output, "--status")
    assert states(shown)["label"] == "failed"
    assert "Slurm tasks did not finish; the first is task 0" in shown.stdout
    run(output, "--only", "label")
    until_done(output)
    assert label_rows(output) == label_rows(finished)


def test_array_task_near_its_time_limit_is_requeued(run, labelling, finished):
    output, _, task = labelling()
    kill(task, "--signal=USR1")
    until_done(output)
    assert label_rows(output) == label_rows(finished)
    said = "".join(log.read_text(encoding="utf-8") for log in output.glob("label/logs/measure/slurm_logs/*_0.out"))
    assert "Requeueing and exiting" in said


def test_stage_resumes_its_arrays_after_its_leading_job_was_killed(run, labelling, finished):
    output, leading, _ = labelling()
    kill(leading)
    wait_until(lambda: all(job.id != leading for job in queue()))
    run(output, "--only", "label")
    until_done(output)
    assert label_rows(output) == label_rows(finished)


def test_leading_job_near_its_time_limit_is_requeued(labelling, finished):
    output, leading, _ = labelling()
    kill(leading, "--signal=USR1", "--batch")
    until_done(output)
    assert label_rows(output) == label_rows(finished)
    log = (output / "slurm" / f"label-{leading}.log").read_text(encoding="utf-8")
    assert "label: the time limit is near; the job requeues itself, and resumes then" in log


@pytest.fixture
def training(run, without) -> Callable[[], tuple[Path, str]]:
    """A training that has a checkpoint: the run's folder, and the job."""

    def begin() -> tuple[Path, str]:
        output = without("primary_chat_model", "refine", "dataset", "final_model")
        job = job_of(run(output, "--only", "primary_chat_model"), "primary_chat_model")
        wait_until((output / "primary_chat_model" / "checkpoints" / "checkpoint-10" / "manifest.json").exists)
        return output, job

    return begin


def weights(output: Path) -> bytes:
    return (output / "primary_chat_model" / "model.safetensors").read_bytes()


def logs(output: Path) -> str:
    found = (output / "slurm").glob("primary_chat_model-*.log")
    return "".join(log.read_text(encoding="utf-8") for log in sorted(found))


def test_killed_training_resumes_from_its_checkpoint(run, training, finished):
    output, _ = training()
    subprocess.run(["pkill", "-KILL", "-f", f"train.py .*{output}/"], check=True)
    until_done(output)
    assert states(run(output, "--status"))["primary_chat_model"] == "failed"
    run(output, "--only", "primary_chat_model")
    until_done(output)
    assert "train: continuing from step 10" in logs(output)
    assert weights(output) == weights(finished)


def test_training_near_its_time_limit_is_requeued(training, finished):
    """Slurm ends the run of a job that it requeues by SIGTERM: the training saves a checkpoint first."""
    output, job = training()
    kill(job, "--signal=USR1", "--batch")
    until_done(output)
    assert "primary_chat_model: the time limit is near; the job requeues itself" in logs(output)
    assert "train: stopped at step" in logs(output) and "train: continuing from step" in logs(output)
    assert weights(output) == weights(finished)


def test_two_nodes_train_together(run, without, cluster, demo_command, repository, tmp_path):
    """With the loss, at both ends, of one process on the same global batch."""
    words = ["--only", "label_model", "--global_batch_size", "2", "--label_model.bf16", "false"]
    output = without("label_model", "label", "refine", "dataset", "final_model")
    cluster.write_text(f"{CLUSTER}train_nodes: 2\n", encoding="utf-8")
    job_of(run(output, *words, "--accelerate_config", "accelerate_configs/multi_cpu.yaml"), "label_model")
    alone = subprocess.run(demo_command(tmp_path / "alone", *words), cwd=repository, capture_output=True, text=True)
    assert alone.returncode == 0, alone.stderr
    until_done(output)
    two, one = (
        json.loads((folder / "label_model" / "train_summary.json").read_text(encoding="utf-8"))
        for folder in (output, tmp_path / "alone")
    )
    assert (two["throughput"]["processes"], one["throughput"]["processes"]) == (2, 1)
    for figure in ("loss_first", "loss_last", "held_out_loss_before", "held_out_loss_after"):
        assert two[figure] == pytest.approx(one[figure], rel=1e-4)


def test_a_second_round_on_slurm_has_the_rows_and_weights_of_the_local_one(
    two_rounds, finished_rounds, cluster, in_repository, tmp_path
):
    output = tmp_path / "rounds"
    shutil.copytree(finished_rounds, output)
    second = [stage for stage in two_rounds.load(output).stages if stage.name.endswith("_2") or stage.name == "rounds"]
    for folder in (folder for stage in second for folder in stage.written()):
        shutil.rmtree(folder)
    names = [stage.name for stage in second]
    submitted = subprocess.run(
        two_rounds.command(output, "--slurm", str(cluster), "--only", *names), capture_output=True, text=True
    )
    told = {name: line for line in submitted.stdout.splitlines() for name in names if line.startswith(f"{name}: job")}
    assert [*told] == names, submitted.stderr
    assert told["gain_2"].endswith(", after label_model_2, primary_chat_model_2, label_2, refine_2")
    until_done(output)
    assert results(output) == results(finished_rounds)
