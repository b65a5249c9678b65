import pickle

import pytest
from datatrove.data import Document
from datatrove.pipeline.writers import JsonlWriter
from hypothesis import given
from hypothesis import strategies as st

from kun_recipes.corpus.segments.selection import ChooseSegments, part

TEXT = "银杏树在秋天落叶，叶子像一把小扇子，果实可以入药，木材可以做家具，寿命长达千年。"


def row(text: str = TEXT, record: int = 1, tokens: int = 256, file: str = "a.jsonl") -> Document:
    return Document(
        text, id=text, metadata={"document_id": "d", "record": record, "file_path": file, "tokens": tokens}
    )


def chosen(rows: list[Document], max_segments: int | None) -> list[Document]:
    return list(ChooseSegments(max_segments).run(iter(rows)))


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (row("银杏的用途\n" + TEXT), row()),  # under a heading
        (row("## 银杏的用途\n" + TEXT), row()),
        (row("第三条 " + TEXT), row()),
        (row("银杏是一种落叶乔木，寿命很长。"), row()),
        (row("《本草纲目》载有银杏。"), row()),
        (row("银杏的用途\n果实可以入药"), row(TEXT)),  # a named subject rather than a full stop
        (row(), row(TEXT[:-1])),
        (row(TEXT + "”"), row(TEXT[:-1] + "，")),
        (row(), row(tokens=500)),
        (row(), row(tokens=30)),
        (row(tokens=500), row(TEXT[:-1])),  # a full stop rather than a good length
        (row(), row("bin boot dev etc home lib media mnt opt proc root run sbin srv，这些目录在根目录下。")),
        (row(tokens=300), row(tokens=250)),  # alike: the first
        (row(tokens=250), row(tokens=300)),
    ],
)
def test_quality_order(better, worse):
    alike = better.text == worse.text and abs(better.metadata["tokens"] - worse.metadata["tokens"]) <= 50
    assert chosen([better, worse], 1) == [better]
    assert chosen([worse, better], 1) == [worse if alike else better]


@pytest.mark.parametrize(
    ("first_line", "is_heading"),
    [
        ("银杏的用途", True),
        ("怎样种银杏？", True),
        ("银杏在秋天落叶。", False),
        ("用途如下：", False),
        ("字" * 33, False),
    ],
)
def test_heading(first_line, is_heading):
    assert ChooseSegments(1).quality(row(f"{first_line}\n{TEXT}")).names_subject == is_heading


@given(count=st.integers(1, 40), runs=st.integers(1, 12))
def test_runs_are_nearly_equal(count, runs):
    rows = [row(tokens=number) for number in range(count)]
    parted = list(part(rows, runs))
    assert [one for run in parted for one in run] == rows
    assert len(parted) == min(count, runs)
    assert max(map(len, parted)) - min(map(len, parted)) <= 1


def test_spread_over_each_document():
    first = [row(record=1, tokens=number) for number in (500, 250, 500, 500, 260, 500)]
    second = [row(record=2, tokens=number) for number in (500, 500)]
    third = [row(record=2, tokens=500, file="b.jsonl")]
    kept = chosen([*first, *second, *third], 2)
    assert [(one.metadata["record"], one.metadata["tokens"]) for one in kept] == [
        (1, 250),
        (1, 260),
        (2, 500),
        (2, 500),
        (2, 500),
    ]
    assert chosen([*first, *second], None) == [*first, *second]


def test_counts_and_dropped_rows(tmp_path):
    rows = [row(tokens=500), row(tokens=250), row(tokens=100), row(record=2)]
    writer = JsonlWriter(str(tmp_path), output_filename="removed.jsonl", compression=None)
    block = ChooseSegments(1, exclusion_writer=writer)
    assert list(block.run(iter(rows))) == [rows[1], rows[3]]
    counts = {name: block.stats[name].total for name in ("total", "forwarded", "dropped", "dropped_surplus")}
    assert counts == {"total": 4, "forwarded": 2, "dropped": 2, "dropped_surplus": 2}
    assert (tmp_path / "removed.jsonl").read_text(encoding="utf-8").count("\n") == 2
    assert [(one.metadata["filter_reason"], one.metadata["value"]) for one in (rows[0], rows[2])] == [
        ("surplus", "2"),
        ("surplus", "3"),
    ]


def test_only_one_document_is_held_in_memory():
    """A document is handed on before the next but one is read."""
    read = []

    def stream():
        for number in range(5):
            read.append(number)
            yield row(record=number)

    rows = ChooseSegments(1).run(stream())
    next(rows)
    assert len(read) <= 2
    assert len(list(rows)) == 4


def test_block_can_be_pickled():
    block = pickle.loads(pickle.dumps(ChooseSegments(2)))
    assert len(list(block.run(iter([row(), row(), row()])))) == 2
