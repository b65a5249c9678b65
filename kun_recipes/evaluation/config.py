"""The options of the evaluate stage."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kun_recipes.config.options import option
from kun_recipes.config.types import BenchmarkPath, DatasetPath, InputPath, ModelPath, OutputPath
from kun_recipes.config.values import first_repeated
from kun_recipes.errors import ConfigError
from kun_recipes.evaluation.benchmarks import BenchmarkName, Spacing, benchmark
from kun_recipes.evaluation.prompts import Format
from kun_recipes.evaluation.reading import VERSION as READER_VERSION
from kun_recipes.execution.asked import Versioned
from kun_recipes.execution.failed import WithoutFailed
from kun_recipes.execution.options import HubSeeds
from kun_recipes.models.options import EngineConfig
from kun_recipes.models.source import load_model_source
from kun_recipes.reporting.language import Language, language_option

MODES = ("ppl", "gen", "ppl-full")


@dataclass(frozen=True)
class Benchmark:
    """Questions in the layout of one of the two benchmarks."""

    path: BenchmarkPath = option(
        help="folder of its CSV files (dev/law_dev.csv, val/law_val.csv; for CMMLU dev/law.csv, test/law.csv), or "
        "owner/name@commit"
    )
    name: BenchmarkName = option(help="the benchmark whose layout, prompts and subjects are used")
    title: str | None = option(None, "name in tables; set another one for your own questions in this layout")
    subjects: list[str] | None = option(None, "subjects, named as in the file names; null: all")


@dataclass(kw_only=True)
class HeldOutSeeds(HubSeeds):
    """Options of the stages that measure models by the seed pairs which no training saw."""

    seeds: DatasetPath = option(help="seed pairs, as the trainings read them: file, folder or Hub dataset")
    instruction_column: str = option("instruction", "instruction column of the seeds; + joins several")
    output_column: str = option("output", "output column of the seeds")
    held_out_share: float = option(
        0.1,
        "share of the seeds held out; same as in the trainings, so that they never saw these pairs",
        above=0,
        max=1,
    )


@dataclass(kw_only=True)
class EvaluateConfig(Versioned, WithoutFailed, HeldOutSeeds, EngineConfig):
    """Measure models and their base model by C-Eval, CMMLU and held-out pairs (Kun §4.2.4)."""

    model: ModelPath = option(help="the base model, measured for comparison: a folder, a Hub id, or a model source")
    models: list[ModelPath] | None = option(
        None, "folders or Hub ids of the models to evaluate; null: the base model alone"
    )
    base_format: Format = option("plain", "prompt format of the base model: plain text, or turns in its chat template")
    format: Format = option("chat", "prompt format of the other models")
    output_dir: OutputPath = option(help="folder of this stage", affects_rows=False)
    language: Language = language_option(affects_rows=False)

    benchmarks: list[Benchmark] = option(help="the benchmarks: C-Eval, CMMLU or both")
    groups: list[str] | None = option(
        None, "only subjects of these groups: STEM, Humanities, Social Science, Other, Hard, China-specific"
    )
    limit: int | None = option(None, "number of questions per subject, starting with the first; null: all", min=1)
    shots: int = option(
        5, "number of questions shown with their answers, starting with the first of dev", source="OpenCompass", min=0
    )
    modes: list[str] = option(
        ["ppl", "gen"],
        "ppl: the likeliest letter; gen: the letter in the generated text; ppl-full: the lowest loss of four whole "
        "prompts, only in plain format, to check ppl",
        choices=MODES,
    )
    ppl_spacing: Spacing = option(
        "opencompass",
        "newlines in plain ppl prompts: opencompass: three between shots and five before the question; single: one "
        "in each place, as lm-evaluation-harness can do it",
        source="OpenCompass",
    )
    max_new_tokens: int | None = option(
        None,
        "maximum length of a generated answer; null: the preset's, or 100",
        unit="tokens",
        source="OpenCompass",
        min=1,
    )

    training_rows: list[DatasetPath] | None = option(
        None,
        "datasets that the models were trained on in addition to the seeds; accuracy is split by whether a question "
        "is quoted in them or in the seeds; null: no such split",
    )
    held_out_limit: int = option(200, "number of held-out pairs to answer, starting with the first", min=1)
    held_out_new_tokens: int = option(512, "maximum length of an answer to a held-out pair", unit="tokens", min=1)
    rules: InputPath | None = option(
        None,
        "YAML file of the A.2 rules, which define a refusal; null: the rules of the package",
        package_file="rules/rules.yaml",
    )
    bootstrap: int = option(10_000, "number of resamples for the interval of a difference or a perplexity", min=100)

    new_tokens = 100

    def check(self) -> None:
        super().check()
        self.check_seeds_part(self.seeds)
        names = [one.name for one in self.benchmarks]
        if double := first_repeated(names):
            raise ConfigError("benchmarks", f"{double} is given twice")
        if "ppl-full" in self.modes and {self.base_format, *([self.format] if self.models else [])} != {"plain"}:
            raise ConfigError("modes", "ppl-full compares plain texts: set base_format and format to plain")
        called = self.named()
        if twice := first_repeated(called):
            raise ConfigError("models", f"two of them are named {twice}; rename the folder of one")

    def versions(self) -> dict[str, Any]:
        """Return the versions of the prompts and of the reader, which decide the rows together with the options."""
        return {
            "prompt_versions": {one.name: benchmark(one.name).version for one in self.benchmarks},
            "reader_version": READER_VERSION,
        }

    def named(self) -> list[str]:
        """Return each model's name in tables and file names, the base model first."""
        return [model_name(model) for model in (self.model, *(self.models or ()))]


def model_name(model: str) -> str:
    """Return the folder's name, the source's, or the last part of a Hub id."""
    path = Path(model)
    return load_model_source(path).name if path.suffix == ".yaml" and path.is_file() else path.name
