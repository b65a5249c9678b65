"""Batches of rows that run together: of like length, sized by tokens, behind a beginning that all rows share."""

from collections.abc import Sequence

SHARING_PAYS = 64
"""Tokens that sharing must save; below it, one more forward pass costs more than it saves."""


def token_batches(sizes: Sequence[int], max_tokens: int) -> list[list[int]]:
    """Split rows into batches whose padded size, rows x largest, is at most `max_tokens`.

    A row that is larger by itself gets a batch of its own. Largest rows first: a batch that does not fit in memory
    fails at once, and the progress bar's estimate errs on the safe side.

    Args:
        sizes: tokens of each row.

    Returns:
        Batches of row numbers. Equal sizes stay in the order of the rows.
    """
    batches: list[list[int]] = []
    for row in sorted(range(len(sizes)), key=lambda row: -sizes[row]):
        if batches and (len(batches[-1]) + 1) * sizes[batches[-1][0]] <= max_tokens:
            batches[-1].append(row)
        else:
            batches.append([row])
    return batches


def common_length(first: Sequence[int], second: Sequence[int]) -> int:
    """Return number of tokens with which both sequences begin."""
    length = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        length += 1
    return length


def distinct_tokens(rows: Sequence[list[int]]) -> int:
    """Return number of tokens to compute: equal rows, and what all rows begin with, count once."""
    distinct = set(map(tuple, rows))
    if not distinct:
        return 0
    return sum(map(len, distinct)) - (len(distinct) - 1) * common_length(min(distinct), max(distinct))


def shared_length(rows: Sequence[list[int]], limit: int) -> int:
    """Return number of tokens, at most `limit`, with which all `rows` begin.

    0 where encoding them once would not pay.
    """
    length = min(limit, common_length(min(rows), max(rows)))  # in lexicographic order all others lie between the two
    return length if length * (len(rows) - 1) >= SHARING_PAYS else 0


def left_padded(rows: Sequence[Sequence[int]]) -> tuple[list[list[int]], list[list[int]]]:
    """Return token rows as a rectangle, and its mask: 1 for a row's tokens, 0 for padding on the left.

    A row is padded with its own first token: whatever looks at tokens without the mask, as the repetition penalty
    does, sees none that the row does not have.
    """
    width = max(map(len, rows))
    tokens = [[row[0]] * (width - len(row)) + list(row) for row in rows]
    mask = [[0] * (width - len(row)) + [1] * len(row) for row in rows]
    return tokens, mask
