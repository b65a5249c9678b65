"""Hashes by which rows are chosen and ordered."""

import hashlib


def row_hash(row_id: str, seed: int) -> int:
    """The row's place in the order in which rows are sampled, 0 to 2^64 - 1."""
    return int.from_bytes(hashlib.blake2b(f"{seed}\x1f{row_id}".encode(), digest_size=8).digest(), "little")
