"""The arms on the tiny model, through the script, from a finished run's candidates."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kun_recipes.chain.ablation import Ablation, _retention, ablation_table, load_ablation
from kun_recipes.chain.arms import ARMS, CHECK_ARMS, FIRST, FURTHER_ARMS, MAIN_ARMS, Arm
from kun_recipes.chain.graph import needs
from kun_recipes.chain.loading import load_chain
from kun_recipes.chain.sharing import share_measured
from kun_recipes.curation.config import CHECKS
from kun_recipes.data.atomic import write_json
from kun_recipes.data.rows import read_rows
from kun_recipes.errors import ConfigError
from kun_recipes.execution.folder import describe
from kun_recipes.models.prompts import load_prompt
from tests.curation.stage_rows import write_rows

pytestmark = pytest.mark.timeout(1200)

OWN = {"output_dir", "dataset_dir"}
READ = ("refine.candidates", "refine.model", "final_model.model_name_or_path")
RECIPES = ("demo", "humpback", "kun-6b")
REFINED = [*MAIN_ARMS, *CHECK_ARMS]
"""Arms with a refine stage of their own."""
VERIFIED = "focused-polished-verified"


@pytest.fixture
def load(in_repository, tmp_path):
    """Load arms of a recipe, whose candidates and models lie in the test's folder."""
    (tmp_path / "seeds.jsonl").touch()

    def _load(*names: str, recipe: str = "demo", words: tuple[str, ...] = ()) -> Ablation:
        given = [word for key in READ for word in (f"--{key}", str(tmp_path))]
        path = recipe if "/" in recipe else f"recipes/{recipe}"
        return load_ablation(path, names, tmp_path, [*given, *words], future=["data"])

    return _load


def changed(one: object, other: object) -> set[str]:
    return {field for field, value in vars(one).items() if value != getattr(other, field)} - OWN


@pytest.mark.parametrize("recipe", RECIPES)
def test_each_arm_is_what_its_name_says_whatever_the_recipe(load, tmp_path, recipe):
    words = ("--refine.keep_unverified", "true") if recipe != "humpback" else ()  # as the paper's recipes measure
    for run in load(*REFINED, recipe=recipe, words=words).arms:
        arm, config = ARMS[run.name], run.refine.config
        assert (config.score_target, config.answers, config.verify) == (arm.scored, arm.answers, arm.verified)
        assert config.answer_candidates == 1  # several are chosen among by the checks, which most arms have not
        assert not config.keep_unverified
        assert run.training.config.seeds == config.dataset_dir == str(tmp_path / run.name / "dataset")
        assert run.training.folder == tmp_path / "models" / run.name


def test_arms_of_a_recipe_keep_its_prompts_and_items_where_they_can(load, tmp_path):
    prompt = tmp_path / "mine.txt"
    prompt.write_text("{segment}\n{instruction}", encoding="utf-8")
    items = "recipes/demo/data/judge.jsonl"
    words = ("--polish_prompt", str(prompt), "--refine.judge_data", items)
    runs = {run.name: run.refine.config for run in load(*MAIN_ARMS, words=words).arms}
    first = runs[FIRST]
    assert first.polish_prompt == runs["comprehensive-polished"].polish_prompt == str(prompt)
    assert first.judge_data == runs["focused-raw"].judge_data == [items]
    assert changed(first, runs["focused-unaided"]) == {"answers", "polish_prompt"}
    assert changed(first, runs["focused-raw"]) == {"answers"}
    assert changed(first, runs["focused-polished-verified"]) == {"verify"}
    assert changed(first, runs["comprehensive-polished"]) == {"score_target", "score_prompt", "judge_data"}
    focused = load(FIRST, recipe="humpback").arms[0].refine.config  # which scores pairs and writes no answer
    assert focused.score_prompt == "recipes/prompts/score.txt"
    assert focused.polish_prompt == "recipes/prompts/polish.txt"
    assert items in focused.judge_data


def test_each_check_has_an_arm_of_its_own_and_verified_has_the_recipes(load):
    runs = load(*REFINED, words=("--checks", "tails", "details")).arms
    drops = {run.name: run.refine.config.checks for run in runs if run.refine.config.verify}
    own = {f"{FIRST}-{check}": [check] for check in CHECKS}
    assert drops == {"focused-polished-verified": ["tails", "details"], **own}


def test_an_arm_may_be_trained_by_another_stage(load, monkeypatch, tmp_path):
    """As a new kind of training would: a line of TRAINED_ON, and an arm that names its file."""
    other = Arm(training="final_model_52k_coig", trained={"train_rows": "9"})
    monkeypatch.setitem(ARMS, "other", other)
    ablation = load(
        FIRST, "other", recipe="kun-6b", words=("--final_model_52k_coig.model_name_or_path", str(tmp_path))
    )
    first, run = ablation.arms
    assert (first.training.name, run.training.name) == (f"final_model_{FIRST}", "final_model_52k_coig_other")
    assert run.training.config.train_rows == 9 and run.training.config.dataset_mixture
    assert ablation.evaluation.config.models == [str(tmp_path / "models" / name) for name in (FIRST, "other")]


@pytest.mark.parametrize("recipe", ["demo", "kun-6b"])
def test_the_preference_arm_trains_the_model_of_another_one_further(load, tmp_path, recipe):
    ablation = load("preference", FIRST, recipe=recipe, words=("--preference.max_length", "512"))
    assert [arm.name for arm in ablation.arms] == [VERIFIED, "preference", FIRST]
    start, further, _ = ablation.arms
    assert further.refine is start.refine
    training = further.training.config
    assert training.max_length == 512  # though the recipe trains it on request alone
    assert training.model_name_or_path == str(start.training.folder)
    assert training.pairs == str(start.refine.folder / "preference")
    assert training.output_dir == str(tmp_path / "models/preference")
    names = [f"refine_{VERIFIED}", f"final_model_{VERIFIED}", f"preference_{VERIFIED}"]
    assert [stage.name for stage in ablation.own.stages] == [
        *names,
        f"refine_{FIRST}",
        f"final_model_{FIRST}",
        "evaluate",
    ]
    assert needs(ablation.own.stages)[names[2]] == names[:2]
    evaluation = ablation.evaluation.config
    assert evaluation.models == [str(tmp_path / "models" / name) for name in (VERIFIED, "preference", FIRST)]
    assert evaluation.model == start.training.config.model_name_or_path
    assert evaluation.training_rows == [str(tmp_path / name / "dataset") for name in (VERIFIED, FIRST)]


def test_a_recipe_without_a_preference_training_has_no_such_arm(load):
    with pytest.raises(ConfigError, match=r"has no preference\.yaml; an ablation needs it"):
        load(*FURTHER_ARMS, recipe="humpback")


def test_the_chain_begins_with_what_the_arms_read_from(in_repository, tmp_path):
    words = ["--output_dir", str(tmp_path / "run")]
    ablation = load_ablation("recipes/demo", [FIRST], tmp_path / "arms", words, future=[str(tmp_path)])
    names = [stage.name for stage in ablation.chain.stages]
    before = ["corpus", "label_model", "primary_chat_model", "label"]
    assert names == [*before, f"refine_{FIRST}", f"final_model_{FIRST}", "evaluate"]
    assert [stage.name for stage in ablation.own.stages] == names[len(before) :]
    assert ablation.chain.run.output_dir == str(tmp_path / "arms")


def test_inputs_of_stages_that_are_left_out_need_not_be_there(in_repository, tmp_path):
    words = ["--corpus.corpora", f"{tmp_path / 'gone'},format=jsonl"]
    chain = load_chain("recipes/demo", words, only=["label"])
    assert [stage.name for stage in chain.stages] == ["label"]


def test_row_rejected_by_a_judge_is_not_good():
    removed = {"not_an_instruction": 1, "poor_instruction": 2, "poor_pair": 3, "repetition": 4}
    assert _retention({"rows_in": 20, "rows_kept": 10, "removed": removed}) == ("20", "14", "10")


@pytest.mark.parametrize(
    ("names", "shared"),
    [
        (REFINED, {FIRST, "focused-raw", "focused-unaided", "focused-polished-verified", *CHECK_ARMS}),
        (
            ["focused-polished-support", FIRST, "focused-polished-answer"],  # an arm without checks has no such judges
            {"focused-polished-support", "focused-polished-answer"},
        ),
    ],
)
def test_arms_with_equal_judges_share_one_calibration(load, names, shared):
    arms = load(*names).arms
    refines = [arm.refine for arm in arms]
    measured = arms[0].refine.folder / "judges.json"
    measured.parent.mkdir(parents=True)
    measured.write_text("{}", encoding="utf-8")
    for arm in arms:
        share_measured(refines, arm.training)
        assert arm is arms[0] or not (arm.refine.folder / "judges.json").exists()
        share_measured(refines, arm.refine)
    assert {arm.name for arm in arms if (arm.refine.folder / "judges.json").is_file()} == shared


@pytest.mark.parametrize(
    ("first", "sharing"),
    [
        (FIRST, {VERIFIED, "focused-polished-tails"}),
        (VERIFIED, {"focused-polished-tails"}),
    ],  # the first has no support
)
def test_arms_with_equal_answers_ask_for_them_once(load, tmp_path, first, sharing):
    (tmp_path / "read").mkdir()
    words = [word for key in READ[:2] for word in (f"--{key}", str(tmp_path / "read"))]
    others = (FIRST, VERIFIED, "focused-raw", "focused-polished-tails")
    arms = load(first, *(name for name in others if name != first), words=(*words,)).arms
    refines = [arm.refine for arm in arms]
    folder = refines[0].folder
    write_json(folder / "stage.json", {"config": describe(refines[0].config)})
    write_rows(folder / "measured", [{"text": "水"}])
    for stage in refines:
        share_measured(refines, stage)
        share_measured(refines, stage)  # once more, after a kill
    found = {arm.name for arm in arms if list((arm.refine.folder / "recalled").glob("*/*"))}
    assert found == sharing


def test_an_arm_that_failed_has_an_open_row(load):
    held_out = {
        "perplexity": 2.0,
        "perplexity_low": None,
        "perplexity_high": None,
        "answer_characters": 9,
        "refusals": 0.0,
    }
    base = {"name": "chat", "scores": {}, "held_out": held_out}
    results = {"models": [base], "benchmarks": {}, "held_out": {"pairs": 7}}
    rows = ablation_table(load(FIRST).arms, results).rows
    assert [row[0] for row in rows] == ["chat (start of all arms)", FIRST]
    assert set(rows[1][1:]) == {"–"}


@pytest.mark.slow
@pytest.mark.usefixtures("in_repository")
def test_the_arms_are_refined_trained_and_measured_together(repository: Path, demo_command, finished: Path, tmp_path):
    names = ["focused-raw", "focused-unaided", FIRST, VERIFIED, "preference"]
    _, _, _, *overrides = demo_command(finished)
    command = [sys.executable, "recipes/ablation.py", "recipes/demo", *overrides, "--into", str(tmp_path)]
    small = ["--limit", "1", "--evaluate.max_new_tokens", "2", "--bootstrap", "100", "--held_out_new_tokens", "4"]
    kept = ["--refine.checks", "tails", "--refine.answer_threshold", "-100"]  # the tiny model's answers are noise
    few = ["--max_steps", "2", "--preference.max_length", "4096", "--preference.report_to", "none"]
    command += [*small, *kept, *few, "--arms", "focused-raw", "focused-unaided", FIRST, "preference"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    table = (tmp_path / "ablation.md").read_text(encoding="utf-8")
    lines = [line.split(" | ")[0].strip("| ") for line in table.splitlines() if line.startswith("| ")]
    assert lines == ["arm", "---", "primary_chat_model (start of all arms)", *names]
    raw, unaided, _, verified = (list(read_rows(tmp_path / name / "refine" / "rows")) for name in names[:4])
    assert {row["id"] for row in raw} & {row["id"] for row in unaided}
    assert all(row["output"] == row["text"] for row in raw)
    prompt = load_prompt("recipes/prompts/answer.txt", {"instruction"})
    assert {row["polish_prompt"] for row in unaided} == {prompt.fingerprint}
    judged = [(tmp_path / name / "refine" / "judges.json").read_text(encoding="utf-8") for name in names[:2]]
    assert judged[0] == judged[1]
    answers = [
        {row["id"]: row.get("output") for row in read_rows(tmp_path / name / "refine" / "measured")}
        for name in (FIRST, VERIFIED)
    ]
    assert answers[0] == answers[1]
    counted = (tmp_path / VERIFIED / "refine/logs/measure/stats").glob("*.json")
    recalled = [json.loads(one.read_text())[1]["stats"]["recalled"] for one in counted]
    assert sum(recalled) == len(answers[0])
    summary = json.loads((tmp_path / "models/preference/train_summary.json").read_text(encoding="utf-8"))
    assert 0 < summary["rows_kept"] <= len(verified)
    assert not (tmp_path / "preference").exists()


def test_a_recipe_of_several_sizes_has_arms_of_one(load, tmp_path):
    recipe = tmp_path / "recipe"
    shutil.copytree("recipes/demo", recipe, ignore=shutil.ignore_patterns("data"))
    with (recipe / "run.yaml").open("a", encoding="utf-8") as file:
        file.write("final_sizes: [9, 26]\n")
    ablation = load("focused-raw", recipe=str(recipe))
    assert [stage.name for stage in ablation.own.stages] == [
        "refine_focused-raw",
        "final_model_focused-raw",
        "evaluate",
    ]
    assert ablation.evaluation.config.models == [str(tmp_path / "models" / "focused-raw")]
