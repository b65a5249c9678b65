"""The true vLLM under the recipes: the same rows as by transformers, and what is left when it dies.

`make test-vllm` runs this. Everything is greedy and in float32.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from kun_recipes.data.rows import list_shards, read_rows
from kun_recipes.errors import EngineFailed
from kun_recipes.models.engines import EngineSettings, load_engine
from kun_recipes.progress import SHOW_PROGRESS

pytestmark = pytest.mark.vllm

MEASURED = {  # by each engine's own arithmetic; nats
    "instruction_logprob": 1e-4,
    "instruction_prior_logprob": 1e-4,
    "fit": 2e-4,
    "perplexity": 1e-1,
    "filter_logodds": 1e-3,
    "filter_logodds_calibrated": 1e-3,
    "filter_probability": 1e-3,
    "score_logodds": 1e-3,
    "score_logodds_calibrated": 1e-3,
    "score_probability": 1e-3,
    "output_logprob": 1e-4,
    "value": 1e-3,
}


@pytest.fixture(scope="module")
def chain(repository: Path, ending_model: Path, open_rules: Path, tmp_path_factory: pytest.TempPathFactory):
    """Run the whole chain with an engine; its folder."""

    def run(engine: str) -> Path:
        output = tmp_path_factory.mktemp("runs") / engine
        overrides = {
            "output_dir": output,
            "model": ending_model,
            "engine": engine,
            "dtype": "float32",
            "repetition_penalty": 1.3,
            "learning_rate": 1e-4,  # a shorter way from the model that ends its turns
            "max_length": 4096,
            "rows_per_shard": 16,
            "corpus.max_tokens": 1100,  # bytes: a Chinese character is three tokens of the tiny model
            "label.max_tokens": 1100,
            "label.max_perplexity": "None",
            "label.candidates": 1,
            "label.drop_statements": "false",
            "label.rules": open_rules,
            "refine.verify": "false",
            "refine.rules": open_rules,
            "max_new_tokens": 200,
            "base_model": "org/ending",
            "model_licence": "mit",
        }
        words = [str(word) for key, value in overrides.items() for word in (f"--{key}", value)]
        command = [sys.executable, "recipes/run.py", "recipes/demo", *words]
        done = subprocess.run(command, cwd=repository, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr + done.stdout
        return output

    return run


@pytest.fixture(scope="module")
def by_transformers(chain) -> Path:
    return chain("transformers")


def stage_rows(stage: Path) -> dict[str, dict]:
    """Every row that a stage wrote, kept or removed, by where it went and its id."""
    folders = [stage / "rows", *sorted((stage / "removed").iterdir())]
    return {f"{folder.name}/{row['id']}": row for folder in folders for row in read_rows(folder)}


@pytest.mark.timeout(1800)
def test_chain_by_vllm_has_the_rows_of_transformers(chain, by_transformers: Path):
    by_vllm = chain("vllm")
    for stage in ("label", "refine"):
        expected, found = stage_rows(by_transformers / stage), stage_rows(by_vllm / stage)
        assert found.keys() == expected.keys()
        for key, row in expected.items():
            measured = {name: row.pop(name) for name in MEASURED if name in row}
            for name, value in measured.items():
                assert found[key].pop(name) == pytest.approx(value, abs=MEASURED[name]), (key, name)
            assert {k: v for k, v in found[key].items() if not k.endswith("_model")} == {
                k: v for k, v in row.items() if not k.endswith("_model")
            }
    console = (by_vllm / "logs" / "label.log").read_text(encoding="utf-8")
    assert f"vllm: {by_vllm}/label_model, float32, context of " in console
    assert "INFO" not in console  # vLLM's own words are in the log folder
    assert "INFO" in (by_vllm / "label/logs/measure/console.log").read_text(encoding="utf-8")


def label(repository: Path, made: Path, output: Path, *more: str) -> list[str]:
    words = ["--segments", str(made / "corpus/rows"), "--model", str(made / "label_model"), "--engine", "vllm"]
    words += ["--dtype", "float32", "--max_tokens", "1100", "--max_perplexity", "None", "--output_dir", str(output)]
    words += ["--candidates", "1", "--drop_statements", "false"]
    asked = json.loads((made / "label" / "stage.json").read_text(encoding="utf-8"))["config"]
    words += ["--repetition_penalty", "1.3", "--rules", asked["rules"]["path"]]
    return [sys.executable, "recipes/label.py", "--config", "recipes/demo/label.yaml", *words, *more]


def engine_processes(of: int) -> list[psutil.Process]:
    return [child for child in psutil.Process(of).children(recursive=True) if "VLLM" in " ".join(child.cmdline())]


def started(command: list[str], repository: Path) -> Iterator[subprocess.Popen]:
    """A stage that has begun to ask its model."""
    environment = {**os.environ, SHOW_PROGRESS: "1"}
    with subprocess.Popen(command, cwd=repository, stderr=subprocess.PIPE, env=environment) as run:
        seen = b""
        while b"generate:" not in seen:
            chunk = run.stderr.read1()
            assert chunk, seen.decode()
            seen += chunk
        yield run


@pytest.mark.timeout(600)
def test_dying_engine_leaves_no_partial_shard(repository: Path, by_transformers: Path, tmp_path: Path):
    output = tmp_path / "label"
    command = label(repository, by_transformers, output, "--max_new_tokens", "2000", "--temperature", "2")
    for run in started(command, repository):
        processes = engine_processes(run.pid)
        assert processes
        for process in processes:
            process.kill()
        message = run.stderr.read().decode().rsplit("\r", 1)[-1].strip().splitlines()[-1]
    assert run.returncode == 2
    shards = list_shards(by_transformers / "corpus" / "rows")
    assert any(f"{shard}: vLLM died: " in message for shard in shards[:2])
    assert f"the log is {output}/logs/measure/console.log" in message
    assert not (output / "logs" / "measure" / "completions").exists()
    assert not list((output / "measured").glob("*"))


@pytest.mark.timeout(600)
def test_killed_stage_ends_its_engine_and_resumes(repository: Path, by_transformers: Path, tmp_path: Path):
    output = tmp_path / "label"
    command = label(repository, by_transformers, output, "--max_new_tokens", "200")
    for run in started(command, repository):
        processes = engine_processes(run.pid)
        run.kill()
    assert psutil.wait_procs(processes, timeout=60)[1] == []
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    expected = [row["instruction"] for row in read_rows(by_transformers / "label" / "rows")]
    assert [row["instruction"] for row in read_rows(output / "rows")] == expected


def test_vllm_start_failure_is_one_line(tiny_model: Path, capfd: pytest.CaptureFixture):
    settings = EngineSettings("vllm", str(tiny_model), "float32", cache_gb=1e-5)
    with pytest.raises(EngineFailed, match=r"^vLLM did not start: \w+: [^\n]+$"):
        load_engine(settings)
