"""Sections and mappings on the command line."""

from dataclasses import dataclass

import pytest

from kun_recipes.config.command_line import load
from kun_recipes.config.options import option
from kun_recipes.config.types import InputPath
from kun_recipes.config.words import read_pair_word, read_section_word, to_words
from kun_recipes.corpus.config import Corpus
from kun_recipes.errors import ConfigError


@dataclass(frozen=True)
class Part:
    path: InputPath = option(help="where")
    format: str = option("jsonl", "layout")
    weight: float | None = option(None, "how much", above=0)
    rows: int | None = option(None, "how many", min=1)
    names: list[str] | None = option(None, "which")


@dataclass(kw_only=True)
class Whole:
    parts: list[Part] = option(help="what is read")
    shares: dict[str, float] | None = option(None, "how it is shared out")


@pytest.mark.parametrize(
    ("word", "part"),
    [
        ("a.jsonl", Part("a.jsonl")),
        ("path=a.jsonl", Part("a.jsonl")),
        ("a.jsonl,format=wudao", Part("a.jsonl", "wudao")),
        ("format=wudao,path=a,b.jsonl", Part("a,b.jsonl", "wudao")),
        ("a=b/c.jsonl,weight=2e-1,rows=3", Part("a=b/c.jsonl", weight=0.2, rows=3)),
        ("a.jsonl,weight=None,names=x+y", Part("a.jsonl", names=["x", "y"])),
    ],
)
def test_a_word_becomes_a_section_and_back(word, part):
    assert read_section_word(word, Part, "parts") == part
    assert [read_section_word(again, Part, "parts") for again in to_words([part])] == [part]


@pytest.mark.parametrize(
    ("word", "value"),
    [("a=false", False), ("a=5", 5), ("a=0.5", 0.5), ("a=2e-1", 0.2), ("a=fast", "fast"), ("a=5x", "5x")],
)
def test_a_value_of_several_types_has_the_first_that_fits(word, value):
    name, found = read_pair_word(word, bool | int | float | str, "fields")
    assert (name, found, type(found)) == ("a", value, type(value))


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("pth=a.jsonl", "parts: pth: unknown key; did you mean path?"),
        ("a.jsonl,rows=1,rows=2", "parts: a.jsonl,rows=1,rows=2: a name is given twice"),
        ("a.jsonl,fromat=wudao", "parts: fromat: unknown key; did you mean format?"),
        ("format=wudao", "path: is missing"),
        ("a.jsonl,rows=many", "rows: must be a whole number, not 'many'"),
        ("a.jsonl,weight=heavy", "weight: must be a number, not 'heavy'"),
    ],
)
def test_a_mistake_in_a_word_is_named(word, message):
    with pytest.raises(ConfigError) as caught:
        read_section_word(word, Part, "parts")
    assert str(caught.value).endswith(message)


def test_a_mapping_and_back():
    assert read_pair_word("wudao=2", float, "shares") == ("wudao", 2.0)
    assert to_words({"wudao": 2, "skypile": 1.5}) == ["wudao=2", "skypile=1.5"]
    for word in ("wudao", "=2", "wudao="):
        with pytest.raises(ConfigError, match=r"^shares: write name=value, not "):
            read_pair_word(word, float, "shares")


def test_the_command_line_replaces_sections_and_mappings(tmp_path):
    file = tmp_path / "stage.yaml"
    file.write_text(f"parts: [{{path: {tmp_path}, weight: 2}}]\nshares: {{a: 1}}\n")
    of_file = load(Whole, ["--config", str(file)])
    assert (of_file.parts, of_file.shares) == ([Part(str(tmp_path), weight=2)], {"a": 1})
    words = ["--parts", f"{tmp_path},format=x", str(file), "--shares", "a=2", "b=1"]
    of_words = load(Whole, ["--config", str(file), *words])
    assert of_words.parts == [Part(str(tmp_path), "x"), Part(str(file))]
    assert of_words.shares == {"a": 2, "b": 1}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--parts", "no/such"], "command line: parts[0].path: no such file or folder: no/such"),
        (["--parts", ".,weight=0"], "command line: parts[0].weight: must be above 0, not 0.0"),
        (["--parts", ".", "--shares", "a=1", "a=2"], "command line: shares: a is given twice"),
        (["--shares", "a=1"], "command line: parts: is required: set it in the YAML or by --parts"),
    ],
)
def test_a_mistake_on_the_command_line_gets_one_line(words, message):
    with pytest.raises(ConfigError) as caught:
        load(Whole, words)
    assert str(caught.value) == message


def test_missing_format_of_a_corpus_is_reported_with_the_formats():
    with pytest.raises(ConfigError) as caught:
        read_section_word("texts.jsonl", Corpus, "corpora")
    assert "format: is missing; must be one of wudao, wanjuan, skypile, jsonl, csv, parquet" in str(caught.value)
