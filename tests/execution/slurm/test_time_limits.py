import pytest

from kun_recipes.errors import UserError
from kun_recipes.execution.slurm.time_limits import seconds_of


@pytest.mark.parametrize(
    ("limit", "seconds"),
    [
        ("00:00:01", 1),
        ("12:00:00", 43_200),
        ("1-00:00:00", 86_400),
        ("2-03:04:05", 183_845),
        ("100:00:00", 360_000),
    ],
)
def test_slurms_formats(limit, seconds):
    assert seconds_of(limit) == seconds


@pytest.mark.parametrize("limit", ["", "12", "12:00", "1-12", "12h", "-1:00:00", "UNLIMITED", " 12:00:00"])
def test_other_time_formats_are_refused(limit):
    with pytest.raises(UserError, match="write it as D-HH:MM:SS or HH:MM:SS"):
        seconds_of(limit)
