"""Arms on the same candidates: what each keeps, and how good what it trains is.

An arm is a recipe's refine stage and a training with other values (`kun_recipes.chain.arms`); one evaluation measures
all of them, with the primary chat model, which every arm is trained from, as the base.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from kun_recipes.chain.arms import ARMS
from kun_recipes.chain.commands import RunOptions, carry_out, future, load_cluster
from kun_recipes.chain.graph import let_fail, needs
from kun_recipes.chain.loading import ANYWHERE, Placement, load_chain
from kun_recipes.chain.recipe import Chain, StageRun
from kun_recipes.chain.sharing import share_measured
from kun_recipes.config.paths import config_paths
from kun_recipes.curation.config import RefineConfig
from kun_recipes.data.folders import PREFERENCE
from kun_recipes.errors import ConfigError, UserError
from kun_recipes.evaluation.tables import HEADS, percent, results_tables, with_interval
from kun_recipes.reporting.tables import Table, to_markdown, to_rich
from kun_recipes.shipped import find_shipped

ONE_SIZE = ("--final_sizes", "null", "--rounds", "1")
"""An arm trains one model, on all rows that it keeps, whatever sizes and rounds the recipe has."""

NOTHING = "–"


@dataclass(frozen=True)
class ArmRun:
    """The stages of an arm in this run; its refine stage may be that of the arm whose model it trains further."""

    name: str
    refine: StageRun
    training: StageRun

    @property
    def own(self) -> list[StageRun]:
        """The stages that no other arm has."""
        return [self.training] if ARMS[self.name].start else [self.refine, self.training]


@dataclass(frozen=True)
class Ablation:
    """An ablation, ready to run.

    Attributes:
        chain: the stages of the recipe that the arms read from, then the arms' own and their evaluation.
        recipe_stages: number of the former.
    """

    chain: Chain
    recipe_stages: int
    arms: list[ArmRun]
    evaluation: StageRun

    @property
    def own(self) -> Chain:
        return Chain(self.chain.run, self.chain.stages[self.recipe_stages :])


@dataclass(frozen=True)
class _Loading:
    """Loads stages of one recipe for its ablation.

    Attributes:
        folder: of all that the ablation writes.
        argv: the command line's overrides.
        asked: trainings of the arms, which the recipe may have on request alone.
    """

    recipe: str
    folder: Path
    argv: Sequence[str]
    placement: Placement | None
    future: Sequence[str]
    asked: Sequence[str]

    def stages(self, files: Sequence[str], own: Mapping[str, Any]) -> list[StageRun]:
        """Return the stages of these files with some values replaced."""
        for name in files:
            if not Path(find_shipped(self.recipe), f"{name}.yaml").is_file():
                raise ConfigError(None, f"has no {name}.yaml; an ablation needs it", self.recipe)
        words = [*self.argv, *ONE_SIZE, *_words(own)]
        future = [str(self.folder), *self.future]
        return load_chain(self.recipe, words, self.placement, future, only=files, asked=self.asked).stages

    def arm(self, name: str, recipe: RefineConfig) -> ArmRun:
        """Return the stages of an arm; `recipe` is the recipe's own refine stage."""
        arm, dataset = ARMS[name], self.folder / name / "dataset"
        own = {
            **{f"refine.{field}": value for field, value in arm.refined(recipe).items()},
            "refine.output_dir": self.folder / name / "refine",
            "refine.dataset_dir": dataset,
            **{f"{arm.training}.{field}": value for field, value in arm.trained.items()},
            f"{arm.training}.{arm.rows_option}": dataset,
            f"{arm.training}.output_dir": self.folder / "models" / name,
        }
        refine, training = (
            replace(stage, name=f"{stage.file}_{name}") for stage in self.stages(["refine", arm.training], own)
        )
        return ArmRun(name, refine, training)

    def further_arm(self, name: str, start: ArmRun) -> ArmRun:
        """Return the stages of an arm that trains the model of another one further, on pairs of that one's rows."""
        arm = ARMS[name]
        own = {
            **{f"{arm.training}.{field}": value for field, value in arm.trained.items()},
            f"{arm.training}.{arm.rows_option}": start.refine.folder / PREFERENCE,
            f"{arm.training}.model_name_or_path": start.training.folder,
            f"{arm.training}.output_dir": self.folder / "models" / name,
        }
        (training,) = self.stages([arm.training], own)
        return ArmRun(name, start.refine, replace(training, name=f"{training.file}_{start.name}"))

    def evaluation(self, arms: Sequence[ArmRun]) -> StageRun:
        """Return the recipe's evaluation of the arms' models and of the model that the first was trained from."""
        own = {
            "evaluate.model": arms[0].training.config.model_name_or_path,
            "evaluate.model_revision": None,  # it was the base model's
            "evaluate.base_format": "chat",
            "evaluate.output_dir": self.folder / "evaluate",
            "evaluate.models": tuple(str(arm.training.folder) for arm in arms),
            "evaluate.training_rows": tuple(dict.fromkeys(arm.refine.config.dataset_dir for arm in arms)),
        }
        (stage,) = self.stages(["evaluate"], own)
        return stage


def load_ablation(
    recipe: str,
    names: Iterable[str],
    folder: Path,
    argv: Sequence[str],
    placement: Placement | None = None,
    future: Sequence[str] = (),
) -> Ablation:
    """Load the stages of each arm, in folders of their own below `folder`, their evaluation, and what they read from.

    An arm that starts from another one brings that one with it.

    Raises ConfigError as `load_chain` does.
    """
    wanted = list(dict.fromkeys(one for name in names for one in (ARMS[name].start, name) if one))
    asked = [ARMS[name].training for name in wanted]
    loading = _Loading(recipe, folder, argv, placement, future, asked)
    (refine,) = loading.stages(["refine"], {})
    arms: dict[str, ArmRun] = {}
    for name in wanted:
        start = ARMS[name].start
        arms[name] = loading.further_arm(name, arms[start]) if start else loading.arm(name, refine.config)
    evaluation = loading.evaluation([*arms.values()])
    own = [*(stage for arm in arms.values() for stage in arm.own), evaluation]
    # of one size there may be no model of the name that a further training's own file gives
    starts = {f"{ARMS[name].training}.model_name_or_path": refine.config.model for name in wanted if ARMS[name].start}
    whole = load_chain(recipe, [*argv, *ONE_SIZE, *_words(starts)], placement, ANYWHERE, asked=asked)
    before = _read_from(whole.stages, own)
    if placement:
        let_fail(own)
    run = replace(whole.run, output_dir=str(folder))
    return Ablation(Chain(run, [*before, *own]), len(before), [*arms.values()], evaluation)


def _read_from(stages: Sequence[StageRun], readers: Sequence[StageRun]) -> list[StageRun]:
    """Return those of a recipe's stages that others read from, whether at first hand or not."""
    reads = needs([*stages, *readers])
    of_recipe = {stage.name: stage for stage in stages}
    found: set[str] = set()
    coming = [name for reader in readers for name in reads[reader.name]]
    while coming:
        name = coming.pop()
        if name in of_recipe and name not in found:
            found.add(name)
            coming += reads[name]
    return [stage for stage in stages if stage.name in found]


def _check_there(ablation: Ablation, selected: Sequence[StageRun]) -> None:
    """Raise UserError for what the arms read and the recipe has still to write."""
    before = ablation.chain.stages[: ablation.recipe_stages]
    for stage in selected:
        for path in config_paths(stage.config):
            if any(one.writes(path.value) for one in before) and not Path(path.value).exists():
                raise UserError(
                    f"{stage.name}: {path.value} does not exist yet; run the recipe up to its label stage first"
                )


def _words(values: Mapping[str, Any]) -> list[str]:
    lists = {key: value if isinstance(value, tuple) else (value,) for key, value in values.items()}
    return [word for key, several in lists.items() for word in (f"--{key}", *map(str, several))]


def ablation_table(arms: Sequence[ArmRun], results: Mapping[str, Any]) -> Table:
    """Return retention and held-out scores side by side, one row per arm."""
    measured = {model["name"]: model for model in results["models"]}
    base = results["models"][0]
    scores = [
        (name, reading) for name in results["benchmarks"] for reading in HEADS if reading in base["scores"][name]
    ]
    rows = [_row(f"{base['name']} (start of all arms)", (NOTHING,) * 3, base, scores)]
    rows += [_row(arm.name, _retention(arm.refine.summary()), measured.get(arm.name), scores) for arm in arms]
    titles = (f"{results['benchmarks'][name]['name']} {HEADS[reading]}" for name, reading in scores)
    head = ("arm", "candidates", "judged good", "kept", "held-out perplexity", "characters", "refusals, %", *titles)
    return Table(
        f"Arms on the same candidates; {results['held_out']['pairs']} held-out pairs; accuracy in %; [95% intervals]",
        head,
        tuple(rows),
    )


def _retention(summary: Mapping[str, Any] | None) -> tuple[str, str, str]:
    if summary is None:
        return (NOTHING,) * 3
    removed = summary["removed"]
    judged = ("not_an_instruction", "poor_instruction", "poor_pair")
    good = summary["rows_in"] - sum(removed.get(reason, 0) for reason in judged)
    return str(summary["rows_in"]), str(good), str(summary["rows_kept"])


def _row(
    name: str, retention: tuple[str, ...], model: Mapping[str, Any] | None, scores: Sequence[tuple[str, str]]
) -> tuple[str, ...]:
    if model is None:
        return (name, *retention, *(NOTHING,) * (3 + len(scores)))
    held_out = model["held_out"]
    return (
        name,
        *retention,
        with_interval(held_out, "perplexity", 1.0, 2),
        f"{held_out['answer_characters']:.0f}",
        f"{100 * held_out['refusals']:.0f}",
        *(percent(model["scores"][name][reading], "accuracy") for name, reading in scores),
    )


def run_ablation(
    options: RunOptions, names: Sequence[str], folder: Path, argv: Sequence[str], console: Console
) -> None:
    """Do what the options say with the arms: run what is missing of them and their evaluation, here or on Slurm.

    At the end the table is printed, and written to <folder>/ablation.md.

    Raises:
        UserError: a mistake in a file or on the command line, or a stage that failed.
    """
    cluster = load_cluster(options)
    placement = cluster.placement if cluster else None
    ablation = load_ablation(options.recipe, names, folder, argv, placement, future(options))

    def conclude(_: Chain, console: Console) -> None:
        if summary := ablation.evaluation.summary():
            table = ablation_table(ablation.arms, summary["results"])
            (folder / "ablation.md").write_text(to_markdown(table), encoding="utf-8")
            console.print(*results_tables(summary["results"]), to_rich(table), sep="\n")

    def prepare(stage: StageRun) -> None:
        share_measured([arm.refine for arm in ablation.arms], stage)

    selected = ablation.own.select(options.only, options.first)
    if not cluster and not options.plan:
        _check_there(ablation, selected)
    carry_out(options, ablation.chain, selected, cluster, console, conclude, prepare)
