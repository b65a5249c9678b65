"""What an installed package holds: an editable one, as the tests use, hides a file that setup.cfg forgets."""

import email
import json
import re
import subprocess
import sys
import tarfile
from configparser import ConfigParser
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from kun_recipes.shipped import FOLDERS
from tests.distribution import run_python

USE_INSTALLED = """
import json, kun_recipes
from kun_recipes.shipped import FOLDERS, ROOT, find_shipped, public_name, shipped
prompt = "recipes/prompts/label.txt"
print(json.dumps({
    "package": kun_recipes.__file__,
    "version": kun_recipes.__version__,
    "root": str(ROOT),
    "files": [path.relative_to(ROOT).as_posix() for name in FOLDERS for path in (ROOT / name).rglob("*")],
    "paths": [shipped(prompt), find_shipped(prompt), find_shipped("recipes/demo")],
    "name": public_name(shipped(prompt)),
    "schema": kun_recipes.schema.ID,
}))
"""


@pytest.fixture(scope="module")
def installed(distribution: Path) -> Path:
    """The folder into which a wheel was installed, made from the source distribution."""
    folder = distribution.parent
    run_python(folder, "-m", "pip", "wheel", distribution, "--no-deps", "--no-index", "--no-build-isolation")
    (wheel,) = folder.glob("*.whl")
    run_python(folder, "-m", "pip", "install", wheel, "--no-deps", "--no-index", "--target", folder / "installed")
    return folder / "installed"


def _files(folder: Path) -> set[str]:
    files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix() for path in files}


def test_a_source_distribution_is_complete(repository: Path, distribution: Path):
    with tarfile.open(distribution) as archive:
        packed = {Path(*Path(member.name).parts[1:]).as_posix() for member in archive if member.isfile()}
    made = {name for name in packed if name == "PKG-INFO" or name.startswith("kun_recipes.egg-info/")}
    source = distribution.parent / "source"
    assert packed - made == {name for name in _files(source) if not name.startswith("kun_recipes.egg-info/")}
    tracked = subprocess.run(["git", "ls-files"], cwd=repository, capture_output=True, text=True).stdout.split("\n")
    there = {name for name in tracked if name and not name.startswith(".") and (repository / name).is_file()}
    assert there <= packed


def test_the_metadata_name_licence_authors_and_pages(distribution: Path):
    with tarfile.open(distribution) as archive:
        (info,) = (member for member in archive if member.name.count("/") == 1 and member.name.endswith("/PKG-INFO"))
        metadata = email.message_from_bytes(archive.extractfile(info).read())
    assert (metadata["License-Expression"], metadata["License-File"]) == ("Apache-2.0", "LICENSE")
    assert metadata["Author"] and metadata.get_all("Project-URL")
    assert not any(name.startswith("License ::") for name in metadata.get_all("Classifier"))  # the expression says it


def test_every_file_is_in_the_wheel(repository: Path, installed: Path):
    ours = _files(repository / "kun_recipes")
    beside = {f"_shipped/{name}/{file}" for name in FOLDERS for file in _files(repository / name)}
    assert {"py.typed", "rules/rules.yaml", "annotation/space_files/app.py"} < ours
    assert _files(installed / "kun_recipes") == ours | beside


def test_an_installed_package_works_from_any_folder(repository: Path, installed: Path, tmp_path: Path):
    for name in FOLDERS:  # in a folder with others of these names
        (tmp_path / name).mkdir(parents=True)
    found = json.loads(run_python(tmp_path, "-c", USE_INSTALLED, PYTHONPATH=str(installed)))
    package = installed / "kun_recipes"
    assert Path(found["package"]) == package / "__init__.py"
    settings = ConfigParser()
    settings.read(repository / "setup.cfg", encoding="utf-8")
    assert found["version"] == settings["metadata"]["version"]
    assert Path(found["root"]) == package / "_shipped"
    assert {"recipes/demo/run.yaml", "recipes/run.py", "cards/parts.jinja", "accelerate_configs/cpu.yaml"} < set(
        found["files"]
    )
    prompt = package / "_shipped/recipes/prompts/label.txt"
    assert found["paths"] == [str(prompt), str(prompt), str(package / "_shipped/recipes/demo")]
    assert prompt.is_file()
    assert found["name"] == "recipes/prompts/label.txt"
    assert found["schema"] == "id"


def test_no_script_hides_a_library(repository: Path):
    """Python looks for a module in the script's own folder first."""
    scripts = {path.stem for path in (repository / "recipes").glob("*.py")}
    assert not scripts & (set(sys.stdlib_module_names) | set(packages_distributions()))


def test_space_requires_the_versions_of_setup_cfg(repository: Path):
    def bounds(text: str) -> dict[str, str]:
        found = re.findall(r"^([\w.-]+)(?:\[.*\])?\s*(>=.+)$", text, re.MULTILINE)
        return {name: bound.replace(" ", "") for name, bound in found}

    settings = ConfigParser()
    settings.read(repository / "setup.cfg", encoding="utf-8")
    extras = settings["options.extras_require"]
    ours = bounds("\n".join([settings["options"]["install_requires"], *extras.values()]))
    space = bounds((repository / "kun_recipes/annotation/space_files/requirements.txt").read_text(encoding="utf-8"))
    assert len(space) > 5 and space.items() <= ours.items()
