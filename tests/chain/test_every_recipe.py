"""Every recipe with every command that takes a recipe."""

import io
import json
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from kun_recipes.chain import commands
from kun_recipes.chain.ablation import ARMS, load_arms, load_evaluation
from kun_recipes.chain.cluster import status
from kun_recipes.chain.commands import RunOptions, run_recipe
from kun_recipes.chain.loading import load_chain
from kun_recipes.data.folders import SUMMARY, TRAIN_SUMMARY

REPOSITORY = Path(__file__).resolve().parents[2]
RECIPES = sorted(path.parent.name for path in (REPOSITORY / "recipes").glob("*/run.yaml"))
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
    for name in ("seeds", "coig-one-38k", "COIG-CQIA-full"):
        (tmp_path / "data" / f"{name}.jsonl").write_text(json.dumps(PAIR, ensure_ascii=False) + "\n", encoding="utf-8")
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


@pytest.mark.parametrize("recipe", RECIPES)
def test_ablation(folder, recipe):
    """Where the recipe's label stage has run, and that of kun-6b, from which humpback goes on."""
    for name in (recipe, "kun-6b"):
        for stage in load_chain(f"recipes/{name}", []).stages:
            stage.folder.mkdir(parents=True, exist_ok=True)
            (stage.folder / SUMMARY).touch()
            (stage.folder / TRAIN_SUMMARY).touch()
            (stage.folder / "rows").mkdir(exist_ok=True)
    into = folder / "ablation"
    arms = load_arms(f"recipes/{recipe}", list(ARMS), into, [])
    assert [arm.training.name for arm in arms] == ["final_model"] * len(ARMS)
    (evaluation,) = load_evaluation(f"recipes/{recipe}", arms, into, []).stages
    assert evaluation.config.models == [str(arm.training.folder) for arm in arms]
