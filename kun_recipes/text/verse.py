"""Free verse, songs and dialogue: short lines without marks that are text all the same."""

import re
from collections.abc import Sequence

SMALL_WORD = re.compile("[的了着过我你他她它没也把被像却是]")
SIGN_OF_LINK = re.compile("[0-9A-Za-z|_/]")


def verse_share(lines: Sequence[str]) -> float:
    """Share of the lines that are said by someone: with a small word, and without the signs of links and menus."""
    said = sum(SMALL_WORD.search(line) is not None and not SIGN_OF_LINK.search(line) for line in lines)
    return said / max(len(lines), 1)
