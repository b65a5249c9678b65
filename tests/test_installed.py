"""Extras of setup.cfg: they hold what the stages import, and a stage whose libraries are missing says so."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from kun_recipes import installed
from kun_recipes.chain.all_stages import ALL_STAGES, STAGES
from kun_recipes.chain.loading import load_chain
from kun_recipes.errors import UserError
from kun_recipes.installed import require_extras

CHOSEN_BY_AN_OPTION = {"vllm", "opencc"}
"""Libraries of extras of their own; the option that needs one names its extra."""

UNPACKS = "kun_recipes.models.cache"
"""Module that needs torch to unpack a model from a GGUF file alone, and says so where it is missing."""

ENGINES = {"kun_recipes.models.engines.transformers", "kun_recipes.models.engines.vllm"}
WITHOUT_ENGINE = {"corpus", "label_model", "primary_chat_model", "final_model"}
"""Stages that load no engine, or only with an option."""

MODULES = {
    ".".join(path.with_suffix("").parts).removesuffix(".__init__"): path for path in Path("kun_recipes").rglob("*.py")
}


def imports(module: str) -> Iterator[str]:
    """Names of the modules that a module imports, at its top or in a function, but for types only."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    for_types = {
        id(node)
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and ast.unparse(branch.test) == "TYPE_CHECKING"
        for node in ast.walk(branch)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and id(node) not in for_types:
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and id(node) not in for_types:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else str(node.module)


def libraries(module: str, without: set[str]) -> dict[str, str]:
    """Import names of the libraries below a module, each with the module that imports it."""
    found: dict[str, str] = {}
    seen, todo = {*without}, [module]
    while todo:
        one = todo.pop()
        if one in seen:
            continue
        seen.add(one)
        for name in imports(one):
            top = name.split(".")[0]
            if name in MODULES:
                todo.append(name)
            elif top not in sys.stdlib_module_names:
                found.setdefault(top, one)
    return found


def installed_by(extra: str) -> set[str]:
    """Names of the distributions that an extra brings, those that they require among them."""
    found: set[str] = set()
    todo = [(installed.DISTRIBUTION, frozenset({extra}))]
    for name, extras in todo:
        try:
            requirements = [Requirement(line) for line in metadata.requires(name) or ()]
        except metadata.PackageNotFoundError:  # of another platform
            continue
        for one in requirements:
            if one.marker is None or any(one.marker.evaluate({"extra": chosen}) for chosen in extras | {""}):
                known = one.name.lower().replace("_", "-")
                found.add(known)
                if (known, frozenset(one.extras)) not in todo:
                    todo.append((known, frozenset(one.extras)))
    return found


@pytest.mark.parametrize("name", [name for name in ALL_STAGES if name != "report"])
def test_the_extra_of_a_stage_brings_all_that_it_imports(name, repository, monkeypatch):
    monkeypatch.chdir(repository)
    module = type(ALL_STAGES[name]).__module__
    of_distributions = metadata.packages_distributions()
    brought = installed_by(ALL_STAGES[name].extra)
    imported = libraries(module, ENGINES if name in WITHOUT_ENGINE else set())
    missing = {
        library: importer
        for library, importer in imported.items()
        if library not in CHOSEN_BY_AN_OPTION
        and not (library == "torch" and importer == UNPACKS)
        and not any(one.lower().replace("_", "-") in brought for one in of_distributions.get(library, [library]))
    }
    assert not missing


WITHOUT_EXTRAS = """
import sys
sys.modules.update(dict.fromkeys({absent}))
import kun_recipes.chain.commands
"""


def test_a_chain_is_read_with_no_library_of_a_stage(repository):
    """What `recipes/run.py` imports before it has said what is missing."""
    absent = (
        "accelerate",
        "choix",
        "evaluate",
        "krippendorff",
        "matplotlib",
        "statsmodels",
        "trl",
    )
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_EXTRAS.format(absent=absent)], cwd=repository, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


WITHOUT_TORCH = """
import runpy, sys
sys.modules.update(dict.fromkeys(("accelerate", "peft", "torch", "trl")))
script = sys.argv.pop(1)
sys.argv[0] = script
runpy.run_path(script, run_name="__main__")
"""


@pytest.mark.parametrize("stage", ["corpus", "publish"])
def test_stages_without_a_model_need_no_torch(stage, repository):
    words = [sys.executable, "-c", WITHOUT_TORCH, STAGES[stage].script, "--help"]
    done = subprocess.run(words, cwd=repository, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--output_dir" in done.stdout
    assert not STAGES[stage].extra


@pytest.fixture
def without(monkeypatch):
    """Function that hides distributions."""

    def hide(*names: str) -> None:
        installed._missing.cache_clear()
        there = installed._is_installed
        monkeypatch.setattr(installed, "_is_installed", lambda name: name not in names and there(name))

    yield hide
    installed._missing.cache_clear()


def test_all_missing_libraries_are_named_before_a_chain_is_read(without, monkeypatch, repository):
    monkeypatch.chdir(repository)
    without("krippendorff", "choix", "fonttools")
    with pytest.raises(UserError) as caught:
        load_chain("recipes/demo", [])
    assert str(caught.value) == (
        "study needs choix, krippendorff; report needs choix, fonttools, krippendorff. "
        "Install the missing packages: pip install --editable '.[study,report]'"
    )


def test_a_script_names_what_its_stage_lacks(without, capsys):
    without("torch")
    with pytest.raises(SystemExit) as caught:
        STAGES["label"].main([])
    assert caught.value.code == 2
    expected = "label needs torch. Install the missing packages: pip install --editable '.[generate]'\n"
    assert capsys.readouterr().err == expected


def test_extras_include_those_that_they_name(without):
    without("torch", "gradio")
    with pytest.raises(UserError, match=r"the page needs gradio, torch\."):
        require_extras({"the page": "annotate"})
