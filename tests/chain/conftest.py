"""Assumptions that are easy to multiply by hand, and stages that need no file."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from kun_recipes.chain.config import RunConfig
from kun_recipes.chain.plan.assumptions import Assumption, Assumptions
from kun_recipes.chain.plan.estimate import load_plan
from kun_recipes.chain.recipe import Chain, StageRun
from kun_recipes.chain.stages.corpus import CORPUS
from kun_recipes.chain.stages.evaluate import EVALUATE
from kun_recipes.chain.stages.label import LABEL
from kun_recipes.chain.stages.refine import REFINE
from kun_recipes.chain.stages.training import FINAL_MODEL
from kun_recipes.corpus.config import Corpus, CorpusConfig
from kun_recipes.curation.config import LabelConfig, RefineConfig
from kun_recipes.evaluation.config import Benchmark, EvaluateConfig
from kun_recipes.training.config import TrainConfig


def assumed(value: float | None) -> dict[str, Any]:
    return {"value": value, "source": "a test"}


def section(**values: float | None) -> dict[str, Any]:
    return {name: assumed(value) for name, value in values.items()}


@pytest.fixture
def content() -> dict[str, Any]:
    """A plan.yaml: a model of a million parameters, 1,000 documents of 2,000 bytes, 100 seed pairs of 40 tokens."""
    return {
        "device": "gpu",
        "model": section(parameters=1_000_000, layers=10, width=100, kv_width=20, vocabulary=1000),
        "corpora": [
            {"format": "wudao", "documents": assumed(1000), "text_bytes": assumed(2_000_000)},
            {"format": "skypile", "documents": assumed(3000), "text_bytes": assumed(3_000_000)},
            {"format": "wanjuan", "documents": assumed(None), "text_bytes": assumed(None)},
        ],
        "outside": [
            {"name": "seeds", "rows": assumed(100), "tokens": assumed(40)},
            {"name": "owner/other", "rows": assumed(30), "tokens": assumed(80)},
        ],
        "corpus": section(
            text_bytes_per_second=1000,
            segments_per_document=2,
            kept_share=0.5,
            tokens_per_segment=200,
            bytes_per_row=300,
        ),
        "training": section(
            template_tokens=10,
            judge_items=100,
            tokens_per_judge_conversation=400,
            answer_conversations=30,
            tokens_per_answer_conversation=700,
            bytes_per_saved_parameter=2,
            bytes_per_checkpoint_parameter=12,
        )
        | {
            "computed": section(
                peak_flops=1_000_000_000,
                utilisation_share=0.5,
                gpus_per_node=8,
                link_bytes_per_second=60_000_000,
                network_bytes_per_second=6_000_000,
            )
        },
        "label": section(prompt_tokens=20, instruction_tokens=10, kept_share=0.8),
        "refine": section(
            judge_prompt_tokens=5,
            polish_prompt_tokens=10,
            answer_tokens=60,
            instruction_share=0.5,
            good_share=0.4,
            kept_share=0.25,
        ),
        "evaluate": section(question_tokens=50, pair_tokens=40),
    }


@pytest.fixture
def load_content(content: dict[str, Any], tmp_path: Path) -> Callable[[], Assumptions]:
    """Loads the content as it then is."""

    def load() -> Assumptions:
        (tmp_path / "plan.yaml").write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
        return load_plan(tmp_path)

    return load


@pytest.fixture
def known(load_content: Callable[[], Assumptions]) -> Assumptions:
    """With the speeds of label, 100, and of refine, 50 tokens per second."""
    speeds = {name: Assumption(value, "a test") for name, value in {"label": 100.0, "refine": 50.0}.items()}
    return replace(load_content(), speeds=speeds)


def corpus(**options: Any) -> CorpusConfig:
    chosen = {"corpora": [Corpus("a", "wudao")], "output_dir": "out/corpus", "model": "m"}
    return CorpusConfig(**chosen | options)


def label(**options: Any) -> LabelConfig:
    return LabelConfig(**{"segments": "out/corpus/rows", "output_dir": "out/label", "model": "m"} | options)


def refine(**options: Any) -> RefineConfig:
    chosen = {"candidates": "out/label/rows", "output_dir": "out/refine", "dataset_dir": "out/dataset"}
    return RefineConfig(**chosen | {"model": "m", "judge_data": ["items"]} | options)


def training(**options: Any) -> TrainConfig:
    chosen = {"seeds": "seeds", "output_dir": "out/model", "model_name_or_path": "m", "held_out_share": 0.1}
    return TrainConfig(**chosen | options)


def evaluation(**options: Any) -> EvaluateConfig:
    chosen = {"model": "m", "output_dir": "out/evaluate", "seeds": "seeds", "benchmarks": [Benchmark("c", "ceval")]}
    return EvaluateConfig(**chosen | options)


def chain(**configs: Any) -> Chain:
    """A chain of these stages, by their names."""
    kinds = {
        CorpusConfig: CORPUS,
        LabelConfig: LABEL,
        RefineConfig: REFINE,
        TrainConfig: FINAL_MODEL,
        EvaluateConfig: EVALUATE,
    }
    stages = [StageRun(name, name, kinds[type(config)], config, [], []) for name, config in configs.items()]
    return Chain(RunConfig(output_dir="out", model="m"), stages)


@pytest.fixture
def make() -> SimpleNamespace:
    """Makes stage configs, and a chain of them."""
    return SimpleNamespace(
        corpus=corpus, label=label, refine=refine, training=training, evaluation=evaluation, chain=chain
    )
