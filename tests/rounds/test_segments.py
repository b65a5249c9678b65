"""What two rounds made of the same held-out segments."""

from pathlib import Path

import pytest

from kun_recipes.data.atomic import write_json
from kun_recipes.rounds.comparison import Bootstrap
from kun_recipes.rounds.segments import distinct_shares, read_outcome, segment_changes
from tests.curation.stage_rows import Row, write_rows

BOOTSTRAP = Bootstrap(1000, 0)
SEGMENTS = 12
SUPPORT = {"support": {"slope": 1.0, "intercept": 0.0}}


@pytest.fixture
def make(tmp_path):
    """Makes the folder of a round with held-out segments; label and refine keep the first of them."""

    def make_round(name: str, labelled: int, refined: int, support: float = 0.0, segments: int = SEGMENTS) -> Path:
        folder = tmp_path / name
        rows: list[Row] = [
            {
                "text": f"第{n}段。",
                "instruction": f"{n}怎么？" if n else "茶酒。",
                "output": f"{n}这样。",
                "support": support,
            }
            for n in range(segments)
        ]
        label, refine = folder / "label" / "held_out", folder / "refine" / "held_out"
        write_rows(label / "segments" / "rows", rows)
        write_rows(label / "measured", rows)
        write_rows(label / "rows", rows[:labelled])
        write_json(label / "stage.json", {"rows_kept": labelled})
        if labelled:
            write_rows(refine / "rows", rows[:refined])
            write_json(refine / "stage.json", {"rows_kept": refined, "judges": SUPPORT})
        return folder

    return make_round


def changes(*rounds: Path) -> dict:
    before, after = (read_outcome(str(folder)) for folder in rounds)
    return {change.name: change for change in segment_changes(before, after, BOOTSTRAP)}


def test_what_is_kept_is_compared_segment_by_segment(make):
    found = changes(make("round_1", labelled=8, refined=2), make("round_2", labelled=8, refined=8, support=2.0))
    label, refine = found["held_out_kept_label"], found["held_out_kept_refine"]
    assert (label.before, label.after, label.low, label.high) == (8 / 12, 8 / 12, 0, 0)  # the very same ones
    assert (refine.before, refine.after, refine.on) == (2 / 12, 8 / 12, "12 held-out segments")
    assert refine.verdict == "changed"
    right = found["held_out_precision_support"]
    assert (right.before, right.after, right.low) == (0.5, pytest.approx(0.8808, abs=1e-4), None)
    assert right.on == "2 held-out segments that both kept"
    assert found["held_out_distinct_instruction"].on == "12 held-out segments"
    assert found["held_out_distinct_output"].on == "2 held-out segments that both kept"
    assert "held_out_precision_answer" not in found


@pytest.mark.parametrize(("labelled", "refined"), [(0, 0), (3, 0)])
def test_a_round_that_kept_none_of_them_is_compared_by_what_there_is(make, labelled, refined):
    found = changes(make("round_1", labelled=8, refined=8), make("round_2", labelled, refined))
    assert (found["held_out_kept_refine"].before, found["held_out_kept_refine"].after) == (8 / 12, 0)
    assert not {"held_out_precision_support"} & found.keys()
    assert found["held_out_distinct_output"].before is None


def test_other_segments_are_not_compared(make, tmp_path):
    one = make("round_1", labelled=8, refined=8)
    assert changes(one, make("round_2", labelled=8, refined=8, segments=11)) == {}
    assert changes(one, tmp_path / "round_3") == {}  # made without


def test_a_bigram_counts_where_no_other_text_has_it():
    assert distinct_shares(["介绍茶。", "介绍酒。", "茶，酒", "茶"]) == [0.5, 0.5, 1.0, 0.0]
    assert distinct_shares(["介绍", "介绍"]) == [0.0, 0.0]
