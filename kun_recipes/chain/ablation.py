"""The arms that the paper argues about, and each check of answers alone, on the same candidates: what each keeps, and
how good what it trains is.

An arm is a recipe's refine and final_model stages with other values; then one evaluation measures all of them, with
the primary chat model, which every arm is trained from, as the base.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from kun_recipes.chain.loading import load_chain
from kun_recipes.chain.local import run_stage
from kun_recipes.chain.recipe import Chain, StageRun
from kun_recipes.curation.config import CHECKS
from kun_recipes.errors import UserError
from kun_recipes.evaluation.tables import HEADS, percent, results_tables, with_interval
from kun_recipes.execution.summaries import finished_summary
from kun_recipes.reporting.tables import Table, to_markdown, to_rich

FIRST = "focused-polished"
PAIR = {
    "score_target": "pair",
    "score_prompt": "recipes/prompts/score_pair.txt",
    "judge_data": "recipes/humpback/data/judge_pairs.jsonl",
}
PAPER_ARMS: dict[str, dict[str, str]] = {
    FIRST: {},
    "comprehensive-polished": PAIR,
    "focused-raw": {"answers": "raw"},
    "comprehensive-raw": {**PAIR, "answers": "raw"},
    "focused-unaided": {"answers": "unaided", "polish_prompt": "recipes/prompts/answer.txt"},
}
"""What each arm changes in refine.yaml. The first is the paper's method, the fourth Humpback's (Li et al. 2023), the
last instruction back-and-forth translation's control: answers written without the document (Nguyen et al. 2024)."""

CHECK_ARMS = {f"{FIRST}-{check}": {"answers": "polished", "verify": "true", "checks": check} for check in CHECKS}
"""The paper's method with one check of verification alone. They need labelled answers in the recipe's judge_data."""

ARMS = PAPER_ARMS | CHECK_ARMS

ONE_SIZE = ("--final_sizes", "null", "--rounds", "1")
"""An arm trains one final model, on all rows that it keeps, whatever sizes and rounds the recipe has."""

JUDGES = "judges.json"
JUDGED_BY = ("model", "engine", "dtype", "filter_prompt", "score_prompt", "score_target", "judge_data")
"""What a judge's measured bias and threshold depend on."""


@dataclass(frozen=True)
class Arm:
    """An arm's two stages."""

    name: str
    refine: StageRun
    training: StageRun


def load_arms(recipe: str, names: Sequence[str], folder: Path, argv: Sequence[str]) -> list[Arm]:
    """The stages of each arm, in folders of their own below `folder`; raises ConfigError as `load_chain` does."""
    return [_load_arm(recipe, name, folder, argv) for name in names]


def _load_arm(recipe: str, name: str, folder: Path, argv: Sequence[str]) -> Arm:
    dataset, model = folder / name / "dataset", folder / "models" / name
    own = {
        "refine.verify": "false",  # the papers check no answer
        "refine.keep_unverified": "false",
        "refine.answer_candidates": "1",
        **{f"refine.{field}": value for field, value in ARMS[name].items()},
        "refine.output_dir": folder / name / "refine",
        "refine.dataset_dir": dataset,
        "final_model.seeds": dataset,
        "final_model.output_dir": model,
    }
    words = [*argv, *ONE_SIZE, *_words(own)]
    chain = load_chain(recipe, words, future=[str(folder)], only=["refine", "final_model"])
    refine, training = chain.stages
    return Arm(name, refine, training)


def share_judges(arms: Sequence[Arm], arm: Arm) -> None:
    """Give an arm the judges as an earlier one measured them, where both judge by the same: half of refine's work."""
    for other in arms[: arms.index(arm)]:
        measured, own = (one.refine.folder / JUDGES for one in (other, arm))
        needed = arm.refine.config.verify or not other.refine.config.verify  # all of what was measured
        if needed and _judged_by(other) == _judged_by(arm) and measured.is_file() and not own.is_file():
            own.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(measured, own)


def _judged_by(arm: Arm) -> list[Any]:
    return [getattr(arm.refine.config, field) for field in JUDGED_BY]


def load_evaluation(recipe: str, arms: Sequence[Arm], folder: Path, argv: Sequence[str]) -> Chain:
    """The recipe's evaluation of the arms' models, beside the model that all of them were trained from."""
    own = {
        "evaluate.model": arms[0].training.config.model_name_or_path,
        "evaluate.model_revision": None,  # it was the base model's
        "evaluate.base_format": "chat",
        "evaluate.output_dir": folder / "evaluate",
    }
    models = ["--evaluate.models", *(str(arm.training.folder) for arm in arms)]
    rows = ["--evaluate.training_rows", *(arm.refine.config.dataset_dir for arm in arms)]
    chosen = [*argv, *ONE_SIZE, *_words(own), *models, *rows]
    return load_chain(recipe, chosen, future=[str(folder)], only=["evaluate"])


def _words(values: Mapping[str, Any]) -> list[str]:
    return [word for key, value in values.items() for word in (f"--{key}", str(value))]


def ablation_table(arms: Sequence[Arm], results: Mapping[str, Any]) -> Table:
    """Retention and held-out scores side by side, a row an arm."""
    measured = {model["name"]: model for model in results["models"]}
    base = results["models"][0]
    scores = [
        (name, reading) for name in results["benchmarks"] for reading in HEADS if reading in base["scores"][name]
    ]
    rows = [_row(f"{base['name']} (all arms' start)", ("–", "–", "–"), base, scores)]
    rows += [
        _row(arm.name, _retention(finished_summary(arm.refine.folder)), measured[arm.name], scores) for arm in arms
    ]
    titles = (f"{results['benchmarks'][name]['name']} {HEADS[reading]}" for name, reading in scores)
    head = ("arm", "candidates", "judged good", "kept", "held-out perplexity", "characters", "refusals, %", *titles)
    return Table(
        f"Arms on the same candidates; {results['held_out']['pairs']} held-out pairs; accuracy in %; [95% intervals]",
        head,
        tuple(rows),
    )


def _retention(summary: Mapping[str, Any]) -> tuple[str, str, str]:
    removed = summary["removed"]
    judged = ("not_an_instruction", "poor_instruction", "poor_pair")
    good = summary["rows_in"] - sum(removed.get(reason, 0) for reason in judged)
    return str(summary["rows_in"]), str(good), str(summary["rows_kept"])


def _row(
    name: str, retention: tuple[str, str, str], model: Mapping[str, Any], scores: Sequence[tuple[str, str]]
) -> tuple[str, ...]:
    held_out = model["held_out"]
    return (
        name,
        *retention,
        with_interval(held_out, "perplexity", 1.0, 2),
        f"{held_out['answer_characters']:.0f}",
        f"{100 * held_out['refusals']:.0f}",
        *(percent(model["scores"][name][reading], "accuracy") for name, reading in scores),
    )


def run_ablation(recipe: str, names: Sequence[str], folder: Path, argv: Sequence[str], console: Console) -> None:
    """Run what is missing of the arms and their evaluation; print the table, and write it to <folder>/ablation.md."""
    arms = load_arms(recipe, names, folder, argv)
    (evaluation,) = load_evaluation(recipe, arms, folder, argv).stages
    for arm in arms:
        share_judges(arms, arm)
        _run_missing(arm.refine, f"{arm.name} refine", folder, console)
        _run_missing(arm.training, f"{arm.name} final_model", folder, console)
    _run_missing(evaluation, "evaluate", folder, console)
    summary = evaluation.summary()
    if summary is None:
        raise UserError(f"evaluate ended without its summary; its log: {folder / 'logs' / 'evaluate.log'}")
    table = ablation_table(arms, summary["results"])
    (folder / "ablation.md").write_text(to_markdown(table), encoding="utf-8")
    console.print(*results_tables(summary["results"]), to_rich(table), sep="\n")


def _run_missing(stage: StageRun, name: str, folder: Path, console: Console) -> None:
    if stage.summary() is None:
        console.print(f"{name}: {stage.folder}", highlight=False, markup=False)
        with console.status(name) as status:
            run_stage(stage, folder / "logs" / f"{name}.log", lambda line: status.update(Text(line)))
