"""A run's folder may be called anything: pipelines and jobs find and write what they should."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from datatrove.data import Document

from kun_recipes.chain.cluster.config import ClusterConfig
from kun_recipes.chain.cluster.submission import check_folders, leading_jobs, steps, submit_all
from kun_recipes.chain.graph import needs
from kun_recipes.chain.loading import load_chain
from kun_recipes.chain.recipe import Chain
from kun_recipes.data.rows import RowReader, read_rows, row_writer
from kun_recipes.errors import UserError
from kun_recipes.execution.counts import Counts
from kun_recipes.execution.launch import Executor, run_pipeline
from kun_recipes.execution.slurm.arrays import SlurmOptions
from kun_recipes.execution.slurm.queue import queue

NAMES = {
    "equals": "lr=2e-5",
    "spaces": " a  run",
    "brackets": "run[1]",
    "star": "run*",
    "question mark": "run?",
    "parentheses": "run(1)",
    "apostrophe": "it's",
    "quotation mark": 'a"run"',
    "Chinese": "第一次运行",
    "number sign": "run #1",
    "percent": "50%j",
    "dollar": "$HOME",
    "comma and semicolon": "a,b;c&d",
    "all": "lr=2e-5 [a]*? (b)'\"中文#%j$x",
}

named = pytest.mark.parametrize("name", NAMES.values(), ids=list(NAMES))


def copy_rows(folder: Path, executor: Executor) -> Counts:
    for rank in range(3):
        with row_writer(folder / "in") as writer:
            for number in range(rank + 1):
                writer.write(Document(text="文", id=f"{rank}-{number}"), rank)
    return run_pipeline([RowReader(folder / "in"), row_writer(folder / "rows")], folder / "logs", 3, executor)


def check_copied(folder: Path, executor: Executor) -> None:
    for _ in range(2):  # the second finds all complete
        assert copy_rows(folder, executor) == Counts(6, 6, 6)
        assert len(list(read_rows(folder / "rows"))) == 6


@named
def test_a_pipeline_runs_here(tmp_path, name):
    check_copied(tmp_path / name, Executor(1))


@named
def test_a_pipeline_runs_on_slurm(slurm, tmp_path, name):
    job = SlurmOptions("cpu", "00:05:00", memory_gb=1, jobs_a_worker=1)
    check_copied(tmp_path / name, Executor(2, slurm=job))
    logs = list((tmp_path / name / "logs" / "slurm_logs").glob("*.out"))
    assert len(logs) == 2
    assert not list(tmp_path.glob("*.out"))


REFUSED = {"backslash": "a\\b", "line break": "a\nb", "tab": "a\tb"}
refused = pytest.mark.parametrize("name", REFUSED.values(), ids=list(REFUSED))


@refused
def test_a_name_that_slurm_cannot_read_works_here(tmp_path, name):
    check_copied(tmp_path / name, Executor(1))


@refused
def test_a_name_that_slurm_cannot_read_is_refused_there(in_repository, tmp_path, name, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: name)
    message = "Slurm cannot write logs into a folder with '.+' in its name; use another"
    cluster = ClusterConfig(partition="cpu")
    for words in (["--output_dir", str(tmp_path / name)], ["--publish.output_dir", str(tmp_path / name)]):
        with pytest.raises(UserError, match=message):
            check_folders(load_chain("recipes/demo", words, cluster.placement))
    monkeypatch.setattr("kun_recipes.execution.slurm.arrays.jobs_of", lambda logs: [])
    with pytest.raises(UserError, match=message):
        copy_rows(tmp_path / name, Executor(2, slurm=SlurmOptions("cpu", "00:05:00", memory_gb=1)))


@pytest.fixture
def chain_in(in_repository):
    """The demo's chain, in a folder, whose stages write down when they began."""

    def load(output: Path, cluster: ClusterConfig) -> Chain:
        chain = load_chain("recipes/demo", ["--output_dir", str(output)], cluster.placement)
        program = "import pathlib, sys, time; p = pathlib.Path(sys.argv[1]); p.mkdir(parents=True, exist_ok=True); "
        program += "(p / 'begun').write_text(repr(time.time()))"
        for stage in chain.stages:
            stage.launcher, stage.words = [sys.executable], ["-c", program, str(stage.folder)]
        return chain

    return load


@named
def test_every_stage_waits_for_what_it_reads(chain_in, tmp_path, name):
    output = tmp_path / name
    plain, chain = (chain_in(folder, ClusterConfig(partition="cpu")) for folder in (tmp_path / "plain", output))
    assert needs(chain.stages) == needs(plain.stages)


@named
def test_jobs_run_one_after_another(slurm, chain_in, tmp_path, name):
    cluster = ClusterConfig(partition="cpu", gpus_per_node=0, cores_per_gpu=1, cpu_memory_gb=1, time="00:05:00")
    chain = chain_in(tmp_path / name, cluster)
    first = chain.select(["corpus", "label_model", "label", "primary_chat_model", "refine"])
    submit_all(steps(chain, first, cluster, "recipes/demo", {}), {}, lambda stage, outcome: None)
    waiting = leading_jobs(first)
    assert "refine" in waiting and waiting["refine"].folder == chain.select(["refine"])[0].folder.resolve()
    deadline = time.monotonic() + 60
    while any(job.folder.is_relative_to(tmp_path / name) for job in queue()):
        assert time.monotonic() < deadline, subprocess.run(["squeue"], capture_output=True, text=True).stdout
        time.sleep(0.2)
    begun = {stage.name: float((stage.folder / "begun").read_text()) for stage in first}
    assert max(begun["corpus"], begun["label_model"]) < begun["label"] < begun["refine"]
    assert len(list((tmp_path / name / "slurm").glob("*.log"))) == 5
