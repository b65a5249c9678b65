"""Put the folders next to the package into a wheel; everything else is in setup.cfg."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

FOLDERS = ("recipes", "cards", "accelerate_configs", "benchmarks/measured")
"""The same as kun_recipes.shipped.FOLDERS; a build does not import the package, whose dependencies may be missing."""


class BuildWithFolders(build_py):
    """Copy `FOLDERS` to kun_recipes/_shipped of the build; an editable install reads them where they are."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            shutil.rmtree(self._target(), ignore_errors=True)  # of an earlier build
            for source, target in self._copies():
                self.mkpath(str(target.parent))
                self.copy_file(str(source), str(target))

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        copies = [] if self.editable_mode else [str(target) for _, target in self._copies()]
        return [*super().get_outputs(include_bytecode), *copies]

    def _target(self) -> Path:
        return Path(self.build_lib, "kun_recipes", "_shipped")

    def _copies(self) -> Iterator[tuple[Path, Path]]:
        for folder in FOLDERS:
            for source in sorted(Path(folder).rglob("*")):
                if source.is_file() and "__pycache__" not in source.parts:
                    yield source, self._target() / source


setup(cmdclass={"build_py": BuildWithFolders})
