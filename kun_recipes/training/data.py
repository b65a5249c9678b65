"""Make the conversations of a run from its config: read pairs, check, split and choose them, mix other sets in."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from kun_recipes.curation.judge_data import JudgeItem, load_judge_items, split_judge_items
from kun_recipes.data.pairs import Pair, Removed, describe_removed, load_pairs, split_pairs
from kun_recipes.errors import UserError
from kun_recipes.models.prompts import PromptTemplate, load_prompt
from kun_recipes.models.templates import marker_pattern
from kun_recipes.training.config import TrainConfig
from kun_recipes.training.distributed import print_status
from kun_recipes.training.formatting import Conversation, backward, find_marker, forward, judge_conversations
from kun_recipes.training.mixing import load_mix, take
from kun_recipes.training.rendering import Rendering
from kun_recipes.training.seed_checks import SeedChecks

JUDGE_FIELDS = {"filter": {"instruction"}, "score": {"instruction"}, "answer": {"segment", "instruction", "output"}}
"""Fields of the judges' prompts."""
ANSWER_PROMPT = "recipes/prompts/answer_judge.txt"


@dataclass(frozen=True)
class TrainingData:
    """Conversations that a run trains on and is measured on.

    Attributes:
        training: conversations of the training pairs, the sets mixed in, and the judges; the trainer shuffles them.
            A data set holds the arguments of the chat template, too: see `prepared`.
        held_out: conversations of the held-out pairs, which are of the seeds, where there are any.
        pairs: number of pairs used, both sides and the mixed sets.
        removed: rows of the sources that are not used.
        judge_items: number of different judge items trained on.
        mixed: counts of each set mixed in: {source, rows_in, rows_kept, removed}.
    """

    training: Sequence[Conversation] | Dataset
    held_out: Sequence[Conversation] | Dataset
    pairs: int
    removed: list[Removed]
    judge_items: int
    mixed: list[dict[str, Any]]


def load_data(config: TrainConfig, tokenizer: PreTrainedTokenizerBase) -> TrainingData:
    """Read what `config` names. A conversation over `max_length` tokens is removed, never cut.

    The held-out pairs are the same for every `train_rows` and `dataset_mixture`; without seeds they are of the latter.
    Reasons, in addition to those of `load_pairs` and `load_mix`: those of `SeedChecks.find`, "too_long", "chat_marker"
    for a text with a token of the chat template in it, which would end or begin a turn, and "not_in_subset" for what
    `train_rows` leaves out.

    Raises UserError when no pair is left, or for sets, judge items and prompt files that cannot be used.
    """
    seeds, removed = _own_pairs(config)
    rendering, markers = Rendering(config, tokenizer), marker_pattern(tokenizer)
    lay_out, checks = _layout(config, rendering), SeedChecks(config)

    def fault(seed: Pair) -> str | None:
        if reason := checks.find(seed):
            return reason
        conversation = lay_out(seed)
        if find_marker(conversation, markers):
            return "chat_marker"
        return "too_long" if rendering.tokens(conversation) > config.max_length else None

    faults = [fault(seed) for seed in seeds]
    fitting = [seed for seed, reason in zip(seeds, faults, strict=True) if reason is None]
    unfit = [Removed(seed.where, reason) for seed, reason in zip(seeds, faults, strict=True) if reason]
    removed += unfit
    if seeds and not fitting:
        within = (
            "" if any(row.reason != "too_long" for row in unfit) else f" within max_length: {config.max_length} tokens"
        )
        raise UserError(f"{config.seeds}: no usable training pair{within}; {describe_removed(removed)}")
    training, held_out, left_out = _share(config, fitting) if fitting else ([], [], [])
    mixed = load_mix(config.dataset_mixture, seeds, len(training), fault)
    others = [pair for part in mixed for pair in part.pairs]
    removed += [row for part in mixed for row in part.removed] + left_out
    if not (fitting or others):
        raise UserError(f"dataset_mixture: no usable training pair; {describe_removed(removed)}")
    rendering.check_answers(lay_out(max(fitting or others, key=lambda pair: len(pair.more))))
    if not fitting:
        others, held_out = split_pairs(others, _held_out_of_mixture(config, len(others)))
    pairs = training + others
    report_removed(removed)
    if config.direction == "backward" and (longer := sum(bool(seed.more) for seed in pairs)):
        print_status(
            f"train: only the first exchange of {longer} conversations is used: the label model writes no other"
        )
    judges, judge_items = _judges(config, rendering, markers)
    return TrainingData(
        training=[*map(lay_out, pairs), *judges],
        held_out=[*map(lay_out, held_out)],
        pairs=len(pairs) + len(held_out),
        removed=removed,
        judge_items=judge_items,
        mixed=[part.counts() for part in mixed],
    )


def _own_pairs(config: TrainConfig) -> tuple[list[Pair], list[Removed]]:
    if config.seeds is None:
        return [], []
    return load_pairs(config.seeds, config.instruction_column, config.output_column, config.seeds_part())


def _held_out_of_mixture(config: TrainConfig, pairs: int) -> float:
    """Return the share that is held out of a mixture that is all there is."""
    size = config.dataset_mixture.test_split_size if config.dataset_mixture else None
    if size is None:
        return config.held_out_share
    if (share := size if size < 1 else size / pairs) > 0.5:
        raise UserError(f"dataset_mixture: test_split_size: {size:g} is more than half of the {pairs} pairs; lower it")
    return share


def _share(config: TrainConfig, fitting: list[Pair]) -> tuple[list[Pair], list[Pair], list[Removed]]:
    """Return the seeds that are trained on, those held out, and those that `train_rows` leaves out."""
    candidates, held_out = split_pairs(fitting, config.held_out_share)
    training, left_out = _subset(config, candidates)
    return training, held_out, left_out


def _subset(config: TrainConfig, training: list[Pair]) -> tuple[list[Pair], list[Removed]]:
    taken, _, rest = take(training, config.train_rows)
    if config.train_rows and len(taken) < config.train_rows:
        raise UserError(
            f"train_rows: {config.train_rows} rows were requested, but {config.seeds} has only {len(training)} "
            f"training pairs (held_out_share: {config.held_out_share}); lower train_rows or add pairs"
        )
    left_out = set(rest)
    return [seed for seed in training if seed not in left_out], [Removed(seed.where, "not_in_subset") for seed in rest]


def report_removed(removed: list[Removed]) -> None:
    """Print where the invalid rows are; the summary counts those that were left out on purpose."""
    if faulty := [row for row in removed if row.reason not in ("not_in_subset", "not_in_mix")]:
        print_status(f"train: removed {describe_removed(faulty)}")


def _layout(config: TrainConfig, rendering: Rendering) -> Callable[[Pair], Conversation]:
    if config.direction == "forward":
        return forward
    assert config.label_prompt is not None  # `TrainConfig.check`
    label_prompt = load_prompt(config.label_prompt, {"segment"})
    return lambda seed: rendering.lay_out(backward(seed, label_prompt))


def _judges(config: TrainConfig, rendering: Rendering, markers: re.Pattern[str]) -> tuple[list[Conversation], int]:
    if not config.judge_data:
        return [], 0
    files = ", ".join(config.judge_data)
    prompts, items = load_judges(config)

    def fits(conversation: Conversation) -> bool:
        return rendering.tokens(rendering.lay_out(conversation)) <= config.max_length

    laid_out = judge_conversations(items, prompts, config.judge_turns, config.judge_passes, config.seed, fits)
    conversations = [*map(rendering.lay_out, laid_out)]
    for conversation in conversations:
        if marker := find_marker(conversation, markers):
            raise UserError(f"{files}: an item, or its prompt file, contains the chat marker {marker}; remove it")
        if not fits(conversation):
            beginning = conversation["prompt"][-1]["content"][:40]
            raise UserError(
                f"{files}: an item with its judge's system turn has {rendering.tokens(conversation)} tokens, more "
                f"than max_length: {config.max_length}; raise max_length or remove the item: {beginning}…"
            )
    rendering.check_answers(max(conversations, key=lambda conversation: len(conversation["completion"])))
    return conversations, len(items)


def load_judges(config: TrainConfig) -> tuple[dict[str, PromptTemplate], list[JudgeItem]]:
    """Return the prompts of the judges whose items are mixed in, and the items that are trained on.

    Raises UserError for prompt files and items that cannot be used.
    """
    paths = {"filter": config.filter_prompt, "score": config.score_prompt, "answer": config.answer_prompt}
    prompts = {judge: load_prompt(path, JUDGE_FIELDS[judge]) for judge, path in paths.items() if path is not None}
    if not config.judge_data:
        return prompts, []
    items = load_judge_items(config.judge_data, judges=prompts)
    if any(item.judge not in prompts for item in items):
        raise UserError(
            f"{', '.join(config.judge_data)}: contains items of the answer judge; set answer_prompt: {ANSWER_PROMPT}"
        )
    return prompts, split_judge_items(items)[0]
