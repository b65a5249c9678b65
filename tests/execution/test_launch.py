"""Running a pipeline: what is counted, what is run again, and how a mistake comes out."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from datatrove.data import Document

from kun_recipes.corpus.sources.formats import USUAL_NAMES
from kun_recipes.corpus.sources.readers import CorpusReader
from kun_recipes.data.rows import RowReader, list_shards, read_rows, read_shard, removed_writers, row_writer
from kun_recipes.errors import UserError
from kun_recipes.execution.counts import Counts, read_counts
from kun_recipes.execution.launch import Executor, SlurmOptions, run_pipeline
from kun_recipes.progress import SHOW_PROGRESS, progress_bar
from kun_recipes.rules.ranges import RangeFilter

SHARDS = {0: [1, 2, 3, 4], 1: [5, 6], 2: [7, 8, 9]}


@pytest.fixture
def rows(tmp_path) -> Path:
    for rank, numbers in SHARDS.items():
        with row_writer(tmp_path / "in") as writer:
            for number in numbers:
                writer.write(Document(text=f"第{number}段", id=str(number), metadata={"n": number}), rank)
    return tmp_path / "in"


def drop_small_and_large(rows: Path, out: Path) -> list:
    removed = removed_writers(out / "removed")
    return [
        RowReader(rows),
        RangeFilter("n", "small", lowest=2, exclusion_writer=removed("small")),
        RangeFilter("n", "large", highest=6, exclusion_writer=removed("large")),
        row_writer(out / "rows"),
    ]


def run(rows: Path, out: Path, workers: int = 1) -> Counts:
    return run_pipeline(drop_small_and_large(rows, out), out / "logs", len(SHARDS), Executor(workers))


def content(folder: Path) -> dict[str, list[dict]]:
    return {name: list(read_shard(folder, name)) for name in list_shards(folder)}


def test_every_row_is_counted_as_kept_or_by_its_reason(tmp_path, rows):
    counts = run(rows, tmp_path / "out")
    assert counts == Counts(read=9, rows_in=9, rows_out=5, removed=Counter(small=1, large=3))
    counts.check("a stage")
    assert [row["id"] for row in read_rows(tmp_path / "out" / "rows")] == ["2", "3", "4", "5", "6"]


def test_a_reader_of_documents_counts_what_it_could_not_read(tmp_path):
    lines = [{"text": "甲"}, {"text": ""}, {"content": "乙"}, {"text": "丙"}]
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n{oops", encoding="utf-8")
    inputs = [(str(tmp_path / "in.jsonl"), "jsonl", USUAL_NAMES)]
    reader = CorpusReader(inputs, None, removed_writers(tmp_path / "removed")("bad"))
    counts = run_pipeline([reader, row_writer(tmp_path / "rows")], tmp_path / "logs", tasks=1)
    assert counts == Counts(5, 5, 2, Counter(empty_text=1, missing_field=1, invalid_json=1))


def test_row_dropped_without_a_reason_is_an_error(tmp_path):
    class Silent(RangeFilter):
        def filter(self, doc: Document) -> bool:
            return doc.id != "b"

    documents = [Document(text="文", id=id) for id in "abc"]
    counts = run_pipeline([documents, Silent("n", "x"), row_writer(tmp_path / "rows")], tmp_path / "logs", tasks=1)
    with pytest.raises(RuntimeError, match="3 rows in, but 2 kept and 0 removed"):
        counts.check("a stage")


def test_only_incomplete_tasks_run_again(tmp_path, rows):
    out = tmp_path / "out"
    counts, before = run(rows, out), content(out / "rows")
    shards = [out / "rows" / name for name in before]
    for shard in shards:
        os.utime(shard, (0, 0))
    shards[1].write_bytes(shards[1].read_bytes()[:9])  # as a kill leaves it: half a shard and no marker
    (out / "logs" / "completions" / "00001").unlink()
    assert run(rows, out) == counts
    assert content(out / "rows") == before
    assert [shard.stat().st_mtime == 0 for shard in shards] == [True, False]


def test_a_complete_pipeline_is_only_counted(tmp_path, rows):
    out = tmp_path / "out"
    counts = run(rows, out)
    for shard in rows.iterdir():
        shard.unlink()
    assert run(rows, out) == counts


def test_missing_statistics_are_an_error(tmp_path, rows):
    out = tmp_path / "out"
    run(rows, out)
    (out / "logs" / "stats" / "00002.json").unlink()
    with pytest.raises(UserError, match=r"stats/00002\.json: missing, although its task is complete; remove the"):
        read_counts(out / "logs", range(3))


@pytest.mark.slow
def test_workers_change_no_row(tmp_path, rows):
    counts = run(rows, tmp_path / "one")
    assert run(rows, tmp_path / "two", workers=2) == counts
    for folder in ("rows", "removed/01_small", "removed/02_large"):
        assert content(tmp_path / "two" / folder) == content(tmp_path / "one" / folder)


def test_user_error_passes_through_and_the_console_stays_quiet(tmp_path, rows, capfd):
    damaged = rows / "00001.jsonl.zst"
    damaged.write_bytes(b"oops")
    with pytest.raises(UserError, match=f"^{damaged}:1: not a row of a finished stage"):
        run(rows, tmp_path / "out")
    assert capfd.readouterr() == ("", "")
    completed = {path.name for path in (tmp_path / "out" / "logs" / "completions").iterdir()}
    assert completed == {"00000"}


TWO_WORKERS = """
import sys
from pathlib import Path

from kun_recipes.errors import UserError
from kun_recipes.execution.launch import Executor, run_pipeline
from kun_recipes.data.rows import RowReader, row_writer

rows, out = map(Path, sys.argv[1:])
try:
    run_pipeline([RowReader(rows), row_writer(out / "rows")], out / "logs", 3, Executor(workers=2))
except UserError as error:
    print(error)
"""


def test_user_error_of_a_worker_is_raised_and_workers_are_quiet(tmp_path, rows):
    """In a process of its own: datatrove's workers keep the stderr of the first pipeline that started any."""
    damaged = rows / "00001.jsonl.zst"
    damaged.write_bytes(b"oops")
    command = [sys.executable, "-c", TWO_WORKERS, str(rows), str(tmp_path / "out")]
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    assert process.stderr == ""
    assert process.stdout.startswith(f"{damaged}:1: not a row of a finished stage")
    assert f"{damaged}:1: not a row" in (tmp_path / "out" / "logs" / "console.log").read_text(encoding="utf-8")


class Failing(RangeFilter):
    def filter(self, doc: Document) -> bool:
        raise KeyError("no such column")


def test_a_block_that_fails_keeps_its_own_error(tmp_path, rows, capfd):
    pipeline = [RowReader(rows), Failing("n", "x"), row_writer(tmp_path / "rows")]
    with pytest.raises(KeyError, match="no such column"):
        run_pipeline(pipeline, tmp_path / "logs", tasks=1)
    assert capfd.readouterr() == ("", "")
    assert "no such column" in (tmp_path / "logs" / "logs" / "task_00000.log").read_text(encoding="utf-8")


class ShowProgress(RangeFilter):
    """Draws a bar, as a block that asks a model does."""

    def filter(self, doc: Document) -> bool:
        with progress_bar(1, "asking"):
            return True


def test_a_blocks_progress_reaches_the_console(tmp_path, rows, capfd, monkeypatch):
    pipeline = [RowReader(rows), ShowProgress("n", "x"), row_writer(tmp_path / "rows")]
    monkeypatch.setenv(SHOW_PROGRESS, "1")
    run_pipeline(pipeline, tmp_path / "logs", tasks=1)
    assert "asking:   0%" in capfd.readouterr().err


def test_slurm_needs_sbatch(tmp_path, rows, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="executor: slurm needs sbatch"):
        run_pipeline([RowReader(rows)], tmp_path / "logs", 3, Executor(2, slurm=SlurmOptions("cpu", "01:00:00", 2)))


def test_slurm_runs_the_same_tasks(tmp_path, rows, slurm):
    blocks = drop_small_and_large(rows, tmp_path / "out")
    counts = run_pipeline(blocks, tmp_path / "out" / "logs", 3, Executor(2, slurm=SlurmOptions("cpu", "00:05:00", 1)))
    assert counts == run(rows, tmp_path / "here")
    assert content(tmp_path / "out" / "rows") == content(tmp_path / "here" / "rows")
