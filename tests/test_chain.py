"""A recipe as a whole: how its files share values, how overrides reach them, and how a failing stage speaks."""

import io
import os
import shutil
import sys
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from kun_recipes.chain import (
    CORPUS,
    STAGES,
    Chain,
    StageRun,
    _lines,
    elapsed,
    load_chain,
    remove_from,
    run_stage,
)
from kun_recipes.config import ConfigError
from kun_recipes.corpus.config import CorpusConfig
from kun_recipes.errors import UserError
from kun_recipes.progress import SHOW_PROGRESS
from kun_recipes.stage import Stage

DEMO = "recipes/demo"
BASE = "outputs/demo"


@pytest.fixture(autouse=True)
def in_repository(repository, monkeypatch):
    monkeypatch.chdir(repository)  # recipes name their files from there


@pytest.fixture
def recipe(tmp_path) -> Path:
    """A copy of the demo's files, to be changed."""
    folder = tmp_path / "recipe"
    shutil.copytree(DEMO, folder, ignore=shutil.ignore_patterns("data"))
    return folder


def stage(chain: Chain, name: str) -> StageRun:
    return next(stage for stage in chain.stages if stage.name == name)


def strings(config) -> list[str]:
    """Every text in a config."""
    values = [getattr(config, field.name) for field in fields(config) if field.init]
    items = [item for value in values for item in (value if isinstance(value, list) else [value])]
    return [item for item in items if isinstance(item, str)]


def test_the_demo_is_the_papers_chain():
    chain = load_chain(DEMO, [])
    assert [stage.name for stage in chain.stages] == list(STAGES)
    assert all(str(stage.folder) == f"{BASE}/{stage.name}" for stage in chain.stages)
    assert all(Path(stage.kind.script).is_file() for stage in chain.stages)


def test_what_a_stage_reads_another_one_writes():
    chain = load_chain(DEMO, [])
    written = {str(stage.folder) for stage in chain.stages} | {stage(chain, "refine").config.dataset_dir}
    read = {
        text
        for one in chain.stages
        for text in strings(one.config)
        if text.startswith(BASE) and Path(text) != one.folder and Path(text).name != "checkpoints"
    }
    assert read
    assert all({text, str(Path(text).parent)} & written for text in read)


def test_a_replaced_output_folder_moves_every_path_below_it():
    before, after = load_chain(DEMO, []), load_chain(DEMO, ["--output_dir", "elsewhere/run"])
    assert after.run.output_dir == "elsewhere/run"
    for old, new in zip(before.stages, after.stages, strict=True):
        moved = [text.replace(BASE, "elsewhere/run") for text in strings(old.config)]
        assert strings(new.config) == moved
        assert new.folder == Path("elsewhere/run") / new.name
        assert "elsewhere/run" in " ".join(new.command)


def test_a_folder_that_only_begins_alike_is_not_moved(recipe):
    label = yaml.safe_load((recipe / "label.yaml").read_text(encoding="utf-8"))
    label["segments"] = f"{BASE}-old/corpus/rows"
    (recipe / "label.yaml").write_text(yaml.safe_dump(label), encoding="utf-8")
    chain = load_chain(str(recipe), ["--output_dir", "elsewhere"])
    assert stage(chain, "label").config.segments == f"{BASE}-old/corpus/rows"


def test_a_replaced_model_is_replaced_where_the_base_model_stood():
    base = load_chain(DEMO, []).run.model
    before, after = load_chain(DEMO, []), load_chain(DEMO, ["--model", "org/other"])
    changed = []
    for old, new in zip(before.stages, after.stages, strict=True):
        assert new.config.model == ("org/other" if old.config.model == base else old.config.model)
        changed += [new.name] if old.config.model == base else []
    assert {"corpus", "label_model", "primary_chat_model"} <= set(changed)
    assert {"label", "refine"}.isdisjoint(changed)


def test_an_override_goes_to_every_stage_that_has_the_field():
    chain = load_chain(DEMO, ["--temperature", "0.5", "--input_format", "jsonl", "--seed", "7"])
    for name in ("label", "refine"):
        assert stage(chain, name).config.temperature == 0.5
        assert stage(chain, name).command[-4:] == ["--temperature", "0.5", "--seed", "7"]
    assert [stage(chain, name).config.seed for name in STAGES if name != "corpus"] == [7] * 5
    assert stage(chain, "corpus").config.input_format == ["jsonl"]
    assert "--temperature" not in stage(chain, "corpus").command


def test_an_override_may_be_for_one_stage():
    chain = load_chain(DEMO, ["--temperature", "0.5", "--label.temperature", "0.75", "--refine.seed", "3"])
    assert stage(chain, "label").config.temperature == 0.75
    assert stage(chain, "refine").config.temperature == 0.5
    assert [stage(chain, name).config.seed for name in ("label", "refine")] == [0, 3]


@pytest.mark.parametrize("words", [["--label.max_tokens=99"], ["--label.max-tokens", "99"]])
def test_an_override_is_spelled_as_for_a_stage(words):
    chain = load_chain(DEMO, [*words, "--output-dir=elsewhere"])
    assert stage(chain, "label").config.max_tokens == 99
    assert chain.run.output_dir == "elsewhere"


def test_a_list_and_a_negative_number_may_be_overridden():
    words = ["--corpus.input_path", "recipes", "tests", "--input_format", "jsonl", "wudao"]
    chain = load_chain(DEMO, [*words, "--score_threshold", "-0.5"])
    assert stage(chain, "corpus").config.inputs() == [("recipes", "jsonl"), ("tests", "wudao")]
    assert stage(chain, "refine").config.score_threshold == -0.5


def test_commands_are_those_of_the_recipes():
    chain = load_chain(DEMO, ["--label.temperature", "1"])
    assert stage(chain, "label").command == [
        *[sys.executable, "recipes/label.py", "--config", "recipes/demo/label.yaml"],
        *["--temperature", "1"],
    ]
    assert stage(chain, "final_model").command == [
        *[sys.executable, "-m", "accelerate.commands.launch", "--quiet"],
        *["--config_file", "accelerate_configs/cpu.yaml", "recipes/train.py"],
        *["--config", "recipes/demo/final_model.yaml"],
    ]


MISTAKES = {
    "unknown field": (
        ["--temprature", "1"],
        "--temprature: no stage has this field; write --field or --stage.field "
        "(corpus, label_model, primary_chat_model, label, refine, final_model)",
    ),
    "a field of another stage": (
        ["--corpus.temperature", "1"],
        "--corpus.temperature: no stage has this field; write --field or --stage.field "
        "(corpus, label_model, primary_chat_model, label, refine, final_model)",
    ),
    "an unknown stage": (
        ["--lable.temperature", "1"],
        "--lable.temperature: no stage has this field; write --field or --stage.field "
        "(corpus, label_model, primary_chat_model, label, refine, final_model)",
    ),
    "a value without a field": (["0.5"], "command line: 0.5: a value without its --field"),
    "out of range": (["--label.temperature", "3"], "command line: temperature: must be at most 2, not 3.0"),
    "no number": (
        ["--temperature", "warm"],
        "command line: argument --temperature: invalid float value: 'warm'",
    ),
    "of the run": (
        ["--accelerate_config", "no/such.yaml"],
        "command line: accelerate_config: no such file or folder: no/such.yaml",
    ),
}


@pytest.mark.parametrize(("argv", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_in_the_overrides_gets_one_line(argv, message):
    with pytest.raises(ConfigError) as caught:
        load_chain(DEMO, argv)
    assert str(caught.value) == message


@pytest.mark.parametrize("name", ["run", "corpus", "label_model", "refine", "final_model"])
def test_a_missing_file_is_named(recipe, name):
    (recipe / f"{name}.yaml").unlink()
    with pytest.raises(ConfigError) as caught:
        load_chain(str(recipe), [])
    assert str(caught.value) == f"{recipe}/{name}.yaml: no such file"


def test_a_mistake_in_any_file_stops_before_anything_runs(recipe):
    with (recipe / "refine.yaml").open("a", encoding="utf-8") as file:
        file.write("filter_treshold: 0\n")
    with pytest.raises(ConfigError) as caught:
        load_chain(str(recipe), [])
    assert str(caught.value) == (f"{recipe}/refine.yaml: filter_treshold: unknown key; did you mean filter_threshold?")


@pytest.fixture
def corpus_stage(tmp_path) -> StageRun:
    config = CorpusConfig(
        input_path=["x"], input_format=["jsonl"], output_dir=str(tmp_path / "corpus"), model="m", workers=1
    )
    return StageRun("corpus", CORPUS, config, [sys.executable, "-c", "print()"])


def finish(config: CorpusConfig) -> None:
    from kun_recipes.counts import Counts

    Stage("corpus", config).finish(Counts(2, 2, 2))


def test_a_stage_is_complete_by_the_summary_of_this_very_config(corpus_stage):
    assert corpus_stage.summary() is None
    finish(corpus_stage.config)
    assert corpus_stage.summary()["rows_kept"] == 2
    corpus_stage.config.workers = 8
    assert corpus_stage.summary()["rows_kept"] == 2
    corpus_stage.config.max_tokens = 64
    assert corpus_stage.summary() is None


def test_a_fresh_run_removes_what_the_selected_stages_wrote(tmp_path):
    chain = load_chain(DEMO, ["--output_dir", str(tmp_path / "run")])
    written = {stage.folder: stage.kind.summary for stage in chain.stages}
    written[tmp_path / "run" / "dataset"] = "data/wudao-00000-of-00001.parquet"
    for folder, mark in written.items():
        (folder / mark).parent.mkdir(parents=True)
        (folder / mark).touch()
    remove_from(chain, [stage(chain, "label"), stage(chain, "refine")])
    left = {folder.name for folder in written if folder.exists()}
    assert left == {"corpus", "label_model", "primary_chat_model", "final_model"}


def test_a_fresh_run_leaves_a_folder_that_no_stage_wrote(tmp_path):
    (tmp_path / "thesis.txt").touch()
    chain = load_chain(DEMO, ["--label.output_dir", str(tmp_path)])
    with pytest.raises(UserError, match="no stage wrote this folder; remove it yourself"):
        remove_from(chain, [stage(chain, "label")])
    assert (tmp_path / "thesis.txt").exists()


def python(corpus_stage: StageRun, code: str) -> StageRun:
    corpus_stage.command = [sys.executable, "-c", code]
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


def test_a_stage_that_fails_says_its_last_line_and_its_log(tmp_path, corpus_stage):
    code = "import sys; print('reading'); print('in.jsonl: no such file\\n\\n', file=sys.stderr); sys.exit(2)"
    log = tmp_path / "logs" / "corpus.log"
    with pytest.raises(UserError) as caught:
        run_stage(python(corpus_stage, code), log, lambda line: None)
    assert str(caught.value) == f"corpus failed (exit code 2): in.jsonl: no such file\nits log: {log}"
    assert log.read_text(encoding="utf-8").startswith("reading\nin.jsonl: no such file\n")


def test_a_log_is_of_the_last_run(tmp_path, corpus_stage):
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
    monkeypatch.setattr("kun_recipes.chain.time.monotonic", lambda: 100 + seconds)
    assert elapsed(100) == shown
