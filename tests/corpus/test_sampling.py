import itertools
import json
import pickle
import random
from collections import Counter

import pytest
from datatrove.data import Document
from datatrove.pipeline.writers.jsonl import JsonlWriter
from hypothesis import given
from hypothesis import strategies as st

from kun_recipes.corpus.sampling import (
    BelowThreshold,
    RecordHashes,
    SampleDocuments,
    sample_thresholds,
    share_out,
)
from kun_recipes.data import schema
from kun_recipes.errors import UserError

ROWS = {"wudao": 50, "skypile": 30, "网 页/../x": 5}


def rows() -> list[Document]:
    made = [(source, number) for source, count in ROWS.items() for number in range(count)]
    random.Random(0).shuffle(made)
    return [Document("文", f"{source}{number}", metadata={schema.SOURCE: source}) for source, number in made]


def sample(folder, count, weights=None, tasks=1, seed=0) -> list[str]:
    """The ids of the rows that are sampled, in the order of the rows."""
    made = rows()
    files = [made[len(made) * rank // tasks : len(made) * (rank + 1) // tasks] for rank in range(tasks)]
    for rank, file in enumerate(files):
        assert list(RecordHashes(folder, seed).run(iter(file), rank, tasks)) == file
    block = BelowThreshold(sample_thresholds(folder, count, weights), seed)
    return [row.id for rank, file in enumerate(files) for row in block.run(iter(file), rank)]


def by_source(ids: list[str]) -> dict[str, int]:
    return {source: sum(row_id.startswith(source) for row_id in ids) for source in ROWS}


@pytest.mark.parametrize(
    ("count", "weights", "expected"),
    [
        (10, {"wudao": 1, "skypile": 1}, {"wudao": 5, "skypile": 5}),
        (10, {"wudao": 3, "skypile": 1, "网 页/../x": 1}, {"wudao": 6, "skypile": 2, "网 页/../x": 2}),
        (10, {"wudao": 0.7, "skypile": 0.3}, {"wudao": 7, "skypile": 3}),
        (9, {"wudao": 2, "skypile": 2}, {"wudao": 4, "skypile": 5}),  # the turn of the first by name
        (70, {"wudao": 1, "skypile": 1}, {"wudao": 40, "skypile": 30}),  # one gives all that it has
        (40, {"wudao": 1, "skypile": 1, "网 页/../x": 2}, {"wudao": 17, "skypile": 18, "网 页/../x": 5}),
        (85, {"wudao": 1, "skypile": 1, "网 页/../x": 2}, ROWS),
        (1000, {"wudao": 1}, {"wudao": 50}),
        (1, {"wudao": 1, "skypile": 0}, {"wudao": 1}),
        (0, {"wudao": 1}, {}),
    ],
)
def test_exact_numbers_by_weights(tmp_path, count, weights, expected):
    assert by_source(sample(tmp_path, count, weights)) == dict.fromkeys(ROWS, 0) | expected


@pytest.mark.parametrize("count", [0, 1, 42, 84, 85, 1000])
def test_exact_numbers_without_weights(tmp_path, count):
    assert len(sample(tmp_path, count)) == min(count, 85)


@pytest.mark.parametrize("weights", [None, {"wudao": 1, "skypile": 2, "网 页/../x": 5}])
def test_the_sample_does_not_depend_on_the_number_of_tasks(tmp_path, weights):
    samples = [sample(tmp_path / str(tasks), 20, weights, tasks) for tasks in (1, 2, 3, 7, 90)]
    assert samples == samples[:1] * 5


@pytest.mark.parametrize("weights", [None, {"wudao": 1, "skypile": 2.5, "网 页/../x": 0.1}])
def test_a_larger_sample_holds_the_smaller(tmp_path, weights):
    samples = [set(sample(tmp_path / str(count), count, weights)) for count in range(0, 86, 5)]
    assert all(smaller < larger for smaller, larger in itertools.pairwise(samples))


def test_another_seed_is_another_sample(tmp_path):
    assert set(sample(tmp_path / "0", 20)) != set(sample(tmp_path / "1", 20, seed=1))


def test_sample_is_unbiased(tmp_path):
    """Of two thirds of the rows, two thirds of those with an even number, but for chance (5 standard deviations)."""
    made = [Document("文", str(number), metadata={schema.SOURCE: "甲"}) for number in range(9000)]
    list(RecordHashes(tmp_path).run(iter(made)))
    kept = list(BelowThreshold(sample_thresholds(tmp_path, 6000)).run(iter(made)))
    assert len(kept) == 6000
    assert Counter(int(row.id) % 2 for row in kept)[0] == pytest.approx(3000, abs=5 * (9000 * 2 / 9) ** 0.5 / 2)


def test_rows_that_are_left_out_say_why(tmp_path):
    list(RecordHashes(tmp_path / "hashes").run(iter(rows())))
    writer = JsonlWriter(str(tmp_path / "removed"), compression=None)
    block = BelowThreshold(sample_thresholds(tmp_path / "hashes", 60, {"wudao": 1}), exclusion_writer=writer)
    kept = list(pickle.loads(pickle.dumps(block)).run(iter(rows())))
    removed = [json.loads(row)["metadata"] for row in (tmp_path / "removed" / "00000.jsonl").open(encoding="utf-8")]
    assert {row.metadata[schema.SOURCE] for row in kept} == {"wudao"}
    assert len(removed) == 35
    assert {row["filter_reason"] for row in removed} == {"not_sampled"}
    assert all(0 <= float(row["value"]) <= 1 for row in removed)


def test_killed_task_is_rerun(tmp_path):
    killed = RecordHashes(tmp_path / "killed").run(iter(rows()))
    next(killed)
    killed.close()
    assert sample(tmp_path / "killed", 20) == sample(tmp_path / "whole", 20)


def test_tasks_without_rows(tmp_path):
    list(RecordHashes(tmp_path).run(iter([])))
    assert sample_thresholds(tmp_path, 5) == {}
    with pytest.raises(UserError, match="no rows of source wudao; the sources with rows are: none"):
        sample_thresholds(tmp_path, 5, {"wudao": 1})


def test_a_weight_for_a_source_without_rows(tmp_path):
    list(RecordHashes(tmp_path).run(iter(rows())))
    with pytest.raises(UserError, match=r"sample_weights: no rows of source wodao; .*: skypile, wudao, 网 页/\.\./x"):
        sample_thresholds(tmp_path, 5, {"wodao": 1, "wudao": 1})


SOURCES = st.dictionaries(
    st.sampled_from("甲乙丙丁戊"), st.tuples(st.integers(0, 40), st.floats(0.01, 100)), min_size=1
)


@given(SOURCES, st.integers(0, 220))
def test_shares_follow_the_weights(sources, count):
    available = {source: rows for source, (rows, _) in sources.items()}
    weights = {source: weight for source, (_, weight) in sources.items()}
    given, more = share_out(count, available, weights), share_out(count + 1, available, weights)
    assert sum(given.values()) == min(count, sum(available.values()))
    assert all(given[source] <= more[source] <= available[source] for source in available)
    open_ = [source for source in given if given[source] < available[source]]
    if open_:  # those that could give more keep to their weights, but for one row
        level = [given[source] / weights[source] for source in open_]
        assert max(level) - min(level) <= max(1 / weights[source] for source in open_) + 1e-9


def sampled_documents(share, seed=0, count=4000) -> set[str]:
    made = [Document("文", f"wudao/{number}") for number in range(count)]
    block = pickle.loads(pickle.dumps(SampleDocuments(share, seed)))
    kept = {document.id for document in block.run(iter(made))}
    assert block.stats["dropped_document_not_sampled"].total == count - len(kept) if len(kept) < count else True
    return kept


@pytest.mark.parametrize(("share", "expected"), [(1, 4000), (0.5, 2000), (0.01, 40), (1e-9, 0)])
def test_a_share_of_the_documents_is_kept(share, expected):
    assert len(sampled_documents(share)) == pytest.approx(expected, abs=5 * (expected * (1 - share)) ** 0.5)


def test_a_larger_share_of_the_documents_holds_the_smaller():
    samples = [sampled_documents(share) for share in (0.01, 0.1, 0.3, 0.9)]
    assert all(smaller < larger for smaller, larger in itertools.pairwise(samples))
    assert sampled_documents(0.3, seed=1) != samples[2]
