"""Time limits as Slurm writes them."""

import re

from kun_recipes.errors import UserError

TIME_LIMIT = re.compile(r"(?:(\d+)-)?(\d+):(\d{2}):(\d{2})")


def seconds_of(limit: str) -> int:
    """Return seconds of "D-HH:MM:SS" or "HH:MM:SS". Raises UserError for anything else."""
    match = TIME_LIMIT.fullmatch(limit)
    if match is None:
        raise UserError(f"time limit {limit!r}: write it as D-HH:MM:SS or HH:MM:SS")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
