import pytest
from hypothesis import given
from hypothesis import strategies as st

from kun_recipes.models.engines.batching import (
    common_length,
    distinct_tokens,
    left_padded,
    shared_length,
    token_batches,
)

SIZES = st.lists(st.integers(1, 300), max_size=60)


@pytest.mark.parametrize(
    ("sizes", "max_tokens", "batches"),
    [
        ([], 100, []),
        ([5, 9, 7, 7], 20, [[1, 2], [3, 0]]),
        ([5, 9, 7, 7], 36, [[1, 2, 3, 0]]),
        ([500, 3, 3], 100, [[0], [1, 2]]),
    ],
    ids=["none", "like sizes together", "one batch", "a row over the budget runs alone"],
)
def test_token_batches(sizes, max_tokens, batches):
    assert token_batches(sizes, max_tokens) == batches


@given(SIZES, st.integers(1, 2000))
def test_token_batches_hold_every_row_once_within_the_budget(sizes, max_tokens):
    batches = token_batches(sizes, max_tokens)
    assert sorted(row for batch in batches for row in batch) == list(range(len(sizes)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(sizes[row] for row in batch) <= max_tokens


@pytest.mark.parametrize(
    ("first", "second", "length"),
    [([1, 2, 3], [1, 2, 4], 2), ([1, 2], [1, 2, 3], 2), ([1], [2], 0), ([], [1], 0)],
)
def test_common_length(first, second, length):
    assert common_length(first, second) == length


@pytest.mark.parametrize(
    ("rows", "tokens"),
    [
        ([], 0),
        ([[1, 2, 3]], 3),
        ([[1, 2, 3], [1, 2, 4, 5]], 5),
        ([[1, 2], [1, 2], [3]], 3),
        ([[7, 1], [7, 2], [7, 3]], 4),
    ],
)
def test_prefix_shared_by_rows_is_counted_once(rows, tokens):
    assert distinct_tokens(rows) == tokens


@pytest.mark.parametrize(
    ("rows", "limit", "length"),
    [
        ([[7] * 70 + [1], [7] * 70 + [2]], 70, 70),
        ([[7] * 70 + [1], [7] * 70 + [2]], 65, 65),
        ([[7] * 20 + [row] for row in range(5)], 20, 20),
        ([[7] * 20 + [row] for row in range(4)], 20, 0),
        ([[7] * 500], 499, 0),
        ([[row] * 100 for row in range(9)], 99, 0),
    ],
    ids=["long", "limited", "short but many", "short and few", "one row", "nothing in common"],
)
def test_shared_length(rows, limit, length):
    assert shared_length(rows, limit) == length


def test_left_padded_repeats_a_rows_own_first_token():
    tokens, mask = left_padded([[5, 6, 7], [8]])
    assert tokens == [[5, 6, 7], [8, 8, 8]]
    assert mask == [[1, 1, 1], [0, 0, 1]]
