"""Pipelines as job arrays, on a real Slurm."""

import subprocess
from pathlib import Path

import pytest
from datatrove.data import Document

from kun_recipes.data.rows import RowReader, read_rows, row_writer
from kun_recipes.errors import UserError
from kun_recipes.execution.counts import Counts
from kun_recipes.execution.launch import Executor, run_pipeline
from kun_recipes.execution.slurm.arrays import SlurmOptions
from kun_recipes.execution.slurm.queue import jobs_of, mark, submit, wait_for

ONE_JOB = SlurmOptions("cpu", "00:05:00", memory_gb=1, jobs_a_worker=1)


@pytest.fixture
def rows(tmp_path) -> Path:
    for rank in range(3):
        with row_writer(tmp_path / "in") as writer:
            for number in range(rank + 1):
                writer.write(Document(text="文", id=f"{rank}-{number}"), rank)
    return tmp_path / "in"


def copy_rows(rows: Path, out: Path, options: SlurmOptions = ONE_JOB) -> Counts:
    pipeline = [RowReader(rows), row_writer(out / "rows")]
    return run_pipeline(pipeline, out / "logs", 3, Executor(1, slurm=options))


def test_the_tasks_of_one_job_are_counted_once(tmp_path, rows, slurm):
    assert copy_rows(rows, tmp_path / "out") == Counts(6, 6, 6)
    assert len(list(read_rows(tmp_path / "out" / "rows"))) == 6


def test_a_task_that_fails_is_quoted_and_the_rest_is_kept(tmp_path, rows, slurm):
    whole = (rows / "00001.jsonl.zst").read_bytes()
    (rows / "00001.jsonl.zst").write_bytes(b"oops")
    with pytest.raises(UserError) as caught:
        copy_rows(rows, tmp_path / "out", SlurmOptions("cpu", "00:05:00", 1, tasks_per_job=1))
    assert "logs: 1 of 3 Slurm tasks did not finish; the first is task 1; its last message: " in str(caught.value)
    assert f"{rows}/00001.jsonl.zst:1: not a row of a finished stage" in str(caught.value)
    (rows / "00001.jsonl.zst").write_bytes(whole)
    assert copy_rows(rows, tmp_path / "out") == Counts(6, 6, 6)


def test_refused_job_is_a_user_error(tmp_path, rows, slurm):
    with pytest.raises(UserError, match="logs: sbatch refused the jobs"):
        copy_rows(rows, tmp_path / "out", SlurmOptions("no_such_partition", "00:05:00", 1))


def test_extra_options_and_setup_reach_the_jobs(tmp_path, rows, slurm):
    options = SlurmOptions(
        "cpu", "00:05:00", 1, account="lab", extra=("nice=7", "exclusive"), setup=(f"touch {tmp_path}/began",)
    )
    copy_rows(rows, tmp_path / "out", options)
    script = (tmp_path / "out" / "logs" / "launch_script.slurm").read_text(encoding="utf-8")
    assert {"#SBATCH --account=lab", "#SBATCH --nice=7", "#SBATCH --exclusive"} <= set(script.splitlines())
    assert (tmp_path / "began").exists()


@pytest.fixture
def earlier(tmp_path, slurm) -> str:
    """A job that an earlier process submitted for <tmp_path>/out/logs."""
    script = tmp_path / "earlier.sbatch"
    lines = ["#!/bin/bash", f"#SBATCH --comment={mark(tmp_path / 'out' / 'logs')}", f"#SBATCH --output={tmp_path}/log"]
    script.write_text("\n".join([*lines, f"sleep 4; touch {tmp_path}/ended"]), encoding="utf-8")
    return submit(script, [])


def test_jobs_are_found_by_their_folder(tmp_path, earlier):
    folder = tmp_path / "out" / "logs"
    assert [job.id for job in jobs_of(folder)] == [earlier]
    assert jobs_of(folder.parent) == jobs_of(Path(f"{folder}2")) == []
    wait_for(folder)
    assert (tmp_path / "ended").exists()
    assert jobs_of(folder) == []


def test_the_array_of_an_earlier_run_is_waited_for(tmp_path, rows, earlier, capfd):
    copy_rows(rows, tmp_path / "out")
    assert capfd.readouterr().err == "logs: waiting for the jobs of an earlier run of this stage\n"
    assert (tmp_path / "ended").exists()


def test_job_is_cancelled_if_its_dependency_fails(tmp_path, slurm):
    script = tmp_path / "fails.sbatch"
    script.write_text(f"#!/bin/bash\n#SBATCH --output={tmp_path}/log\nexit 3\n", encoding="utf-8")
    failing = submit(script, [])
    dependent = submit(script, [failing])
    shown = ""
    while "JobState=CANCELLED" not in shown and "JobState=FAILED" not in shown:
        shown = subprocess.run(["scontrol", "show", "job", dependent], capture_output=True, text=True).stdout
    assert "JobState=CANCELLED" in shown
