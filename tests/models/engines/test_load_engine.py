import shutil
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from transformers import AutoConfig

from kun_recipes import installed
from kun_recipes.errors import UserError
from kun_recipes.models.engines import EngineSettings, load_engine

pytestmark = pytest.mark.slow


def test_load_engine_loads_a_model_once(tiny_model):
    settings = EngineSettings("transformers", str(tiny_model), "float32")
    engine = load_engine(settings)
    assert load_engine(EngineSettings("transformers", str(tiny_model), "float32")) is engine
    assert engine.context_length == AutoConfig.from_pretrained(tiny_model).max_position_embeddings
    assert engine.model.dtype == torch.float32


def test_dtype_can_be_asked_for(tiny_model):
    assert load_engine(EngineSettings("transformers", str(tiny_model), "bfloat16")).model.dtype == torch.bfloat16


def test_a_folder_without_a_model(tmp_path):
    with pytest.raises(UserError, match=rf"{tmp_path}: no config.json; give the folder of a model"):
        load_engine(EngineSettings("transformers", str(tmp_path)))


def test_a_tokenizer_without_chat_template(tiny_model, tmp_path):
    folder = tmp_path / "base"
    shutil.copytree(tiny_model, folder)
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(UserError, match=rf"{folder}: no chat template; use a chat model or add"):
        load_engine(EngineSettings("transformers", str(folder)))


def test_a_folder_without_weights(tiny_model, tmp_path):
    folder = tmp_path / "weightless"
    shutil.copytree(tiny_model, folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(UserError, match=rf"{folder}: transformers cannot load the model and tokenizer"):
        load_engine(EngineSettings("transformers", str(folder)))


def test_missing_torch_is_named(tiny_model, monkeypatch):
    monkeypatch.setattr(installed, "_missing", lambda extra: ("torch",))
    with pytest.raises(UserError, match=r"engine transformers needs torch\. .*pip install --editable '.\[generate\]'"):
        load_engine(EngineSettings("transformers", str(tiny_model), max_batch_tokens=99))


def test_missing_vllm_is_named_with_the_command_that_installs_it(tiny_model, monkeypatch):
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(
        UserError, match=r"pip install --editable '.\[vllm\]'` on a machine with GPUs, `make setup-vllm-cpu`"
    ):
        load_engine(EngineSettings("vllm", str(tiny_model), max_batch_tokens=98))


def test_concurrent_threads_get_one_engine(tiny_model):
    settings = EngineSettings("transformers", str(tiny_model), "float32", max_batch_tokens=97)
    with ThreadPoolExecutor(4) as threads:
        engines = list(threads.map(lambda _: load_engine(settings), range(4)))
    assert len(set(map(id, engines))) == 1
