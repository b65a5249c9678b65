"""The parts of the segments that the rounds label."""

import pytest

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
