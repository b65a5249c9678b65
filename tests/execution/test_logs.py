"""Which line of a log says why."""

import pytest

from kun_recipes.execution.logs import last_message

REPORT = [
    "E1122 23:14:09.638 25703 .venv/torch/distributed/elastic/multiprocessing/api.py:1002] failed (exitcode: 2)",
    "Traceback (most recent call last):",
    "torch.distributed.elastic.multiprocessing.errors.ChildFailedError: ",
    "============================================================",
    "recipes/train.py FAILED",
    "============================================================",
]
CASES = {
    "the last line": (["reading", "in.jsonl: no such file", "", "  "], "in.jsonl: no such file"),
    "a progress bar's last state": (["1/3\r2/3\r"], "2/3"),
    "before the launcher's report": (["no seeds", *REPORT], "no seeds"),
    "after a report of an earlier run": (["no seeds", *REPORT, "disk full", *REPORT], "disk full"),
    "before Slurm's own words": (
        ["no seeds", "srun: error: n1: task 0: Exited", "slurmstepd-n1: error: *** JOB 3 CANCELLED", "srun: Force"],
        "no seeds",
    ),
    "of a numbered task": (["0: UserError: a.jsonl:1: no row", "srun: error"], "UserError: a.jsonl:1: no row"),
    "nothing": (["srun: error: n1: task 0: Killed"], "nothing"),
}


@pytest.mark.parametrize(("lines", "said"), CASES.values(), ids=CASES)
def test_last_message_of_a_log(tmp_path, lines, said):
    log = tmp_path / "job.log"
    log.write_text("\n".join(lines), encoding="utf-8", newline="")
    assert last_message(log) == said
