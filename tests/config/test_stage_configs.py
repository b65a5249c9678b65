"""Configs of the real stages: combinations that cannot work, and paths that may be missing."""

import subprocess
import sys
from dataclasses import dataclass

import pytest

from kun_recipes.config.command_line import load
from kun_recipes.config.options import option
from kun_recipes.config.types import DatasetPath
from kun_recipes.corpus.config import CorpusConfig
from kun_recipes.curation.config import LabelConfig
from kun_recipes.errors import ConfigError
from tests.config.sample_config import read

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
        "FILE: corpora[0].format: must be one of wudao, wanjuan, skypile, jsonl, csv, parquet, not 'json'",
    ),
    "a corpus without its format": (
        CorpusConfig,
        "corpora: [{path: ., format: jsonl}, {path: .}]\nmodel: m\noutput_dir: o\n",
        [],
        "FILE: corpora[1].format: is missing; must be one of wudao, wanjuan, skypile, jsonl, csv, parquet",
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
        "FILE: benchmarks[0].format: is missing; must be one of ceval, cmmlu, prompts",
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
        "FILE: sample_weights: sample_rows is not set; the weights divide it among the sources",
    ),
    "a sample without documents": (
        CorpusConfig,
        CORPUS + "sample_documents: 0\n",
        [],
        "FILE: sample_documents: the share must be above 0; 0.01 is one document in a hundred",
    ),
    "an invalid weight": (
        CorpusConfig,
        CORPUS + "sample_rows: 3\nsample_weights: {wudao: -1}\n",
        [],
        "FILE: sample_weights: a weight must be above 0",
    ),
    "Slurm without a partition": (
        CorpusConfig,
        CORPUS,
        ["--executor", "slurm"],
        "FILE: slurm_partition: executor slurm needs a partition; `sinfo` lists the partitions",
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
        "FILE: corpora: is empty; give at least one value",
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


def test_null_on_the_command_line_unsets_lists_and_mappings(tmp_path):
    text = CORPUS + "sample_rows: 3\nsample_weights: {wudao: 2}\nbenchmarks: [{path: ., format: prompts}]\n"
    config = read(tmp_path, CorpusConfig, text, "--sample_weights", "null", "--benchmarks", "null")
    assert (config.sample_weights, config.benchmarks) == (None, None)


@dataclass(kw_only=True)
class RefusingConfig:
    """A class that refuses its values when it is made, as TRL's does."""

    fast: bool = option(False, "go fast")

    def __post_init__(self):
        if self.fast:
            raise ValueError("fast\nneeds a GPU")


def test_config_class_error_gets_one_line(tmp_path):
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, RefusingConfig, "fast: true\n")
    assert str(caught.value) == "FILE: fast needs a GPU"


def test_mistake_in_a_recipe_gets_one_line_before_anything_runs(repository, tmp_path):
    file = tmp_path / "corpus.yaml"
    file.write_text(f"corpora: [{{path: ., format: jsonl}}]\nmodel: m\noutput_dir: {tmp_path}/o\nworker: 2\n")
    command = [sys.executable, "recipes/corpus.py", "--config", str(file)]
    run = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == f"{file}: worker: unknown key; did you mean workers?\n"
    assert not (tmp_path / "o").exists()


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
