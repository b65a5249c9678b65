"""`import kun_recipes`: what it offers, and what it costs."""

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import kun_recipes

EXTRAS = ("accelerate", "gguf", "gradio", "matplotlib", "opencc", "peft", "torch", "trl", "vllm")
"""Import names of what only the extras install."""

USE_ALL = f"""
import json, sys
sys.modules.update(dict.fromkeys({EXTRAS}))  # each import of one fails
before = set(sys.modules)
import kun_recipes
loaded = sorted({{name.split(".")[0] for name in set(sys.modules) - before}} - set(sys.stdlib_module_names))
for name in kun_recipes.__all__:
    getattr(kun_recipes, name)
print(json.dumps(loaded))
"""


@pytest.mark.parametrize("name", kun_recipes.__all__)
def test_every_public_name_resolves(name: str):
    value = getattr(kun_recipes, name)
    assert value is getattr(kun_recipes, name)
    assert name in dir(kun_recipes)
    if name not in ("__version__", "schema"):
        assert value.__name__ == name and value.__doc__


def test_an_unknown_name():
    with pytest.raises(AttributeError, match="module 'kun_recipes' has no attribute 'load_engines'"):
        kun_recipes.load_engines  # noqa: B018


def test_import_loads_no_library_and_public_names_need_no_extra(repository: Path):
    done = subprocess.run(
        [sys.executable, "-c", USE_ALL], cwd=repository, capture_output=True, text=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["kun_recipes"]


def test_version_without_an_installation(monkeypatch: pytest.MonkeyPatch):
    def not_found(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", not_found)
    assert kun_recipes._version() == "0+unknown"
