"""What the report shows of a study: people's votes where there are any, the model's otherwise."""

import json
from pathlib import Path

import pytest

from kun_recipes.chain.report.gather import gather
from kun_recipes.errors import UserError
from kun_recipes.studies.items import PreferenceItem, QualityItem
from kun_recipes.studies.results import measure_study
from kun_recipes.studies.votes import PreferenceVote, QualityVote
from tests.chain.report.test_report import config, page_of
from tests.publishing.run_folder import RunFolder

MODELS = ("kun", "base", "coig")


def with_study(folder: Path, people: bool = True) -> Path:
    """A finished study in the run's folder, judged by a model and, by default, by three people."""
    pairs = [QualityItem(f"{n}", "wudao" if n % 2 else "skypile", "问", "答") for n in range(6)]
    prompts = [
        PreferenceItem(f"p{n}/{a}/{b}", f"提示{n}", a, b, "甲", "乙")
        for n in range(4)
        for a, b in (MODELS[:2], MODELS[1:], MODELS[::2])
    ]
    items = {"quality": pairs, "preference": prompts}

    def votes(*names: str) -> dict:
        grades = ("excellent", "pass", "fail")
        return {
            "quality": [
                QualityVote(item.id, name, True, row % 3 > 0, row % 2 > 0, grades[(row + place) % 3], row)
                for row, item in enumerate(pairs)
                for place, name in enumerate(names)
            ],
            "preference": [
                PreferenceVote(item.id, name, ("a", "b", "tie")[(row + place) % 3], "a", row)
                for row, item in enumerate(prompts)
                for place, name in enumerate(names)
            ],
        }

    bias = {"first": 0.75, "disagree": 0.25}
    judge = {
        "name": "judge@0",
        "votes": measure_study(items, votes("judge@0"), resamples=100),
        "criteria": {},
        "position": {"judged": 12, "prior_logodds": 0.5, "raw": bias, "calibrated": bias},
        "self_judged": {"quality": 2, "preference": 0},
    }
    voted = {"votes": measure_study(items, votes("a1", "a2", "a3"), resamples=100), "left_out": 0} if people else None
    results = {"items": {}, "raters": 3, "people": voted, "judge": judge, "compared": {}}
    (folder / "study").mkdir()
    summary = {"stage": "study", "rows_in": 18, "rows_kept": 18, "removed": {}, "seconds": 1.0, "config": {}}
    (folder / "study/stage.json").write_text(json.dumps(summary), encoding="utf-8")
    (folder / "study/results.json").write_text(json.dumps(results), encoding="utf-8")
    return folder / "study/results.json"


@pytest.fixture
def run(tmp_path, tiny_model, in_repository) -> RunFolder:
    return RunFolder(tmp_path, tiny_model)


def figures(run: RunFolder) -> set[str]:
    return {path.stem for path in (run.folder / "report/figures").glob("*.svg")} - {"funnel"}


def test_votes_of_people_and_model_share_a_figure(run):
    page = page_of(run, study_results=with_study(run.folder))
    names = ("identical_ratings", "output_grades", "win_matrix", "wins_and_losses", "ranking")
    assert figures(run) == {f"people_{name}" for name in names}
    assert "quality as judged by people, preference as judged by people" in page
    for table in ("Quality, by people", "Quality, by the model", "Preference, by people: 36 votes on 4 prompts"):
        assert table in page
    assert "<li>Judged by people: 6 pairs; votes on their outputs: 33.3 [" in page
    assert "judge judges itself: 2 outputs that it wrote" in page
    assert "chose the answer shown first in 75% of its choices" in page


def test_votes_of_the_model_are_drawn_without_people(run):
    page = page_of(run, study_results=with_study(run.folder, people=False))
    names = ("output_grades", "win_matrix", "wins_and_losses", "ranking")
    assert figures(run) == {f"judge_{name}" for name in names}
    assert "quality as judged by the model, preference as judged by the model" in page
    assert "<li>Judged by people: no pair of this run yet (recipes/annotate.py).</li>" in page


def test_the_studys_time_is_among_the_costs(run):
    evidence = gather(config(run, study_results=with_study(run.folder)))
    assert list(evidence.all_stages())[-1] == "study"


def test_a_study_that_is_not_finished_is_refused(run):
    path = with_study(run.folder)
    path.unlink()
    with pytest.raises(UserError, match=r"results.json: no such file; recipes/study.py writes it"):
        gather(config(run, study_results=path))
