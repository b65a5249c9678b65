"""The evaluate stage."""

from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import RenderableType

from kun_recipes.chain.plan.assumptions import Assumption, Assumptions
from kun_recipes.chain.plan.work import Flow, Work, asking, at_most
from kun_recipes.chain.stage import Section, Stage, Summary
from kun_recipes.data.folders import ROWS
from kun_recipes.evaluation.benchmarks import benchmark
from kun_recipes.evaluation.config import EvaluateConfig
from kun_recipes.evaluation.tables import all_tables, results_tables
from kun_recipes.models.engines import check_installed
from kun_recipes.reporting.language import tr

CAPTION = (
    "Accuracy over subjects, with 95% intervals; dotted: chance. Perplexity of held-out seed answers: lower is better."
)


@dataclass(frozen=True)
class EvaluateRates:
    """Evaluation.

    Attributes:
        question_tokens: of a question with its options, the line before it and its answer.
        pair_tokens: of a held-out pair.
    """

    question_tokens: Assumption
    pair_tokens: Assumption


class EvaluateStage(Stage):
    """Measure the models by C-Eval, CMMLU and held-out pairs (Kun §4.2.4)."""

    name, script = "evaluate", "recipes/model_evaluation.py"
    extra = "evaluate"
    writes = (
        f"held_out/{ROWS}",
        "results.json",
        "table.md",
        "table.tex",
        "figure.svg",
        "figure.png",
        "model_index/*.json",
    )
    plan_section, assumptions = "evaluate", EvaluateRates
    optional = ("models",)

    def config_class(self) -> type:
        return EvaluateConfig

    def run(self, config: EvaluateConfig) -> None:
        from kun_recipes.evaluation.evaluate import run

        run(config)

    def check(self, config: EvaluateConfig) -> None:
        check_installed(config.engine)

    def check_inputs(self, config: EvaluateConfig, there: Container[str]) -> None:
        from kun_recipes.evaluation.inputs import check_inputs

        check_inputs(config, there)

    def details(self, config: EvaluateConfig, summary: Summary) -> Iterator[RenderableType]:
        yield from results_tables(summary["results"])

    def report_section(self, summary: Summary, folder: Path, figures: Path) -> Section:
        from kun_recipes.evaluation.report import scores_figure
        from kun_recipes.reporting.drawing import save, style

        with style():
            save(scores_figure(summary["results"]), figures / "benchmarks")
        tables = tuple(all_tables(summary["results"]))
        return Section(tr("Benchmarks"), figures={"benchmarks": tr(CAPTION)}, tables=tables)

    def work(self, config: EvaluateConfig, known: Assumptions, flow: Flow, devices: int) -> Work:
        """Return questions and held-out pairs, of every model.

        questions = those of each benchmark, by the share of its subjects asked, or limit per subject
        pairs    = held_out_limit, or held_out_share of the seeds if that is less
        read     = models x (modes x (questions + subjects x shots) x question_tokens + 2 x pairs x pair_tokens): the
                   shots are encoded once per subject; ppl-full reads 4 x questions x (shots + 1) x question_tokens
        written  = models x (questions x max_new_tokens, with gen, + pairs x held_out_new_tokens), at most
        device time, memory: `asking`; where no evaluation was measured, as fast as label
        disk     = (questions + pairs) x models x bytes_per_row
        """
        of, models = known.evaluate, 1 + len(config.models or ())
        asked = list(_asked(config))
        questions, subjects = (sum(column) for column in zip(*asked, strict=True))
        pairs = at_most(flow.read(config.seeds).count * config.held_out_share, config.held_out_limit)
        passes = {
            "ppl": questions + subjects * config.shots,
            "gen": questions + subjects * config.shots,
            "ppl-full": 4 * questions * (config.shots + 1),
        }
        turns = sum(passes[mode] for mode in config.modes)
        read = models * (turns * of.question_tokens.number + 2 * pairs * of.pair_tokens.number)
        answers = questions * config.decoding().max_new_tokens if "gen" in config.modes else 0
        written = models * (answers + pairs * config.held_out_new_tokens)
        rows = models * (questions + pairs)
        return Work(
            rows_in=rows,
            rows_out=rows,
            tokens_read=read,
            tokens_written=written,
            disk_bytes=rows * known.corpus.bytes_per_row.number,
            **asking(config, known, "evaluate", label=read + written),
        )


def _asked(config: EvaluateConfig) -> Iterator[tuple[float, int]]:
    """Yield questions and subjects of each benchmark."""
    for one in config.benchmarks:
        about = benchmark(one.name)
        subjects = len(about.select(one.subjects, config.groups))
        share = about.questions / len(about.subjects)
        yield subjects * (share if config.limit is None else min(config.limit, share)), subjects


EVALUATE = EvaluateStage()
