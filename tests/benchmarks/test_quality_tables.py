"""benchmarks/quality_tables.py: precision, yield, reasons and the curve over models."""

from quality_selecting import AFTER, BEFORE, NOTHING, Outcome
from quality_tables import area_table, curve_table, figures, reason_table, share, why_table

from kun_recipes.data import schema
from tests.benchmarks.candidates import row


def test_precision_and_yield_by_hand():
    kept = [(row(True), True)] * 3 + [(row(True), False)] + [(row(False), True)] + [(row(False), False)] * 5
    assert figures(kept) == ("10", "4", "4", "3", "0.75 [0.30, 0.95]", "0.75 [0.30, 0.95]")  # Wilson's
    assert figures([]) == ("0", "0", "0", "0", "–", "–")
    assert share(0, 4) == "0.00 [0.00, 0.49]"


def test_fallen_rows_are_counted_by_reason_and_kept_bad_ones_by_why():
    def outcome(is_good: bool, before: str | None, after: str | None, why: str | None = None) -> Outcome:
        return Outcome(row(is_good, why=why), {BEFORE: before, AFTER: after})

    read = [
        outcome(True, None, None),
        outcome(True, None, "unsupported"),
        outcome(False, None, "unsupported", "invented"),
        outcome(False, None, None, "invented"),
        outcome(False, "fit", "fit", "partial"),
    ]
    assert reason_table("t", read).rows == (("unsupported", "0", "0", "2", "1"), ("fit", "1", "0", "1", "0"))
    assert why_table("t", read).rows == (("invented", "2", "2", "1"), ("partial", "1", "0", "0"))


def test_the_curve_has_each_model_by_the_options_and_by_its_own_rule():
    def outcome(is_good: bool, support: float, segment: str, after: str | None = None) -> Outcome:
        return Outcome(row(is_good, segment, **{schema.SUPPORT: support}), {NOTHING: None, BEFORE: None, AFTER: after})

    def model(cut: float) -> list[Outcome]:
        values = [(True, cut + 1), (False, cut - 1), (True, cut + 1)]
        return [outcome(is_good, value, part) for part in ("news-01", "law-01") for is_good, value in values]

    small, large = model(0), model(5)
    dropped = small[3]._replace(reasons=small[3].reasons | {AFTER: "unsupported"})
    table = curve_table("held_out", {"small": [*small[:3], dropped, *small[4:]], "large": large})
    assert [cells[:5] for cells in table.rows] == [
        ("small, nothing dropped", "3", "2", "3", "2"),
        ("small, before", "3", "2", "3", "2"),
        ("small, after", "3", "2", "2", "1"),
        ("small, before and support ≥ 0.00", "3", "2", "2", "2"),
        ("large, nothing dropped", "3", "2", "3", "2"),
        ("large, before", "3", "2", "3", "2"),
        ("large, after", "3", "2", "3", "2"),
        ("large, before and support ≥ 5.00", "3", "2", "2", "2"),
    ]
    only_chosen = {"small": small[:3], "large": large}
    assert len(curve_table("held_out", only_chosen).rows) == 4
    areas = area_table({"small": small, "large": large})
    assert areas.head == ("", "small", "large")
    assert areas.rows[0][0] == "support"
    assert areas.rows[0][1].startswith("1.00 [")
    assert areas.rows[0][1].endswith("of 6")
