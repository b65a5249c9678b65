"""Models made from model source files: fetched and dequantised once, kept in the user's cache."""

import contextlib
import hashlib
import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from kun_recipes.errors import UserError
from kun_recipes.models.fetch import fetch, print_status
from kun_recipes.models.source import ModelSource
from kun_recipes.progress import progress_bar

if TYPE_CHECKING:
    from transformers import PreTrainedModel

CACHE_VARIABLE = "KUN_RECIPES_CACHE"


def cache_folder() -> Path:
    """Return the cache folder: $KUN_RECIPES_CACHE, or kun-recipes in $XDG_CACHE_HOME or ~/.cache."""
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kun-recipes"


def cached_model(source: ModelSource) -> Path:
    """Return the model folder of `source`, made now if it is not there yet.

    It appears under its name only when whole, so a process killed at any instant leaves nothing that a later one could
    take for a model. Of several processes that want it at once, one makes it and the others wait.
    """
    folder = cache_folder() / "models" / _folder_name(source)
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(f"{folder}.lock")
    try:
        lock.acquire(timeout=1)
    except Timeout:
        print_status(f"{source.name}: waiting for another process to download it")
        lock.acquire()
    try:
        if not folder.is_dir():
            _make(source, folder)
    finally:
        lock.release()
    return folder


def _make(source: ModelSource, folder: Path) -> None:
    download, partial = Path(f"{folder}.download"), Path(f"{folder}.partial")
    _remove(download, partial)  # left by a killed process: no other process has the lock
    try:
        download.mkdir()
        gguf = fetch(source, download)
        print_status(f"{source.name}: checksum correct; dequantising it once, which takes a minute or two -> {folder}")
        dequantise(gguf, partial, source)
        _remove(download)
        os.replace(partial, folder)
    finally:
        _remove(download, partial)


def _remove(*folders: Path) -> None:
    for folder in folders:
        if folder.is_dir():
            shutil.rmtree(folder)


def _folder_name(source: ModelSource) -> str:
    name = f"{source.name}-{source.sha256[:12]}"
    if source.chat_template:
        name += "-" + hashlib.sha256(source.chat_template.encode()).hexdigest()[:8]
    return name


def dequantise(gguf: Path, folder: Path, source: ModelSource) -> None:
    """Write the model of a GGUF file to `folder` as bfloat16 safetensors and a tokenizer that needs no GGUF."""
    try:
        import torch
    except ModuleNotFoundError as error:
        raise UserError(
            f"{gguf}: this file needs torch, which is not installed; install it: pip install torch"
        ) from error
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, GgufConfig

    with _bars_only_on_a_terminal():
        model = AutoModelForCausalLM.from_pretrained(
            gguf.parent,
            gguf_file=gguf.name,
            dtype=torch.bfloat16,
            # without it the model keeps a quantiser and refuses to be saved
            quantization_config=GgufConfig(gguf_file=gguf.name, dequantize=True),
        )
        # named, because AutoTokenizer would read all of the GGUF's metadata again to learn it
        kind = model.config.model_type
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name, tokenizer_type=kind)
        if source.tied_embeddings:
            _tie_embeddings(model)
        del model.config._model_name_or_path  # what the GGUF's maker called it, not where it came from
        model.generation_config = GenerationConfig(
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
        if source.chat_template:
            tokenizer.chat_template = source.chat_template
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def _tie_embeddings(model: "PreTrainedModel") -> None:
    # the file may hold the shared matrix twice; the output's copy is the one quantised with more bits
    model.get_input_embeddings().weight = model.get_output_embeddings().weight
    model.config.tie_word_embeddings = True
    model.tie_weights()


@contextlib.contextmanager
def _bars_only_on_a_terminal() -> Iterator[None]:
    """Hide the bars of reading a GGUF file unless stderr is a terminal; its log messages and errors go elsewhere."""
    with progress_bar(1, "") as bar:
        shown = not bar.disable
    with contextlib.nullcontext() if shown else contextlib.redirect_stderr(io.StringIO()):
        yield
