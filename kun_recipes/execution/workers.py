"""The processes of this machine that run the tasks of a pipeline.

datatrove's own local executor hands each task to whichever process is free. A model needs more: a process that keeps
its GPUs and the model from task to task, and enough rows to fill a batch while a task is nearly done.
"""

import contextlib
import copy
import queue
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import datatrove.utils.logging
import multiprocess
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.base import PipelineStep

from kun_recipes.errors import EngineFailed, UserError
from kun_recipes.execution.devices import own_gpus, share_out


class Workers(LocalPipelineExecutor):
    """datatrove's local executor, whose processes own their GPUs, and log where this one does.

    Args:
        gpus: GPUs of each worker; none are shared out where there are none.
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
            self._serve(0, _filled(queue.Queue(), ranks))
            return
        context = multiprocess.get_context(self.start_method)
        processes = min(self.workers, len(ranks))
        with context.Manager() as manager, context.Pool(processes) as pool:
            serve = partial(
                self._serve_elsewhere, waiting=_filled(manager.Queue(), ranks), shares=share_out(self.gpus)
            )
            for _ in pool.imap_unordered(serve, range(processes)):
                pass

    def _serve_elsewhere(self, worker: int, waiting: queue.Queue, shares: list[str]) -> None:
        if shares:
            own_gpus(shares[worker])
        with log_into(Path(self.logging_dir.path)):
            self._serve(worker, waiting)

    def _serve(self, worker: int, waiting: queue.Queue) -> None:
        """Run waiting tasks until there is none, or one fails."""
        if self.tasks_a_worker == 1:
            for rank in _until_empty(waiting):
                self._run_task(rank, worker)
            return
        failed = threading.Event()
        outcomes: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        for _ in range(self.tasks_a_worker):
            arguments = (worker, waiting, failed, outcomes.put)
            threading.Thread(target=self._run_tasks, args=arguments, daemon=True).start()  # Ctrl-C waits for none
        if error := next(filter(None, [outcomes.get() for _ in range(self.tasks_a_worker)]), None):
            raise error

    def _run_tasks(
        self,
        worker: int,
        waiting: queue.Queue,
        failed: threading.Event,
        tell: Callable[[BaseException | None], None],
    ) -> None:
        """One thread's work; it tells its outcome, and begins no task after another thread's has failed."""
        try:
            for rank in _until_empty(waiting):
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
            task._run_for_rank(rank, worker)
        except EngineFailed as error:
            traceback.print_exception(error)  # datatrove's own may be lost where two tasks log at a time
            name = self.reads[rank] if self.reads else f"task {rank}"
            raise UserError(
                f"{name}: {error}; nothing of it was kept; the log is {self.logging_dir.path}/console.log; "
                "the same command goes on with it"
            ) from error


def _filled(waiting: queue.Queue, ranks: Sequence[int]) -> queue.Queue:
    for rank in ranks:
        waiting.put(rank)
    return waiting


def _until_empty(waiting: queue.Queue) -> Iterator[int]:
    with contextlib.suppress(queue.Empty):
        while True:
            yield waiting.get_nowait()


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
