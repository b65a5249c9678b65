import gc
import json
import os
import pickle
import resource

import numpy as np
import pytest
from datatrove.data import Document
from datatrove.pipeline.dedup.minhash import MinhashDedupSignature
from datatrove.pipeline.writers.jsonl import JsonlWriter
from hypothesis import given
from hypothesis import strategies as st

from kun_recipes.corpus.deduplication import ClusterNearDuplicates, DropRows, NearDuplicateSettings, NoteSignatures
from kun_recipes.corpus.deduplication.found import places_of, read_found
from kun_recipes.corpus.deduplication.near import PAIR, join_pairs


def test_share_found_by_the_settings():
    settings = NearDuplicateSettings(buckets=14, hashes_per_bucket=8)
    assert settings.half_found == pytest.approx(0.685, abs=0.001)
    assert settings.found(settings.half_found) == pytest.approx(0.5)
    assert settings.found(0.8) == pytest.approx(0.924, abs=0.001)  # as datatrove's comment gives it
    assert settings.found(0.5) < 0.06


@pytest.mark.parametrize("characters", [5, 6, 60, 700, 5000])
@pytest.mark.parametrize("settings", [NearDuplicateSettings(), NearDuplicateSettings(3, 5, 7)])
def test_signatures_are_those_of_datatrove(tmp_path, prose, settings, characters):
    block = NoteSignatures(tmp_path, settings)
    shingles = block.get_shingles(prose(characters, characters))
    assert block.get_signature(shingles) == MinhashDedupSignature.get_signature(block, shingles.reshape(-1, 1))


def test_hash_equal_to_the_prime_becomes_zero(tmp_path):
    """The one case in 2^58 in which shifts alone leave a rest that is too large."""
    block = NoteSignatures(tmp_path, NearDuplicateSettings())
    factors, offsets = (parameter.ravel().tolist() for parameter in block.parameters)
    place = next(number for number, factor in enumerate(factors) if factor % 2)
    shingle = (2**61 - 1 - offsets[place]) * pow(factors[place], -1, 2**64) % 2**64
    signature = block.get_signature(np.array([[shingle]], dtype=np.uint64))
    assert signature == MinhashDedupSignature.get_signature(block, np.array([[shingle]], dtype=np.uint64))
    assert np.ravel(signature)[place] == 0


@pytest.mark.parametrize(
    ("change", "is_near"),
    [
        (lambda text: text, True),
        (lambda text: text.replace("，", ",\n"), True),
        (lambda text: text.replace("，", ""), True),
        (lambda text: "转载：" + text, True),
        (lambda text: text[30:], True),
        (lambda text: text[:150] + "有人在此处改了一句话" + text[160:], True),
        (lambda text: text[:150], False),
        (lambda text: text[:150] + text[:149:-1], False),
        (lambda text: "".join("改" if place % 5 == 0 else letter for place, letter in enumerate(text)), False),
    ],
)
def test_how_much_a_near_duplicate_may_differ(spread, prose, change, is_near):
    rows = spread([text for seed in range(8) for text in (prose(seed), change(prose(seed)))])
    expected = [f"n{number}" for number in range(0, 16, 2 if is_near else 1)]
    assert rows.kept(rows.find_near()) == expected


@pytest.mark.parametrize("tasks", [1, 2, 3, 7])
def test_kept_rows_do_not_depend_on_the_number_of_tasks(spread, prose, tasks):
    texts = [prose(number % 40) + "尾" * (number // 40) for number in range(120)]
    rows = spread(texts, tasks)
    assert rows.kept(rows.find_near(), "near_duplicate") == [f"n{number}" for number in range(40)]


@pytest.mark.parametrize("tasks_a_band", [1, 2, 5, 40])
@pytest.mark.parametrize("files", [1, 7])
def test_kept_rows_do_not_depend_on_the_tasks_of_a_band(spread, prose, files, tasks_a_band):
    rows = spread([prose(number % 40) + "尾" * (number // 40) for number in range(120)], files)
    rows.files.insert(0, [])  # datatrove would share out the hashes of the first file
    found = rows.find_near(tasks_a_band=tasks_a_band)
    assert rows.kept(found, "near_duplicate") == [f"n{number}" for number in range(40)]


def test_tasks_of_a_band_share_its_rows(spread, prose, tmp_path):
    rows = spread([prose(number % 100) for number in range(200)])
    rows.find_near(tasks_a_band=4)
    sizes = [path.stat().st_size for path in sorted((rows.folder / "pairs").glob("00000_*.dups"))]
    assert sum(sizes) == 100 * PAIR.itemsize
    assert len(sizes) == 4
    assert min(sizes) > 10 * PAIR.itemsize


def test_number_of_tasks_that_find_pairs():
    settings = NearDuplicateSettings(buckets=14)
    assert [settings.pair_tasks(files) for files in (1, 32, 33, 1000)] == [14, 14, 28, 448]


def test_more_files_than_a_process_may_open(spread, prose):
    rows = spread([prose(number % 40) for number in range(120)], tasks=120)
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    gc.collect()
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/dev/fd")) + 60, most))
    try:
        found = rows.find_near()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))
    assert rows.kept(found, "near_duplicate") == [f"n{number}" for number in range(40)]


def test_first_of_a_chain_of_near_duplicates_is_kept(spread, prose, tmp_path):
    text = prose(1, 400)
    rows = spread([text, prose(2), text[:20] + text[60:], text[:20] + text[100:], prose(3)], tasks=3)
    drop = DropRows(rows.find_near(), "near_duplicate", JsonlWriter(str(tmp_path / "removed"), compression=None))
    assert [row.id for row in rows.run(drop)] == ["n0", "n1", "n4"]
    removed = [json.loads(row) for file in sorted((tmp_path / "removed").iterdir()) for row in file.open()]
    assert [(row["id"], row["metadata"]["filter_reason"], row["metadata"]["value"]) for row in removed] == [
        ("n2", "near_duplicate", "n0"),
        ("n3", "near_duplicate", "n0"),
    ]


@pytest.mark.parametrize(
    ("files", "kept"),
    [
        ([[], []], []),
        ([["短"], ["短"]], ["00", "10"]),  # fewer letters than an n-gram: exact deduplication knows them
        ([["！！！！！！！！"], ["。"]], ["00", "10"]),
        ([[], ["今天下了一场大雨路很滑"], [], ["今天下了一场大雨，路很滑！"]], ["10"]),
    ],
)
def test_files_and_rows_without_n_grams(spread, files, kept):
    rows = spread([])
    rows.files = [
        [Document(text, f"{rank}{number}") for number, text in enumerate(file)] for rank, file in enumerate(files)
    ]
    assert rows.kept(rows.find_near()) == kept


def test_killed_task_is_rerun(spread, prose):
    rows = spread([prose(1), prose(2), prose(1) + "尾", prose(3)], tasks=2)

    def killed(data):
        yield next(data)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        NoteSignatures(rows.folder / "signatures", NearDuplicateSettings()).run(killed(iter(rows.fresh(1))), 1, 2)
    assert rows.kept(rows.find_near()) == ["n0", "n1", "n3"]


def test_block_needs_no_word_tokenizer_and_can_be_pickled(tmp_path, prose):
    block = NoteSignatures(tmp_path, NearDuplicateSettings())
    copy = pickle.loads(pickle.dumps(block))
    assert np.array_equal(copy.get_shingles(prose(1)), block.get_shingles(prose(1)))


def joined(pairs: list[tuple[int, int]]) -> dict[int, int]:
    first, second = (np.array(ends, dtype=np.uint64) for ends in (zip(*pairs, strict=True) if pairs else ([], [])))
    return dict(zip(*(part.tolist() for part in join_pairs(first, second)), strict=True))


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([], {}),
        ([(3, 3)], {}),
        ([(5, 2)], {5: 2}),
        ([(1, 2), (3, 4)], {2: 1, 4: 3}),
        ([(9, 8), (8, 7), (7, 6), (1, 9)], {6: 1, 7: 1, 8: 1, 9: 1}),
        ([(5, 1), (5, 2), (5, 3), (4, 3)], {2: 1, 3: 1, 4: 1, 5: 1}),
    ],
)
def test_first_row_of_a_cluster_is_kept(pairs, expected):
    assert joined(pairs) == expected


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=40))
def test_clusters_are_connected_components(pairs):
    least = {node: node for pair in pairs for node in pair}
    for _ in range(len(least)):
        for one, other in pairs:
            least[one] = least[other] = min(least[one], least[other])
    assert joined(pairs) == {node: root for node, root in least.items() if node != root}


def test_places_are_ordered_as_rows_are_read():
    places = [places_of(rank, np.array([row]))[0] for rank, row in [(0, 0), (0, 2**32 - 1), (1, 0), (99999, 7)]]
    assert places == sorted(places)


def test_more_than_one_task_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="must run as one task, not 2"):
        ClusterNearDuplicates(tmp_path, tmp_path, tmp_path).run(None, 0, 2)


@pytest.mark.parametrize("tasks", [1, 3, 6])
def test_exact_copies_of_a_near_duplicate_name_the_row_that_stays(spread, prose, tasks):
    near = prose(0)[:150] + "有人在此处改了一句话" + prose(0)[160:]
    rows = spread([prose(0), prose(1), near, near, prose(1), near, prose(2)], tasks)
    exact = rows.find_exact()
    near_found = rows.find_near()
    for _ in range(2):  # killed behind it, the step runs again
        removed = {row: kept for rank in range(tasks) for row, kept in _named(rows, exact, rank)}
        assert removed == {"n3": "n0", "n4": "n1", "n5": "n0"}
        rows.find_near()
    assert near_found.is_dir()


def _named(rows, found, rank):
    return [(rows.files[rank][row].id, kept) for row, kept in read_found(found, rank)]
