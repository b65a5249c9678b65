"""What the tests of several blocks share: the tiny model's engine, and the judges of the recipes."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from kun_recipes.curation.judging import Calibration, Judge, answer_judge, filter_judge, score_judge
from kun_recipes.models.engines import EngineSettings, load_engine
from kun_recipes.models.prompts import load_prompt


@pytest.fixture(scope="module")
def settings(tiny_model) -> EngineSettings:
    return EngineSettings("transformers", str(tiny_model), "float32")


@pytest.fixture(scope="module")
def judges(repository: Path) -> dict[str, Judge]:
    prompts = repository / "recipes" / "prompts"
    return {
        "filter": filter_judge(load_prompt(prompts / "filter.txt", {"instruction"})),
        "score": score_judge(load_prompt(prompts / "score.txt", {"instruction"})),
    }


@pytest.fixture(scope="module")
def pair_judge(repository: Path) -> Judge:
    """The score judge of comprehensive scoring."""
    return score_judge(load_prompt(repository / "recipes/prompts/score_pair.txt", {"instruction", "output"}))


@pytest.fixture(scope="module")
def judge_of_answers(repository: Path) -> Judge:
    prompt = load_prompt(repository / "recipes/prompts/answer_judge.txt", {"segment", "instruction", "output"})
    return answer_judge(prompt)


@pytest.fixture(scope="module")
def calibration() -> Callable[..., Calibration]:
    """Makes a calibration whose measures are all 0."""

    def make(judge: str, **values: Any) -> Calibration:
        zeros = dict.fromkeys((field.name for field in fields(Calibration)), 0)
        return Calibration(**zeros | {"judge": judge, "threshold_from": "config"} | values)

    return make


@pytest.fixture(scope="module")
def log_odds(settings: EngineSettings):
    """Log-odds (nats) of a judge's keeping answer for each text, or pair, asked of the engine itself."""

    def of(judge: Judge, texts: list[str] | list[tuple[str, str]]) -> list[float]:
        pairs = [(text, "") if isinstance(text, str) else text for text in texts]
        prompts = [judge.prompt.render(instruction=instruction, output=output) for instruction, output in pairs]
        return [keep - drop for keep, drop in load_engine(settings).choose(prompts, judge.choices)]

    return of
