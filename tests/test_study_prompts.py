"""The prompts of the preference study: as many as the paper has, balanced, none like another, in no segment."""

import itertools
import json
import re
from collections import Counter
from pathlib import Path

import pytest

from kun_recipes.config.settings import read_yaml_mapping
from kun_recipes.corpus.decontamination.benchmarks import load_benchmark
from kun_recipes.studies.inputs import read_prompts

REPOSITORY = Path(__file__).resolve().parents[1]
NAME = "recipes/study_prompts/prompts.jsonl"
FILE = REPOSITORY / NAME
ROWS = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
PROMPTS = [row["prompt"] for row in ROWS]
STUDIES = sorted(path.parent.name for path in (REPOSITORY / "recipes").glob("*/study.yaml"))
OWN_PROMPTS = {"demo"}
CORPUS_OF = {"humpback": "kun-6b"}
"""Recipes that read segments of another one."""


def grams(text: str, size: int) -> set[str]:
    letters = re.sub(r"\W", "", text)
    return {letters[start : start + size] for start in range(len(letters) - size + 1)}


def test_there_are_500_under_ids_of_their_own():
    assert len(read_prompts(str(FILE), None)) == len(ROWS) == len(set(PROMPTS)) == 500
    assert {tuple(row) for row in ROWS} == {("id", "task", "prompt")}


def test_tasks_are_balanced_from_the_first_prompt_on():
    tasks = Counter(row["task"] for row in ROWS)
    assert set(tasks.values()) == {50}
    assert len({row["task"] for row in ROWS[: len(tasks)]}) == len(tasks) == 10
    named = re.findall(r"^\| `(\w+)`", FILE.with_name("README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(named) == set(tasks)


def test_no_prompt_is_near_another():
    every = [grams(prompt, 3) for prompt in PROMPTS]
    near = [(a, b) for (a, first), (b, second) in itertools.combinations(enumerate(every), 2) if _like(first, second)]
    assert [(PROMPTS[a], PROMPTS[b]) for a, b in near] == []


def _like(first: set[str], second: set[str]) -> bool:
    return 3 * len(first & second) > min(len(first), len(second))


def test_prompts_begin_in_many_ways():
    assert Counter(prompt[:3] for prompt in PROMPTS).most_common(1)[0][1] <= 10


def test_prompts_are_chinese_and_long_enough_to_be_told_from_a_segment():
    for prompt in PROMPTS:
        chinese = len(re.findall(r"[\u4e00-\u9fff]", prompt))
        assert chinese >= 10, prompt
        assert chinese > len(re.findall(r"[A-Za-z]", prompt)) / 4, prompt
        assert prompt == prompt.strip() and 12 <= len(prompt) <= 200


@pytest.mark.parametrize("recipe", sorted(set(STUDIES) - OWN_PROMPTS))
def test_every_full_recipe_studies_them_and_keeps_them_out_of_its_segments(recipe):
    study = read_yaml_mapping(str(REPOSITORY / f"recipes/{recipe}/study.yaml"))
    assert study["prompts"] == NAME and len(study["models"]) > 1
    corpus = read_yaml_mapping(str(REPOSITORY / f"recipes/{CORPUS_OF.get(recipe, recipe)}/corpus.yaml"))
    assert {"path": NAME, "format": "prompts"} in corpus["benchmarks"]


def test_decontamination_reads_them():
    assert len(load_benchmark(str(FILE), "prompts")) == 500
