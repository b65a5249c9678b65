"""Named ways to pick tokens; figures and sources are in sampling.yaml beside this file."""

import functools
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

from kun_recipes.config.settings import load_typed

PresetName = Literal["greedy", "released"]


@dataclass(frozen=True)
class Preset:
    """What a preset says; `max_new_tokens` None leaves it to the stage."""

    temperature: float
    top_p: float
    repetition_penalty: float
    max_new_tokens: int | None


@dataclass(frozen=True)
class _Presets:
    greedy: Preset
    released: Preset


@functools.cache
def preset(name: PresetName) -> Preset:
    return getattr(load_typed(files("kun_recipes.models.engines") / "sampling.yaml", _Presets), name)
