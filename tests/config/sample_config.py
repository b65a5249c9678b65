"""A config class with a field of every kind, and reading one as a stage does."""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Literal

from kun_recipes.config.command_line import load
from kun_recipes.config.options import option
from kun_recipes.config.types import InputPath, OutputPath
from kun_recipes.errors import ConfigError


class Order(Enum):
    FIRST = "first"
    LAST = "last"


@dataclass(kw_only=True)
class SampleConfig:
    """A field of every kind."""

    output_dir: OutputPath = option(help="where it goes", affects_rows=False)
    folder: InputPath | None = option(None, "an input")
    rows: int = option(8, "how many", unit="rows", min=1, max=64)
    limit: int | None = option(None, "at most", min=1)
    rate: float = option(1e-4, "how fast", source="Kun §3.1", above=0)
    share: float | None = option(None, "how much", min=0, max=1)
    quiet: bool = option(False, "say nothing")
    names: list[str] = option(["a"], "which", choices=["a", "b"])
    sizes: list[int] = option([1, 2], "how large", min=1)
    order: Order = option(Order.FIRST, "which first")
    side: Literal["left", "right"] = option("left", "which side")


def read(tmp_path: Path, config_class: type, text: str | bytes, *argv: str, future: str | list[str] = ()):
    """Load `text` as the config file; its path is taken out of the message of a ConfigError."""
    file = tmp_path / "stage.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    try:
        return load(config_class, ["--config", str(file), *argv], future=future)
    except ConfigError as error:
        raise ConfigError(None, str(error).replace(str(file), "FILE")) from error


def said(error: ConfigError, message: str) -> bool:
    """Whether an error is one line with this message; one that ends in a blank is continued by a library."""
    text = str(error)
    return "\n" not in text and (text.startswith(message) if message.endswith(" ") else text == message)
