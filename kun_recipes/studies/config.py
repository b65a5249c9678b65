"""The options of the study stage."""

from dataclasses import dataclass

from kun_recipes.config.options import option
from kun_recipes.config.types import DatasetPath, InputPath, ModelPath, OutputPath, PromptPath, StagePath
from kun_recipes.config.values import first_repeated
from kun_recipes.errors import ConfigError
from kun_recipes.evaluation.config import model_name
from kun_recipes.evaluation.prompts import Format
from kun_recipes.execution.asked import Versioned
from kun_recipes.execution.failed import WithoutFailed
from kun_recipes.execution.options import HubPairs
from kun_recipes.models.options import EngineConfig
from kun_recipes.reporting.language import Language, language_option
from kun_recipes.studies.votes import RATERS, RESAMPLES

JUDGING_VERSION = 2
"""Raised with every change of what a judge is asked; 1 had three orders of the grades and calibrated no criterion."""


@dataclass(frozen=True)
class Answerer:
    """A model that answers."""

    path: ModelPath = option(help="folder, Hub id or model source")
    name: str | None = option(None, "its name in votes and figures; null: its folder's name")
    format: Format = option("chat", "chat: with its chat template; plain: without a template, as for base models")

    def called(self) -> str:
        return self.name or model_name(self.path)


@dataclass(kw_only=True)
class StudyConfig(HubPairs, Versioned, WithoutFailed, EngineConfig):
    """Choose what is judged, have models answer, let a model judge, and count the votes (Kun §4.2.2, §4.2.3)."""

    output_dir: OutputPath = option(help="folder of this stage", affects_rows=False)
    language: Language = language_option(affects_rows=False)
    model: ModelPath = option(help="model that judges: a folder, a Hub id, or a model source")
    judge: bool = option(True, "let the model judge; false: items for people only")

    dataset: DatasetPath | None = option(
        None,
        "pairs of the quality study: a dataset folder, rows, a file, or owner/name@revision on the Hub; null: no "
        "quality study",
    )
    pairs_per_source: int = option(1000, "number of pairs per source, chosen by hash", source="Kun §4.2.2", min=1)

    prompts: StagePath | None = option(
        None, 'prompts of the preference study: JSON lines with "id" and "prompt"; null: no preference study'
    )
    prompt_limit: int | None = option(
        None, "number of prompts to use, from the start of the file; null: all (the paper has 500)", min=1
    )
    models: list[Answerer] | None = option(None, "models that answer the prompts")
    pairs_per_prompt: int | None = option(
        None, "model pairs compared per prompt, all equally often; null: every pair on every prompt", min=1
    )
    max_new_tokens: int | None = option(
        None, "maximum length of an answer; null: the preset's, or 512", unit="tokens", min=1
    )

    criterion_prompt: PromptPath = option(
        "recipes/prompts/criterion.txt", "prompt file: does an instruction meet a criterion?"
    )
    grade_prompt: PromptPath = option("recipes/prompts/grade.txt", "prompt file: which grade does an output get?")
    compare_prompt: PromptPath = option("recipes/prompts/compare.txt", "prompt file: which answer is better?")
    rubric: InputPath | None = option(
        None,
        "YAML file of criteria and grades; null: kun_recipes/studies/rubric.yaml",
        package_file="studies/rubric.yaml",
    )

    votes: StagePath | None = option(
        None,
        "database of people's votes, from the annotation page; counted again at every run",
        affects_rows=False,
    )
    raters: int = option(RATERS, "number of votes per item, for figure 6 and Fleiss' kappa", min=2, affects_rows=False)
    bootstrap: int = option(RESAMPLES, "number of bootstrap resamples per interval", min=100, affects_rows=False)

    new_tokens = 512
    by_endpoint = True

    def check(self) -> None:
        super().check()
        self.check_dataset_part(self.dataset)
        if self.prompts and self.engine == "openai":
            raise ConfigError(
                "prompts",
                "are answered by models in folders, but engine openai asks a server; set prompts to null so that the "
                "server judges pairs, or set engine to transformers or vllm",
            )
        if not self.dataset and not self.prompts:
            raise ConfigError("dataset", "neither dataset nor prompts is set; set at least one")
        if self.prompts and len(self.answering()) < 2:
            raise ConfigError("models", "a preference study compares models; set at least two")
        names = list(self.answering())
        if double := first_repeated(names):
            raise ConfigError("models", f"two models are named {double}; give one another name")

    def versions(self) -> dict[str, int | None]:
        """Return the version of judging, which decides the rows together with the options."""
        return {"judging_version": JUDGING_VERSION if self.judge else None}

    def answering(self) -> list[str]:
        """Return each answering model's name in votes and figures."""
        return [one.called() for one in self.models or ()]
