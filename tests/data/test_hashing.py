import pytest

from kun_recipes.data.hashing import choice_hash, row_hash


@pytest.mark.parametrize(
    ("text", "salt", "value"),
    [("甲", "", 3738928924364706273), ("写一首诗", "subset\0", 4089825262229157524)],
)
def test_a_choice_is_the_same_in_every_process_and_release(text, salt, value):
    assert choice_hash(text, salt) == value


def test_lone_surrogates_have_a_hash():
    assert choice_hash("\ud800") != choice_hash("")


def test_another_seed_makes_another_order():
    ids = [f"wudao/{number}" for number in range(20)]
    assert sorted(ids, key=lambda id: row_hash(id, 0)) != sorted(ids, key=lambda id: row_hash(id, 1))
    assert row_hash("1\x1f2", 1) != row_hash("2", 11)
