"""The parts of the segments that the rounds label."""

import pytest

from kun_recipes.curation.config import LabelConfig
from kun_recipes.curation.held_out import choose_segments
from kun_recipes.curation.inputs import PartReader
from kun_recipes.curation.parts import Part
from kun_recipes.data import schema
from tests.curation.stage_rows import write_rows

IDS = [f"row {number}" for number in range(2000)]


@pytest.mark.parametrize("share", [0.5, 0.3, 0.9])
def test_no_two_rounds_label_the_same_segment(share):
    owners = [[number for number in range(1, 6) if Part(number, share).has(row_id)] for row_id in IDS]
    assert all(len(owner) <= 1 for owner in owners)
    for number in range(1, 4):
        found, expected = owners.count([number]) / len(IDS), share * (1 - share) ** (number - 1)
        assert found == pytest.approx(expected, abs=0.04)
        assert Part(number, share).of_all == pytest.approx(expected)


def test_the_whole_share_is_one_round():
    assert all(Part(1, 1.0).has(row_id) for row_id in IDS)


def test_a_part_is_read_with_its_number_and_the_others_are_counted(tmp_path):
    folder = write_rows(tmp_path / "rows", [{"text": f"第{number}段。", "source": "wudao"} for number in range(40)])
    reader = PartReader(folder, Part(2, 0.5))
    rows = list(reader.run(rank=0, world_size=1))
    assert {row.id for row in rows} == {str(number) for number in range(40) if Part(2, 0.5).has(str(number))}
    assert {row.metadata[schema.ROUND] for row in rows} == {2}
    assert reader.stats["other_rounds"].total == 40 - len(rows)
    held_out = [row.id for row in rows[:3]]
    others = list(PartReader(folder, Part(2, 0.5), held_out).run(rank=0, world_size=1))
    assert [row.id for row in others] == [row.id for row in rows if row.id not in held_out]


@pytest.mark.parametrize(
    ("rows", "options", "chosen"),
    [
        (400, {}, 100),
        (399, {}, 99),  # a quarter of all
        (40, {"held_out_segments": 3}, 3),
        (40, {"held_out_segments": 0}, 0),
        (3, {}, 0),
        (40, {"round": None}, 0),  # a run of one round
    ],
)
def test_some_segments_are_held_out_from_all_rounds(tmp_path, rows, options, chosen):
    folder = write_rows(tmp_path / "rows", [{"text": f"第{number}段。"} for number in range(rows)])

    def choose(**more) -> list[str]:
        config = LabelConfig(segments=folder, output_dir="label", model="model", **{"round": 1} | options | more)
        return [row["id"] for row in choose_segments(config)]

    assert len(set(choose())) == len(choose()) == chosen
    assert not chosen or choose() == choose(round=2)
