"""Stages of several models: a resumed run asks each Hub model at the commit of its first run."""

from pathlib import Path

import huggingface_hub
import pytest

from kun_recipes.config.command_line import load
from kun_recipes.evaluation.config import EvaluateConfig
from kun_recipes.evaluation.inputs import evaluated_models
from kun_recipes.execution.folder import StageFolder
from kun_recipes.models.resolve import pinned_model
from kun_recipes.statistics import statistics
from kun_recipes.statistics.config import StatisticsConfig
from kun_recipes.studies.config import StudyConfig
from kun_recipes.studies.inputs import gather
from tests.models.conftest import COMMIT

NAMES = ("org/base", "org/one", "org/two")


@pytest.fixture
def asked(hub: dict, monkeypatch: pytest.MonkeyPatch, in_repository: None) -> list[tuple[str, str | None]]:
    """The models that are downloaded, each with the revision that is asked for."""
    hub.update({name: {"config.json": b"{}"} for name in NAMES})
    asked: list[tuple[str, str | None]] = []
    download = huggingface_hub.snapshot_download

    def note(name: str, **options) -> str:
        asked.append((name, options["revision"]))
        return download(name, **options)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", note)
    return asked


def again(folder: Path, read) -> None:
    """Have a stage find its models twice, with a moved main branch between."""
    stage = read()
    stage.begin()
    for main in (folder / "hub").glob("*/refs/main"):
        main.write_text("moved", encoding="utf-8")
    read()


def evaluation(folder: Path, *models: str) -> EvaluateConfig:
    words = ["--config", "recipes/demo/evaluate.yaml", "--output_dir", str(folder / "stage"), "--model", "org/base"]
    words += ["--training_rows", "recipes/demo/data/seeds.jsonl"]
    return load(EvaluateConfig, [*words, "--models", *models])


def test_evaluate_asks_for_all_models_at_their_commits(asked, tmp_path):
    config = evaluation(tmp_path, "org/one", "org/two")

    def read() -> StageFolder:
        stage = StageFolder("evaluate", config)
        assert [Path(model.folder).name for model in evaluated_models(config, stage)] == [COMMIT] * 3
        assert sorted(stage.pins) == ["model", "models: org/one", "models: org/two"]
        return stage

    again(tmp_path, read)
    assert asked == [(name, revision) for revision in (None, COMMIT) for name in NAMES]


def test_study_asks_for_judge_and_answering_models_at_their_commits(asked, tmp_path):
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text('{"id": "a", "prompt": "写一句话。"}\n', encoding="utf-8")
    words = ["--model", "org/base", "--output_dir", str(tmp_path / "stage"), "--prompts", str(prompts)]
    config = load(StudyConfig, [*words, "--model_revision", "main", "--models", "org/one", "org/two"])

    def read() -> StageFolder:
        stage = StageFolder("study", config)
        gather(config, stage)
        return stage

    again(tmp_path, read)
    assert asked[:3] == [("org/one", None), ("org/two", None), ("org/base", "main")]
    assert sorted(asked[3:]) == [(name, COMMIT) for name in NAMES]


def test_statistics_asks_for_its_model_at_its_commit(asked, tmp_path, monkeypatch):
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"instruction": "问", "output": "答"}\n', encoding="utf-8")
    words = ["--model", "org/base", "--output_dir", str(tmp_path / "stage"), "--dataset", str(rows)]
    config = load(StatisticsConfig, [*words, "--reference_year", "2024", "--topics", "false"])

    def stop(*rest: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(statistics.ChatTokenizer, "load", lambda *a, **k: None)
    monkeypatch.setattr(statistics, "measure_sets", stop)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            statistics.run(config)
    assert asked == [("org/base", None), ("org/base", COMMIT)]


def test_another_choice_of_models_asks_for_the_newest(asked, tmp_path):
    for model in ("org/one", "org/two"):
        stage = StageFolder("evaluate", evaluation(tmp_path, model))
        pinned_model(stage, model, option="models")
        stage.pin("models: org/two", "0" * 40)
        if model == "org/one":
            stage.begin()
    assert asked == [("org/one", None), ("org/two", None)]
