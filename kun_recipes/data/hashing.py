"""The hash by which rows are chosen and ordered: the same in every run and process, and even over 64 bits.

A different salt makes an independent choice.
"""

import hashlib


def choice_hash(text: str, salt: str = "") -> int:
    """Return the first 64 bits of the SHA-256 of salt and text, as a number from 0 to 2^64 - 1."""
    return int.from_bytes(hashlib.sha256((salt + text).encode(errors="surrogatepass")).digest()[:8], "big")


def row_hash(row_id: str, seed: int) -> int:
    """Return the place of a row in the order in which rows are sampled."""
    return choice_hash(row_id, salt=f"{seed}\x1f")
