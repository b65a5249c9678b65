"""What the stage reads, checked before a model is loaded: pairs, prompts, models."""

from dataclasses import dataclass

from kun_recipes.data.pair_sets import Pair, PairSet
from kun_recipes.evaluation.pipelines import Candidate
from kun_recipes.models.resolve import resolve_model
from kun_recipes.studies.config import StudyConfig
from kun_recipes.studies.sampling import read_prompts, sample_pairs


@dataclass(frozen=True)
class StudyInputs:
    """What is judged, and by whom it is answered.

    Attributes:
        pairs: of the quality study.
        no_pairs: rows of the set that are none: unreadable, or without an instruction or an output.
        prompts: of the preference study, by id.
        models: that answer them.
        judge: folder of the model that judges, or None.
    """

    pairs: list[Pair]
    no_pairs: int
    prompts: dict[str, str]
    models: list[Candidate]
    judge: str | None


def gather(config: StudyConfig) -> StudyInputs:
    """Read and check everything. Raises UserError for what is missing or wrong in any of it."""
    prompts = read_prompts(config.prompts, config.prompt_limit) if config.prompts else {}
    pairs, no_pairs = [], 0
    if config.dataset:
        found = PairSet("dataset", config.dataset)
        found.check()
        pairs, no_pairs = sample_pairs(found.read(), config.pairs_per_source, config.seed)
    answerers = config.answerers() if prompts else []
    models = [Candidate(one.name, resolve_model(one.model), one.format) for one in answerers]
    return StudyInputs(pairs, no_pairs, prompts, models, resolve_model(config.model) if config.judge else None)
