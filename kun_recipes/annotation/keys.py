"""The secrets in the annotators' links."""

import secrets
from collections.abc import Collection, Iterable, Mapping

from kun_recipes.annotation.storage import Database, digest


class Keys:
    """The keys of links, of which only hashes are stored.

    A plain SHA-256 is enough: a key is 256 random bits, not a password that could be guessed.

    Args:
        names: who is let in; a key of anyone else, as of one who left, opens nothing.
    """

    def __init__(self, database: Database, names: Collection[str]):
        self.database, self.names = database, names

    def create(self, renew: Iterable[str] = ()) -> dict[str, str]:
        """Create keys for names without one and for those to renew. Only their hashes are stored."""
        with self.database.write() as sql:
            known = {row["name"] for row in sql.execute("SELECT name FROM links")}
            made = {name: secrets.token_urlsafe(32) for name in self.names if name not in known or name in set(renew)}
            sql.executemany("INSERT OR REPLACE INTO links VALUES (?, ?)", [(n, hash_key(k)) for n, k in made.items()])
        return made

    def import_hashes(self, hashes: Mapping[str, str]) -> None:
        """Store the hashes of keys that were created elsewhere."""
        with self.database.write() as sql:
            sql.executemany("INSERT OR REPLACE INTO links VALUES (?, ?)", hashes.items())

    def owner(self, key: str) -> str | None:
        """Return the name that a key belongs to, or None."""
        found = self.database.read().execute("SELECT name FROM links WHERE key_hash = ?", (hash_key(key),)).fetchone()
        return found["name"] if found and found["name"] in self.names else None


def hash_key(key: str) -> str:
    return digest(key)


def print_links(made: Mapping[str, str], address: str) -> None:
    """Print links that are new, on standard output and nowhere else."""
    if not made:
        print(f"{address}: earlier links remain valid; --renew <name> replaces a lost one")
        return
    print("new links, not shown again; give each only to its owner:")
    for name, key in made.items():
        print(f"  {name}  {address}/?key={key}")
