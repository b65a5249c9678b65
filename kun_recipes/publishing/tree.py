"""A folder as it would be pushed, as a tree in the terminal."""

from pathlib import Path

from rich.console import Console
from rich.filesize import decimal
from rich.text import Text
from rich.tree import Tree


def show_tree(folder: Path, title: str, console: Console) -> None:
    """Print the files of a folder with their sizes."""
    tree = Tree(Text(f"{title}  ({folder})", style="bold"))
    _grow(tree, folder)
    console.print(tree)


def _grow(tree: Tree, folder: Path) -> None:
    for path in sorted(folder.iterdir(), key=lambda path: (path.is_dir(), path.name)):
        if path.is_dir():
            _grow(tree.add(Text(f"{path.name}/")), path)
        else:
            tree.add(Text(f"{path.name}  {decimal(path.stat().st_size)}"))
