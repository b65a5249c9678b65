"""How a recipe names other instruction sets: their columns, weights and revisions, one of each a set."""

from pathlib import Path

from kun_recipes.config.options import ConfigError

NO_REVISION = "none"
"""Stands in `mix_revisions` for the newest commit, or where the set is a file or folder."""
DEFAULT_COLUMNS = "instruction=instruction output=output"


def parse_columns(mapping: str) -> tuple[str, str]:
    """The (instruction, output) columns of `instruction=instruction+input output=output`.

    Names joined by + stay joined: `load_pairs` reads them so. Raises ConfigError on anything else.
    """
    parts = [part.partition("=") for part in mapping.split()]
    columns = {key: value for key, _, value in parts if value}
    if len(columns) < len(parts) or columns.keys() != {"instruction", "output"}:
        raise ConfigError("mix_columns", f"must read like {DEFAULT_COLUMNS}, not {mapping}")
    return columns["instruction"], columns["output"]


def check_mix(
    mix: list[str] | None, columns: list[str] | None, weights: list[float] | None, revisions: list[str] | None
) -> None:
    """Raise ConfigError where the lists do not fit each other, or a column mapping cannot be read."""
    for key, values in {"mix_columns": columns, "mix_weights": weights, "mix_revisions": revisions}.items():
        if values and not mix:
            raise ConfigError(key, "has no effect without mix; leave it out")
        if values and len(values) != len(mix):
            raise ConfigError(key, f"must hold one value for each set of mix: {len(mix)}, not {len(values)}")
    for mapping in columns or []:
        parse_columns(mapping)
    for source, revision in zip(mix or [], revisions or [], strict=False):
        if revision != NO_REVISION and Path(source).exists():
            raise ConfigError("mix_revisions", f"holds for Hub datasets; {source} is a path: write {NO_REVISION}")
