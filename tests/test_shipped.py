from pathlib import Path

import pytest

from kun_recipes import shipped as module
from kun_recipes.shipped import FOLDERS, find_shipped, public_name, shipped

LABEL = "recipes/prompts/label.txt"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fake ROOT with one prompt, one card and the recipe `demo`."""
    root = tmp_path / "root"
    for name in (LABEL, "cards/model.jinja", "recipes/demo/run.yaml", "setup.cfg"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name, encoding="utf-8")
    monkeypatch.setattr(module, "ROOT", root)
    return root


@pytest.fixture
def elsewhere(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder that is not ROOT; it holds a recipe of its own."""
    folder = tmp_path / "elsewhere"
    (folder / "recipes/mine").mkdir(parents=True)
    (folder / "recipes/mine/run.yaml").touch()
    monkeypatch.chdir(folder)
    return folder


def test_root_is_the_checkout(repository: Path):
    assert repository == module.ROOT
    assert all((module.ROOT / name).is_dir() for name in FOLDERS)


def test_root_of_an_installed_package(tmp_path: Path):
    package = tmp_path / "site-packages/kun_recipes"
    assert module._find_root(package) == package / "_shipped"
    (tmp_path / "site-packages/recipes").mkdir(parents=True)  # of another distribution
    assert module._find_root(package) == package / "_shipped"


def test_shipped_is_relative_in_root_alone(root: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch):
    assert shipped(LABEL) == str(root / LABEL)
    monkeypatch.chdir(root / "recipes")
    assert shipped(LABEL) == str(root / LABEL)
    monkeypatch.chdir(root)
    assert shipped(LABEL) == LABEL


@pytest.mark.parametrize("path", [LABEL, "cards/model.jinja", "recipes/demo", f"./{LABEL}"])
def test_find_a_shipped_file_from_elsewhere(root: Path, elsewhere: Path, path: str):
    assert find_shipped(path) == str(root / path.removeprefix("./"))


@pytest.mark.parametrize(
    "path",
    [
        "recipes/mine/run.yaml",  # in the current folder
        "recipes/absent/run.yaml",  # in neither
        "setup.cfg",  # next to the shipped folders
        "outputs/demo",
        "recipes/../setup.cfg",
        "/recipes/demo",
        "s3://recipes/demo",
        "hf://datasets/recipes/demo",
        "",
    ],
)
def test_any_other_path_is_unchanged(elsewhere: Path, path: str):
    assert find_shipped(path) == path


def test_the_current_folder_comes_first(elsewhere: Path):
    (elsewhere / "recipes/prompts").mkdir()
    (elsewhere / LABEL).touch()
    assert find_shipped(LABEL) == LABEL


def test_in_root_paths_stay_short(root: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(root)
    assert find_shipped(LABEL) == LABEL


def test_public_name(root: Path, elsewhere: Path, tmp_path: Path):
    assert public_name(root / LABEL) == LABEL
    assert public_name(str(root / "recipes/demo")) == "recipes/demo"
    (tmp_path / "link").symlink_to(root)
    assert public_name(tmp_path / "link" / LABEL) == LABEL


def test_public_name_of_any_other_path(root: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch):
    assert public_name(elsewhere / "recipes") == str(elsewhere / "recipes")
    assert public_name(root.parent) == str(root.parent)
    monkeypatch.chdir(root / "recipes")
    for path in ("demo/run.yaml", "org/model", "hf://datasets/org/name"):
        assert public_name(path) == path
