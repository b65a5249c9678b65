"""Files of a dataset that are read if no split is named: of its default config, and of no test or validation split."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import DatasetCard
from yaml import YAMLError

from kun_recipes.data.files import first_line
from kun_recipes.errors import UserError, print_once_per_machine

MEASURING = frozenset({"validation", "valid", "dev", "val", "test", "testing", "eval", "evaluation"})
"""Words by which `datasets` itself knows the splits of files."""

_BETWEEN = re.compile(r"[-._ 0-9/]+")


def is_for_measuring(name: str) -> bool:
    """Tell by the name of a split, or the path of a file in a dataset, whether it is a test or validation split."""
    return not MEASURING.isdisjoint(_BETWEEN.split(name.lower()))


def read_unasked(source: str, names: Iterable[str], sizes: Mapping[str, str], how: str) -> list[str]:
    """Return the splits or files of a source that are read if none are named; print to stderr which are left out.

    Args:
        sizes: text printed after each name.
        how: what to do to read the others.

    Raises:
        UserError: there are no others.
    """
    every = list(names)
    kept = [name for name in every if not is_for_measuring(name)]
    left_out = ", ".join(f"{name} ({sizes[name]})" for name in every if name not in kept)
    if every and not kept:
        raise UserError(f"{source}: contains only {left_out}, which is for evaluation by its name; {how}")
    if left_out:
        print_once_per_machine(f"{source}: skipped {left_out}, which is for evaluation by its name; {how}")
    return kept


def of_default_config(folder: Path, files: Sequence[Path]) -> list[Path]:
    """Return the files of a folder that `load_dataset` reads unasked: of the default config that its card declares.

    All of them where the card declares none. A release of ours has preference pairs in a config of their own.

    Raises:
        UserError: the card is invalid, or no file of the default config is there.
    """
    card = folder / "README.md"
    configs = _configs(card) if card.is_file() else []
    default = configs if len(configs) == 1 else list(filter(_is_default, configs))
    if not default:
        return [*files]
    patterns = _patterns(default[0].get("data_files"))
    chosen = {path for pattern in patterns if not pattern.startswith("/") for path in folder.glob(pattern)}
    kept = [file for file in files if file in chosen]
    if files and not kept:
        raise UserError(
            f"{card}: declares {', '.join(patterns)}, but the folder has no such file; give the path of a file"
        )
    return kept


def _configs(card: Path) -> list[dict[str, Any]]:
    try:
        return DatasetCard.load(card).data.to_dict().get("configs") or []
    except (ValueError, YAMLError) as error:
        raise UserError(f"{card}: invalid metadata: {first_line(error)}") from error


def _is_default(config: Mapping[str, Any]) -> bool:
    return bool(config.get("default")) or config.get("config_name") == "default"


def _patterns(declared: Any) -> list[str]:
    """Return the patterns of a config's data_files: a text, a list, or splits of these."""
    if isinstance(declared, str):
        return [declared]
    if isinstance(declared, Mapping):
        return _patterns(declared.get("path"))
    return [pattern for one in declared or () for pattern in _patterns(one)]
