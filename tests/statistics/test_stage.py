"""The stage as a person runs it, with the tiny model."""

import json
import shutil
import warnings

import pytest

from kun_recipes.data.rows import read_rows
from kun_recipes.errors import ConfigError, UserError
from kun_recipes.statistics import pipelines
from kun_recipes.statistics.statistics import run

pytestmark = pytest.mark.slow

SEEDS = "recipes/demo/data/seeds.jsonl"


def test_a_run_writes_numbers_figures_and_rows(write_pairs, statistics_config, tmp_path):
    seeds = write_pairs(5, "seeds.jsonl")
    words = ["--references", f"{seeds},name=seeds", "--topic_rows", "6", "--topic_lists", "sector", "text_type"]
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Glyph")
        run(statistics_config(write_pairs(20), *words))
    statistics = json.loads((tmp_path / "out/statistics.json").read_text(encoding="utf-8"))
    dataset, reference = statistics["sets"]["dataset"], statistics["sets"]["seeds"]
    assert (dataset["rows"], reference["rows"]) == (20, 5)
    assert dataset["sources"] == {"wudao": {"rows": 15, "share": 0.75}, "skypile": {"rows": 5, "share": 0.25}}
    assert dataset["forms"]["question"]["rows"] == dataset["forms"]["imperative"]["rows"] == 10
    assert dataset["lengths"]["instruction"]["min"] == len("写出第0句话。".encode())  # its tokens are bytes
    assert dataset["years"]["last_20"]["2019"] == 1
    assert list(dataset["topics"]) == ["sector", "text_type"]
    assert dataset["topics"]["sector"]["asked"] == 6
    assert "topics" not in reference
    figures = {path.name for path in (tmp_path / "out/figures").iterdir()}
    names = ("lengths", "sources", "years", "forms", "topics")
    assert figures == {f"{name}.{suffix}" for name in names for suffix in ("svg", "png")}
    rows = list(read_rows(tmp_path / "out/rows"))
    assert len({row["id"] for row in rows}) == 6
    assert {row["set"] for row in rows} == {"dataset"}
    assert not (tmp_path / "out/scratch").exists()


@pytest.mark.parametrize(
    ("more", "sources"),
    [
        ({"id": None, "source": None}, {"": 8}),
        ({"id": 7, "source": 7}, {"": 8}),
        ({"id": "one"}, {"wudao": 6, "skypile": 2}),
    ],
    ids=["null", "numbers", "one id"],
)
def test_own_rows_need_an_instruction_and_an_output_alone(write_pairs, statistics_config, tmp_path, more, sources):
    run(statistics_config(write_pairs(8, **more), "--topic_lists", "text_type", "--repeats", "1"))
    dataset = json.loads((tmp_path / "out/statistics.json").read_text(encoding="utf-8"))["sets"]["dataset"]
    assert {name: one["rows"] for name, one in dataset["sources"].items()} == sources
    assert dataset["topics"]["text_type"]["asked"] == 8


def test_references_are_asked_about_where_the_config_says_so(write_pairs, statistics_config, tmp_path):
    words = ["--references", f"{write_pairs(5, 'seeds.jsonl')},name=seeds", "--topic_references", "true"]
    run(statistics_config(write_pairs(3), *words, "--topic_lists", "text_type", "--repeats", "1"))
    sets = json.loads((tmp_path / "out/statistics.json").read_text(encoding="utf-8"))["sets"]
    assert [one["topics"]["text_type"]["asked"] for one in sets.values()] == [3, 5]
    assert [one["topics"]["text_type"]["agreed"] for one in sets.values()] == [3, 5]


def test_without_topics_no_model_is_loaded(write_pairs, statistics_config, tiny_model, tmp_path):
    tokenizer = tmp_path / "tokenizer"
    shutil.copytree(tiny_model, tokenizer, ignore=shutil.ignore_patterns("*.safetensors"))
    run(statistics_config(write_pairs(4), "--topics", "false", "--model", str(tokenizer)))
    assert not (tmp_path / "out/figures/topics.svg").exists()
    assert (tmp_path / "out/figures/lengths.svg").exists()


def test_rerun_asks_only_missing_rows(write_pairs, statistics_config, tmp_path, monkeypatch):
    monkeypatch.setattr(pipelines, "ROWS_A_SHARD", 4)
    config = statistics_config(write_pairs(10), "--topic_lists", "text_type")
    run(config)
    whole = (tmp_path / "out/statistics.json").read_bytes()
    rows = list(read_rows(tmp_path / "out/rows"))
    out = tmp_path / "out"
    killed = {"config": json.loads((out / "stage.json").read_text(encoding="utf-8"))["config"]}
    (out / "started.json").write_text(json.dumps(killed), encoding="utf-8")  # as if killed in the second shard
    for path in ("stage.json", "statistics.json", "logs/topics/completions/00001", "rows/00001.jsonl.zst"):
        (out / path).unlink()
    kept = (out / "rows/00000.jsonl.zst").stat().st_mtime_ns
    run(config)
    assert (out / "rows/00000.jsonl.zst").stat().st_mtime_ns == kept
    assert list(read_rows(out / "rows")) == rows
    assert (out / "statistics.json").read_bytes() == whole


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--references", SEEDS], "references.name: is missing"),
        (
            ["--references", f"{SEEDS},name=a", "README.md,name=a"],
            "references: two sets have the name a; give each a different name",
        ),
        (["--references", f"{SEEDS},name=dataset"], "references: two sets have the name dataset"),
        (["--topic_lists", "genre"], "topic_lists[0]: must be one of discipline, sector, text_type, not genre"),
    ],
)
def test_a_config_that_cannot_work_is_refused(write_pairs, statistics_config, words, message):
    with pytest.raises(ConfigError) as caught:
        statistics_config(write_pairs(1), *words)
    assert message in str(caught.value)


def test_a_column_that_is_missing_stops_before_any_work(write_pairs, statistics_config, tmp_path):
    seeds = write_pairs(2, "seeds.jsonl")
    config = statistics_config(write_pairs(2), "--references", f"{seeds},name=seeds,output=answer")
    with pytest.raises(UserError, match=r"seeds\.jsonl:1: no column answer; found id, source, instruction, output"):
        run(config)
    assert not (tmp_path / "out").exists()
