"""Every text of the pages, in Chinese and in English, from texts.yaml."""

from functools import cache
from importlib.resources import files

import yaml


@cache
def load_texts() -> dict[str, dict[str, str]]:
    """By language, then by key."""
    return yaml.safe_load((files("kun_recipes.annotation") / "texts.yaml").read_text(encoding="utf-8"))
