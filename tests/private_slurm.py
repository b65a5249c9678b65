"""A Slurm for the tests: two nodes on this machine, started from slurm.conf in this folder, stopped at the end."""

import os
import shutil
import socket
import string
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def slurm() -> Iterator[None]:
    """A private Slurm of two nodes, n1 and n2, each with eight cores and eight false GPUs; SLURM_CONF names it.

    Its partition is called cpu. The nodes' names resolve to nothing: only Slurm knows where they are.
    """
    folder = Path(tempfile.mkdtemp(prefix="kun-slurm-", dir="/tmp"))  # a socket's path must be short
    daemons = []
    try:
        _write_slurm_files(folder)
        os.environ["SLURM_CONF"] = str(folder / "slurm.conf")
        for command in _slurm_daemons(folder):
            daemons.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            if daemons[0] is daemons[-1]:
                _until((folder / "munge" / "socket").exists, daemons[0])
        _until(_is_idle, *daemons)
        yield
    finally:
        os.environ.pop("SLURM_CONF", None)
        for daemon in reversed(daemons):
            daemon.terminate()
            daemon.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _write_slurm_files(folder: Path) -> None:
    for name in ("munge", "state", "spool-n1", "spool-n2", "dev"):
        (folder / name).mkdir()
    for path in (folder, folder / "munge"):
        path.chmod(0o711)
    (folder / "munge" / "key").write_bytes(os.urandom(1024))
    (folder / "munge" / "key").chmod(0o600)
    for number in range(8):
        os.mknod(folder / "dev" / f"gpu{number}", 0o020666, os.makedev(1, 3))
    (folder / "gres.conf").write_text(f"NodeName=n[1-2] Name=gpu File={folder}/dev/gpu[0-7]\n")
    first = _free_ports(3)
    values = {"folder": folder, "host": socket.gethostname().partition(".")[0]}
    values |= {"port": first, "node_ports": f"{first + 1}-{first + 2}"}
    template = string.Template(Path(__file__).with_name("slurm.conf").read_text(encoding="utf-8"))
    (folder / "slurm.conf").write_text(template.substitute(values), encoding="utf-8")


def _free_ports(count: int) -> int:
    """Return the first of so many consecutive ports on which no process listens."""
    for first in range(21000, 30000, count):
        sockets = [socket.socket() for _ in range(count)]
        try:
            for number, listener in enumerate(sockets):
                listener.bind(("127.0.0.1", first + number))
            return first
        except OSError:
            continue
        finally:
            for listener in sockets:
                listener.close()
    raise RuntimeError("no free ports")


def _slurm_daemons(folder: Path) -> Iterator[list[str]]:
    munge = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
    files = [f"--{name}={folder}/munge/{file}" for name, file in munge.items()]
    yield ["/usr/sbin/munged", "--foreground", "--force", *files]
    yield ["/usr/sbin/slurmctld", "-D"]
    for node in ("n1", "n2"):
        yield ["/usr/sbin/slurmd", "-D", "-N", node]


def _until(happens: Callable[[], bool], *daemons: subprocess.Popen) -> None:
    deadline = time.monotonic() + 30
    while not happens():
        ended = [daemon.args[0] for daemon in daemons if daemon.poll() is not None]
        if ended or time.monotonic() > deadline:
            raise RuntimeError(f"Slurm did not start; ended: {ended}")
        time.sleep(0.1)


def _is_idle() -> bool:
    shown = subprocess.run(["sinfo", "--noheader", "--format=%T %D"], capture_output=True, text=True)
    return shown.stdout.split() == ["idle", "2"]
