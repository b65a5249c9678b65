"""Corpus files by folder, glob and name, here and in fsspec's memory; mistakes are reported in a line."""

from pathlib import Path

import fsspec
import pytest

from kun_recipes.data.files import CorpusFile, list_files, open_file
from kun_recipes.errors import UserError

SUFFIXES = (".json", ".jsonl", ".jsonl.gz")
FILES = ["b.json", "a/x.jsonl", "a/sub/名 字.jsonl.gz", "a.jsonl.gz", "[1]*.json", "x::y.json"]
OTHERS = ["readme.md", "a/.cache/y.json", "._b.json", "c.txt.gz"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "a corpus"
    for name in FILES + OTHERS:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


@pytest.fixture
def memory(folder: Path) -> str:
    """The same files in memory."""
    filesystem = fsspec.filesystem("memory")
    for name in FILES + OTHERS:
        filesystem.pipe(f"/corpus/{name}", name.encode())
    yield "memory://corpus"
    filesystem.rm("/corpus", recursive=True)


PATHS = [
    ("", ["[1]*.json", "a/sub/名 字.jsonl.gz", "a/x.jsonl", "a.jsonl.gz", "b.json", "x::y.json"]),
    ("/", ["[1]*.json", "a/sub/名 字.jsonl.gz", "a/x.jsonl", "a.jsonl.gz", "b.json", "x::y.json"]),
    ("/a", ["sub/名 字.jsonl.gz", "x.jsonl"]),
    ("/b.json", ["b.json"]),
    ("/a/sub/名 字.jsonl.gz", ["名 字.jsonl.gz"]),
    ("/x::y.json", ["x::y.json"]),
    ("/[1]*.json", ["[1]*.json"]),  # there is a file of this name
    ("/*.json*", ["[1]*.json", "a.jsonl.gz", "b.json", "x::y.json"]),
    ("/**/*.gz", ["a/sub/名 字.jsonl.gz", "a.jsonl.gz"]),
    ("/a/**/*", ["sub/名 字.jsonl.gz", "x.jsonl"]),
    ("/a/s?b/*.gz", ["sub/名 字.jsonl.gz"]),
    ("/a/s[tu]b/*", ["sub/名 字.jsonl.gz"]),
]


@pytest.mark.parametrize(("path", "names"), PATHS)
def test_local_files(folder, path, names):
    files = list_files(f"{folder}{path}", SUFFIXES)
    assert [file.name for file in files] == names
    for file in files:
        assert Path(file.path).is_file()
        with open_file(file.path) as opened:
            assert opened.read().decode().endswith(file.name)


@pytest.mark.parametrize(("path", "names"), [case for case in PATHS if "::" not in case[0]])
def test_files_of_another_file_system(memory, path, names):
    files = list_files(f"{memory}{path}", SUFFIXES)
    assert [file.name for file in files] == names
    for file in files:
        assert file.path.startswith("memory://corpus/")
        if "::" not in file.name:
            with open_file(file.path) as opened:
                assert opened.read().decode().endswith(file.name)


def test_paths_stay_relative(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert list_files("b.json", SUFFIXES) == [CorpusFile("b.json", "b.json")]
    assert list_files("./a/", SUFFIXES)[1] == CorpusFile("a/x.jsonl", "x.jsonl")
    assert list_files("a/*.jsonl", SUFFIXES) == [CorpusFile("a/x.jsonl", "x.jsonl")]
    assert list_files("b*", SUFFIXES) == [CorpusFile("b.json", "b.json")]
    assert list_files("../a corpus/a", SUFFIXES)[1] == CorpusFile("../a corpus/a/x.jsonl", "x.jsonl")


def test_links_are_followed_once(folder):
    (folder / "a" / "loop").symlink_to(folder)
    (folder / "link.jsonl").symlink_to(folder / "b.json")
    (folder.parent / "other").symlink_to(folder)
    names = [file.name for file in list_files(str(folder.parent / "other"), SUFFIXES)]
    assert names == [*PATHS[0][1][:-1], "link.jsonl", "x::y.json"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("{folder}/nowhere", "nowhere: no such file or folder"),
        (
            "{folder}/readme.md",
            "readme.md: no corpus file; names of files in this format end in .json, .jsonl, .jsonl.gz",
        ),
        ("{folder}/*.md", "no corpus file"),
        ("{folder}/n*", "no corpus file"),
        ("memory://nowhere/at/all", "memory://nowhere/at/all: no such file or folder"),
        ("memory://nowhere/*.json", "no corpus file"),
        ("abc://bucket/data", "abc://bucket/data: cannot be opened: "),
    ],
)
def test_path_without_files_is_an_error(folder, path, message):
    with pytest.raises(UserError) as error:
        list_files(path.format(folder=folder), SUFFIXES)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_files_that_are_not_read_are_named(folder, capsys):
    list_files(str(folder), SUFFIXES)
    assert capsys.readouterr().err == (
        f"{folder}: skipped files whose names do not end as this format requires: c.txt.gz, readme.md\n"
    )
    (folder / "b.csv").write_text("x")
    with pytest.raises(UserError, match=r"found c\.txt\.gz: a text file does not mark where a document ends"):
        list_files(f"{folder}/*.txt.gz", SUFFIXES)


def test_a_missing_package_is_named():
    fsspec.register_implementation(
        "faraway", "farawayfs.FileSystem", errtxt="Install farawayfs to go there", clobber=True
    )
    with pytest.raises(UserError) as error:
        list_files("faraway://bucket/data", SUFFIXES)
    assert str(error.value) == "faraway://bucket/data: a package is missing: Install farawayfs to go there"
