"""Recipes for Kun: Chinese instruction data by back-translation and answer polishment.

The names in `__all__` are the public interface. Each is imported from its module when it is first used, so that
`import kun_recipes` loads none of the libraries behind them.
"""

from typing import Any

_PUBLIC = {
    # corpus: documents into segments without private data
    "CorpusReader": "kun_recipes.corpus.sources.readers:CorpusReader",
    "Segmenter": "kun_recipes.corpus.segments.segmentation:Segmenter",
    "MaskPrivateData": "kun_recipes.privacy:MaskPrivateData",
    "load_privacy": "kun_recipes.privacy:load_privacy",
    # rules on segments, instructions and answers
    "Rules": "kun_recipes.rules:Rules",
    "load_rules": "kun_recipes.rules:load_rules",
    "segment_rules": "kun_recipes.rules:segment_rules",
    "instruction_rules": "kun_recipes.rules:instruction_rules",
    "answer_rules": "kun_recipes.rules:answer_rules",
    # models; loading one needs the extra "generate", and engine "vllm" the extra "vllm"
    "EngineSettings": "kun_recipes.models.engines:EngineSettings",
    "load_engine": "kun_recipes.models.engines:load_engine",
    "load_prompt": "kun_recipes.models.prompts:load_prompt",
    "resolve_model": "kun_recipes.models.resolve:resolve_model",
    # rows and the datasets made of them
    "schema": "kun_recipes.data.schema",
    "read_rows": "kun_recipes.data.rows:read_rows",
    "write_dataset": "kun_recipes.data.dataset:write_dataset",
}
"""Definition of each public name: module:name, or a module."""

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        value: Any = _version()
    elif name in _PUBLIC:
        from pkgutil import resolve_name

        value = resolve_name(_PUBLIC[name])
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("kun-recipes")
    except PackageNotFoundError:  # the package's files without their installation, as in a Space
        return "0+unknown"
