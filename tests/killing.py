"""Kill a run at a moment of its own making, which no busy machine can miss; or let it be interrupted."""

import os
import signal
import subprocess
from pathlib import Path

KILL_HOOK = Path(__file__).with_name("kill_hook")


def run_until_killed(command: list[str], folder: Path, appears: Path) -> None:
    """Run a Python command that SIGKILLs itself and its child processes as soon as a file or folder appears.

    The kill comes from inside, by an audit hook in each of its processes: it precedes the first file operation
    after the appearance.
    """
    environment = {**os.environ, "KILL_WHEN_EXISTS": str(appears)}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(KILL_HOOK), os.environ.get("PYTHONPATH")]))
    run = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert run.wait() == -signal.SIGKILL, "the run ended before it could be killed"
    assert appears.exists()


def take_interrupts() -> None:
    """Undo an ignored SIGINT, as `preexec_fn` of a process that a test interrupts.

    Processes inherit it from the program that starts the tests in the background: a shell's `&`, nohup, some CI.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
