"""The rounds stage: the union of the rounds of a run."""

from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from kun_recipes.chain.plan.assumptions import Assumptions
from kun_recipes.chain.plan.work import Flow, Rows, Work
from kun_recipes.chain.stage import Section, Stage, Summary
from kun_recipes.reporting.language import tr
from kun_recipes.reporting.tables import Table
from kun_recipes.rounds.union_config import RoundsConfig

HEAD = ("round", "segments", "candidates", "pairs", "label model's held-out loss", "chat model's held-out loss")
INTRODUCTION = (
    "Each round trains its models on the seeds and on the pairs of the previous round, and labels segments that no "
    "earlier round has labelled. The counts on this page cover these rounds together; the models and judges are those "
    "of the last round."
)


class RoundsStage(Stage):
    """Put the rows and models of the rounds that helped together (Kun §3: "this repeated process")."""

    name, script, devices = "rounds", "recipes/rounds.py", "cores"
    rows_from = "segments"

    def config_class(self) -> type:
        return RoundsConfig

    def run(self, config: RoundsConfig) -> None:
        from kun_recipes.rounds.union import run

        run(config)

    def check_inputs(self, config: RoundsConfig, there: Container[str]) -> None:
        config.check_folders()

    def is_planned(self) -> bool:
        return True

    def headlines(self, name: str, summary: Summary) -> Iterator[RenderableType]:
        rounds = summary["rounds"]
        pairs = ", ".join(f"{one['pairs']} of round {one['round']}" for one in rounds)
        yield Text(f"{name}: {pairs} pairs" + (f"; {summary['why']}" if summary["why"] else ""))

    def report_section(self, summary: Summary, folder: Path, figures: Path) -> Section:
        why = summary["why"]
        return Section(
            tr("Rounds"),
            tr(INTRODUCTION),
            notes=(tr("Later rounds are left out: {why}", why=why),) if why else (),
            tables=(rounds_table(summary["rounds"]),),
        )

    def work(self, config: RoundsConfig, known: Assumptions, flow: Flow, devices: int) -> Work:
        """Return the union.

        rows out  = sum of the rounds' pairs; of candidates likewise
        disk      = rows out x bytes_per_row, of the dataset: shards and weights are links
        """
        for folders, written in (
            (config.label_dirs, (config.label_dir,)),
            (config.refine_dirs, (config.refine_dir, config.dataset_dir)),
        ):
            parts = [flow.read(folder) for folder in folders]
            count = sum(part.count for part in parts)
            for folder in written:
                flow.write(folder, Rows(count, parts[-1].tokens))
        return Work(
            rows_in=count,
            rows_out=count,
            tokens_read=None,
            tokens_written=None,
            device_seconds=0,
            disk_bytes=count * known.corpus.bytes_per_row.number,
        )


def rounds_table(rounds: list[Mapping[str, Any]]) -> Table:
    """Return what each round of the union gave."""
    rows = tuple(
        (
            *(f"{one[key]:,}" for key in ("round", "segments", "candidates", "pairs")),
            *("–" if loss is None else f"{loss:.2f}" for loss in (one["label_model_loss"], one["chat_model_loss"])),
        )
        for one in rounds
    )
    return Table(tr("Results of each round"), tuple(map(tr, HEAD)), rows)


ROUNDS = RoundsStage()
