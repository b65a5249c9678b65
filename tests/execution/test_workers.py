"""The processes that run tasks: each owns its GPUs, keeps what it has loaded, and fills its batches from two tasks."""

import json
import os
import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from datatrove.data import DocumentsPipeline
from datatrove.pipeline.base import PipelineStep
from multiprocess import forkserver
from multiprocess.connection import Connection

from kun_recipes.errors import EngineFailed, UserError
from kun_recipes.execution.devices import VISIBLE, check_enough, share_out
from kun_recipes.execution.launch import Executor, SlurmOptions, run_pipeline
from kun_recipes.execution.workers import Workers, _Pool


@pytest.fixture(scope="module", autouse=True)
def forkserver_without_gpus():
    """Worker processes have the environment of the server that forks them: start it before a test names GPUs."""
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv(VISIBLE, raising=False)
        forkserver.ensure_running()


class Note(PipelineStep):
    """Notes which process and which GPUs a task ran on, once `together` tasks run at a time anywhere."""

    name = "note"

    def __init__(self, folder: Path, together: int):
        super().__init__()
        self.folder, self.together = folder, together

    def run(self, data: DocumentsPipeline = None, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        (self.folder / f"{rank}.begun").touch()
        while len(list(self.folder.glob("*.begun"))) < self.together:
            threading.Event().wait(0.01)
        note = {"process": os.getpid(), "gpus": os.environ.get(VISIBLE), "thread": threading.get_ident()}
        (self.folder / f"{rank}.json").write_text(json.dumps(note), encoding="utf-8")
        self.stat_update("documents", "total", value=0)
        yield from ()


def run(folder: Path, tasks: int, executor: Executor, together: int) -> list[dict]:
    run_pipeline([Note(folder, together)], folder / "logs", tasks, executor)
    return [json.loads((folder / f"{rank}.json").read_text(encoding="utf-8")) for rank in range(tasks)]


def test_each_worker_owns_its_gpus_for_all_its_tasks(tmp_path, monkeypatch):
    monkeypatch.setenv(VISIBLE, "4,5,6,7,8")
    notes = run(tmp_path, 6, Executor(workers=2, gpus=2), together=2)
    owned = {note["process"]: set() for note in notes}
    for note in notes:
        owned[note["process"]].add(note["gpus"])
    assert sorted(map(list, owned.values())) == [["4,5"], ["6,7"]]
    assert os.environ[VISIBLE] == "4,5,6,7,8"


def test_worker_without_visible_gpus_gets_none(tmp_path, monkeypatch):
    monkeypatch.setenv(VISIBLE, "")
    notes = run(tmp_path, 2, Executor(workers=2, gpus=1), together=2)
    assert not any(note["gpus"] for note in notes)


@pytest.mark.timeout(60)
def test_a_worker_runs_two_tasks_at_a_time_in_threads(tmp_path):
    notes = run(tmp_path, 5, Executor(tasks_a_worker=2), together=2)
    assert {note["process"] for note in notes} == {os.getpid()}
    assert len({note["thread"] for note in notes}) == 2


@pytest.mark.parametrize(("workers", "gpus"), [(3, 2), (6, 1), (1, 8)])
def test_asking_for_more_gpus_than_visible_is_refused(workers, gpus, monkeypatch):
    monkeypatch.setenv(VISIBLE, "0,1,2,3,4")
    with pytest.raises(
        UserError, match=rf"^{workers} workers with {gpus} GPUs each need {workers * gpus} GPUs, but only 5"
    ):
        check_enough(workers, gpus)


@pytest.mark.parametrize(("workers", "gpus", "shown"), [(2, 2, "0,1,2,3"), (9, 0, "0"), (4, 1, "")])
def test_asking_for_visible_gpus_is_accepted(workers, gpus, shown, monkeypatch):
    monkeypatch.setenv(VISIBLE, shown)
    check_enough(workers, gpus)


def test_gpu_names_are_kept(monkeypatch):
    monkeypatch.setenv(VISIBLE, "GPU-a, GPU-b,GPU-c")
    assert share_out(1) == ["GPU-a", "GPU-b", "GPU-c"]
    assert share_out(0) == []


def test_torch_counts_gpus_if_the_variable_is_not_set(monkeypatch):
    monkeypatch.delenv(VISIBLE, raising=False)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 4)
    assert share_out(2) == ["0,1", "2,3"]


class Fail(PipelineStep):
    name = "fail"

    def __init__(self, error: type[Exception], at: int):
        super().__init__()
        self.error, self.at = error, at

    def run(self, data: DocumentsPipeline = None, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        if rank == self.at:
            raise self.error("vLLM died: OutOfMemoryError")
        self.stat_update("documents", "total", value=0)
        yield from ()


@pytest.mark.parametrize("executor", [Executor(), Executor(tasks_a_worker=2), Executor(workers=2)], ids=str)
def test_an_engine_that_dies_names_its_shard_and_the_log(tmp_path, executor):
    names = ["00000.jsonl.zst", "00001.jsonl.zst", "00002.jsonl.zst"]
    with pytest.raises(UserError) as caught:
        run_pipeline([Fail(EngineFailed, 1)], tmp_path / "logs", 3, executor, reads=names)
    assert str(caught.value).startswith(
        "00001.jsonl.zst: vLLM died: OutOfMemoryError; none of its output was kept; the log"
    )
    assert f"{tmp_path}/logs/console.log" in str(caught.value)
    assert "OutOfMemoryError" in (tmp_path / "logs" / "console.log").read_text(encoding="utf-8")
    assert not (tmp_path / "logs" / "completions" / "00001").exists()


def test_no_task_begins_after_one_has_failed(tmp_path):
    with pytest.raises(ZeroDivisionError):
        run_pipeline([Fail(ZeroDivisionError, 0)], tmp_path / "logs", 400, Executor(tasks_a_worker=2))
    assert len(list((tmp_path / "logs" / "completions").glob("*"))) < 399


def test_slurm_job_gets_its_gpus_and_runs_several_tasks(tmp_path, repository, monkeypatch, slurm):
    monkeypatch.setenv("PYTHONPATH", str(repository))  # where a job finds this file's block
    job = SlurmOptions("cpu", "00:05:00", memory_gb=2, cores=2, jobs_a_worker=1)
    notes = run(tmp_path, 5, Executor(workers=2, gpus=2, slurm=job), together=1)
    assert all(len(note["gpus"].split(",")) == 2 for note in notes)
    assert len({note["process"] for note in notes}) == 2  # three tasks and two, each with what its job has loaded


class Die(PipelineStep):
    """Ends its process at one task, once."""

    name = "die"

    def __init__(self, at: int, how: Callable[[], None], mark: Path):
        super().__init__()
        self.at, self.how, self.mark = at, how, mark

    def run(self, data: DocumentsPipeline = None, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        if rank == self.at and not self.mark.exists():
            self.mark.touch()
            self.how()
        self.stat_update("documents", "total", value=0)
        yield from ()


def killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def crashed() -> None:
    os._exit(3)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("how", [killed, crashed])
@pytest.mark.parametrize("at_a_time", [1, 2])
@pytest.mark.parametrize("at", [0, 4])
def test_killed_worker_is_reported_and_the_same_command_resumes(tmp_path, how, at_a_time, at):
    names = [f"0000{number}.jsonl.zst" for number in range(5)]
    executor = Executor(workers=2, tasks_a_worker=at_a_time)

    def run_all() -> None:
        run_pipeline([Die(at, how, tmp_path / "died")], tmp_path / "logs", 5, executor, reads=names)

    with pytest.raises(UserError) as caught:
        run_all()
    assert names[at] in str(caught.value).partition(": its process")[0]
    expected = "was killed (SIGKILL)" if how is killed else "ended with exit code 3"
    assert expected in str(caught.value) and "run the same command again" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "logs" / "completions" / f"0000{at}").exists()
    run_all()
    assert len(list((tmp_path / "logs" / "completions").iterdir())) == 5


class KilledAsking(Workers):
    """Workers of which the first is killed when it has asked for a task, and has not received it."""

    def serve_elsewhere(self, worker: int, connections: Sequence[Connection], share: str | None) -> None:
        if worker == 0:
            connections[0].send(None)
            killed()
        super().serve_elsewhere(worker, connections, share)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seen", ["asking first", "ended first"])
def test_worker_killed_before_its_task_takes_no_task(tmp_path, monkeypatch, seen):
    """Whether its question or its end is read first."""

    def wait_for_its_end(ready: list) -> list:
        first = next(iter(pool.processes))
        first.join()
        asking = pool.processes[first] if seen == "asking first" else []
        return [*asking, first.sentinel]

    monkeypatch.setattr("kun_recipes.execution.workers.wait", wait_for_its_end)
    (tmp_path / "logs").mkdir()
    executor = KilledAsking([Die(-1, killed, tmp_path)], tmp_path / "logs", 5, 2)
    pool = _Pool(executor, range(5))
    with pytest.raises(UserError) as caught:
        pool.run()
    assert str(caught.value).startswith("a worker without a task: its process was killed (SIGKILL)")
    assert sorted(pool.waiting.get_nowait() for _ in range(5)) == list(range(5))
