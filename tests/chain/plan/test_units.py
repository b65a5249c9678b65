import math

import pytest

from kun_recipes.chain.plan.units import count, devices, duration, hours, number, size


@pytest.mark.parametrize(
    ("write", "value", "written"),
    [
        (count, 35, "35"),
        (count, 377_592.4, "377,592"),
        (count, 1_030_000_000, "1.03 G"),
        (count, 101_000_000, "101 M"),
        (size, 900, "900 B"),
        (size, 72_400, "72 kB"),
        (size, 1_240_000_000, "1.2 GB"),
        (size, 3.2e12, "3.2 TB"),
        (duration, 25.4, "25 s"),
        (duration, 90, "1.5 min"),
        (duration, 2700, "45 min"),
        (duration, 11_520, "3.2 h"),
        (duration, 12 * 86_400, "12 d"),
        (hours, 0.004, "< 0.01"),
        (hours, 0.25, "0.25"),
        (hours, 3.21, "3.2"),
        (hours, 1234.5, "1,234"),
        (number, 0.85, "0.85"),
        (number, 264.6, "265"),
        (number, 26_000, "26,000"),
        (number, 3.12e14, "312 T"),
        (count, None, "–"),
        (duration, math.nan, "?"),
        (size, math.nan, "?"),
    ],
)
def test_numbers_as_a_person_reads_them(write, value, written):
    assert write(value) == written


@pytest.mark.parametrize(("many", "written"), [(1, "1 GPU"), (32, "32 GPUs"), (1024, "1,024 GPUs")])
def test_devices(many, written):
    assert devices(many, "GPU") == written
