"""The kinds of stage, and the paper's chain of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kun_recipes.chain.report.config import ReportConfig
from kun_recipes.corpus.config import CorpusConfig
from kun_recipes.curation.config import LabelConfig, RefineConfig
from kun_recipes.data.folders import SUMMARY, TRAIN_SUMMARY
from kun_recipes.evaluation.config import EvaluateConfig
from kun_recipes.execution.folder import describe
from kun_recipes.publishing.config import PublishConfig
from kun_recipes.statistics.config import StatisticsConfig
from kun_recipes.studies.config import StudyConfig


@dataclass(frozen=True)
class Kind:
    """A recipe script: its config class, the summary file that says it finished, and what that summary must match.

    Attributes:
        repeats: whether a finished stage with this config is run again: what it does lies elsewhere too.
    """

    script: str
    config: Callable[[], type]
    summary: str
    asked: Callable[[Any], dict[str, Any]]
    training: bool = False
    repeats: Callable[[Any], bool] = lambda config: False


def _train_config() -> type:
    from kun_recipes.training.config import TrainConfig  # here: it imports torch

    return TrainConfig


def _train_asked(config: Any) -> dict[str, Any]:
    from kun_recipes.training.checkpoints import made_from

    return made_from(config)


CORPUS = Kind("recipes/corpus.py", lambda: CorpusConfig, SUMMARY, describe)
LABEL = Kind("recipes/label.py", lambda: LabelConfig, SUMMARY, describe)
REFINE = Kind("recipes/refine.py", lambda: RefineConfig, SUMMARY, describe)
EVALUATE = Kind("recipes/evaluate.py", lambda: EvaluateConfig, SUMMARY, describe)
TRAIN = Kind("recipes/train.py", _train_config, TRAIN_SUMMARY, _train_asked, training=True)
STATISTICS = Kind("recipes/data_statistics.py", lambda: StatisticsConfig, SUMMARY, describe)
STUDY = Kind(
    "recipes/study.py",
    lambda: StudyConfig,
    SUMMARY,
    describe,
    repeats=lambda config: config.votes is not None,  # people may have voted meanwhile
)
REPORT = Kind("recipes/report.py", lambda: ReportConfig, SUMMARY, describe)
PUBLISH = Kind(
    "recipes/publish.py",
    lambda: PublishConfig,
    SUMMARY,
    describe,
    repeats=lambda config: config.push,  # only the Hub knows what it has; what is there is not sent again
)

STAGES = {
    "corpus": CORPUS,
    "label_model": TRAIN,
    "primary_chat_model": TRAIN,
    "label": LABEL,
    "refine": REFINE,
    "final_model": TRAIN,
    "evaluate": EVALUATE,
    "statistics": STATISTICS,
    "study": STUDY,
    "report": REPORT,
    "publish": PUBLISH,
}
"""The paper's chain (Kun figure 1), and what measures, shows and publishes its results, in their order. A recipe has
one YAML of each name; it may leave out stages whose results it reads from elsewhere."""

FINAL = "final_model"
"""The stage of which a recipe may have several: files final_model_<name>.yaml, and run.yaml's final_sizes."""
