"""The arms on the tiny model, through the script, from a finished run's candidates."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kun_recipes.chain.ablation import (
    ARMS,
    CHECK_ARMS,
    PAPER_ARMS,
    _retention,
    load_arms,
    load_evaluation,
    share_judges,
)
from kun_recipes.config.command_line import load
from kun_recipes.curation.config import CHECKS, RefineConfig
from kun_recipes.data.rows import read_rows
from kun_recipes.models.prompts import load_prompt

pytestmark = pytest.mark.timeout(1200)


def test_each_arm_differs_from_the_first_in_what_it_names(in_repository, tmp_path):
    given = [f"--{key}" for key in ("refine.candidates", "refine.model", "final_model.model")]
    words = [*(word for key in given for word in (key, str(tmp_path))), "--refine.answer_candidates", "3"]
    first, *others = load_arms("recipes/demo", list(ARMS), tmp_path, words)
    assert first.refine.config.answer_candidates == 1  # several are chosen among by the checks, which no arm has
    plain = load(RefineConfig, ["--config", "recipes/demo/refine.yaml"], future=["outputs"])
    for field in ("score_target", "answers", "polish_prompt", "score_prompt", "judge_data"):
        assert getattr(first.refine.config, field) == getattr(plain, field)
    for arm in others:
        changed = {
            field for field, value in vars(arm.refine.config).items() if value != getattr(first.refine.config, field)
        }
        same = {"answers"} if arm.name in CHECK_ARMS else set()  # given for recipes whose answers are not polished
        assert changed - {"output_dir", "dataset_dir"} == ARMS[arm.name].keys() - same
        assert arm.training.config.seeds == arm.refine.config.dataset_dir == str(tmp_path / arm.name / "dataset")
        assert arm.training.folder == tmp_path / "models" / arm.name


def test_each_check_has_an_arm_of_its_own_and_the_papers_arms_check_nothing(in_repository, tmp_path):
    given = [f"--{key}" for key in ("refine.candidates", "refine.model", "final_model.model")]
    words = [word for key in given for word in (key, str(tmp_path))]
    measuring = ["--refine.verify", "true", "--refine.keep_unverified", "true"]  # as the paper's recipes have it
    arms = load_arms("recipes/demo", list(ARMS), tmp_path, [*words, *measuring])
    drops = {arm.name: arm.refine.config.checks for arm in arms if arm.refine.config.verify}
    assert drops == {f"focused-polished-{check}": [check] for check in CHECKS}
    assert not any(arm.refine.config.keep_unverified for arm in arms)
    assert {arm.name for arm in arms} - set(drops) == set(PAPER_ARMS)


def test_what_any_judge_turned_down_is_not_judged_good():
    removed = {"not_an_instruction": 1, "poor_instruction": 2, "poor_pair": 3, "repetition": 4}
    assert _retention({"rows_in": 20, "rows_kept": 10, "removed": removed}) == ("20", "14", "10")


def test_arms_with_equal_judges_share_one_calibration(in_repository, tmp_path):
    given = [
        word
        for key in ("refine.candidates", "refine.model", "final_model.model")
        for word in (f"--{key}", str(tmp_path))
    ]
    arms = load_arms("recipes/demo", list(ARMS), tmp_path, given)
    measured = arms[0].refine.folder / "judges.json"
    measured.parent.mkdir(parents=True)
    measured.write_text("{}", encoding="utf-8")
    for arm in arms:
        share_judges(arms, arm)
    shared = {arm.name for arm in arms if (arm.refine.folder / "judges.json").is_file()}
    assert shared == {"focused-polished", "focused-raw", "focused-unaided", *CHECK_ARMS}


def test_an_arm_without_checks_is_not_given_their_judges(in_repository, tmp_path):
    given = [f"--{key}" for key in ("refine.candidates", "refine.model", "final_model.model")]
    names = ["focused-polished-support", "focused-polished", "focused-polished-answer"]
    arms = load_arms("recipes/demo", names, tmp_path, [word for key in given for word in (key, str(tmp_path))])
    measured = arms[0].refine.folder / "judges.json"
    measured.parent.mkdir(parents=True)
    measured.write_text("{}", encoding="utf-8")
    for arm in arms:
        share_judges(arms, arm)
    assert [(arm.refine.folder / "judges.json").is_file() for arm in arms] == [True, False, True]


@pytest.mark.slow
@pytest.mark.usefixtures("in_repository")
def test_the_arms_are_refined_trained_and_measured_together(repository: Path, demo_command, finished: Path, tmp_path):
    names = ["focused-raw", "focused-unaided"]
    _, _, _, *overrides = demo_command(finished)
    command = [sys.executable, "recipes/ablation.py", "recipes/demo", *overrides, "--into", str(tmp_path)]
    small = ["--limit", "1", "--evaluate.max_new_tokens", "2", "--bootstrap", "100", "--held_out_new_tokens", "4"]
    command += [*small, "--arms", *names]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    table = (tmp_path / "ablation.md").read_text(encoding="utf-8")
    lines = [line.split(" | ")[0].strip("| ") for line in table.splitlines() if line.startswith("| ")]
    assert lines == ["arm", "---", "primary_chat_model (all arms' start)", *names]
    raw, unaided = (list(read_rows(tmp_path / name / "refine" / "rows")) for name in names)
    assert {row["id"] for row in raw} & {row["id"] for row in unaided}
    assert all(row["output"] == row["text"] for row in raw)
    prompt = load_prompt("recipes/prompts/answer.txt", {"instruction"})
    assert {row["polish_prompt"] for row in unaided} == {prompt.fingerprint}
    judged = [(tmp_path / name / "refine" / "judges.json").read_text(encoding="utf-8") for name in names]
    assert judged[0] == judged[1]


def test_a_recipe_of_several_sizes_has_arms_of_one(in_repository, tmp_path):
    recipe = tmp_path / "recipe"
    shutil.copytree("recipes/demo", recipe, ignore=shutil.ignore_patterns("data"))
    with (recipe / "run.yaml").open("a", encoding="utf-8") as file:
        file.write("final_sizes: [9, 26]\n")
    read = ("refine.candidates", "refine.model", "final_model.model")
    words = [word for key in read for word in (f"--{key}", str(tmp_path))]
    arms = load_arms(str(recipe), ["focused-raw"], tmp_path, words)
    assert [(arm.refine.name, arm.training.name) for arm in arms] == [("refine", "final_model")]
    (evaluation,) = load_evaluation(str(recipe), arms, tmp_path, words).stages
    assert evaluation.config.models == [str(tmp_path / "models" / "focused-raw")]
