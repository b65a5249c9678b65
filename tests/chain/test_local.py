"""Stages in processes of their own: what they say is shown, kept and, when one fails, repeated."""

import io
import json
import os
import sys

import pytest

from kun_recipes.chain.loading import load_chain
from kun_recipes.chain.local import _lines, elapsed, remove_from, run_stage
from kun_recipes.chain.recipe import StageRun
from kun_recipes.chain.stages.corpus import CORPUS
from kun_recipes.corpus.config import Corpus, CorpusConfig
from kun_recipes.data.folders import WRITTEN
from kun_recipes.errors import UserError
from kun_recipes.execution.folder import StageFolder
from kun_recipes.progress import SHOW_PROGRESS

DEMO = "recipes/demo"


pytestmark = pytest.mark.usefixtures("in_repository")


@pytest.fixture
def corpus_stage(tmp_path) -> StageRun:
    config = CorpusConfig(corpora=[Corpus("x", "jsonl")], output_dir=str(tmp_path / "corpus"), model="m", workers=1)
    return StageRun("corpus", "corpus", CORPUS, config, [sys.executable], ["-c", "print()"])


def finish(config: CorpusConfig) -> None:
    from kun_recipes.execution.counts import Counts

    StageFolder("corpus", config).finish(Counts(2, 2, 2))


def test_stage_is_complete_if_its_summary_has_the_same_config(corpus_stage):
    assert corpus_stage.summary() is None
    finish(corpus_stage.config)
    assert corpus_stage.summary()["rows_kept"] == 2
    corpus_stage.config.workers = 8
    assert corpus_stage.summary()["rows_kept"] == 2
    corpus_stage.config.max_tokens = 64
    assert corpus_stage.summary() is None


@pytest.mark.parametrize(
    ("name", "words"), [("publish", ["--publish.push", "true"]), ("study", ["--study.votes", "recipes/demo/run.yaml"])]
)
def test_finished_stage_with_outside_work_runs_again(tmp_path, name, words):
    for more, complete in ([], True), (words, False):
        chain = load_chain(DEMO, ["--output_dir", str(tmp_path / str(complete)), *more])
        (stage,) = chain.select([name])
        stage.folder.mkdir(parents=True)
        summary = {"config": stage.kind.asked(stage.config), "rows_kept": 1}
        (stage.folder / stage.kind.summary_file).write_text(json.dumps(summary), encoding="utf-8")
        assert stage.summary() is not None
        assert stage.complete == complete


def test_a_fresh_run_removes_what_the_selected_stages_wrote(tmp_path):
    chain = load_chain(DEMO, ["--output_dir", str(tmp_path / "run")])
    written = {stage.folder: stage.kind.summary_file for stage in chain.stages}
    written[tmp_path / "run" / "dataset"] = WRITTEN
    for folder, mark in written.items():
        (folder / mark).parent.mkdir(parents=True)
        (folder / mark).touch()
    remove_from(chain.select(["label", "refine"]))
    left = {folder.name for folder in written if folder.exists()}
    trained = {"label_model", "primary_chat_model", "final_model"}
    assert left == {"corpus", *trained, "evaluate", "statistics", "study", "report", "publish"}


def test_a_fresh_run_leaves_a_folder_that_no_stage_wrote(tmp_path):
    (tmp_path / "thesis.txt").touch()
    read = [f"--{field}" for field in ("evaluate.models", "report.model_dirs", "publish.model_dirs")]
    read = [word for field in read for word in (field, str(tmp_path))]
    read += ["--study.models", f"{tmp_path},name=a", f"{tmp_path},name=b"]
    names = ["--publish.repositories", "dataset=Pairs"]
    chain = load_chain(DEMO, ["--final_model.output_dir", str(tmp_path), *read, *names])
    with pytest.raises(UserError, match="no stage wrote this folder; remove it yourself"):
        remove_from(chain.select(["final_model"]))
    assert (tmp_path / "thesis.txt").exists()


def python(corpus_stage: StageRun, code: str) -> StageRun:
    corpus_stage.words = ["-c", code]
    return corpus_stage


def test_a_stage_runs_in_its_own_process_and_shows_its_lines(tmp_path, corpus_stage):
    code = f"""
import os, sys
print(os.getpid() != {os.getpid()}, os.environ[{SHOW_PROGRESS!r}])
print("1/3\\r2/3\\r  \\n3/3", file=sys.stderr)
print("完成")
"""
    seen: list[str] = []
    run_stage(python(corpus_stage, code), tmp_path / "logs" / "corpus.log", seen.append)
    assert seen == ["True 1", "1/3", "2/3", "3/3", "完成"]
    assert (tmp_path / "logs" / "corpus.log").read_text(encoding="utf-8") == "True 1\n1/3\n2/3\n  \n3/3\n完成\n"


def test_failed_stage_reports_its_last_line_and_its_log(tmp_path, corpus_stage):
    code = "import sys; print('reading'); print('in.jsonl: no such file\\n\\n', file=sys.stderr); sys.exit(2)"
    log = tmp_path / "logs" / "corpus.log"
    with pytest.raises(UserError) as caught:
        run_stage(python(corpus_stage, code), log, lambda line: None)
    assert str(caught.value) == f"corpus failed (exit code 2): in.jsonl: no such file\nits log: {log}"
    assert log.read_text(encoding="utf-8").startswith("reading\nin.jsonl: no such file\n")


def test_a_killed_stage_has_failed(tmp_path, corpus_stage):
    code = "import os, signal; print('reading', flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    with pytest.raises(UserError, match=r"corpus failed \(exit code -9\): reading"):
        run_stage(python(corpus_stage, code), tmp_path / "corpus.log", lambda line: None)


def test_log_holds_the_last_run_only(tmp_path, corpus_stage):
    log = tmp_path / "corpus.log"
    for word in ("first", "second"):
        run_stage(python(corpus_stage, f"print({word!r})"), log, lambda line: None)
    assert log.read_text(encoding="utf-8") == "second\n"


class Chunks(io.RawIOBase):
    """A stream that gives what it has in pieces, as a pipe does."""

    def __init__(self, *pieces: bytes):
        self.pieces = list(pieces)

    def read1(self, size: int) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        ([b"a\nb\n"], ["a", "b"]),
        ([b"1%\r2%\rdone\n"], ["1%", "2%", "done"]),
        ([b"a", b"b\nc"], ["ab", "c"]),
        ([b"a\r\nb"], ["a", "", "b"]),
        (["水".encode()[:2], "水".encode()[2:] + b"\n"], ["水"]),
        ([b"\xff\n"], ["\ufffd"]),
        ([], []),
    ],
    ids=["newlines", "carriage returns", "split in a line", "both", "split in a character", "no UTF-8", "nothing"],
)
def test_lines_end_in_a_newline_or_a_carriage_return(pieces, lines):
    assert list(_lines(Chunks(*pieces))) == lines


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0:00"), (59.9, "0:59"), (61, "1:01"), (3600, "60:00")])
def test_elapsed_is_minutes_and_seconds(monkeypatch, seconds, shown):
    monkeypatch.setattr("kun_recipes.chain.local.time.monotonic", lambda: 100 + seconds)
    assert elapsed(100) == shown
