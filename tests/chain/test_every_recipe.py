"""Every recipe with every command that takes a recipe."""

import io
import json
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from kun_recipes.chain import commands
from kun_recipes.chain.ablation import run_ablation
from kun_recipes.chain.arms import CHECK_ARMS, MAIN_ARMS
from kun_recipes.chain.cluster import status
from kun_recipes.chain.commands import RunOptions, run_recipe
from kun_recipes.chain.loading import ANYWHERE, load_chain
from kun_recipes.errors import UserError

REPOSITORY = Path(__file__).resolve().parents[2]
RECIPES = sorted(path.parent.name for path in (REPOSITORY / "recipes").glob("*/run.yaml"))
ARMS = [*MAIN_ARMS, *CHECK_ARMS]
WITH_ARMS = [recipe for recipe in RECIPES if (REPOSITORY / "recipes" / recipe / "refine.yaml").is_file()]
PAIR = {"instruction": "水为什么会结冰？", "input": "", "output": "温度降到零度以下，水就结成冰。"}


@pytest.fixture(autouse=True)
def shown_queue(monkeypatch) -> None:
    monkeypatch.setattr(status, "queue", list)
    monkeypatch.setattr(commands, "leading_jobs", lambda stages: {})


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A folder with the recipes and what their users put there, where no stage has run."""
    for name in ("recipes", "accelerate_configs", "cards"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    for name in ("wudao", "wanjuan"):
        (tmp_path / "data" / name).mkdir(parents=True)
    for name in ("ceval", "cmmlu"):
        shutil.copytree(REPOSITORY / "recipes/demo/data" / name, tmp_path / "data" / name)
    for name in (
        "seeds.jsonl",
        "coig-one-38k.jsonl",
        "COIG-CQIA-full.jsonl",
        "ol-cc.jsonl",
        "Belle_open_source_0.5M.json",
    ):
        (tmp_path / "data" / name).write_text(json.dumps(PAIR, ensure_ascii=False) + "\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def options(recipe: str, **chosen: object) -> RunOptions:
    made = RunOptions()
    made.recipe = f"recipes/{recipe}"
    for name, value in chosen.items():
        setattr(made, name, value)
    return made


def run(recipe: str, *overrides: str, **chosen: object) -> str:
    console = Console(file=io.StringIO(), width=400)
    run_recipe(options(recipe, **chosen), overrides, console)
    return console.file.getvalue()


@pytest.mark.parametrize("recipe", RECIPES)
def test_plan(folder, recipe):
    shown = run(recipe, slurm="recipes/cluster.yaml", plan=True)
    assert "final_model" in shown


@pytest.mark.parametrize("recipe", RECIPES)
def test_dry_run(folder, recipe, capsys):
    shown = run(recipe, slurm="recipes/cluster.yaml", dry_run=True)
    names = [stage.name for stage in load_chain(f"recipes/{recipe}", []).stages]
    assert capsys.readouterr().out.count("#!/bin/bash") == len(names)
    assert [line.partition(":")[0] for line in shown.splitlines()[-len(names) :]] == names


@pytest.mark.parametrize("recipe", RECIPES)
def test_status(folder, recipe):
    shown = run(recipe, slurm="recipes/cluster.yaml", status=True)
    assert shown.count("not submitted") == len(load_chain(f"recipes/{recipe}", []).stages)


@pytest.fixture
def labelled(folder) -> Path:
    """The same, where every recipe has run up to its label stage."""
    for recipe in WITH_ARMS:
        for stage in load_chain(f"recipes/{recipe}", [], future=ANYWHERE).stages:
            if stage.name in ("corpus", "label_model", "primary_chat_model", "label"):
                (stage.folder / "rows").mkdir(parents=True)
                summary = {"config": stage.kind.asked(stage.config), "rows_in": 9, "rows_kept": 9, "seconds": 1.0}
                (stage.folder / stage.kind.summary_file).write_text(json.dumps(summary), encoding="utf-8")
    return folder


def ablate(recipe: str, **chosen: object) -> str:
    console = Console(file=io.StringIO(), width=2000)
    run_ablation(options(recipe, slurm="recipes/cluster.yaml", **chosen), ARMS, Path("ablation"), [], console)
    return console.file.getvalue()


def stages_of_arms(*, evaluated: bool = True) -> list[str]:
    own = [f"{stage}_{arm}" for arm in ARMS for stage in ("refine", "final_model")]
    return [*own, "evaluate"] if evaluated else own


@pytest.mark.parametrize("recipe", WITH_ARMS)
def test_plan_of_an_ablation_before_anything_has_run(folder, recipe):
    """Its rows are those that the stages before it, which it does not show, are expected to leave."""
    lines = [line.split() for line in ablate(recipe, plan=True).splitlines()]
    planned = {line[0]: line[1:] for line in lines if line and line[0] in stages_of_arms()}
    assert list(planned) == stages_of_arms()
    assert planned["refine_focused-raw"][0] == planned["refine_focused-polished"][0] != "?"
    assert not [line for line in lines if line[:1] in (["corpus"], ["label"])]


@pytest.mark.parametrize("recipe", WITH_ARMS)
def test_scripts_of_an_ablation(labelled, recipe, capsys):
    shown = ablate(recipe, dry_run=True)
    scripts = capsys.readouterr().out
    assert scripts.count("#!/bin/bash") == len(stages_of_arms())
    assert "ablation/slurm/refine_focused-raw-%j.log" in scripts
    graph = dict(line.split(": ", 1) for line in shown.splitlines()[-len(stages_of_arms()) :])
    assert {graph[f"refine_{arm}"] for arm in ARMS} == {"at once"}
    assert all(graph[f"final_model_{arm}"] == f"after refine_{arm}" for arm in ARMS)
    assert graph["evaluate"] == f"after {', '.join(stages_of_arms(evaluated=False))}"


def test_a_recipe_without_a_refine_stage_has_no_arms(folder):
    with pytest.raises(UserError, match=r"^recipes/baselines: has no refine.yaml; an ablation needs it$"):
        ablate("baselines", plan=True)


def test_an_ablation_needs_its_candidates(folder):
    with pytest.raises(
        UserError, match=r"^refine_focused-polished reads from \w+, which is not complete; run it first"
    ):
        ablate("kun-6b", dry_run=True)


def test_status_of_an_ablation(labelled):
    assert ablate("kun-6b", status=True).count("not submitted") == len(stages_of_arms())


def test_an_ablation_here_says_what_must_run_before(folder):
    console = Console(file=io.StringIO(), width=400)
    missing = "outputs/demo/(label/rows|primary_chat_model)"
    message = rf"^refine_focused-raw: {missing} does not exist yet; run the recipe up to its label stage first"
    with pytest.raises(UserError, match=message):
        run_ablation(options("demo"), ["focused-raw"], Path("ablation"), [], console)
