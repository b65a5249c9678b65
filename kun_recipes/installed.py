"""Check the extras of this package: a stage with missing libraries is reported before any stage runs."""

import functools
from collections.abc import Iterable, Mapping
from importlib import metadata

from packaging.requirements import Requirement

from kun_recipes.errors import UserError

DISTRIBUTION = "kun-recipes"


def require_extras(tasks: Mapping[str, str]) -> None:
    """Raise UserError, with the command that installs them, for distributions of extras that are missing.

    Args:
        tasks: extra of setup.cfg by the name of the task that needs it, such as {"study": "study"}.
    """
    missing = {task: names for task, extra in tasks.items() if (names := _missing(extra))}
    if missing:
        extras = ",".join(dict.fromkeys(tasks[task] for task in missing))
        what = "; ".join(f"{task} needs {', '.join(names)}" for task, names in missing.items())
        raise UserError(f"{what}. Install the missing packages: pip install --editable '.[{extras}]'")


@functools.cache
def _missing(extra: str) -> tuple[str, ...]:
    return tuple(name for name in _distributions([extra]) if not _is_installed(name))


def _distributions(extras: Iterable[str]) -> list[str]:
    """Return the distributions that extras name, those of extras that they include among them."""
    try:
        requirements = [Requirement(line) for line in metadata.requires(DISTRIBUTION) or ()]
    except metadata.PackageNotFoundError:  # the folder is on the path without an installation
        return []
    found: list[str] = []
    todo = list(extras)
    for extra in todo:
        for one in requirements:
            if one.marker and not one.marker.evaluate({"extra": ""}) and one.marker.evaluate({"extra": extra}):
                if one.name == DISTRIBUTION:
                    todo += sorted(one.extras - set(todo))
                else:
                    found.append(one.name)
    return sorted(set(found))


def _is_installed(distribution: str) -> bool:
    try:
        metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True
