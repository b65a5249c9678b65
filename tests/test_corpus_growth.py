"""A file is added to a finished corpus stage: only it is read, and the earlier rows stay where and what they are."""

import shutil
import sys
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import orjson
import pytest

from kun_recipes.config.words import to_words
from kun_recipes.corpus.config import Corpus
from kun_recipes.corpus.sources.readers import CorpusReader
from kun_recipes.errors import UserError
from tests.killing import run_until_killed
from tests.test_corpus import arguments, documents, removed, run, without_path, write_files  # noqa: F401

pytestmark = pytest.mark.slow

FILES = 3
ADDED = "000.jsonl"  # between 00.jsonl and 01.jsonl


@pytest.fixture
def added(documents) -> list[dict]:  # noqa: F811
    """Every fourth document, and copies of two of the others, exactly and nearly."""
    near = {**documents[2], "id": "near", "text": documents[2]["text"].replace("。", "！", 1)}
    return [*documents[1::4], documents[0], near]


@pytest.fixture
def corpus(documents, tmp_path) -> Path:  # noqa: F811
    return write_files(tmp_path / "in", [one for at, one in enumerate(documents) if at % 4 != 1], FILES)


@pytest.fixture
def last(corpus, added, tmp_path) -> Path:
    """The same corpus with the added file at its end, for a run that reads all."""
    folder = tmp_path / "last"
    folder.mkdir()
    for path in corpus.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return add(folder, added, "99.jsonl")


def add(folder: Path, rows: list[dict], name: str = ADDED) -> Path:
    (folder / name).write_bytes(b"\n".join(map(orjson.dumps, rows)))
    return folder


def shards(output: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (output / "rows").iterdir()}


def counts(output: Path) -> dict:
    summary = orjson.loads((output / "stage.json").read_bytes())
    return {key: summary[key] for key in ("rows_in", "rows_kept", "removed", "documents", "repeated_ids", "tasks")}


@pytest.mark.parametrize("workers", [1, 2])
def test_added_file_alone_is_read(run, corpus, added, last, tmp_path, monkeypatch, workers):  # noqa: F811
    output = tmp_path / "out"
    old = run(corpus, output)
    before = shards(output)
    opened, read = [], CorpusReader._read
    monkeypatch.setattr(
        CorpusReader, "_read", lambda self, part, *rest: opened.append(part) or read(self, part, *rest)
    )
    grown = run(add(corpus, added), output, workers=workers)
    monkeypatch.undo()
    assert [Path(part.path).name for part in opened] == ([ADDED] if workers == 1 else [])  # others in their processes
    assert {name: content for name, content in shards(output).items() if name in before} == before
    assert old.items() < grown.items()

    whole = run(last, tmp_path / "whole")
    assert list(without_path(grown)) == list(without_path(whole))
    assert without_path(grown) == without_path(whole)
    assert removed(output) == removed(tmp_path / "whole")
    assert counts(output) == counts(tmp_path / "whole")
    reasons = {row_id.partition(":")[0]: reason for row_id, reason in removed(output)}
    assert {"duplicate", "near_duplicate"} <= set(reasons.values())
    assert f"{len(grown)} kept" in (output / "report.html").read_text(encoding="utf-8")
    assert not (output / "scratch").exists()


def test_corpus_grows_again_by_file_and_by_corpus(run, corpus, added, tmp_path):  # noqa: F811
    output, more = tmp_path / "out", write_files(tmp_path / "more", added[3:], 1)
    rows = [run(corpus, output), run(add(corpus, added[:3]), output)]
    corpora = [Corpus(str(more), "jsonl"), Corpus(str(corpus), "jsonl")]
    rows.append(run(corpus, output, corpora=corpora))
    assert rows[0].items() < rows[1].items() < rows[2].items()
    assert run(corpus, output, corpora=corpora) == rows[2]
    summary = orjson.loads((output / "stage.json").read_bytes())
    assert [one["files"] for one in summary["grown"]] == [1, 1]
    assert sum(one["rows_kept"] for one in summary["grown"]) == len(rows[2]) - len(rows[0])


@pytest.mark.parametrize("change", ["changed", "gone", "threshold", "unnoted"])
def test_what_was_read_must_stay(run, corpus, added, tmp_path, change):  # noqa: F811
    output = tmp_path / "out"
    run(corpus, output)
    before, summary = shards(output), (output / "stage.json").read_bytes()
    add(corpus, added)
    values, message = {}, r"01.jsonl: was changed or removed, but the finished stage contains its rows"
    if change == "changed":
        (corpus / "01.jsonl").write_bytes((corpus / "01.jsonl").read_bytes().replace("的".encode(), "地".encode(), 1))
    elif change == "gone":
        (corpus / "01.jsonl").unlink()
    elif change == "unnoted":
        shutil.rmtree(output / "noted")
        message = "was made with another corpora"
    else:
        values, message = {"max_segments": 1}, "was made with another corpora, max_segments"
    with pytest.raises(UserError, match=message):
        run(corpus, output, **values)
    assert shards(output) == before and (output / "stage.json").read_bytes() == summary


@pytest.mark.parametrize("weights", [None, {"wudao": 2, "skypile": 1}])
def test_sample_of_a_grown_corpus_holds_the_earlier(run, corpus, added, tmp_path, weights):  # noqa: F811
    output, values = tmp_path / "out", {"sample_rows": 15, "sample_weights": weights}
    old = run(corpus, output, **values)
    before = shards(output)
    other = {**added[2], "id": "x", "text": added[2]["text"] * 2, "source": "other"}
    grown = run(add(corpus, [*added, other]), output, **values)
    assert old.items() < grown.items()
    assert before.items() <= shards(output).items()
    reasons = {reason for row_id, reason in removed(output) if row_id not in old}
    assert "not_sampled" in reasons
    if weights:
        assert {row["source"] for row in grown.values()} == set(weights)


def test_all_that_is_added_is_taken_where_all_was(run, corpus, added, last, tmp_path):  # noqa: F811
    run(corpus, tmp_path / "out", sample_rows=10_000)
    grown = run(add(corpus, added), tmp_path / "out", sample_rows=10_000)
    assert without_path(grown) == without_path(run(last, tmp_path / "whole"))


@pytest.fixture
def kill(corpus, repository, tiny_model, tmp_path) -> Callable[[str], None]:
    """Kill an increment at the moment when something appears in its folder."""
    output = tmp_path / "out"

    def kill_at(moment: str) -> None:
        options = arguments(corpus, output, tiny_model).items()
        words = chain.from_iterable((f"--{key}", *to_words(value)) for key, value in options)
        command = [sys.executable, "recipes/corpus.py", *words]
        run_until_killed(command, repository, output / "scratch/growth" / moment)

    return kill_at


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "moment", ["logs/segment/completions/00003", "logs/unique/completions/00003", "earlier/stage.json"]
)
def test_killed_increment_ends_with_the_same_rows(run, corpus, added, last, kill, tmp_path, moment):  # noqa: F811
    output = tmp_path / "out"
    run(corpus, output)
    before = shards(output)
    add(corpus, added)
    kill(moment)
    moving = moment.startswith("earlier")
    assert (output / "stage.json").exists() != moving
    assert before.items() <= shards(output).items() and (moving or shards(output) == before)
    grown, whole = run(corpus, output), run(last, tmp_path / "whole")
    assert without_path(grown) == without_path(whole)
    assert (removed(output), counts(output)) == (removed(tmp_path / "whole"), counts(tmp_path / "whole"))


def test_increment_of_other_files_is_made_anew(run, corpus, added, last, kill, tmp_path):  # noqa: F811
    run(corpus, tmp_path / "out")
    add(corpus, added[:2])
    kill("logs/unique/completions/00003")
    rows = run(add(corpus, added), tmp_path / "out")
    assert without_path(rows) == without_path(run(last, tmp_path / "whole"))
