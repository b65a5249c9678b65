"""What a change between two rounds says, and whether it is enough."""

import pytest

from kun_recipes.rounds.changes import Change, decide, from_dict


def loss(before: float | None, after: float | None, *interval: float, better: str = "lower") -> Change:
    return Change("loss", "loss", "nats per token", better, "40 pairs", before, after, *interval)


@pytest.mark.parametrize(
    ("change", "min_gain", "helps", "why"),
    [
        (
            loss(2.5, 2.3, -0.3, -0.1),
            0.0,
            True,
            "round_2 helps: loss on 40 pairs was 2.500 in round_1 and is now 2.300, a gain of +0.200 [+0.100, +0.300] "
            "nats per token; the whole interval is above 0",
        ),
        (loss(2.5, 2.3, -0.3, -0.1), 0.05, True, "the whole interval is above 0.05"),
        (loss(2.5, 2.3, -0.3, -0.1), 0.1, False, "; the gain may be below min_gain: 0.1"),
        (loss(2.5, 2.3, -0.3, -0.1), 0.2, False, "; the gain may be below min_gain: 0.2"),
        (loss(2.5, 2.4, -0.3, 0.1), 0.0, False, "shows no certain gain"),
        (loss(2.5, 2.4, -0.3, 0.1), 0.0, False, "[-0.100, +0.300] nats per token; this could be chance"),
        (loss(2.5, 2.5, 0.0, 0.0), 0.0, False, "; this could be chance"),
        (loss(2.3, 2.5, 0.1, 0.3), 0.0, False, "makes things worse"),
        (loss(2.3, 2.5, 0.1, 0.3), 0.0, False, "a gain of -0.200 [-0.300, -0.100]"),
        (
            loss(2.5, 2.3),
            0.0,
            False,
            "loss on 40 pairs has no interval, because of too few rows; raise held_out_share",
        ),
        (loss(None, None), 0.0, False, "has no interval"),
        (loss(0.3, 0.5, 0.1, 0.3, better="higher"), 0.0, True, "a gain of +0.200 [+0.100, +0.300]"),
    ],
)
def test_a_round_helps_if_the_whole_interval_lies_above_min_gain(change, min_gain, helps, why):
    other = Change("other", "other", "", "higher", "1 pair", 0.0, 1.0, 0.9, 1.1)
    found = decide([other, change], "loss", min_gain, "round_1", "round_2")
    assert found.helps is helps
    assert why in found.why


@pytest.mark.parametrize(
    ("better", "interval", "verdict"),
    [
        ("lower", (-0.3, -0.1), "better"),
        ("lower", (0.1, 0.3), "worse"),
        ("lower", (-0.1, 0.3), ""),
        ("higher", (-0.3, -0.1), "worse"),
        ("higher", (0.1, 0.3), "better"),
        ("higher", (0.0, 0.3), ""),
        ("neither", (0.1, 0.3), "changed"),
        ("neither", (-0.3, -0.1), "changed"),
        ("neither", (-0.3, 0.1), ""),
        ("lower", (), ""),
    ],
)
def test_the_verdict_of_an_interval(better, interval, verdict):
    assert loss(1.0, 2.0, *interval, better=better).verdict == verdict


def test_a_change_survives_its_summary():
    change = loss(2.5, 2.3, -0.3, -0.1)
    kept = change.to_dict()
    assert (kept["difference"], kept["verdict"]) == (pytest.approx(-0.2), "better")
    assert from_dict(kept) == change
