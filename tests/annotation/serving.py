"""The real server in a process of its own."""

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

from tests.killing import take_interrupts

REPOSITORY = Path(__file__).resolve().parent.parent.parent


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Server:
    """`recipes/annotate.py` on one port, with the links that it has printed; it can be killed and started again."""

    def __init__(self, study_dir: Path, output_dir: Path, names: list[str], *more: str):
        self.port = free_port()
        self.links: dict[str, str] = {}
        self.command = [sys.executable, "recipes/annotate.py", "--study_dir", study_dir, "--output_dir", output_dir]
        self.command += ["--annotators", *names, "--port", str(self.port), *more]
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            self.command,
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=take_interrupts,
        )
        printed = ""
        while "\nserving on" not in f"\n{printed}":
            line = self.process.stdout.readline()
            assert line, f"the server did not start: {printed}"
            printed += line
        self.links |= dict(re.findall(r"^  (\S+)  (http\S+)$", printed, flags=re.MULTILINE))

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()

    def stop(self) -> None:
        self.process.terminate()
        self.process.communicate()
