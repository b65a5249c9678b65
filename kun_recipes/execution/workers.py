"""The processes of this machine that run the tasks of a pipeline.

datatrove's own local executor hands each task to whichever process is free. A model needs more: a process that keeps
its GPUs and the model from task to task, and enough rows to fill a batch while a task is nearly done.
"""

import contextlib
import copy
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import datatrove.utils.logging
import multiprocess
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.base import PipelineStep
from multiprocess.connection import Connection, wait

from kun_recipes.errors import EngineFailed, UserError
from kun_recipes.execution.devices import own_gpus, share_out
from kun_recipes.execution.usage import run_noted

Source = Callable[[], int | None]
"""Function that returns the rank of a worker's next task, or None after the last."""

FAILED = 1


class Workers(LocalPipelineExecutor):
    """datatrove's local executor, whose processes own their GPUs, and log where this one does.

    Args:
        gpus: GPUs of each worker; ignored on a machine without GPUs.
        tasks_a_worker: tasks that a worker runs at a time, in threads.
        reads: what each task reads, by name, for messages.
    """

    def __init__(
        self,
        pipeline: list[PipelineStep],
        logs: Path,
        tasks: int,
        workers: int,
        gpus: int = 0,
        tasks_a_worker: int = 1,
        reads: Sequence[str] = (),
    ):
        super().__init__(pipeline, tasks=tasks, workers=workers, logging_dir=str(logs))
        self.gpus, self.tasks_a_worker, self.reads = gpus, tasks_a_worker, reads

    def run(self) -> None:
        """Run the tasks that are not complete; the first error of any ends the run."""
        ranks = self.get_incomplete_ranks(range(self.tasks))
        if not ranks:
            return
        self.save_executor_as_json()
        if self.workers == 1:
            waiting = _filled(ranks)
            self._serve(0, [lambda: _next(waiting)] * self.tasks_a_worker)
        else:
            _Pool(self, ranks).run()

    def serve_elsewhere(self, worker: int, connections: Sequence[Connection], share: str | None) -> None:
        """Run the tasks that the first process hands out, one connection per task, and report tasks that fail."""
        if share is not None:
            own_gpus(share)
        with log_into(Path(self.logging_dir.path)):
            try:
                self._serve(worker, [partial(_ask, one) for one in connections])
            except BaseException as error:
                connections[0].send(error)
                raise SystemExit(FAILED) from error

    def _serve(self, worker: int, sources: Sequence[Source]) -> None:
        """Run waiting tasks until all are done or one fails, in one thread per source."""
        if len(sources) == 1:
            for rank in iter(sources[0], None):
                self._run_task(rank, worker)
            return
        failed = threading.Event()
        outcomes: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        for source in sources:
            arguments = (worker, source, failed, outcomes.put)
            threading.Thread(target=self._run_tasks, args=arguments, daemon=True).start()  # Ctrl-C waits for none
        if error := next(filter(None, [outcomes.get() for _ in sources]), None):
            raise error

    def _run_tasks(
        self,
        worker: int,
        source: Source,
        failed: threading.Event,
        tell: Callable[[BaseException | None], None],
    ) -> None:
        """Run tasks in one thread and report their outcome. Begin no task after one of another thread failed."""
        try:
            for rank in iter(source, None):
                if failed.is_set():
                    break
                self._run_task(rank, worker)
            tell(None)
        except BaseException as error:
            failed.set()
            tell(error)

    def _run_task(self, rank: int, worker: int) -> None:
        task = copy.copy(self)
        task.pipeline = copy.deepcopy(self.pipeline)  # blocks count, and hold open files
        try:
            logs = Path(self.logging_dir.path)
            run_noted(lambda: task._run_for_rank(rank, worker), logs, rank, self.gpus, self.tasks_a_worker)
        except EngineFailed as error:
            traceback.print_exception(error)  # datatrove's own may be lost where two tasks log at a time
            raise UserError(f"{self.named(rank)}: {error}; {self.goes_on()}") from error

    def named(self, rank: int) -> str:
        """Return what a task reads, for messages."""
        return self.reads[rank] if self.reads else f"task {rank}"

    def goes_on(self) -> str:
        """Return the end of the message about a task that was lost."""
        return (
            f"none of its output was kept; the log is {self.logging_dir.path}/console.log; "
            "run the same command again to redo it"
        )


class _Pool:
    """The processes of several workers.

    Each is handed its tasks over pipes of its own: unlike multiprocess.Pool, which waits for ever for the result of a
    process that was killed, the end of a process is seen, and what it was working on is known.
    """

    def __init__(self, executor: Workers, ranks: Sequence[int]):
        context = multiprocess.get_context(executor.start_method)
        _preload(context)
        self.executor, self.waiting = executor, _filled(ranks)
        self.at_work: dict[Connection, int | None] = {}
        self.processes: dict[Any, list[Connection]] = {}
        shares = share_out(executor.gpus)
        for worker in range(min(executor.workers, len(ranks))):
            pipes = [context.Pipe() for _ in range(executor.tasks_a_worker)]
            theirs = [there for _, there in pipes]
            arguments = (worker, theirs, shares[worker] if shares else None)
            process = context.Process(target=executor.serve_elsewhere, args=arguments, daemon=True)
            process.start()
            for end in theirs:
                end.close()
            self.processes[process] = [here for here, _ in pipes]
            self.at_work |= dict.fromkeys(self.processes[process])

    def run(self) -> None:
        """Hand out all tasks. Raises the first error of any, and UserError when a process ends before its tasks."""
        try:
            running = set(self.processes)
            while running:
                connections = [one for process in running for one in self.processes[process] if not one.closed]
                sentinels = {process.sentinel: process for process in running}
                ready = wait([*connections, *sentinels])
                for connection in (one for one in ready if one in self.at_work):
                    self._answer(connection)
                for process in (sentinels[one] for one in ready if one in sentinels):
                    self._ended(process)
                    running.remove(process)
        finally:
            for process in self.processes:
                process.kill()
                process.join()

    def _answer(self, connection: Connection) -> None:
        """Give a worker that asks for it the next task."""
        if not self._asks(connection):
            return
        rank = _next(self.waiting)
        try:
            connection.send(rank)
        except OSError:
            connection.close()  # its process was killed after it had asked: `_ended`
            if rank is not None:
                self.waiting.put(rank)
        else:
            self.at_work[connection] = rank

    def _asks(self, connection: Connection) -> bool:
        """Read what a worker says, and return whether it asks for a task. Raises the error that ended its task."""
        try:
            said = connection.recv()
        except (EOFError, OSError):
            connection.close()  # its process ends: `_ended`
            return False
        if isinstance(said, BaseException):
            raise said
        self.at_work[connection] = None  # the task before is complete
        return True

    def _ended(self, process: Any) -> None:
        process.join()
        connections = self.processes[process]
        for connection in connections:
            while not connection.closed and connection.poll():
                self._asks(connection)  # the error that ended it; the worker takes no further task
        lost = [rank for one in connections if (rank := self.at_work[one]) is not None]
        if process.exitcode or lost:
            names = ", ".join(map(self.executor.named, lost)) or "a worker without a task"
            raise UserError(f"{names}: {_how_it_ended(process.exitcode)}; {self.executor.goes_on()}")


def _how_it_ended(code: int) -> str:
    if code == -signal.SIGKILL:
        return "its process was killed (SIGKILL), usually because memory ran out; use fewer workers, or more memory"
    return f"its process was killed by signal {-code}" if code < 0 else f"its process ended with exit code {code}"


def _preload(context: Any) -> None:
    """Have the process that workers are forked from import once what they need, instead of each of them."""
    ours = [name for name in sys.modules if name.split(".")[0] == __name__.split(".")[0]]
    context.set_forkserver_preload(["__main__", *ours])


def _ask(connection: Connection) -> int | None:
    """Ask the first process for the next task; the task before it is complete."""
    connection.send(None)
    return connection.recv()


def _filled(ranks: Sequence[int]) -> queue.SimpleQueue:
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    for rank in ranks:
        waiting.put(rank)
    return waiting


def _next(waiting: queue.SimpleQueue) -> int | None:
    try:
        return waiting.get_nowait()
    except queue.Empty:
        return None


@contextlib.contextmanager
def log_into(logs: Path) -> Iterator[None]:
    """Send what datatrove logs to the log folder instead of the terminal."""
    with (logs / "console.log").open("a", encoding="utf-8") as console:
        try:
            with contextlib.redirect_stderr(console):
                datatrove.utils.logging.setup_default_logger()
                yield
        finally:
            datatrove.utils.logging.setup_default_logger()
