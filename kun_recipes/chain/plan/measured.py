"""Speeds that were measured: in benchmarks/measured, one file per device, and in finished stages of a sample run."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from kun_recipes.chain.plan.assumptions import Assumption
from kun_recipes.chain.plan.sample import finished
from kun_recipes.chain.plan.units import count, duration
from kun_recipes.config.settings import load_typed
from kun_recipes.data.folders import TRAIN_SUMMARY
from kun_recipes.errors import ConfigError
from kun_recipes.shipped import shipped

FOLDER = shipped("benchmarks/measured")
BY_ROWS = ("corpus",)
"""Stages whose work is counted in rows; that of the others in tokens."""

MOST_APART = 2
"""Largest ratio of two models' parameters between which a speed is scaled."""


@dataclass(frozen=True)
class Record:
    """Work that was measured; benchmarks/measured/README.md says what each key means."""

    stage: str
    model_parameters: float | None
    dtype: str | None
    rows: float | None
    tokens: float | None
    seconds: float
    devices: int
    peak_memory_gb: float | None
    date: str
    command: str

    def __post_init__(self) -> None:
        for key in ("model_parameters", "rows", "tokens", "seconds", "devices", "peak_memory_gb"):
            if (value := getattr(self, key)) is not None and not 0 < value < math.inf:
                raise ConfigError(key, f"must be above 0, not {value}")
        if self.amount is None:
            raise ConfigError("rows" if self.stage in BY_ROWS else "tokens", "is null, so no speed can be computed")

    @property
    def amount(self) -> float | None:
        return self.rows if self.stage in BY_ROWS else self.tokens

    def scale(self, parameters: float) -> float:
        """Return how much faster a model of so many parameters is, as its time grows with them; 0 if too far apart."""
        ratio = (self.model_parameters or parameters) / parameters
        return ratio if 1 / MOST_APART <= ratio <= MOST_APART else 0.0


@dataclass(frozen=True)
class Measured:
    """A file of records, or a finished stage: `place` names it."""

    device: str
    records: tuple[Record, ...]
    kind: Literal["gpu", "core"] = "gpu"
    place: str = ""


@dataclass(frozen=True)
class MeasuredSpeed(Assumption):
    """Tokens or rows per second of one device, and its name."""

    device: str


def load_measured(folder: str | Path = FOLDER) -> list[Measured]:
    """Read the files of a folder. Raises ConfigError for a file that does not hold records, with file and key."""
    return [replace(load_typed(path, Measured), place=str(path)) for path in sorted(Path(folder).glob("*.json"))]


def measured_stages(folders: Mapping[str, Sequence[Path]], place: str) -> list[Measured]:
    """Return what finished stages used, as records by device; a summary that does not say is left out.

    Args:
        folders: by the name of the record's stage: three trainings make one speed.
        place: name of the run.
    """
    found: dict[tuple[str, Literal["gpu", "core"]], list[Record]] = {}
    for stage, of_stage in folders.items():
        for folder in of_stage:
            summary = finished(folder) or finished(folder, TRAIN_SUMMARY)
            used = summary.get("used")
            if used and used["seconds"] > 0 and (stage in BY_ROWS or used["tokens"]):
                work = {key: used[key] for key in ("tokens", "seconds", "devices", "peak_memory_gb")}
                record = Record(stage, None, None, summary["rows_in"], **work, date="", command=summary["stage"])
                found.setdefault((used["device"], used["kind"]), []).append(record)
    return [Measured(device, tuple(records), kind, place) for (device, kind), records in found.items()]


def speeds(measured: Sequence[Measured], kind: str, device: str | None, parameters: float) -> dict[str, MeasuredSpeed]:
    """Return the speed of each stage that was measured on such a device, scaled to a model's parameters.

    Args:
        measured: of several for a stage, the first of this device counts; without one, the first.
        kind: "gpu" or "core".
        device: its name; None: not known.
    """
    found: dict[str, MeasuredSpeed] = {}
    for one in sorted(measured, key=lambda one: one.device != device):
        usable = [record for record in one.records if one.kind == kind and record.scale(parameters)]
        for stage in dict.fromkeys(record.stage for record in usable if record.stage not in found):
            found[stage] = _speed(one, [record for record in usable if record.stage == stage], parameters)
    return found


def _speed(one: Measured, records: Sequence[Record], parameters: float) -> MeasuredSpeed:
    amounts = [record.amount or 0 for record in records]
    scaled = sum(amount * record.scale(parameters) for amount, record in zip(amounts, records, strict=True))
    device_seconds = sum(record.seconds * record.devices for record in records)
    unit = "rows" if records[0].stage in BY_ROWS else "tokens"
    others = sorted({record.model_parameters for record in records if record.model_parameters} - {parameters})
    models = f", scaled from {' and '.join(map(count, others))} parameters" if others else ""
    commands = "; ".join(dict.fromkeys(record.command for record in records))
    work = f"{count(sum(amounts))} {unit} in {duration(device_seconds)} of one {one.kind}"
    source = f"{one.place} ({commands}): {work}{models}"
    return MeasuredSpeed(scaled / device_seconds, source, one.device)
