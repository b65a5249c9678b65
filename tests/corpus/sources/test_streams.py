"""Data sets as a stream: a folder through the same functions, and a Hub on this machine."""

import json

import pytest

from kun_recipes.corpus.sources.streams import HubDataset, StreamShard, list_shards, parse_hub_url
from kun_recipes.data.json_lines import Record
from kun_recipes.errors import UserError

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILES = {f"data/p{part}.jsonl": [f"第{part}件{line}" for line in range(4)] for part in range(3)}
RAW = {name: "".join(json.dumps({"text": text}) + "\n" for text in texts).encode() for name, texts in FILES.items()}

READ = """
import json, sys, tempfile
from datatrove.pipeline.writers.jsonl import JsonlWriter
from kun_recipes.corpus.sources.formats import USUAL_NAMES
from kun_recipes.corpus.sources.readers import CorpusReader
from kun_recipes.errors import UserError
path, format, limit = sys.argv[1:]
try:
    reader = CorpusReader([(path, format, USUAL_NAMES)], json.loads(limit), JsonlWriter(tempfile.mkdtemp()))
    print("made", flush=True)
    tasks = reader.tasks
    ranks = [list(reader.run(rank=rank, world_size=2)) for rank in range(2)]
    print(tasks, json.dumps([[(d.text, d.id, d.metadata["file_path"]) for d in documents] for documents in ranks]))
except UserError as error:
    print("UserError", error)
"""


@pytest.mark.parametrize(
    ("url", "dataset"),
    [
        ("hf://datasets/org/name", HubDataset("org/name", None)),
        ("hf://datasets/org/na.me-1/", HubDataset("org/na.me-1", None)),
        ("hf://datasets/org/name@v1.0", HubDataset("org/name", "v1.0")),
        ("hf://datasets/org/name@refs/convert/parquet", HubDataset("org/name", "refs/convert/parquet")),
        ("hf://datasets/org/name/data", None),
        ("hf://datasets/org/name@v1/data/*.jsonl", None),
        ("hf://datasets/org/name@refs/convert/parquet/default", None),
        ("hf://datasets/org", None),
        ("hf://org/model", None),
        ("s3://datasets/org/name", None),
        ("datasets/org/name", None),
    ],
)
def test_urls(url, dataset):
    assert parse_hub_url(url) == dataset


@pytest.fixture
def folder(tmp_path):
    for name, raw in RAW.items():
        (tmp_path / "corpus" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "corpus" / name).write_bytes(raw)
    return tmp_path / "corpus"


def test_shards_of_a_folder(folder):
    shards = list_shards(str(folder))
    assert shards[1:] == [StreamShard(str(folder), None, 1, 3), StreamShard(str(folder), None, 2, 3)]
    assert [shard.name for shard in shards] == ["corpus/0", "corpus/1", "corpus/2"]
    assert shards[1].path == f"{folder}#1"
    for shard, texts in zip(shards, FILES.values(), strict=True):
        assert list(shard.read()) == [Record(number, {"text": text}) for number, text in enumerate(texts, start=1)]


@pytest.mark.parametrize("line", [b'{"text": \n', b'{"text": "\xd6\xd0"}\n', b'{"other": 3}\n'])
def test_invalid_line_stops_the_stream(folder, line):
    (folder / "data" / "p1.jsonl").write_bytes(RAW["data/p1.jsonl"] + line)
    shards = list_shards(str(folder))
    assert len(list(shards[0].read())) == 4
    with pytest.raises(UserError) as error:
        list(shards[1].read())
    assert str(error.value).startswith(f"{folder}#1: cannot be streamed: ")
    assert str(error.value).endswith(
        "; give its files, such as hf://datasets/org/name/**/*.jsonl, to have such records reported and skipped"
    )
    assert "\n" not in str(error.value)


def test_folder_without_streamable_data_is_an_error(tmp_path):
    with pytest.raises(UserError, match="nowhere: cannot be streamed: "):
        list_shards(str(tmp_path / "nowhere"))
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "test.jsonl").write_bytes(RAW["data/p0.jsonl"])
    with pytest.raises(UserError, match=r"test: cannot be streamed: .*train"):
        list_shards(str(tmp_path / "test"))


@pytest.fixture
def corpus(hub):
    hub.repositories["org/corpus"] = RAW | {"README.md": b"---\nlicense: cc0-1.0\n---\n"}
    return hub


@pytest.mark.slow
def test_a_data_set_of_the_hub(corpus, tmp_path):
    printed = corpus.run(READ, "hf://datasets/org/corpus@v1", "skypile", "null", home=tmp_path)
    tasks, ranks = printed.removeprefix("made\n").split(" ", 1)
    path = f"hf://datasets/org/corpus@{COMMIT}"
    expected = [
        [[text, f"skypile/corpus/{part}:{number}", f"{path}#{part}"] for number, text in enumerate(texts, start=1)]
        for part, texts in enumerate(FILES.values())
    ]
    assert tasks == "3"
    assert json.loads(ranks) == [expected[0] + expected[2], expected[1]]


@pytest.mark.slow
def test_limit_bounds_what_is_downloaded(corpus, tmp_path):
    before = len(corpus.asked)
    printed = corpus.run(READ, "hf://datasets/org/corpus", "jsonl", "5", home=tmp_path)
    texts = [text for text, _, _ in json.loads(printed.removeprefix("made\n1 "))[0]]
    assert texts == [*FILES["data/p0.jsonl"], FILES["data/p1.jsonl"][0]]
    assert not any("p2.jsonl" in request for request in corpus.asked[before:])


def test_files_of_the_hub(corpus, tmp_path):
    printed = corpus.run(READ, "hf://datasets/org/corpus@v1/data/p[12].jsonl", "skypile", "null", home=tmp_path)
    tasks, ranks = printed.removeprefix("made\n").split(" ", 1)
    texts = FILES["data/p1.jsonl"]
    path = "hf://datasets/org/corpus@v1/data/p1.jsonl"
    assert tasks == "2"
    assert json.loads(ranks)[0] == [[text, f"skypile/p1.jsonl:{n}", path] for n, text in enumerate(texts, start=1)]


@pytest.mark.parametrize(
    ("path", "environment", "message"),
    [
        ("org/nobody", {}, "no such data set on the Hub, or a private one: log in with `hf auth login`"),
        ("org/corpus@v2", {}, 'no revision "v2" of it on the Hub'),
        ("org/corpus", {"HF_HUB_OFFLINE": "1"}, "the Hub cannot be reached: "),
        ("org/corpus", {"HF_ENDPOINT": "http://127.0.0.1:9"}, "the Hub cannot be reached: "),
    ],
)
def test_unavailable_hub_dataset_is_an_error(corpus, tmp_path, path, environment, message):
    made, problem = corpus.run(
        READ, f"hf://datasets/{path}", "skypile", "null", home=tmp_path, **environment
    ).splitlines()
    assert made == "made"  # the Hub is not asked before the shards are counted
    assert problem.startswith(f"UserError hf://datasets/{path.partition('@')[0]}: {message}")


@pytest.mark.parametrize(
    ("path", "environment", "message"),
    [
        ("org/nobody/*.jsonl", {}, "no such file or folder (datasets/org/nobody/*.jsonl (repository not found)"),
        ("org/corpus/nowhere", {}, "no such file or folder"),
        ("org/corpus/*.json", {}, "no corpus file"),
        ("org/corpus/*.json", {"HF_HUB_OFFLINE": "1"}, "cannot be listed: "),
        ("org/corpus/*.json", {"HF_ENDPOINT": "http://127.0.0.1:9"}, "cannot be listed: "),
    ],
)
def test_unavailable_hub_files_are_an_error(corpus, tmp_path, path, environment, message):
    url = f"hf://datasets/{path}"
    [problem] = corpus.run(READ, url, "skypile", "null", home=tmp_path, **environment).splitlines()
    assert problem.startswith(f"UserError {url}: {message}")
