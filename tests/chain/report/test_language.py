"""A report is in one language: text, figures and tables, all but the rows and the names that its user gave."""

import json
from pathlib import Path

import pytest
from matplotlib.text import Text as FigureText

from kun_recipes.chain.report.gather import gather
from kun_recipes.reporting import drawing, language
from tests.chain.report.test_report import config, write_report
from tests.chain.report.test_study import MODELS, with_study
from tests.evaluation.test_tables import RESULTS
from tests.languages import Text, foreign_words
from tests.publishing.run_folder import ANSWERS, RunFolder
from tests.rounds.gain_folder import write_gain

pytestmark = pytest.mark.slow  # draws two dozen figures

TOPICS = {
    "title": "文体",
    "asked": 90,
    "agreed": 78,
    "topics": [
        {"name": "百科", "english": "Encyclopaedic", "rows": 12},
        {"name": "新闻", "english": "News", "rows": 3},
    ],
}


def with_stage(folder: Path, name: str, **values: object) -> Path:
    """Write the summary of a finished stage, and return its folder."""
    (folder / name).mkdir()
    counts = {"stage": name, "rows_in": 4, "rows_kept": 4, "removed": {}, "seconds": 1.0, "config": {}}
    (folder / name / "stage.json").write_text(json.dumps(counts | values), encoding="utf-8")
    return folder / name


def statistics() -> dict:
    lengths = {"bin_edges": [0, 5, 10], "bin_rows": [1, 3, 2], "median": 6}
    one = {
        "rows": 4,
        "sources": {"wudao": {"rows": 3}, "": {"rows": 1}},
        "lengths": {"instruction": lengths, "output": lengths},
        "years": {"share": 0.5, "last_20": {"2023": 2, "2024": 0}},
        "forms": {"question": {"share": 0.5}, "imperative": {"share": 0.48}, "other": {"share": 0.02}},
        "topics": {"text_type": TOPICS},
    }
    seeds = {key: value for key, value in one.items() if key != "topics"}
    return {"sets": {"dataset": one, "seeds": seeds | {"years": {"share": 0.0, "last_20": {"2023": 0, "2024": 0}}}}}


@pytest.fixture
def run(tmp_path, tiny_model, in_repository) -> RunFolder:
    return RunFolder(tmp_path, tiny_model)


def full_report(run: RunFolder, spoken: str) -> Path:
    """Write a report with every section, and return its page."""
    run.write(verify=True)
    for row in run.rows:
        row |= {"support": 1.5, "answer_probability": 0.9, "missing_details": []}
    run.write(verify=True)
    run.write_not_best("label", 12)
    path = run.folder / "refine/stage.json"
    bounds = {f"{name}{end}": 0.8 for name in ("precision", "recall") for end in ("", "_low", "_high")}
    summary = json.loads(path.read_text(encoding="utf-8")) | {"verification": {"items": 40} | bounds}
    path.write_text(json.dumps(summary), encoding="utf-8")
    loss = {"label_model_loss": 2.5, "chat_model_loss": None}
    rounds = [{"round": 1, "segments": 9, "candidates": 8, "pairs": 6} | loss]
    stages = [
        write_gain(run.folder, "round_1", "round_2"),
        with_stage(run.folder, "rounds", rounds=rounds, why="round_2 does not help"),
    ]
    asked = config(
        run,
        language=spoken,
        title="Demo" if spoken == "en" else "演示",
        statistics_dir=with_stage(run.folder, "statistics", statistics=statistics()),
        evaluation_dir=with_stage(run.folder, "evaluate", results=RESULTS),
        study_results=with_study(run.folder),
        stages=stages,
    )
    return write_report(asked, gather(asked))


def data_of(run: RunFolder) -> set[str]:
    """Texts that are the same in both languages: of rows, and names of sources and models."""
    rows = {str(value) for row in run.rows for value in row.values() if isinstance(value, str)}
    removed = {"题目", "evaluation_prompts/3 0.91"}
    return rows | removed | {*ANSWERS, *MODELS, "base_model", "final", "judge@0", "judge", "round_1", "round_2"}


@pytest.mark.parametrize("spoken", ["en", "zh"])
def test_page_and_figures_are_in_one_language(run, spoken, monkeypatch):
    texts = []

    def save(figure, path):
        texts.extend(text.get_text() for text in figure.findobj(FigureText))
        drawing.save(figure, path)

    for module in ("chain.report.page", "statistics.report", "studies.figures"):
        monkeypatch.setattr(f"kun_recipes.{module}.save", save)
    page = full_report(run, spoken).read_text(encoding="utf-8")
    assert foreign_words(" ".join(Text(page).parts), spoken, data_of(run)) == []
    assert len(texts) > 100 and foreign_words("\n".join(texts), spoken, data_of(run)) == []
    assert f'<html lang="{"en" if spoken == "en" else "zh-Hans"}">' in page
    assert language.is_english()  # again
    if spoken == "zh":
        assert "<b>1</b>与评测题重合 <code>contaminated</code>" in page
        assert "round_2 有帮助：标注模型损失（40 条留出数据）从 round_1 的 2.500 到 2.300" in page
        assert "对照片段的检查留下正确回答的精确率为 0.80 [0.80, 0.80]" in page
