import pytest

from kun_recipes.annotation.config import ADMIN
from kun_recipes.annotation.keys import Keys, hash_key, print_links
from tests.annotation.conftest import NAMES


@pytest.fixture
def fresh(database) -> Keys:
    return Keys(database, [*NAMES, ADMIN])


def test_only_hashes_are_stored(config, fresh, database):
    made = fresh.create()
    database.read().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    stored = b"".join(path.read_bytes() for path in config.database.parent.iterdir())
    assert all(key.encode() not in stored and hash_key(key).encode() in stored for key in made.values())


def test_keys_are_made_once_and_renewed_on_request(fresh):
    made = fresh.create()
    assert list(made) == [*NAMES, ADMIN]
    assert fresh.create() == {}
    renewed = fresh.create(renew=["bo"])
    assert list(renewed) == ["bo"]
    assert (fresh.owner(renewed["bo"]), fresh.owner(made["bo"]), fresh.owner(made["anna"])) == ("bo", None, "anna")


def test_key_of_a_removed_annotator_is_refused(database, fresh):
    made = fresh.create()
    assert Keys(database, ["bo", "chen", ADMIN]).owner(made["anna"]) is None


def test_links_are_printed(capsys):
    print_links({"anna": "k1"}, "http://here")
    assert "  anna  http://here/?key=k1\n" in capsys.readouterr().out
    print_links({}, "http://here")
    assert "earlier links remain valid" in capsys.readouterr().out
