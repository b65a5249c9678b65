"""Numbers as a person reads them. None is "–", does not apply; NaN is "?", unknown."""

import math
from collections.abc import Callable

NONE, UNKNOWN = "–", "?"


def _known(write: Callable[[float], str]) -> Callable[[float | None], str]:
    def written(value: float | None) -> str:
        if value is None:
            return NONE
        return UNKNOWN if math.isnan(value) else write(value)

    return written


@_known
def count(value: float) -> str:
    """Return rows and tokens: 35; 377,592; 58.2 M; 1.03 G."""
    return _scaled(value, _LARGE) if value >= 1e6 else f"{value:,.0f}"


@_known
def size(value: float) -> str:
    """Return bytes on disk, in powers of ten: 72 kB, 1.2 GB."""
    return _scaled(value, _BYTES, digits=2)


@_known
def duration(seconds: float) -> str:
    """Time: 25 s, 45 min, 3.2 h, 12 d."""
    for unit, length, least in (("d", 86400, 172800), ("h", 3600, 5400), ("min", 60, 90)):
        if seconds >= least:
            return f"{_digits(seconds / length, 2)} {unit}"
    return f"{seconds:.0f} s"


@_known
def hours(value: float) -> str:
    """Return device hours: 0.02, 3.2, 1,234."""
    return "< 0.01" if value < 0.005 else f"{value:.2f}" if value < 1 else f"{value:,.{int(value < 100)}f}"


@_known
def number(value: float) -> str:
    """Return a number of plan.yaml: 0.7, 264.6, 26,000, 312 T."""
    if value >= 1e6:
        return _scaled(value, _LARGE)
    return _digits(value, 3) if value < 1000 else f"{value:,.0f}"


_LARGE = (("T", 1e12), ("G", 1e9), ("M", 1e6))
_BYTES = (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3), ("B", 1.0))


def _scaled(value: float, scale: tuple[tuple[str, float], ...], digits: int = 3) -> str:
    unit, one = next((step for step in scale if value >= step[1]), scale[-1])
    return f"{_digits(value / one, digits)} {unit}"


def _digits(value: float, digits: int) -> str:
    return f"{value:,.0f}" if value >= 10 ** (digits - 1) else f"{value:.{digits}g}"


def devices(many: int, kind: str) -> str:
    """Return a count with its unit: 1 GPU, 32 GPUs, 1,024 cores."""
    return f"{many:,} {kind}{'' if many == 1 else 's'}"
