"""Counting rows: no row is lost within a pipeline, or between two."""

import json
from collections import Counter

import pytest

from kun_recipes.execution.counts import Counts, read_counts, sum_counts


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        (Counts(3, 3, 1, Counter(small=1)), "label: 3 rows in, but 1 kept and 1 removed"),
        (Counts(3, 3, 3, Counter(small=1)), "label: 3 rows in, but 3 kept and 1 removed"),
    ],
)
def test_a_lost_row_is_an_error(counts, message):
    with pytest.raises(RuntimeError, match=f"^{message}$"):
        counts.check("label")


def test_candidates_for_a_row_count_as_one_row(tmp_path):
    (tmp_path / "stats").mkdir()
    steps = [{"documents": 7}, {"not_best": 4}, {"dropped_small": {"total": 1}}, {"total": 2}]
    stats = [{"stats": step} for step in steps]
    (tmp_path / "stats" / "00000.json").write_text(json.dumps(stats))
    counts = read_counts(tmp_path, [0])
    assert counts == Counts(7, 3, 2, Counter(small=1), not_best=4)
    counts.check("label")
    assert sum_counts([counts, counts]) == Counts(14, 6, 4, Counter(small=2), not_best=8)


def test_two_pipelines_count_as_one():
    first, second = Counts(7, 9, 5, Counter(small=4), 3, 6), Counts(5, 5, 2, Counter(small=1, large=2), 1, 2)
    assert first.then(second) == Counts(7, 9, 2, Counter(small=5, large=2), 4, 8)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (Counts(9, 9, 5, Counter(small=4)), Counts(4, 4, 4), "a pipeline wrote 5 rows, but the next one read 4"),
        (Counts(9, 9, 5, Counter(small=3)), Counts(5, 5, 5), "a pipeline: 9 rows in, but 5 kept and 3 removed"),
    ],
)
def test_a_row_lost_between_two_pipelines_is_an_error(first, second, message):
    with pytest.raises(RuntimeError, match=f"^{message}$"):
        first.then(second)
