"""Paths of the files that come with the package: recipes (with their prompts), card templates, launch configurations.

They lie at the top level of a checkout; a wheel carries a copy inside the package (setup.py). Both are found from any
current folder.
"""

from pathlib import Path

FOLDERS = ("recipes", "cards", "accelerate_configs", "benchmarks/measured")


def _find_root(package: Path) -> Path:
    checkout = package.parent
    return checkout if all((checkout / name).is_dir() for name in FOLDERS) else package / "_shipped"


ROOT = _find_root(Path(__file__).resolve().parent)
"""Folder that holds `FOLDERS`: the checkout of this package, or the copy in an installed one."""


def shipped(name: str) -> str:
    """Return the path of a shipped file, such as "recipes/prompts/label.txt".

    The path is relative when the current folder is `ROOT`, absolute otherwise.
    """
    return name if Path.cwd() == ROOT else str(ROOT / name)


def find_shipped(path: str) -> str:
    """Return the shipped file that a path from a user or a YAML file names, or the path unchanged.

    A file in the current folder comes first. Absolute paths and addresses (with ://) are never shipped files.
    """
    parts = Path(path).parts
    if "://" in path or not parts or parts[0] not in FOLDERS or ".." in parts:
        return path
    return path if Path(path).exists() or not (ROOT / path).exists() else str(ROOT / path)


def public_name(path: str | Path) -> str:
    """Return an absolute path below `ROOT` as relative to it, with forward slashes; any other path unchanged.

    Such a name tells a reader which file it is, without the folders of this machine.
    """
    resolved = Path(path).resolve()
    if Path(path).is_absolute() and resolved.is_relative_to(ROOT):
        return resolved.relative_to(ROOT).as_posix()
    return str(path)
