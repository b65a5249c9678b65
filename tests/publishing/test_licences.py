"""Licences: the strictest decides, and the Hub's metadata is one that it knows."""

import itertools

from kun_recipes.publishing.licences import ON_HUB, load_licences
from tests.loopback_hub.cards import LICENCES

KNOWN = load_licences()


def licence(name: str):
    return KNOWN.find(name, "key")


def test_the_strictest_does_not_depend_on_the_order():
    some = [licence(name) for name in ("cc-by-4.0", "wudao", "cc0-1.0", "cc-by-nc-4.0")]
    for order in itertools.permutations(some):
        assert KNOWN.strictest(order).id == "wudao"
    assert KNOWN.strictest([licence("cc0-1.0"), licence("cc-by-sa-4.0")]).id == "cc-by-sa-4.0"


def test_every_licence_has_metadata_that_the_hub_knows():
    for one in KNOWN.licences:
        assert one.metadata()["license"] in LICENCES, one
        assert (one.hub == "other") == ("license_name" in one.metadata())


def test_the_identifiers_that_a_card_may_name_are_those_of_the_hub():
    assert sorted(ON_HUB) == sorted(LICENCES)
