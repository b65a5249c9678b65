"""What every recipe script does around its work: one line for a mistake, and a folder for one process at a time."""

import errno
import subprocess
import sys
from dataclasses import dataclass

import pytest

from kun_recipes import cli as recipe
from kun_recipes.cli import main, only_process
from kun_recipes.config.options import option
from kun_recipes.errors import UserError


@dataclass(kw_only=True)
class Config:
    """A stage."""

    output_dir: str = option(help="where it goes")


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UserError("seeds.jsonl:3: no column output"), 2, "seeds.jsonl:3: no column output"),
        (OSError(errno.ENOSPC, "No space left on device", "rows/0.zst"), 1, "rows/0.zst: the disk is full; free some"),
        (KeyboardInterrupt(), 130, "stopped; run the same command again to resume"),
    ],
)
def test_each_error_prints_one_line_and_sets_an_exit_code(error, code, said, tmp_path, monkeypatch, capsys):
    def run(config):
        raise error

    monkeypatch.setattr(sys, "argv", ["stage.py", "--output_dir", str(tmp_path / "stage")])
    with pytest.raises(SystemExit) as ended:
        main(Config, run)
    assert ended.value.code == code
    shown = capsys.readouterr().err
    assert shown.startswith(said) and shown.count("\n") == 1


def test_only_the_first_rank_prints_an_error(tmp_path, monkeypatch, capsys):
    def run(config):
        raise UserError("no seeds")

    monkeypatch.setattr(sys, "argv", ["train.py", "--output_dir", str(tmp_path / "model")])
    for rank in ("1", "0"):
        monkeypatch.setenv("LOCAL_RANK", rank)
        monkeypatch.setenv("RANK", rank)
        with pytest.raises(SystemExit) as ended:
            main(Config, run)
        assert ended.value.code == 2
        assert capsys.readouterr().err == ("no seeds\n" if rank == "0" else "")


def test_unexpected_error_keeps_its_traceback(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["stage.py", "--output_dir", str(tmp_path / "stage")])
    with pytest.raises(ZeroDivisionError):
        main(Config, lambda config: 1 / 0)


def test_folder_stays_locked_until_its_process_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(recipe, "SECONDS_TO_LET_GO", 0.2)
    folder = tmp_path / "stage"
    code = f"""
import time
from pathlib import Path
from kun_recipes.cli import only_process
with only_process(Path({str(folder)!r})):
    print("held", flush=True)
    time.sleep(60)
"""
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(UserError, match="another process is working on it"), only_process(folder):
        pass
    holder.kill()
    holder.wait()
    with only_process(folder):
        pass
