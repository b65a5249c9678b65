"""A measure of two rounds, the change between them with its interval, and what it says about the later round."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy

from kun_recipes.curation.measures import Interval
from kun_recipes.reporting.language import retold, tr

Better = Literal["lower", "higher", "neither"]


@dataclass(frozen=True)
class Change:
    """A measure of two rounds.

    Attributes:
        name: key in the summary.
        title: in tables and figures.
        unit: "" for a share or another number without one.
        better: the good direction, if there is one.
        on: what it was measured on.
        before, after: of the earlier and the later round; None where it cannot be measured.
        low, high: 95% interval of after - before; None without one.
    """

    name: str
    title: str
    unit: str
    better: Better
    on: str
    before: float | None
    after: float | None
    low: float | None = None
    high: float | None = None

    @property
    def difference(self) -> float | None:
        return None if self.before is None or self.after is None else self.after - self.before

    @property
    def gain(self) -> Interval | None:
        """The interval turned so that above zero is better."""
        if self.low is None or self.high is None:
            return None
        return (-self.high, -self.low) if self.better == "lower" else (self.low, self.high)

    @property
    def verdict(self) -> str:
        """Return what the interval says where it excludes zero: better, worse or, of no good direction, changed."""
        if self.gain is None or self.gain[0] <= 0 <= self.gain[1]:
            return ""
        if self.better == "neither":
            return "changed"
        return "better" if self.gain[0] > 0 else "worse"

    def with_interval(self, interval: Interval | None) -> "Change":
        """Return the same with an interval of its difference."""
        low, high = interval or (None, None)
        return Change(**asdict(self) | {"low": low, "high": high})

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "difference": self.difference, "verdict": self.verdict}


def counted(number: int, noun: str) -> str:
    """Return a number with what it counts."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def mean(values: Sequence[float]) -> float | None:
    """Return the mean of some values; None of none."""
    return float(numpy.mean(values)) if values else None


def from_dict(values: dict[str, Any]) -> Change:
    """Return a change as a summary holds it."""
    return Change(**{key: value for key, value in values.items() if key not in ("difference", "verdict")})


@dataclass(frozen=True)
class Decision:
    """Decision on whether a round helps, with one sentence that says why."""

    helps: bool
    why: str


def decide(changes: Iterable[Change], name: str, min_gain: float, before: str, after: str) -> Decision:
    """Return decide by one of the changes: the whole interval of its gain must lie above `min_gain`.

    Args:
        name: of the change that decides.
        before, after: names of the rounds.
    """
    change = next(one for one in changes if one.name == name)
    if change.difference is None or change.gain is None:
        few = tr(
            "{after} shows no certain gain: {title} on {on} has no interval, because of too few rows; raise {option}",
            after=after,
            title=retold(change.title),
            on=retold(change.on),
            option="held_out_share",
        )
        return Decision(False, few)
    low, high = change.gain
    better = -change.difference if change.better == "lower" else change.difference
    measured = tr(
        "{title} on {on} was {old:.3f} in {before} and is now {new:.3f}, "
        "a gain of {better:+.3f} [{low:+.3f}, {high:+.3f}]{unit}",
        title=retold(change.title),
        on=retold(change.on),
        old=change.before,
        before=before,
        new=change.after,
        better=better,
        low=low,
        high=high,
        unit=f" {retold(change.unit)}" if change.unit else "",
    )
    told = {"after": after, "measured": measured, "least": min_gain}
    if low > min_gain:
        return Decision(True, tr("{after} helps: {measured}; the whole interval is above {least:g}", **told))
    if high < 0:
        return Decision(False, tr("{after} makes things worse: {measured}", **told))
    if low <= 0:
        return Decision(False, tr("{after} shows no certain gain: {measured}; this could be chance", **told))
    short = "{after} may not gain enough: {measured}; the gain may be below min_gain: {least:g}"
    return Decision(False, tr(short, **told))
