"""The segments of each round: disjoint parts by hash, so that a round added later changes no earlier one's."""

from dataclasses import dataclass

from kun_recipes.data.hashing import choice_hash

ROUND_SHARE = 0.5
HELD_OUT_SEGMENTS, MOST_HELD_OUT = 100, 0.25
"""Segments that no round labels for its dataset, and the largest share of all that they may be."""
NO_ROUND = "no_round"
"""Reason of the segments that no round labelled."""
_SALT = "round\0"


@dataclass(frozen=True)
class Part:
    """The segments that one round labels.

    Round 1 takes a share of all, and each further one the same share of what is left. The number of rounds does not
    come into it: with a half, three rounds take 1/2, 1/4 and 1/8, and the last 1/8 waits for a fourth.

    Attributes:
        number: of the round, from 1.
        share: of the segments that no earlier round has.
    """

    number: int
    share: float

    @property
    def of_all(self) -> float:
        """Share of all segments."""
        return _end(self.number, self.share) - _end(self.number - 1, self.share)

    def has(self, row_id: str) -> bool:
        """Tell if a segment belongs to the part."""
        place = choice_hash(row_id, _SALT) / 2**64
        return _end(self.number - 1, self.share) <= place < _end(self.number, self.share)


def _end(rounds: int, share: float) -> float:
    """Return the share of all segments that so many rounds have taken."""
    return 1 - (1 - share) ** rounds
