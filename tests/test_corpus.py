"""The corpus stage as a whole, on the demo's documents: how the work is split, and a kill, change no row."""

import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import orjson
import pytest
from transformers import AutoTokenizer

from kun_recipes.config.words import to_words
from kun_recipes.corpus import corpus
from kun_recipes.corpus.config import Benchmark, Corpus, CorpusConfig
from kun_recipes.corpus.sources.formats import USUAL_NAMES
from kun_recipes.corpus.sources.readers import CorpusReader
from kun_recipes.data.folders import discard
from kun_recipes.data.rows import read_rows, removed_writers
from kun_recipes.errors import UserError
from tests.killing import run_until_killed

pytestmark = pytest.mark.slow

DATA = Path("recipes/demo/data")
FORMATS = ("wudao", "wanjuan", "skypile")


@pytest.fixture(scope="module")
def documents(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    """The demo's documents as JSON lines have them."""
    inputs = [(str(repository / DATA / "corpus" / name), name, USUAL_NAMES) for name in FORMATS]
    unreadable = removed_writers(tmp_path_factory.mktemp("unreadable"))("x")
    read = CorpusReader(inputs, None, unreadable).run()
    return [{"id": doc.id, "text": doc.text, "source": doc.metadata["source"]} for doc in read]


@pytest.fixture
def run(repository: Path, tiny_model: Path, monkeypatch) -> Callable[..., dict]:
    """Run the stage on folders of JSON lines; returns the rows kept, by id."""
    monkeypatch.chdir(repository)

    def run_stage(folder: Path, output: Path, **values) -> dict[str, dict]:
        config = CorpusConfig(**arguments(folder, output, tiny_model) | values)
        config.check()
        corpus.run(config)
        return {row["id"]: row for row in read_rows(output / "rows")}

    return run_stage


def arguments(folder: Path, output: Path, model: Path) -> dict:
    return {
        "corpora": [Corpus(str(folder), "jsonl")],
        "output_dir": str(output),
        "model": str(model),
        "max_tokens": 1100,  # bytes: a Chinese character is three tokens of the tiny model
        "benchmarks": [Benchmark(str(DATA / "evaluation_prompts.jsonl"), "prompts")],
    }


def write_files(folder: Path, documents: list[dict], files: int) -> Path:
    """The documents, in order, in so many files of nearly the same number."""
    folder.mkdir()
    for number in range(files):
        part = documents[number * len(documents) // files : (number + 1) * len(documents) // files]
        (folder / f"{number:02d}.jsonl").write_bytes(b"\n".join(map(orjson.dumps, part)))
    return folder


def removed(output: Path) -> Counter:
    folders = sorted((output / "removed").iterdir())
    return Counter((row["id"], row["reason"]) for row in chain.from_iterable(map(read_rows, folders)))


def without_path(rows: dict[str, dict]) -> dict[str, dict]:
    return {row_id: {**row, "file_path": None} for row_id, row in rows.items()}


def test_rows_do_not_depend_on_the_number_of_files_and_workers(run, documents, tmp_path):
    one = run(write_files(tmp_path / "one", documents, 1), tmp_path / "out_one")
    assert {reason for _, reason in removed(tmp_path / "out_one")} >= {"duplicate", "near_duplicate", "contaminated"}
    for files, workers in ((3, 1), (7, 2)):
        output = tmp_path / f"out_{files}"
        many = run(write_files(tmp_path / f"in_{files}", documents, files), output, workers=workers)
        assert without_path(many) == without_path(one)
        assert removed(output) == removed(tmp_path / "out_one")


def test_a_sample_is_exact_and_part_of_a_larger_one(run, documents, tmp_path):
    folder = write_files(tmp_path / "in", documents, 2)
    weights = {"wudao": 2, "skypile": 1}
    small = run(folder, tmp_path / "small", sample_rows=6, sample_weights=weights)
    large = run(folder, tmp_path / "large", sample_rows=9, sample_weights=weights)
    assert Counter(row["source"] for row in small.values()) == {"wudao": 4, "skypile": 2}
    assert Counter(row["source"] for row in large.values()) == {"wudao": 6, "skypile": 3}
    assert set(small) < set(large)


def test_a_sample_of_documents_is_the_same_whatever_the_files_and_workers(run, documents, tmp_path):
    samples = []
    for files, workers in ((1, 1), (3, 2)):
        output = tmp_path / f"out_{files}"
        folder = write_files(tmp_path / f"in_{files}", documents, files)
        samples.append(without_path(run(folder, output, workers=workers, sample_documents=0.5)))
        summary = orjson.loads((output / "stage.json").read_bytes())
        unused = summary["removed"].pop("document_not_sampled")
        assert summary["documents"] == len(documents)
        assert 0 < unused < len(documents)
        assert sum(removed(output).values()) == sum(summary["removed"].values())  # what is not sampled is not written
        assert not any(output.rglob("*not_sampled*"))
    assert samples[0] and samples[0] == samples[1]
    whole = run(folder, tmp_path / "whole", near_duplicates=False)
    assert set(samples[0]) < set(whole)


def test_a_corpus_of_which_nothing_is_sampled_is_an_error(run, documents, tmp_path):
    folder = write_files(tmp_path / "in", documents[:2], 1)
    with pytest.raises(UserError, match="in: none of its 2 records is sampled: raise sample_documents"):
        run(folder, tmp_path / "out", sample_documents=1e-9)


@pytest.mark.parametrize("max_tokens", [600, 1100])
def test_rows_have_the_tokenizers_count_and_stay_within_the_limit(run, documents, tiny_model, tmp_path, max_tokens):
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    rows = run(write_files(tmp_path / "in", documents, 1), tmp_path / "out", max_tokens=max_tokens)
    for row in rows.values():
        assert row["tokens"] == len(tokenizer(row["text"], add_special_tokens=False)["input_ids"])
    assert 0.9 * max_tokens < max(row["tokens"] for row in rows.values()) <= max_tokens
    assert {"mobile:1", "address:1"} & {row.get("masked") for row in rows.values()}


def test_max_segments_limits_the_segments_of_a_document(run, documents, tmp_path):
    folder = write_files(tmp_path / "in", documents, 1)
    rows = run(folder, tmp_path / "out", max_tokens=400, max_segments=1)
    assert set(Counter(row["document_id"] for row in rows.values()).values()) == {1}
    assert "surplus" in {reason for _, reason in removed(tmp_path / "out")}


def test_private_data_is_masked_in_the_rows(run, documents, tmp_path):
    rows = run(write_files(tmp_path / "in", documents, 1), tmp_path / "out")
    masked = {row["masked"]: row["text"] for row in rows.values() if "masked" in row}
    assert set(masked) == {"mobile:1", "address:1"}
    assert "[手机号]" in masked["mobile:1"] and "[地址]" in masked["address:1"]


def test_junk_corpus_is_an_error_and_leaves_a_report(run, tmp_path):
    junk = [{"id": str(number), "text": f"首页|论坛|登录|{number}"} for number in range(3)]
    for _ in range(2):
        with pytest.raises(UserError, match=r"in: none of its 3 records is kept \(removed: .*report.html shows them"):
            run(write_files(tmp_path / "in", junk, 1), tmp_path / "out")
        shutil.rmtree(tmp_path / "in")
    assert "0 kept" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert not (tmp_path / "out" / "stage.json").exists()


@pytest.mark.parametrize("text", ["<p></p><br>", "下一页", "&nbsp;", "\u200b\ufeff", "\u00ad", "| --- |"])
@pytest.mark.parametrize("place", [0, -1])
def test_document_emptied_by_cleaning_does_not_affect_others(run, documents, tmp_path, text, place):
    some = documents[:4]
    expected = run(write_files(tmp_path / "in", some, 2), tmp_path / "out")
    some.insert(place % 5, {"id": "nothing", "text": text})
    rows = run(write_files(tmp_path / "more", some, 3), tmp_path / "out_more")
    assert without_path(rows) == without_path(expected)
    assert sum(removed(tmp_path / "out_more").values()) == sum(removed(tmp_path / "out").values()) + 1


def test_ids_are_unique_where_the_corpora_repeat_them(run, documents, tmp_path, capsys):
    texts = [document["text"] for document in documents[:6]]
    write_files(tmp_path / "a", [{"id": 1, "text": text, "source": "s"} for text in texts[:2]], 1)
    write_files(tmp_path / "b", [{"text": text, "source": "s"} for text in texts[2:4]], 1)
    write_files(tmp_path / "c", [{"text": text, "source": "s"} for text in texts[4:]], 1)
    corpora = [Corpus(str(tmp_path / name), "jsonl") for name in "abc"]
    rows = run(tmp_path, tmp_path / "out", corpora=corpora)
    lines = list(read_rows(tmp_path / "out" / "rows"))
    assert len(lines) == len(rows) > 4
    assert {row["document_id"] for row in lines} <= {
        "1", "00.jsonl#2:1", "00.jsonl#2:2", "00.jsonl#3:1", "00.jsonl#3:2",
    }  # fmt: skip
    assert run(tmp_path, tmp_path / "again", corpora=corpora, workers=2) == rows
    assert "; repeated source ids 1 " in capsys.readouterr().err
    assert orjson.loads((tmp_path / "out" / "stage.json").read_bytes())["repeated_ids"] == 1


def test_documents_of_one_id_each_keep_their_segments(run, documents, tmp_path):
    some = [{"id": "same", "text": document["text"]} for document in documents[:6]]
    own = [{"id": str(number), "text": document["text"]} for number, document in enumerate(documents[:6])]
    same = run(write_files(tmp_path / "same", some, 1), tmp_path / "out_same", max_segments=1)
    apart = run(write_files(tmp_path / "apart", own, 1), tmp_path / "out_apart", max_segments=1)
    assert [row["text"] for row in same.values()] == [row["text"] for row in apart.values()]
    assert not any("record" in row for row in same.values())


@pytest.fixture
def unreadable(documents, tmp_path) -> Path:
    folder = write_files(tmp_path / "in", documents[:2], 1)
    (folder / "bad.jsonl").write_bytes(b"oops\n" * 9)
    return folder


def test_an_unreadable_corpus_can_be_gone_on_without(run, unreadable, tmp_path):
    with pytest.raises(
        UserError, match=r"in: 9 of 11 records cannot be read \(invalid_json\), the first in .*bad.jsonl:1"
    ):
        run(unreadable, tmp_path / "out")
    assert run(unreadable, tmp_path / "out", max_unreadable=1.0)


def test_repaired_corpus_is_read_as_the_error_suggests(run, documents, unreadable, tmp_path):
    """The folder that the stage began is of no use for another corpus."""
    advice = r"remove the stage's folder \(recipes/run.py: --only corpus --fresh\)"
    with pytest.raises(UserError, match=advice):
        run(unreadable, tmp_path / "out")
    (unreadable / "bad.jsonl").unlink()
    with pytest.raises(UserError, match="was made with another corpora"):
        run(unreadable, tmp_path / "out")
    discard(tmp_path / "out")
    assert run(unreadable, tmp_path / "out")
    junk = write_files(tmp_path / "junk", [{"id": "1", "text": "首页|论坛|登录"}], 1)
    with pytest.raises(UserError, match=f"is kept .*{advice}"):
        run(junk, tmp_path / "other")


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "moment", ["segment/completions/00000", "pairs/completions/00003", "unique/completions/00000"]
)
def test_killed_run_ends_with_the_same_rows(run, documents, repository, tiny_model, tmp_path, moment):
    folder = write_files(tmp_path / "in", documents, 3)
    whole = run(folder, tmp_path / "whole")
    output = tmp_path / "killed"
    words = chain.from_iterable(
        (f"--{key}", *to_words(value)) for key, value in arguments(folder, output, tiny_model).items()
    )
    run_until_killed([sys.executable, "recipes/corpus.py", *words], repository, output / "logs" / moment)
    assert not (output / "stage.json").exists()
    assert run(folder, output) == whole
    assert removed(output) == removed(tmp_path / "whole")
    assert not (output / "scratch").exists()


def test_finished_stage_writes_its_page_in_another_language_without_reading_again(repository, tiny_model, tmp_path):
    words = ["--config", "recipes/demo/corpus.yaml", "--model", str(tiny_model), "--max_tokens", "1100"]
    words += ["--max_documents", "4", "--output_dir", str(tmp_path / "corpus")]
    pages, rows = {}, {}
    for language in ("en", "zh", "zh"):
        command = [sys.executable, "recipes/corpus.py", *words, "--language", language]
        done = subprocess.run(command, cwd=repository, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        pages[language] = (tmp_path / "corpus/report.html").read_text(encoding="utf-8")
        rows[language] = (tmp_path / "corpus/stage.json").read_bytes()
    assert "What was removed" not in pages["zh"] and "删去的" in pages["zh"] and "Removed" in pages["en"]
    assert rows["en"] == rows["zh"]
    numbers = [re.findall(r"<td>([\d,.%]+)</td>", page) for page in pages.values()]
    assert numbers[0] == numbers[1] != []
