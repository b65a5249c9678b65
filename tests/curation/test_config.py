"""What the options of a model stage become: how tokens are picked, what is loaded, and where tasks run."""

from pathlib import Path

import pytest

from kun_recipes.config.command_line import load
from kun_recipes.curation.config import LabelConfig, RefineConfig
from kun_recipes.errors import ConfigError
from kun_recipes.execution.launch import Executor, SlurmOptions
from kun_recipes.models.engines.base import Sampling


@pytest.fixture
def label(repository: Path, monkeypatch: pytest.MonkeyPatch):
    """A label config from demo/label.yaml and more words of the command line."""
    monkeypatch.chdir(repository)

    def read(*words: str, stage: str = "label") -> LabelConfig | RefineConfig:
        kind = {"label": LabelConfig, "refine": RefineConfig}[stage]
        return load(kind, ["--config", f"recipes/demo/{stage}.yaml", *words], future="outputs/demo")

    return read


@pytest.mark.parametrize(
    ("words", "sampling"),
    [
        ([], Sampling(64)),
        (["--max_new_tokens", "None"], Sampling(96)),
        (["--max_new_tokens", "None", "--sampling", "released"], Sampling(1024, 0.5, 0.95, 1.2)),
        (["--sampling", "released"], Sampling(64, 0.5, 0.95, 1.2)),
        (["--sampling", "released", "--temperature", "0"], Sampling(64, 0.0, 0.95, 1.2)),
        (["--temperature", "0.7", "--top_p", "0.8"], Sampling(64, 0.7, 0.8, 1.0)),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_preset_fills_options_that_are_not_set(label, words, sampling):
    assert label(*words).decoding() == sampling


def test_default_text_length_depends_on_the_stage(label):
    assert label("--max_new_tokens", "None", stage="refine").decoding() == Sampling(1024)


@pytest.mark.parametrize(
    ("words", "temperature"),
    [
        ([], 0.7),
        (["--candidate_temperature", "1.2"], 1.2),
        (["--candidates", "4", "--candidate_temperature", "1"], 1.0),
    ],
)
def test_further_candidates_are_drawn_at_their_temperature(label, words, temperature):
    assert label(*words).further_temperature() == temperature


@pytest.mark.parametrize("words", [["--sampling", "released"], ["--temperature", "0.5"]])
def test_a_temperature_of_further_candidates_that_could_not_hold_is_refused(label, words):
    with pytest.raises(ConfigError, match=r"candidate_temperature: .* temperature, 0.5, applies to all; remove it"):
        label(*words, "--candidates", "2", "--candidate_temperature", "1")


def test_several_answers_need_the_checks_that_choose_among_them(label):
    assert label("--answer_candidates", "3", "--verify", "true", stage="refine").answer_candidates == 3
    with pytest.raises(ConfigError, match="answer_candidates: verify chooses the best of several, but is false"):
        label("--answer_candidates", "3", "--verify", "false", stage="refine")


def test_an_unknown_preset(label):
    with pytest.raises(ConfigError, match=r"sampling.*(greedy|released)"):
        label("--sampling", "hot")


CPU_JOB = SlurmOptions("gpu", "12:00:00", 4, cores=8, jobs_a_worker=1)


@pytest.mark.parametrize(
    ("words", "executor"),
    [
        ([], Executor(1, gpus=1)),
        (["--workers", "4"], Executor(4, gpus=1)),
        (
            ["--engine", "vllm", "--workers", "4", "--tensor_parallel", "2"],
            Executor(4, gpus=2, tasks_a_worker=2),
        ),
        (
            ["--engine", "vllm", "--executor", "slurm", "--slurm_partition", "gpu"],
            Executor(1, gpus=1, tasks_a_worker=2, slurm=CPU_JOB),
        ),
        (
            ["--executor", "slurm", "--slurm_partition", "gpu", "--slurm_gpus", "0", "--slurm_tasks_per_job", "3"],
            Executor(1, gpus=0, slurm=SlurmOptions("gpu", "12:00:00", 4, cores=8, tasks_per_job=3, jobs_a_worker=1)),
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_executor_of_the_options(label, words, executor):
    assert label(*words).where() == executor


def test_a_transformers_model_lives_on_one_gpu(label):
    with pytest.raises(ConfigError, match="engine transformers runs a model on one GPU; choose engine: vllm"):
        label("--tensor_parallel", "2")


def test_engine_settings_leave_batches_to_the_engine(label):
    settings = label("--engine", "vllm").settings("folder")
    assert (settings.max_batch_tokens, settings.max_sequences) == (None, None)


def test_transformers_batches_are_sized_in_tokens_alone(label):
    with pytest.raises(ConfigError, match="max_sequences: engine transformers sizes its batches by max_batch_tokens"):
        label("--max_sequences", "12")


GUESSING = ["--engine", "vllm", "--speculative_tokens", "5"]


@pytest.mark.parametrize(
    ("stage", "words", "message"),
    [
        ("refine", ["--speculative_tokens", "5"], "engine transformers does not support it; set it to 0 or choose"),
        ("refine", [*GUESSING, "--temperature", "0.5"], "speculation changes what is sampled"),
        ("refine", [*GUESSING, "--sampling", "released"], "speculation changes what is sampled"),
        ("refine", [*GUESSING, "--answer_candidates", "2", "--verify", "true"], "speculation changes what is sampled"),
        ("label", [*GUESSING, "--candidates", "3"], "speculation changes what is sampled"),
        ("label", [*GUESSING, "--speculative_tokens", "65"], "must be at most 64"),
    ],
)
def test_guesses_are_for_greedy_texts_by_vllm(label, stage, words, message):
    with pytest.raises(ConfigError, match=f"speculative_tokens: {message}"):
        label(*words, stage=stage)


def test_slurm_wants_a_partition(label):
    with pytest.raises(ConfigError, match="executor slurm needs a partition"):
        label("--executor", "slurm")


def test_engine_settings_of_the_options(label):
    words = [
        "--engine",
        "vllm",
        "--dtype",
        "bfloat16",
        "--gpu_memory",
        "0.8",
        "--cache_gb",
        "3",
        "--max_batch_tokens",
        "99",
        "--max_sequences",
        "12",
        "--speculative_tokens",
        "5",
        "--candidates",
        "1",
    ]
    settings = label(*words).settings("folder")
    assert (settings.engine, settings.model, settings.dtype) == ("vllm", "folder", "bfloat16")
    assert (settings.gpu_memory, settings.cache_gb) == (0.8, 3.0)
    assert (settings.max_batch_tokens, settings.max_sequences, settings.speculative_tokens) == (99, 12, 5)
    assert settings.max_model_len is None  # by the plan


def test_a_target_precision_leaves_the_thresholds_that_are_given(label):
    config = label("--target_precision", "0.9", "--support_threshold", "2", stage="refine")
    assert config.target_precision == 0.9
    assert config.thresholds() == {"filter": -1, "score": None, "support": 2, "answer": None}


@pytest.mark.parametrize(("word", "message"), [("0", "must be above 0"), ("1.1", "must be at most 1")])
def test_a_target_precision_is_a_share(label, word, message):
    with pytest.raises(ConfigError, match=message):
        label("--target_precision", word, stage="refine")


@pytest.mark.parametrize("answers", ["raw", "unaided"])
def test_only_polished_answers_are_verified(label, answers):
    with pytest.raises(ConfigError, match=f"verify: compares polished answers .* answers is {answers}"):
        label("--verify", "true", "--answers", answers, stage="refine")


def test_judge_data_may_be_several_files(label):
    files = ["recipes/demo/data/judge.jsonl", "recipes/humpback/data/judge_pairs.jsonl"]
    assert label("--judge_data", *files, stage="refine").judge_data == files
