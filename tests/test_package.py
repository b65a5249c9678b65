"""What an installed package holds: an editable one, as the tests use, hides a file that setup.cfg forgets."""

import re
from configparser import ConfigParser
from pathlib import Path


def test_every_file_that_is_no_module_is_package_data(repository: Path):
    settings = ConfigParser()
    settings.read(repository / "setup.cfg", encoding="utf-8")
    packaged = {
        path
        for package, patterns in settings["options.package_data"].items()
        for pattern in patterns.split(",")
        for path in (repository / package.replace(".", "/")).glob(pattern.strip())
    }
    files = [path for path in (repository / "kun_recipes").rglob("*") if path.is_file()]
    data = {path for path in files if path.suffix not in (".py", ".pyc")}
    packages = {path.parent for path in files if path.name == "__init__.py"}
    in_folders = {path for path in files if path.suffix == ".py" and path.parent not in packages}
    assert data | in_folders <= packaged


def test_a_space_wants_the_same_versions(repository: Path):
    def bounds(text: str) -> dict[str, str]:
        found = re.findall(r"^([\w.-]+)(?:\[.*\])?\s*(>=.+)$", text, re.MULTILINE)
        return {name: bound.replace(" ", "") for name, bound in found}

    settings = ConfigParser()
    settings.read(repository / "setup.cfg", encoding="utf-8")
    extras = settings["options.extras_require"]
    ours = bounds("\n".join([settings["options"]["install_requires"], *extras.values()]))
    space = bounds((repository / "kun_recipes/annotation/space_files/requirements.txt").read_text(encoding="utf-8"))
    assert len(space) > 5 and space.items() <= ours.items()
