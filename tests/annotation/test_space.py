"""The code that a Space is given: all that its app imports, and nothing that reads corpora or runs models."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from kun_recipes.annotation.space import APP, PACKAGE, SPACE_FILES, imported_modules, package_files

PROJECTS = {"yaml": "pyyaml"}
"""Projects that are not called as their module is."""
BY_GRADIO = {"fastapi", "starlette"}


def imports_when_loaded(file: Path) -> Iterator[str]:
    """Top-level names of the modules that a file imports outside of its functions."""
    nodes: list[ast.AST] = [ast.parse(file.read_text(encoding="utf-8"))]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}: relative imports are not followed"
            yield node.module.partition(".")[0]
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            nodes += ast.iter_child_nodes(node)


def third_party() -> set[str]:
    names = {name for file in (APP, *imported_modules(APP)) for name in imports_when_loaded(file)}
    return names - sys.stdlib_module_names - {"kun_recipes"}


def test_the_app_needs_no_library_of_corpora_or_models():
    assert not third_party() & {"datatrove", "transformers", "torch", "trl"}


def test_imports_of_the_app_are_required():
    text = (SPACE_FILES / "requirements.txt").read_text(encoding="utf-8")
    required = set(re.findall(r"^[\w-]+", text, flags=re.MULTILINE))
    assert {PROJECTS.get(name, name) for name in third_party() - BY_GRADIO} == required


def test_modules_are_found_through_others_with_their_packages_and_data_files():
    names = {str(file.relative_to(PACKAGE)) for file in package_files()}
    assert {"__init__.py", "annotation/__init__.py", "annotation/pages.py", "studies/votes.py"} <= names
    assert {"annotation/page.css", "annotation/schema.sql", "annotation/texts.yaml"} <= names
    assert not any(name.startswith(("annotation/commands", "corpus", "models", "studies/judging")) for name in names)
