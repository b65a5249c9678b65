"""Inputs of a study, checked before a model is loaded: sampled pairs, prompts, models, and the items made of them."""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from kun_recipes.data.hashing import row_hash
from kun_recipes.data.json_lines import Malformed, read_lines
from kun_recipes.data.pairs import Pair, PairSet, Removed
from kun_recipes.errors import UserError
from kun_recipes.evaluation.pipelines import EvaluatedModel
from kun_recipes.execution.folder import StageFolder
from kun_recipes.models.resolve import pinned_model
from kun_recipes.studies.config import StudyConfig
from kun_recipes.studies.items import PreferenceItem, QualityItem


@dataclass(frozen=True)
class StudyInputs:
    """Pairs to judge, prompts, and the models that answer and judge.

    Attributes:
        pairs: of the quality study.
        no_pairs: number of rows that are unreadable or lack an instruction or an output.
        prompts: of the preference study, by id.
        models: that answer them.
        judge: folder of the model that judges, or its name at a server; None: none judges.
    """

    pairs: list[Pair]
    no_pairs: int
    prompts: dict[str, str]
    models: list[EvaluatedModel]
    judge: str | None


def gather(config: StudyConfig, stage: StageFolder) -> StudyInputs:
    """Read and check everything. Raises UserError for what is missing or wrong in any of it."""
    prompts = read_prompts(config.prompts, config.prompt_limit) if config.prompts else {}
    pairs: list[Pair] = []
    no_pairs = 0
    if config.dataset:
        found = PairSet("dataset", config.dataset, part=config.dataset_part())
        found.check()
        pairs, no_pairs = sample_pairs(found.read(), config.pairs_per_source, config.seed)
    answerers = (config.models or []) if prompts else []
    models = [
        EvaluatedModel(one.called(), pinned_model(stage, one.path, option="models"), one.format) for one in answerers
    ]
    judge = config.model if config.judge else None
    if judge and config.engine != "openai":
        judge = pinned_model(stage, judge, config.model_revision)
    return StudyInputs(pairs, no_pairs, prompts, models, judge)


def sample_pairs(pairs: Iterable[Pair | Removed], per_source: int, seed: int) -> tuple[list[Pair], int]:
    """Return the `per_source` pairs of lowest hash of each source (Kun §4.2.2), in an order that mixes the sources.

    The same whatever the order of the pairs; memory for twice as many as are chosen. Also returns how many rows were
    no pair.
    """

    def place(pair: Pair) -> int:
        return row_hash(pair.id, seed)

    chosen: dict[str, dict[str, Pair]] = {}
    no_pairs = 0
    for pair in pairs:
        if isinstance(pair, Removed):
            no_pairs += 1
            continue
        some = chosen.setdefault(pair.source, {})
        some.setdefault(pair.id, pair)
        if len(some) > 2 * per_source:
            chosen[pair.source] = {one.id: one for one in heapq.nsmallest(per_source, some.values(), key=place)}
    firsts = (pair for some in chosen.values() for pair in heapq.nsmallest(per_source, some.values(), key=place))
    return sorted(firsts, key=place), no_pairs


def quality_items(pairs: Iterable[Pair]) -> list[QualityItem]:
    return [QualityItem(pair.id, pair.source, pair.instruction, pair.output) for pair in pairs]


def read_prompts(path: str, limit: int | None) -> dict[str, str]:
    """Return the prompts of a JSON lines file under their ids, at most `limit`, the first.

    Raises UserError, naming file and line, on an invalid line, and on a file without prompts.
    """
    if not Path(path).is_file():
        raise UserError(f"{path}: no such prompts file")
    prompts: dict[str, str] = {}
    for record in read_lines(path):
        if isinstance(record, Malformed):
            raise UserError(f"{path}:{record.number}: {record.message}")
        if problem := _problem(record.value, prompts):
            raise UserError(f"{path}:{record.number}: {problem}")
        prompts[record.value["id"]] = record.value["prompt"].strip()
    if not prompts:
        raise UserError(f"{path}: no prompts")
    return dict(list(prompts.items())[:limit])


def _problem(value: Any, before: dict[str, str]) -> str | None:
    texts = [value.get(key) for key in ("id", "prompt")] if isinstance(value, dict) else [None]
    if not all(isinstance(text, str) and text.strip() for text in texts):
        return 'not a prompt: it needs "id" and "prompt", both text'
    return f"duplicate id {value['id']}" if value["id"] in before else None


def matchups(
    prompts: Iterable[str], models: Sequence[str], per_prompt: int | None, seed: int
) -> Iterator[tuple[str, str, str]]:
    """Yield the pairs of models to compare on each prompt: (prompt id, first, second).

    With `per_prompt` None every pair of models meets on every prompt. A number spares work: each prompt, in the order
    of their hashes, takes the next so many of all pairs, so that no pair meets once more than another by more than
    one.
    """
    pairs = list(combinations(models, 2))
    take = len(pairs) if per_prompt is None else min(per_prompt, len(pairs))
    for number, prompt in enumerate(sorted(prompts, key=lambda one: row_hash(one, seed))):
        for step in range(take):
            first, second = pairs[(number * take + step) % len(pairs)]
            yield prompt, first, second


def preference_items(
    prompts: dict[str, str], answers: dict[str, dict[str, str]], per_prompt: int | None, seed: int
) -> list[PreferenceItem]:
    """Return the items, of prompts that both models answered.

    Args:
        answers: by model, then by prompt id.
    """
    return [
        PreferenceItem(
            f"{prompt}/{first}/{second}",
            prompts[prompt],
            first,
            second,
            answers[first][prompt],
            answers[second][prompt],
        )
        for prompt, first, second in matchups(prompts, list(answers), per_prompt, seed)
        if prompt in answers[first] and prompt in answers[second]
    ]
