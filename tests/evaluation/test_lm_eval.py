"""The independent check: the real lm-eval on the same questions with the same prompts predicts the same letters."""

import importlib.util
import sys
from dataclasses import replace

import pytest

from kun_recipes.evaluation.asking import ReadQuestions
from kun_recipes.evaluation.modes import ChooseAnswer
from kun_recipes.evaluation.prompts import PromptBuilder
from kun_recipes.evaluation.questions import load_subject

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def lm_eval(repository):
    """benchmarks/lm_eval_tasks.py, which the benchmark of the speed uses too."""
    path = repository / "benchmarks" / "lm_eval_tasks.py"
    spec = importlib.util.spec_from_file_location("lm_eval_tasks", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["lm_eval_tasks"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def offline(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def sources(sources):
    """In the one spacing that lm-eval can write."""
    return {name: replace(source, spacing="single") for name, source in sources.items()}


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("name", ["ceval", "cmmlu"])
def test_predictions_are_the_same_question_by_question(lm_eval, tasks, sources, tiny_model, plain_engine, name):
    asked = [task for task in tasks if task[0].name == name]
    theirs, _ = lm_eval.predictions(lm_eval.load(str(tiny_model), "float32", 8), asked)
    reader, block = ReadQuestions(asked), ChooseAnswer(plain_engine, 16, sources, "plain")
    ours = {}
    for rank in range(len(asked)):
        rows = list(reader.run(rank=rank))
        block.filter_batch(rows)
        ours |= {row.id: row.metadata["ppl_prediction"] for row in rows}
    assert len(ours) == 33
    assert ours == theirs
    assert len(set(ours.values())) > 1


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("number", [0, 3], ids=["ceval", "cmmlu"])
def test_the_prompts_are_the_same(lm_eval, tasks, number):
    from lm_eval.tasks import TaskManager

    source, subject = tasks[number]
    config = lm_eval.task(source, subject)
    loaded_task = TaskManager(include_defaults=False).load([config])["tasks"][config["task"]]
    loaded_task.build_all_requests()
    loaded = load_subject(source, subject)
    builder = PromptBuilder(source.benchmark, "plain", source.spacing)
    for place, question in enumerate(loaded.questions):
        instances = loaded_task.instances[4 * place : 4 * place + 4]
        for instance, letter in zip(instances, "ABCD", strict=True):
            assert "".join(instance.args) == builder.full_text(question, loaded.shots, letter)
