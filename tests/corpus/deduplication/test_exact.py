import json
import random

import numpy as np
import pytest
from datatrove.data import Document
from datatrove.pipeline.writers.jsonl import JsonlWriter
from hypothesis import given
from hypothesis import strategies as st

from kun_recipes.corpus.deduplication import DigestRows, DropRows, FindExactDuplicates, text_digest
from kun_recipes.corpus.deduplication.exact import find_copies
from kun_recipes.data import schema
from kun_recipes.data.rows import RankReader, read_rows, row_writer
from kun_recipes.execution.launch import Executor, run_pipeline


def test_digests_leave_rows_unchanged(spread):
    rows = spread(["甲", "乙", "甲"], tasks=2)
    passed = rows.run(DigestRows(rows.folder, 2))
    assert [(row.id, row.text, row.metadata) for row in passed] == [
        ("n0", "甲", {}),
        ("n1", "乙", {}),
        ("n2", "甲", {}),
    ]


def test_duplicates_name_the_copy_that_was_kept(spread, tmp_path):
    rows = spread(["甲", "乙", " 甲", "乙", "丙", "甲"], tasks=2)
    drop = DropRows(rows.find_exact(), "duplicate", JsonlWriter(str(tmp_path / "removed"), compression=None))
    assert [row.text for row in rows.run(drop)] == ["甲", "乙", "丙"]
    removed = [json.loads(row) for file in sorted((tmp_path / "removed").iterdir()) for row in file.open()]
    assert [(row["id"], row["metadata"]["filter_reason"], row["metadata"]["value"]) for row in removed] == [
        ("n2", "duplicate", "n0"),
        ("n3", "duplicate", "n1"),
        ("n5", "duplicate", "n0"),
    ]
    assert [drop.stats[name].total for name in ("total", "forwarded", "dropped", "dropped_duplicate")] == [6, 3, 3, 3]


@pytest.mark.parametrize("tasks", [1, 2, 3, 7])
def test_kept_rows_do_not_depend_on_the_number_of_tasks(spread, tasks):
    texts = [str(random.Random(number).randrange(120)) for number in range(300)]
    first_of = {text: f"n{texts.index(text)}" for text in texts}
    rows = spread(texts, tasks)
    assert rows.kept(rows.find_exact()) == sorted(first_of.values(), key=lambda row_id: int(row_id[1:]))


def test_the_first_of_more_than_ten_files_keeps_its_copy(spread):
    texts = ["一", "二", "甲", "三", "四", "五", "六", "七", "八", "九", "甲", "十"]
    rows = spread(texts, tasks=12)
    kept = [row.id for row in rows.run(DropRows(rows.find_exact(), "duplicate"))]
    assert kept == [f"n{place}" for place in range(12) if place != 10]


@pytest.mark.parametrize("files", [[[], ["甲"], [], ["甲", "乙"]], [[], []]])
def test_files_without_rows(spread, files):
    rows = spread([])
    rows.files = [[Document(text, f"{rank}{text}") for text in file] for rank, file in enumerate(files)]
    expected = ["1甲", "3乙"] if any(files) else []
    assert rows.kept(rows.find_exact()) == expected


def test_killed_task_is_rerun(spread):
    rows = spread(["甲", "乙", "甲", "丙", "甲"], tasks=2)
    killed = DigestRows(rows.folder / "digests", 3).run(iter(rows.fresh(1)), 1, 2)
    next(killed)
    killed.close()
    FindExactDuplicates(rows.folder / "digests", rows.folder / "exact").run(None, 0, 3)
    assert rows.kept(rows.find_exact()) == ["n0", "n1", "n3"]


@pytest.mark.parametrize(("row_id", "named"), [("a" * 24, "a" * 24), ("a" * 30, "a" * 24), ("字" * 9, "字" * 8)])
def test_ids_longer_than_those_of_segments_are_cut(spread, row_id, named):
    rows = spread(["甲", "甲"])
    rows.files[0][0].id = row_id
    kept, dropped = rows.fresh(0)
    assert list(DropRows(rows.find_exact(), "duplicate").run(iter([kept, dropped]))) == [kept]
    assert dropped.metadata[schema.VALUE] == named


def test_tasks_must_equal_buckets(spread):
    rows = spread(["甲"])
    rows.run(DigestRows(rows.folder, 4))
    with pytest.raises(ValueError, match="4 buckets of digests, but 2 tasks"):
        FindExactDuplicates(rows.folder, rows.folder / "exact").run(None, 0, 2)


def test_rows_that_are_not_those_of_the_digests_are_an_error(spread):
    rows = spread(["甲", "甲"])
    found = rows.find_exact()
    with pytest.raises(RuntimeError, match="row 1 of task 0 is a duplicate"):
        list(DropRows(found, "duplicate").run(iter(rows.fresh(0)[:1])))


@pytest.mark.parametrize(
    ("high", "low", "dropped", "kept"),
    [
        ([], [], [], []),
        ([7], [7], [], []),
        ([7, 7], [1, 2], [], []),  # half a digest is none
        ([7, 3, 7, 7, 3], [1, 1, 1, 1, 1], [4, 2, 3], [1, 0, 0]),
    ],
)
def test_find_copies(high, low, dropped, kept):
    found = find_copies(np.array(high, np.uint64), np.array(low, np.uint64))
    assert [part.tolist() for part in found] == [dropped, kept]


@pytest.mark.slow
def test_through_the_executor_with_two_processes(tmp_path):
    texts, rows = ["甲", "乙", "甲", "丙", "乙", "丁"], tmp_path / "rows"
    with row_writer(rows) as writer:
        for number, text in enumerate(texts):
            writer.write(Document(text, f"n{number}", metadata={schema.SOURCE: "测试"}), number // 2)

    def run(name, tasks, *steps):
        return run_pipeline(list(steps), tmp_path / "logs" / name, tasks, Executor(workers=2))

    run("note", 3, RankReader(rows), DigestRows(tmp_path / "digests", 2))
    run("find", 2, FindExactDuplicates(tmp_path / "digests", tmp_path / "found"))
    counts = run("drop", 3, RankReader(rows), DropRows(tmp_path / "found", "duplicate"), row_writer(tmp_path / "kept"))
    assert [row["id"] for row in read_rows(tmp_path / "kept")] == ["n0", "n1", "n3", "n5"]
    assert (counts.rows_in, counts.rows_out, dict(counts.removed)) == (6, 4, {"duplicate": 2})


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("今天下雨。", "今天下雨。", True),
        ("今天下雨。\n路滑。", " 今天 下雨。\u3000路滑。\n", True),
        ("共ＡＢＣ１２３项！", "共ABC123项!", True),
        ("共①项，约…㎡", "共1项,约...m2", True),  # NFKC makes more than widths alike
        ("e\u0301", "é", True),
        ("今天下雨。", "今天下雪。", False),
        ("今天下雨。", "今天下雨", False),
        ("AB", "ab", False),
        ("", " \n", True),
        ("坏\ud800字", "坏\ud801字", False),  # a lone half of a character, as broken JSON brings it
    ],
)
def test_equal_texts_have_equal_digests(first, second, same):
    assert (text_digest(first) == text_digest(second)) is same


@given(st.text(), st.text(alphabet=" \n\t\u3000\xa0", max_size=3))
def test_whitespace_is_ignored(text, blank):
    assert text_digest(blank + blank.join(text) + blank) == text_digest(text)
