"""The labelled rows of benchmarks/rules/private.jsonl: secrets that must be found, harmless texts that must stay."""

from pathlib import Path

import orjson
import pytest

from kun_recipes.privacy import find_private, load_privacy

SETTINGS = load_privacy()
ROWS = [
    orjson.loads(line)
    for line in (Path(__file__).parents[2] / "benchmarks/rules/private.jsonl").read_bytes().splitlines()
]
HALVES = ("use", "held_out")


def is_hidden(text, secret):
    """Tell whether no letter or digit of the secret is left by masking."""
    hidden = {place for item in find_private(text, SETTINGS) for place in range(item.start, item.end)}
    start = text.index(secret)
    return all(start + place in hidden for place, character in enumerate(secret) if character.isalnum())


def test_rows_are_enough_and_differ():
    assert len(ROWS) >= 200 and len({row["text"] for row in ROWS}) == len(ROWS)
    assert {row["half"] for row in ROWS} == set(HALVES)


@pytest.mark.parametrize("half", HALVES)
def test_at_least_95_percent_of_the_secrets_are_found(half):
    secrets = [(row["text"], secret) for row in ROWS if row["half"] == half for secret in row["secrets"]]
    missed = [secret for text, secret in secrets if not is_hidden(text, secret)]
    assert len(missed) <= 0.05 * len(secrets), missed


@pytest.mark.parametrize("half", HALVES)
def test_at_most_2_percent_of_the_harmless_texts_are_touched(half):
    harmless = [row["text"] for row in ROWS if row["half"] == half and not row["secrets"]]
    touched = [text for text in harmless if find_private(text, SETTINGS)]
    assert len(touched) <= 0.02 * len(harmless), touched
