"""The options of the statistics stage."""

from dataclasses import dataclass
from pathlib import Path

from kun_recipes.config.options import option
from kun_recipes.config.types import DatasetPath, InputPath, ModelPath, OutputPath, PromptPath
from kun_recipes.data import schema
from kun_recipes.data.pair_sources import HubPart
from kun_recipes.data.pairs import PairSet
from kun_recipes.errors import ConfigError
from kun_recipes.execution.options import HubPairs, HubSeeds
from kun_recipes.models.options import EngineConfig
from kun_recipes.reporting.language import Language, language_option
from kun_recipes.statistics.topics import LISTS

DATASET, SEEDS = "dataset", "seeds"


@dataclass(frozen=True)
class Reference:
    """A set that is measured as the dataset is."""

    path: DatasetPath = option(help="the pairs, in any form that the option dataset takes")
    name: str = option(help="name in figures and tables")
    instruction: str = option(schema.INSTRUCTION, "instruction column; + joins several, as in instruction+input")
    output: str = option(schema.OUTPUT, "output column")
    subset: str | None = option(None, "config of a Hub dataset; null: its default config")
    split: str | None = option(None, "split of a Hub dataset; null: all except test and validation splits")


@dataclass(kw_only=True)
class StatisticsConfig(HubSeeds, HubPairs, EngineConfig):
    """Measure the composition of a dataset and of reference sets (Kun §4.2.1)."""

    dataset: DatasetPath = option(
        help="the pairs: a dataset folder, the rows of the refine stage, a file, or owner/name@revision on the Hub"
    )
    seeds: DatasetPath | None = option(None, "seed pairs, read as in the trainings and measured like the dataset")
    instruction_column: str = option(schema.INSTRUCTION, "instruction column of the seeds; + joins several")
    output_column: str = option(schema.OUTPUT, "output column of the seeds")
    references: list[Reference] | None = option(None, "additional sets, measured like the dataset")
    output_dir: OutputPath = option(help="folder of this stage", affects_rows=False)
    language: Language = language_option(affects_rows=False)
    model: ModelPath = option(
        help="folder or Hub id of the chat model that names the topics of pairs; its tokenizer counts the lengths, "
        "even with topics: false"
    )
    reference_year: int = option(
        help="last of the 20 years in the figure; a fixed year, so that a rerun shows the same",
        source="Kun figure 8",
        min=1919,
        max=2099,
    )
    sample_rows: int = option(
        2000,
        "number of pairs per set, chosen by hash, for n-gram counts; all sets are cut to the same number of letters",
        min=1,
    )
    topics: bool = option(True, "ask the model for disciplines, sectors and text types")
    topic_lists: list[str] = option(list(LISTS), "which of these lists to ask about", choices=LISTS)
    topic_rows: int = option(2000, "number of pairs per set, chosen by hash, that the model is asked about", min=1)
    topic_characters: int = option(
        600, "length of the beginning of each instruction and output that the model sees", unit="characters", min=20
    )
    topic_references: bool = option(False, "also ask about the reference sets")
    topic_prompt: PromptPath = option("recipes/prompts/topic.txt", "prompt that asks for the topic")
    topics_file: InputPath | None = option(
        None,
        "YAML file of the three lists; null: kun_recipes/statistics/topics.yaml",
        package_file=["statistics/topics.yaml", "rules/forms.yaml"],
    )
    repeats: int = option(
        2,
        "number of times each list is asked, with its options in different orders; answers that differ are excluded",
        source="Kun §4.2.1: repeated for accuracy",
        min=1,
    )

    new_tokens = 4

    def check(self) -> None:
        super().check()
        self.check_seeds_part(self.seeds)
        self.check_dataset_part(self.dataset)
        for place, one in enumerate(self.references or ()):
            if (one.subset or one.split) and Path(one.path).exists():
                raise ConfigError(f"references[{place}]", "subset and split apply to a Hub dataset; this is a path")
        names = [reference.name for reference in self.reference_sets()]
        if double := next((name for name in names if names.count(name) > 1 or name == DATASET), None):
            raise ConfigError("references", f"two sets have the name {double}; give each a different name")

    def dataset_set(self) -> PairSet:
        return PairSet(DATASET, self.dataset, part=self.dataset_part())

    def reference_sets(self) -> list[PairSet]:
        """Return the reference sets under their names, the seeds first."""
        seeds = (
            PairSet(SEEDS, self.seeds, self.instruction_column, self.output_column, self.seeds_part())
            if self.seeds
            else None
        )
        others = [
            PairSet(one.name, one.path, one.instruction, one.output, HubPart(None, one.subset, one.split))
            for one in self.references or ()
        ]
        return [*([seeds] if seeds else []), *others]
