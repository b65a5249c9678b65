"""The endpoint engine against `vllm serve`: greedy, label and refine have the rows of the other engines.

`make test-vllm` runs this. Everything is in float32.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import AddedToken
from transformers import AutoModelForCausalLM, AutoTokenizer

from kun_recipes.curation import label, refine
from kun_recipes.curation.config import LabelConfig, RefineConfig
from kun_recipes.models.engines import release_engines
from kun_recipes.models.hardware import can_compile
from tests.curation.stage_rows import removed_rows, rows_of, write_rows

pytestmark = pytest.mark.vllm

TEXTS = ["水在一百度沸腾。", "火是热的。", "茶叶要先杀青。", "月亮绕着地球转。", "稻子在秋天熟。", "诗有五言与七言。"]
CHOICES = ["是", "否", "好", "差"]
SERVER_ONLY = {"label_model", "chat_model"}
SCORED = {"fit", "instruction_prior_logprob"}
"""Columns that need the likelihood of a given text."""
ODDS = ("_logodds", "_logodds_calibrated", "_probability", "_logprob", "perplexity")
TOLERANCE = {"perplexity": 1e-1}
UNFINISHED = "\ufffd"
MEASURES = ("logodds", "logodds_calibrated", "probability")
VERDICTS = {f"{judge}_{measure}" for judge in ("filter", "score") for measure in MEASURES}
"""What a judge says: not compared. A server tells the twenty likeliest tokens, and the tiny model's words are seldom
among them; tests/models/endpoint has a server that tells them."""


@pytest.fixture(scope="module")
def model(ending_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model that ends its turns, to which each choice is one token, as to any real one."""
    folder = tmp_path_factory.mktemp("models") / "teacher"
    shutil.copytree(ending_model, folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens([AddedToken(one, normalized=False) for one in CHOICES])
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_pretrained(folder)
    model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    with torch.no_grad():  # among the twenty likeliest first tokens: a small model says each by chance
        model.lm_head.weight[-len(CHOICES) :] = model.lm_head.weight[model.config.eos_token_id] * torch.tensor(
            [[0.97], [0.94], [0.96], [0.93]]
        )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def address(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a `vllm serve` of the model."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # The module behind `vllm serve`: the command wants the metadata of "vllm", and a CPU build is called otherwise.
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(model)]
    command += ["--served-model-name", "teacher"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--dtype", "float32", "--generation-config", "vllm"]
    command += ["--max-model-len", "8192", "--enforce-eager"]
    log = tmp_path_factory.mktemp("vllm") / "serve.log"
    environment = {**os.environ, "VLLM_NO_USAGE_STATS": "1", "VLLM_CPU_KVCACHE_SPACE": "1"}
    environment |= {"VLLM_CPU_OMP_THREADS_BIND": "nobind"}
    environment |= {} if can_compile() else {"TORCH_COMPILE_DISABLE": "1"}
    with log.open("w") as written:
        serve = subprocess.Popen(command, env=environment, stdout=written, stderr=written)
    try:
        while not answers(f"http://127.0.0.1:{port}/health"):
            assert serve.poll() is None, log.read_text()[-3000:]
            time.sleep(1)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        serve.terminate()
        serve.wait(60)


def assert_same(found: list[dict], expected: list[dict]) -> None:
    """Compare rows. At the end of a text a server leaves out the bytes of an unfinished character."""
    assert [row["id"] for row in found] == [row["id"] for row in expected]
    for one, other in zip(found, expected, strict=True):
        keys = other.keys() - SERVER_ONLY - SCORED
        assert one.keys() - SERVER_ONLY == keys
        for text in ("instruction", "output"):
            if text in keys and other[text].endswith(UNFINISHED):
                assert one[text].rstrip(UNFINISHED) == other[text].rstrip(UNFINISHED)
                keys -= {text, f"{text}_tokens"}
        for key in keys - VERDICTS:
            near = pytest.approx(other[key], abs=TOLERANCE.get(key, 2e-3)) if key.endswith(ODDS) else other[key]
            assert one[key] == near, key


def answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5)
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def stages(repository, open_rules, tmp_path_factory) -> Callable[..., Path]:
    """Run label, and refine on what the first run labelled, by an engine; return their folder."""
    folder = tmp_path_factory.mktemp("stages")
    segments = write_rows(
        folder / "corpus", [{"text": text, "source": "wudao", "tokens": len(text)} for text in TEXTS]
    )
    items = [
        {"judge": judge, "text": text, "label": label}
        for judge, labels in {"filter": ("是", "否"), "score": ("好", "差")}.items()
        for label, texts in zip(labels, ("写诗 请讲 何为水？ 为何？", "水 火 首页 目录"), strict=True)
        for text in texts.split()
    ]
    judge_data = folder / "judge.jsonl"
    judge_data.write_text("\n".join(json.dumps(item, ensure_ascii=False) for item in items), encoding="utf-8")
    prompts = {
        name: str(repository / f"recipes/prompts/{name}.txt") for name in ("filter", "score", "polish", "label")
    }

    def run(engine: str, **options: Any) -> Path:
        if not (folder / engine).exists():
            shared = {"engine": engine, "rules": str(open_rules), "repetition_penalty": 1.3, **options}
            labelled = str(folder / engine / "label")
            prompt = prompts["label"]
            label.run(LabelConfig(**shared, segments=segments, prompt=prompt, max_new_tokens=200, output_dir=labelled))
            judges = {"judge_data": [str(judge_data)], "filter_threshold": -100, "score_threshold": -100}
            judges |= {f"{name}_prompt": prompts[name] for name in ("filter", "score", "polish")}
            written = {"output_dir": str(folder / engine / "refine"), "dataset_dir": str(folder / engine / "dataset")}
            rows = str(folder / "openai" / "label" / "rows")
            refine.run(RefineConfig(**shared, **judges, **written, candidates=rows, max_new_tokens=40))
            release_engines()
        return folder / engine

    return run


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("engine", ["transformers", "vllm"])
def test_rows_by_endpoint_are_those_of_the_other_engines(stages, model, address, engine):
    by_endpoint = stages("openai", model="teacher", base_url=address, concurrency=4)
    by_engine = stages(engine, model=str(model), dtype="float32")
    for stage in ("label", "refine"):
        found, expected = by_endpoint / stage, by_engine / stage
        for kind in ("measured", "rows"):
            assert_same(rows_of(found / kind), rows_of(expected / kind))
        assert removed_rows(found).keys() == removed_rows(expected).keys()
    finishes = [row["instruction_finish_reason"] for row in rows_of(by_endpoint / "label/measured")]
    assert "stop" in finishes
    use = json.loads((by_endpoint / "refine/stage.json").read_text(encoding="utf-8"))["endpoint"]
    assert use["prompt_tokens"] > 0 < use["completion_tokens"]
    assert all(covered["mean"] > 0.01 for covered in use["choices"].values())
    assert set(use["choices"]) == {"好 / 差", "是 / 否"}
