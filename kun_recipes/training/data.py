"""From config to the conversations of a run: pairs read, checked, split and laid out, judge items mixed in."""

import sys
from collections.abc import Callable
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from kun_recipes.curation.judge_data import load_judge_items, split_judge_items
from kun_recipes.errors import UserError
from kun_recipes.prompts import load_prompt
from kun_recipes.training.config import TrainConfig
from kun_recipes.training.formatting import Conversation, backward, forward, judge_conversations
from kun_recipes.training.seeds import Removed, Seed, describe_removed, load_seeds, split_seeds


@dataclass(frozen=True)
class TrainingData:
    """What a run trains on and is measured on.

    Attributes:
        training: conversations of the training pairs, then those of the judges; the trainer shuffles them.
        held_out: conversations of the held-out pairs.
        pairs: number of pairs used, both sides.
        removed: rows of the source that are not used.
        judge_items: number of different judge items trained on.
    """

    training: list[Conversation]
    held_out: list[Conversation]
    pairs: int
    removed: list[Removed]
    judge_items: int


def load_data(config: TrainConfig, tokenizer: PreTrainedTokenizerBase) -> TrainingData:
    """Read what `config` names. A conversation over `max_length` tokens is removed, never cut.

    Raises UserError when no pair is left, or for judge items and prompt files that cannot be used.
    """
    seeds, removed = load_seeds(config.seeds, config.instruction_column, config.output_column, config.seeds_revision)
    lay_out = _layout(config)
    lengths = [_tokens(lay_out(seed), tokenizer) for seed in seeds]
    fitting = [seed for seed, length in zip(seeds, lengths, strict=True) if length <= config.max_length]
    too_long = [seed for seed, length in zip(seeds, lengths, strict=True) if length > config.max_length]
    removed += [Removed(seed.where, "too_long") for seed in too_long]
    if removed:
        print(f"train: removed {describe_removed(removed)}", file=sys.stderr)
    if not fitting:
        raise UserError(f"{config.seeds}: no pair within max_length: {config.max_length} tokens")
    training, held_out = split_seeds(fitting, config.held_out_share)
    judges, judge_items = _judges(config, tokenizer)
    return TrainingData(
        [*map(lay_out, training), *judges], [*map(lay_out, held_out)], len(fitting), removed, judge_items
    )


def _layout(config: TrainConfig) -> Callable[[Seed], Conversation]:
    if config.direction == "forward":
        return forward
    label_prompt = load_prompt(config.label_prompt, {"output"})
    return lambda seed: backward(seed, label_prompt)


def _judges(config: TrainConfig, tokenizer: PreTrainedTokenizerBase) -> tuple[list[Conversation], int]:
    if not config.judge_data:
        return [], 0
    prompts = {
        "filter": load_prompt(config.filter_prompt, {"instruction"}),
        "score": load_prompt(config.score_prompt, {"instruction"}),
    }
    development, _ = split_judge_items(load_judge_items(config.judge_data))
    conversations = judge_conversations(development, prompts, config.judge_turns, config.judge_passes, config.seed)
    longest = max(_tokens(conversation, tokenizer) for conversation in conversations)
    if longest > config.max_length:
        raise UserError(
            f"judge_turns: {config.judge_turns} judge items make a conversation of {longest} tokens, over max_length: "
            f"{config.max_length}; lower the one or raise the other"
        )
    return conversations, len(development)


def _tokens(conversation: Conversation, tokenizer: PreTrainedTokenizerBase) -> int:
    turns = conversation["prompt"] + conversation["completion"]
    return len(tokenizer.apply_chat_template(turns, return_dict=True)["input_ids"])
