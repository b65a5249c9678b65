"""A tiny model and tokenizer, made here, so that every test runs the real code without a network."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest
import yaml

# The tiny model's operations are too small to share out: one thread is faster, here and in the processes it starts.
os.environ["OMP_NUM_THREADS"] = "1"

hypothesis.settings.register_profile("untimed", deadline=None)  # other work on the machine makes any example slow
hypothesis.settings.load_profile("untimed")

pytest_plugins = [
    "tests.distribution",
    "tests.loopback_hub.in_process",
    "tests.programs",
    "tests.private_slurm",
    "tests.two_rounds",
    "tests.workers",
]

REPOSITORY = Path(__file__).resolve().parent.parent
KINDS = ("slow", "slurm", "vllm", "browser", "extras")


@pytest.hookimpl(tryfirst=True)  # before pytest selects by -m
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses the private Slurm as slurm, and a test without any other kind as fast."""
    for item in items:
        if "slurm" in getattr(item, "fixturenames", ()):
            item.add_marker("slurm")
        if not any(item.get_closest_marker(kind) for kind in KINDS):
            item.add_marker("fast")


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture
def in_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in the repository's folder, from which recipes name their files."""
    monkeypatch.chdir(REPOSITORY)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a seeded two-layer Qwen2 model (fp32, context 8192) with a byte-level tokenizer and our template."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    folder = tmp_path_factory.mktemp("models") / "tiny"
    tokenizer = _byte_tokenizer()
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=8192,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        pad_token_id=tokenizer.pad_token_id,
        initializer_range=0.2,  # spreads the logits, so that greedy choices are no near-ties
    )
    Qwen2ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def ending_model(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model, inclined to end its turn: the row of EOS in the (untied) head points where the answers go."""
    import torch
    from transformers import AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("models") / "ending"
    shutil.copytree(tiny_model, folder)
    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    head = torch.nn.Linear(model.config.hidden_size, model.config.vocab_size, bias=False)
    head.weight.data = model.lm_head.weight.data.clone()
    head.weight.data[model.config.eos_token_id] *= 2.5
    model.lm_head = head
    model.config.tie_word_embeddings = False
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def open_rules(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rules file that lets noise pass, in what a model wrote."""
    rules = yaml.safe_load((repository / "kun_recipes/rules/rules.yaml").read_text(encoding="utf-8"))
    for kind in ("instruction", "answer"):
        rules["too_short"][kind] = rules["not_chinese"][kind] = rules["max_open_length"][kind] = None
        rules["format_limits"][kind] = dict.fromkeys(rules["format_limits"][kind])
        rules["keywords"][kind] = []
    rules["meaningless_characters"] = dict.fromkeys(rules["meaningless_characters"])
    rules["repetition"] |= {key: None for key in rules["repetition"] if key.startswith("max_")}
    rules["format_debris"]["debris"] = rules["min_added_by_answer"] = None
    path = tmp_path_factory.mktemp("rules") / "open.yaml"
    path.write_text(yaml.safe_dump(rules, allow_unicode=True), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def demo_command(repository: Path, tiny_model: Path, open_rules: Path):
    """`recipes/run.py recipes/demo` for the tiny model, into a folder."""

    def build(output: Path, *more: str) -> list[str]:
        overrides = {
            "output_dir": output,
            "model": tiny_model,
            "corpus.max_tokens": 1100,  # bytes: a Chinese character is three tokens of the tiny model
            "max_length": 4096,
            "save_steps": 10,
            "rows_per_shard": 16,
            "max_batch_tokens": 65536,
            "label.max_tokens": 1100,
            "label.max_perplexity": "None",
            "label.max_new_tokens": 200,
            "label.temperature": 1.0,
            "label.candidates": 1,
            "label.drop_statements": "false",
            "label.rules": open_rules,
            "refine.verify": "false",
            "refine.rules": open_rules,
            "refine.filter_threshold": -100,
            "refine.score_threshold": -100,
            "refine.temperature": 1.0,
            "refine.max_new_tokens": 200,
            "base_model": "org/tiny",
            "model_licence": "mit",
        }
        words = [str(word) for key, value in overrides.items() for word in (f"--{key}", value)]
        return [sys.executable, str(repository / "recipes/run.py"), "recipes/demo", *words, *more]

    return build


@pytest.fixture(scope="session")
def finished(repository: Path, demo_command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of an uninterrupted run."""
    output = tmp_path_factory.mktemp("runs") / "whole"
    done = subprocess.run(demo_command(output), cwd=repository, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "Funnel" in done.stdout
    return output


@pytest.fixture(scope="session")
def contents() -> Callable[[Path], dict[str, object]]:
    """What must not depend on luck: every row of every stage, in order, every model's weights, what is published."""
    from kun_recipes.data.rows import read_rows

    def of(output: Path) -> dict[str, object]:
        rows = {stage: list(read_rows(output / stage / "rows")) for stage in ("corpus", "label", "refine")}
        removed = {
            str(folder.relative_to(output)): list(read_rows(folder))
            for stage in rows
            for folder in sorted((output / stage / "removed").iterdir())
        }
        models = ("label_model", "primary_chat_model", "final_model")
        weights = {name: (output / name / "model.safetensors").read_bytes() for name in models}
        shards = (output / "publish" / "dataset" / "data").iterdir()
        return rows | removed | weights | {shard.name: shard.read_bytes() for shard in shards}

    return of


def _byte_tokenizer():
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={byte: index for index, byte in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=["<|im_start|>"],
        chat_template=(REPOSITORY / "recipes" / "prompts" / "chatml.jinja").read_text(encoding="utf-8"),
    )
