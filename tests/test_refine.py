"""The arms of the refine stage, through its script on the tiny model: what is scored, and what the answers are."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from datasets import load_dataset
from datatrove.data import Document

from kun_recipes.data import schema
from kun_recipes.data.rows import read_rows, row_writer
from kun_recipes.reporting.funnel import row_panel

pytestmark = pytest.mark.slow

SEGMENT = "绿茶在加工时先用高温杀青，使鲜叶中的酶失去活性，因此叶色翠绿。红茶则让揉捻后的茶叶充分氧化，茶汤呈红色。"
PAIRS = [
    ("绿茶和红茶有什么区别？", SEGMENT),
    ("请介绍红茶的加工方法。", SEGMENT.replace("绿茶", "乌龙茶")),
    ("红茶的茶汤为什么是红色的？", SEGMENT + "联系电话13800001111。"),
]


@pytest.fixture(scope="module")
def candidates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three candidates, as the label stage leaves them; the last answer holds a telephone number."""
    folder = tmp_path_factory.mktemp("label") / "rows"
    measured = {schema.SOURCE: "wudao", schema.PERPLEXITY: 1.5, schema.FIT: 0.5, schema.LABEL_MODEL: "label@1"}
    with row_writer(folder) as writer:
        for number, (instruction, segment) in enumerate(PAIRS):
            metadata = {schema.INSTRUCTION: instruction, **measured}
            writer.write(Document(text=segment, id=str(number), metadata=metadata), 0)
    return folder


@pytest.fixture(scope="module")
def refine(repository: Path, tiny_model: Path, candidates: Path, tmp_path_factory: pytest.TempPathFactory):
    """Run recipes/refine.py with a recipe's file on the tiny model, keeping what the judges say of any candidate."""

    def run(recipe: str, *more: str) -> tuple[Path, subprocess.CompletedProcess]:
        folder = tmp_path_factory.mktemp("refine")
        overrides = {
            "candidates": candidates,
            "model": tiny_model,
            "output_dir": folder / "refine",
            "dataset_dir": folder / "dataset",
            "engine": "transformers",
            "filter_threshold": -100,
            "score_threshold": -100,
        }
        words = [str(word) for key, value in overrides.items() for word in (f"--{key}", value)]
        command = [sys.executable, "recipes/refine.py", "--config", f"recipes/{recipe}/refine.yaml", *words, *more]
        return folder, subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="module")
def raw(refine) -> Path:
    folder, done = refine("humpback")
    assert done.returncode == 0, done.stderr
    return folder


def test_raw_answer_is_its_segment_and_passes_the_answer_rules(raw):
    rows = list(read_rows(raw / "refine" / "rows"))
    assert [(row["instruction"], row["output"]) for row in rows] == PAIRS[:2]
    assert all(row["text"] == row["output"] for row in rows)
    assert {"output_tokens", "output_logprob", "output_finish_reason", "polish_prompt"}.isdisjoint(rows[0])
    stage = json.loads((raw / "refine" / "stage.json").read_text(encoding="utf-8"))
    assert (stage["rows_in"], stage["rows_kept"], stage["removed"]) == (3, 2, {"phone_number": 1})
    assert (stage["config"]["score_target"], stage["config"]["answers"]) == ("pair", "raw")
    assert (stage["judges"]["score"]["development"], stage["judges"]["score"]["held_out"]) == (20, 20)
    row_panel(rows[0])  # has all it shows


def test_raw_pairs_load_as_a_dataset(raw, tmp_path):
    loaded = load_dataset(str(raw / "dataset"), cache_dir=str(tmp_path))["wudao"]
    assert loaded.column_names[:3] == ["instruction", "output", "source"]
    assert list(loaded["output"]) == list(loaded["segment"]) == [segment for _, segment in PAIRS[:2]]
    assert list(loaded["output_tokens"]) == [None, None]


def test_pair_scores_differ_from_instruction_scores(refine, raw, open_rules):
    folder, done = refine("kun-6b", "--answers", "raw", "--verify", "false", "--rules", str(open_rules))
    assert done.returncode == 0, done.stderr
    alone, pairs = (list(read_rows(path / "refine" / "rows")) for path in (folder, raw))
    for one, other in zip(alone, pairs, strict=False):
        assert one["filter_logodds"] == pytest.approx(other["filter_logodds"])
        assert one["score_logodds"] != pytest.approx(other["score_logodds"])


@pytest.mark.parametrize(
    ("recipe", "words", "message"),
    [
        (
            "humpback",
            ["--judge_data", "recipes/demo/data/judge.jsonl"],
            "judge.jsonl:1: output must be non-empty text: the score judge is asked about the pair",
        ),
        (
            "kun-6b",
            ["--judge_data", "recipes/humpback/data/judge_pairs.jsonl"],
            "judge_pairs.jsonl:1: has an output, but the score judge is asked about the instruction alone",
        ),
        (
            "humpback",
            ["--score_prompt", "recipes/prompts/score.txt"],
            "score.txt: the last turn must contain the fields {instruction}, {output}; it contains {instruction}",
        ),
    ],
    ids=["items without outputs", "items with outputs", "prompt without output"],
)
def test_judge_data_and_prompt_must_match_the_score_target(refine, recipe, words, message):
    _, done = refine(recipe, *words)
    assert done.returncode == 2
    assert message in done.stderr and "Traceback" not in done.stderr
