"""Configuration: what is read, and the one line that every mistake gets."""

import subprocess
import sys
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Literal

import pytest

from kun_recipes.config.command_line import load, parse
from kun_recipes.config.options import affects_rows, option
from kun_recipes.config.settings import read_yaml_mapping
from kun_recipes.config.types import DatasetPath, InputPath, OutputPath
from kun_recipes.corpus.config import CorpusConfig
from kun_recipes.curation.config import LabelConfig
from kun_recipes.errors import ConfigError


class Order(Enum):
    FIRST = "first"
    LAST = "last"


@dataclass(kw_only=True)
class SampleConfig:
    """A field of every kind."""

    output_dir: OutputPath = option(help="where it goes", affects_rows=False)
    folder: InputPath | None = option(None, "an input")
    rows: int = option(8, "how many", unit="rows", min=1, max=64)
    limit: int | None = option(None, "at most", min=1)
    rate: float = option(1e-4, "how fast", source="Kun §3.1", above=0)
    share: float | None = option(None, "how much", min=0, max=1)
    quiet: bool = option(False, "say nothing")
    names: list[str] = option(["a"], "which", choices=["a", "b"])
    sizes: list[int] = option([1, 2], "how large", min=1)
    order: Order = option(Order.FIRST, "which first")
    side: Literal["left", "right"] = option("left", "which side")


def read(tmp_path: Path, config_class: type, text: str | bytes, *argv: str, future: str | list[str] = ()):
    """Load `text` as the config file; its path is taken out of the message of a ConfigError."""
    file = tmp_path / "stage.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    try:
        return load(config_class, ["--config", str(file), *argv], future=future)
    except ConfigError as error:
        raise ConfigError(None, str(error).replace(str(file), "FILE")) from error


def said(error: ConfigError, message: str) -> bool:
    """Whether an error is one line with this message; one that ends in a blank goes on in a library's words."""
    text = str(error)
    return "\n" not in text and (text.startswith(message) if message.endswith(" ") else text == message)


YAML_MISTAKES = {
    "unknown key": ("row: 3", "FILE: row: unknown key; did you mean rows?"),
    "unknown key, nothing near": ("zzz: 3", "FILE: zzz: unknown key; --help lists all keys"),
    "a key that is a number": ("3: x", "FILE: 3: unknown key; --help lists all keys"),
    "a key that YAML reads as true": ("on: x", "FILE: True: unknown key; did you mean rate?"),
    "bool for int": ("rows: true", "FILE: rows: must be a whole number, not True"),
    "text for int": ("rows: many", "FILE: rows: must be a whole number, not 'many'"),
    "digits in quotes for int": ("rows: '3'", "FILE: rows: must be a whole number, not '3'"),
    "float for int": ("rows: 3.0", "FILE: rows: must be a whole number, not 3.0"),
    "null for int": ("rows: null", "FILE: rows: must be a whole number, not None"),
    "text for int or null": ("limit: all", "FILE: limit: must be a whole number or null, not 'all'"),
    "bool for float": ("rate: true", "FILE: rate: must be a number, not True"),
    "text for float": ("rate: fast", "FILE: rate: must be a number, not 'fast'"),
    "text for bool": ("quiet: maybe", "FILE: quiet: must be true or false, not 'maybe'"),
    "int for bool": ("quiet: 1", "FILE: quiet: must be true or false, not 1"),
    "number for text": ("output_dir: 3", "FILE: output_dir: must be text, not 3"),
    "list for text": ("output_dir: [a]", "FILE: output_dir: must be text, not ['a']"),
    "mapping for text": ("output_dir: {a: b}", "FILE: output_dir: must be text, not {'a': 'b'}"),
    "empty text": ("output_dir: ''", "FILE: output_dir: must not be empty"),
    "text for list": ("names: a", "FILE: names: must be a list of text, not 'a'"),
    "item of a list": ("names: [a, 1]", "FILE: names[1]: must be text, not 1"),
    "bool in a list of ints": ("sizes: [1, true]", "FILE: sizes[1]: must be a whole number, not True"),
    "empty list": ("sizes: []", "FILE: sizes: must hold at least one value, not an empty list"),
    "no such enum value": ("order: middle", "FILE: order: must be one of first, last, not 'middle'"),
    "no such literal": ("side: top", "FILE: side: must be one of left, right, not 'top'"),
    "below the minimum": ("rows: 0", "FILE: rows: must be at least 1, not 0"),
    "over the maximum": ("rows: 65", "FILE: rows: must be at most 64, not 65"),
    "at an exclusive bound": ("rate: 0", "FILE: rate: must be above 0, not 0"),
    "optional, below the minimum": ("limit: 0", "FILE: limit: must be at least 1, not 0"),
    "item below the minimum": ("sizes: [1, 0]", "FILE: sizes[1]: must be at least 1, not 0"),
    "item of no choice": ("names: [a, c]", "FILE: names[1]: must be one of a, b, not c"),
    "nan": ("share: .nan", "FILE: share: must be a number, not nan"),
    "missing path": ("folder: no/such", "FILE: folder: no such file or folder: no/such"),
    "duplicate key": ("rows: 3\nrows: 4", "FILE: not YAML: the key rows appears twice in "),
}


@pytest.mark.parametrize(("text", "message"), YAML_MISTAKES.values(), ids=YAML_MISTAKES)
def test_a_mistake_in_the_yaml_gets_one_line(tmp_path, text, message):
    required = "" if text.startswith("output_dir") else "output_dir: out\n"
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, SampleConfig, required + text)
    assert said(caught.value, message)


BROKEN_FILES = {
    "a list": (b"- a\n- b\n", "FILE: must hold one `key: value` per line"),
    "empty": (b"", "FILE: must hold one `key: value` per line"),
    "a word": (b"rows\n", "FILE: must hold one `key: value` per line"),
    "not UTF-8": (b"output_dir: \xff\n", "FILE: is not UTF-8 text (invalid start byte at byte 12)"),
    "not YAML": (b"rows: [1\n", "FILE: not YAML: "),
    "a Python object": (b"rows: !!python/name:os.system\n", "FILE: not YAML: "),
}


@pytest.mark.parametrize(("content", "message"), BROKEN_FILES.values(), ids=BROKEN_FILES)
def test_a_broken_file_gets_one_line(tmp_path, content, message):
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, SampleConfig, content)
    assert said(caught.value, message)


COMMAND_LINE_MISTAKES = {
    "unknown argument": (["--row", "3"], "command line: --row: unknown argument; did you mean --rows?"),
    "nothing near": (["--zzz"], "command line: --zzz: unknown argument; --help lists all options"),
    "an abbreviation": (["--output", "x"], "command line: --output: unknown argument; did you mean --output_dir?"),
    "a stray word": (["stray"], "command line: stray: unknown argument; --help lists all options"),
    "no int": (["--rows", "many"], "command line: argument --rows: "),
    "no value": (["--rows"], "command line: argument --rows: "),
    "no choice": (["--side", "top"], "command line: argument --side: "),
    "out of range": (["--rows", "0"], "command line: rows: must be at least 1, not 0"),
    "out of range, with =": (["--rows=0"], "command line: rows: must be at least 1, not 0"),
    "nan": (["--share", "nan"], "command line: share: must be a number, not nan"),
    "missing path": (["--folder", "no/such"], "command line: folder: no such file or folder: no/such"),
    "hyphen for underscore": (["--output-dir", ""], "command line: output_dir: must not be empty"),
    "another field is to blame": (["--rows", "3"], "FILE: limit: must be at least 1, not 0"),
    "a second file": (["--config", "b.yaml"], "command line: --config: unknown argument; --help lists all options"),
    "--config=FILE": (["--config=b.yaml"], "command line: --config=b.yaml: write --config FILE, with a space"),
}


@pytest.mark.parametrize(("argv", "message"), COMMAND_LINE_MISTAKES.values(), ids=COMMAND_LINE_MISTAKES)
def test_a_mistake_on_the_command_line_gets_one_line(tmp_path, argv, message):
    text = "output_dir: out\n" + ("limit: 0\n" if "limit" in message else "")
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, SampleConfig, text, *argv)
    assert said(caught.value, message)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--config"], "command line: --config needs a file"),
        (["--config", "no/such.yaml"], "no/such.yaml: no such file"),
        (["--config", "."], ".: no such file"),
        ([], "command line: output_dir: is required: set it in the YAML or by --output_dir"),
        (["--rows", "3"], "command line: output_dir: is required: set it in the YAML or by --output_dir"),
    ],
)
def test_parse_says_it_on_stderr_and_exits_with_2(capsys, argv, message):
    with pytest.raises(SystemExit) as caught:
        parse(SampleConfig, argv)
    assert caught.value.code == 2
    assert capsys.readouterr() == ("", message + "\n")


def test_a_required_field_missing_in_the_file_names_the_file(tmp_path):
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, SampleConfig, "rows: 3\n")
    assert str(caught.value) == "FILE: output_dir: is required: set it in the YAML or by --output_dir"


@pytest.mark.parametrize("argv", [["--output_dir", "out"], ["--output_dir=out"], ["--output-dir", "out"]])
def test_a_required_field_may_come_from_the_command_line_in_each_spelling(tmp_path, argv):
    assert read(tmp_path, SampleConfig, "rows: 3\n", *argv).output_dir == "out"


def test_values_are_read_as_the_types_of_their_fields(tmp_path):
    text = "output_dir: out\nrate: 2e-5\nshare: 1\nnames: [b, a]\nsizes: [3]\nquiet: true\norder: last\nside: right\n"
    config = read(tmp_path, SampleConfig, text)
    assert config == SampleConfig(
        output_dir="out", rate=2e-5, share=1, names=["b", "a"], sizes=[3], quiet=True, order="last", side="right"
    )
    assert isinstance(config.rate, float)


def test_null_on_the_command_line_unsets_an_optional_path(tmp_path):
    text = f"output_dir: out\nfolder: {tmp_path}\n"
    for words in (["--folder", "None"], ["--folder", "null", "--rows", "3"], ["--folder=null"]):
        assert read(tmp_path, SampleConfig, text, *words).folder is None


def test_null_on_the_command_line_unsets_lists_and_mappings(tmp_path):
    text = CORPUS + "sample_rows: 3\nsample_weights: {wudao: 2}\nbenchmarks: [{path: ., format: prompts}]\n"
    config = read(tmp_path, CorpusConfig, text, "--sample_weights", "null", "--benchmarks", "null")
    assert (config.sample_weights, config.benchmarks) == (None, None)


def test_the_command_line_beats_the_file(tmp_path):
    text = "output_dir: out\nrows: 3\nnames: [a]\n"
    config = read(tmp_path, SampleConfig, text, "--rows", "5", "--names", "b", "a", "--rate", "2e-5")
    assert (config.output_dir, config.rows, config.names, config.rate) == ("out", 5, ["b", "a"], 2e-5)


def test_a_path_in_the_future_folder_need_not_exist(tmp_path):
    text = "output_dir: out\nfolder: outputs/demo/rows\n"
    assert read(tmp_path, SampleConfig, text, future="outputs").folder == "outputs/demo/rows"
    assert read(tmp_path, SampleConfig, text, future=["data", "outputs"]).folder == "outputs/demo/rows"
    with pytest.raises(ConfigError, match="FILE: folder: no such file or folder: outputs/demo/rows"):
        read(tmp_path, SampleConfig, text, future="out")


def test_a_list_default_is_not_shared():
    first, second = SampleConfig(output_dir="a"), SampleConfig(output_dir="b")
    first.names.append("b")
    assert second.names == ["a"]


def test_affects_rows_is_true_unless_declared_otherwise():
    fields = SampleConfig.__dataclass_fields__
    assert not affects_rows(fields["output_dir"])
    assert affects_rows(fields["rows"])


def test_read_yaml_mapping_keeps_the_order(tmp_path):
    file = tmp_path / "run.yaml"
    file.write_text("b: 1\na: [x]\n", encoding="utf-8")
    assert list(read_yaml_mapping(file).items()) == [("b", 1), ("a", ["x"])]


LABEL = "segments: s\nmodel: m\noutput_dir: o\n"
CORPUS = "corpora: [{path: ., format: jsonl}]\nmodel: m\noutput_dir: o\n"
IMPOSSIBLE = {
    "two ways to cut by fit": (
        LabelConfig,
        LABEL + "min_fit: 0\nmin_fit_percentile: 5\n",
        [],
        "FILE: min_fit_percentile: min_fit is set too: choose one of the two",
    ),
    "the second one on the command line": (
        LabelConfig,
        LABEL + "min_fit: 0\n",
        ["--min_fit_percentile", "5"],
        "command line: min_fit_percentile: min_fit is set too: choose one of the two",
    ),
    "no such format": (
        CorpusConfig,
        "corpora: [{path: ., format: json}]\nmodel: m\noutput_dir: o\n",
        [],
        "FILE: corpora[0].format: must be one of wudao, wanjuan, skypile, jsonl, parquet, not 'json'",
    ),
    "a corpus without its format": (
        CorpusConfig,
        "corpora: [{path: ., format: jsonl}, {path: .}]\nmodel: m\noutput_dir: o\n",
        [],
        "FILE: corpora[1].format: is missing",
    ),
    "an unknown key of a corpus": (
        CorpusConfig,
        "corpora: [{path: ., fromat: jsonl}]\nmodel: m\noutput_dir: o\n",
        [],
        "FILE: corpora[0].fromat: unknown key; did you mean format?",
    ),
    "a benchmark without its format": (
        CorpusConfig,
        CORPUS + "benchmarks: [{path: a}]\n",
        [],
        "FILE: benchmarks[0].format: is missing",
    ),
    "a key that YAML reads as a number": (
        CorpusConfig,
        CORPUS + "sample_rows: 3\nsample_weights: {2020: 1}\n",
        [],
        "FILE: sample_weights.2020: must be text; put it in quotes",
    ),
    "a text for a mapping": (
        CorpusConfig,
        "corpora: [data]\nmodel: m\noutput_dir: o\n",
        [],
        "FILE: corpora[0]: must be a mapping, `key: value` per line, not 'data'",
    ),
    "weights without a sample": (
        CorpusConfig,
        CORPUS + "sample_weights: {wudao: 2}\n",
        [],
        "FILE: sample_weights: sample_rows is not set: weights say how it is shared out",
    ),
    "a weight that is none": (
        CorpusConfig,
        CORPUS + "sample_rows: 3\nsample_weights: {wudao: -1}\n",
        [],
        "FILE: sample_weights: a weight must be above 0",
    ),
    "Slurm without a partition": (
        CorpusConfig,
        CORPUS,
        ["--executor", "slurm"],
        "FILE: slurm_partition: executor slurm needs one: `sinfo` lists them",
    ),
    "a glob that matches nothing": (
        CorpusConfig,
        "corpora: [{path: 'nowhere/*.jsonl', format: jsonl}]\nmodel: m\noutput_dir: o\n",
        [],
        "FILE: corpora[0].path: no such file or folder: nowhere/*.jsonl",
    ),
    "no input": (
        CorpusConfig,
        "corpora: []\nmodel: m\noutput_dir: o\n",
        [],
        "FILE: corpora: must hold at least one value, not an empty list",
    ),
}


@pytest.mark.parametrize(("config_class", "text", "argv", "message"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_a_combination_that_cannot_work_gets_one_line(
    repository, monkeypatch, tmp_path, config_class, text, argv, message
):
    monkeypatch.chdir(repository)  # the default prompt lies there
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, config_class, text, *argv)
    assert str(caught.value) == message


@dataclass(kw_only=True)
class RefusingConfig:
    """A class that refuses its values when it is made, as TRL's does."""

    fast: bool = option(False, "go fast")

    def __post_init__(self):
        if self.fast:
            raise ValueError("fast\nneeds a GPU")


def test_what_the_class_itself_refuses_gets_one_line(tmp_path):
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, RefusingConfig, "fast: true\n")
    assert str(caught.value) == "FILE: fast needs a GPU"


def test_a_recipe_says_it_in_one_line_before_anything_runs(repository, tmp_path):
    file = tmp_path / "corpus.yaml"
    file.write_text(f"corpora: [{{path: ., format: jsonl}}]\nmodel: m\noutput_dir: {tmp_path}/o\nworker: 2\n")
    command = [sys.executable, "recipes/corpus.py", "--config", str(file)]
    run = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == f"{file}: worker: unknown key; did you mean workers?\n"
    assert not (tmp_path / "o").exists()


def help_of(config_class: type, capsys: pytest.CaptureFixture, argv: tuple[str, ...] = ()) -> str:
    with pytest.raises(SystemExit) as caught:
        parse(config_class, [*argv, "--help"])
    assert caught.value.code == 0
    return " ".join(capsys.readouterr().out.split())


def test_help_shows_default_unit_and_source_of_each_field(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    shown = help_of(SampleConfig, capsys)
    assert "A field of every kind." in shown
    for line in (
        "where it goes (required)",
        "how many [unit: rows] (default: 8)",
        "how fast [source: Kun §3.1] (default: 0.0001)",
        "how much (default: None)",
        "say nothing (default: False)",
        "which [one of a, b] (default: ['a'])",
    ):
        assert line in shown
    assert all(f"--{name} " in shown for name in SampleConfig.__dataclass_fields__)


def test_help_of_the_corpus_stage(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    shown = help_of(CorpusConfig, capsys)
    assert "longest segment [unit: tokens; source: Kun §3.2] (default: 512)" in shown
    assert all(f"--{name} " in shown for name in CorpusConfig.__dataclass_fields__)


def test_help_of_the_training(capsys, monkeypatch):
    from kun_recipes.training.config import TrainConfig

    monkeypatch.setenv("COLUMNS", "200")
    shown = help_of(TrainConfig, capsys)
    assert "--max_length" in shown
    assert "[unit: tokens] (default: 1024)" in shown
    assert "[source: §3.1]" in shown
    assert "--learning_rate" in shown


def test_help_shows_the_values_of_the_file(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    file = tmp_path / "stage.yaml"
    file.write_text("rows: 3\n")
    assert "how many [unit: rows] (default: 3)" in help_of(SampleConfig, capsys, ("--config", str(file)))


@pytest.mark.parametrize(
    "path", ["recipes/*/corpus.yaml", "hf://datasets/Skywork/SkyPile-150B/data/*.jsonl", "s3://b/k"]
)
def test_a_glob_that_matches_and_an_address_are_taken(repository, monkeypatch, tmp_path, path):
    monkeypatch.chdir(repository)
    text = f"corpora: [{{path: '{path}', format: jsonl}}]\nmodel: m\noutput_dir: o\n"
    assert [one.path for one in read(tmp_path, CorpusConfig, text).corpora] == [path]


@pytest.mark.parametrize(
    ("value", "stands"),
    [
        ("org/name", True),
        ("org/name.v2", True),
        ("recipes/demo/data/seeds.jsonl", True),
        ("hf://datasets/org/name/file.jsonl", True),
        ("outputs/a/dataset", True),
        ("data/seeds.jsonl", False),
        ("data/seeds.parquet", False),
        ("seeds", False),
        ("./org/name", False),
    ],
)
def test_a_path_that_may_be_a_hub_dataset(repository, monkeypatch, value, stands):
    @dataclass
    class Trains:
        seeds: DatasetPath = option(help="pairs")

    monkeypatch.chdir(repository)
    if stands:
        assert load(Trains, ["--seeds", value], future="outputs").seeds == value
    else:
        with pytest.raises(ConfigError, match=rf"^command line: seeds: no such file or folder: {value}$"):
            load(Trains, ["--seeds", value], future="outputs")
