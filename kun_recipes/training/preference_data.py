"""Preference pairs of a training: read, checked, and split so that no held-out instruction was trained on before.

{"prompt": turns, "chosen": turns, "rejected": turns} each, as TRL's DPOTrainer takes them.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from datasets import Dataset, get_dataset_config_names, load_dataset
from datasets.exceptions import DatasetGenerationError, DatasetNotFoundError
from pyarrow import ArrowException
from transformers import PreTrainedTokenizerBase

from kun_recipes.data.files import first_line
from kun_recipes.data.folders import PREFERENCE
from kun_recipes.data.pairs import Pair, Removed, describe_removed, split_pairs
from kun_recipes.errors import UserError
from kun_recipes.models.templates import marker_pattern
from kun_recipes.text.views import is_blank
from kun_recipes.training.data import TrainingData, report_removed
from kun_recipes.training.formatting import Conversation, find_marker
from kun_recipes.training.preference_config import PreferenceConfig
from kun_recipes.training.rendering import Rendering

SIDES = ("chosen", "rejected")
COLUMNS = ("prompt", *SIDES)
FORMATS = {".parquet": "parquet", ".jsonl": "json", ".json": "json"}
UNREADABLE = (
    DatasetGenerationError,
    DatasetNotFoundError,
    FileNotFoundError,
    ConnectionError,
    ValueError,
    ArrowException,
)


def load_preferences(config: PreferenceConfig, tokenizer: PreTrainedTokenizerBase) -> TrainingData:
    """Read the pairs that `config` names. One with an answer over `max_length` tokens is removed, never cut.

    Pairs are held out by the hash of their instruction, as in the trainings before: with the same share, the held-out
    ones are of instructions that those did not train on, either.

    Reasons: "not_conversational", "empty_text", "same_answers", "too_long", and "chat_marker" for a text with a token
    of the chat template in it.
    Raises UserError when no pair is left, or for a set that cannot be read.
    """
    rendering, markers = Rendering(config, tokenizer), marker_pattern(tokenizer)

    def fault(conversation: Conversation) -> str | None:
        if find_marker(conversation, markers):
            return "chat_marker"
        longest = max(rendering.tokens(whole(conversation, side)) for side in SIDES)
        return "too_long" if longest > config.max_length else None

    kept, removed = _sort(config, lambda row: rendering.lay_out({name: row[name] for name in COLUMNS}), fault)
    if not kept:
        raise UserError(f"{config.pairs}: no usable preference pair; {describe_removed(removed) or 'it is empty'}")
    report_removed(removed)
    rendering.check_answers(whole(next(iter(kept.values())), "chosen"))
    training, held_out = split_pairs([*kept], config.held_out_share)
    return TrainingData(
        training=[kept[pair] for pair in training],
        held_out=[kept[pair] for pair in held_out],
        pairs=len(kept),
        removed=removed,
        judge_items=0,
        mixed=[],
    )


def whole(pair: Conversation, side: str) -> Conversation:
    """Return the conversation of a pair that ends with one of its answers."""
    return {"prompt": pair["prompt"], "completion": pair[side]}


def _sort(
    config: PreferenceConfig,
    lay_out: Callable[[Mapping[str, Any]], Conversation],
    fault: Callable[[Conversation], str | None],
) -> tuple[dict[Pair, Conversation], list[Removed]]:
    """Return the conversations of the pairs to use, by what they are split by, and the rows that have none."""
    kept: dict[Pair, Conversation] = {}
    removed = []
    for number, row in enumerate(read_preferences(config), start=1):
        where = f"{config.pairs}:{number}"
        reason = _fault_of_row(row)
        conversation = None if reason else lay_out(row)
        reason = reason or (fault(conversation) if conversation else None)
        if reason or conversation is None:
            removed.append(Removed(where, str(reason)))
        else:
            kept[Pair(row["prompt"][-1]["content"], row["chosen"][-1]["content"], where, where)] = conversation
    return kept, removed


def _fault_of_row(row: Mapping[str, Any]) -> str | None:
    turns = [row[name] for name in COLUMNS]
    if not all(isinstance(part, list) and part and all(map(_is_turn, part)) for part in turns):
        return "not_conversational"
    if any(is_blank(turn["content"]) for part in turns for turn in part):
        return "empty_text"
    return "same_answers" if row["chosen"] == row["rejected"] else None


def _is_turn(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(value.get(key), str) for key in ("role", "content"))


def read_preferences(config: PreferenceConfig) -> Dataset:
    """Return the rows that `config` names.

    Raises UserError for a set that cannot be read, or has not the columns or the split.
    """
    name = config.pairs
    if Path(name).is_dir() and not any(path.suffix in FORMATS for path in Path(name).rglob("*")):
        raise UserError(
            f"{name}: no preference pairs; the refine stage wrote none (see `preference` in its stage.json), or "
            "did not run"
        )
    try:
        splits = _load(name, config.pairs_revision)
    except UNREADABLE as error:
        why = first_line(error.__cause__ or error)
        raise UserError(f"{name}: the preference pairs cannot be read: {why}") from error
    if config.pairs_split not in splits:
        raise UserError(f"{name}: has no split {config.pairs_split}; set pairs_split: {' or '.join(splits)}")
    rows = splits[config.pairs_split]
    if missing := [column for column in COLUMNS if column not in rows.column_names]:
        raise UserError(
            f"{name}: has no preference pairs: without {', '.join(missing)} among its columns ("
            f"{', '.join(rows.column_names)}), and without a config {PREFERENCE}"
        )
    return rows


def _load(name: str, revision: str | None) -> dict[str, Dataset]:
    if Path(name).is_file():
        return load_dataset(FORMATS.get(Path(name).suffix, "json"), data_files=name)
    configs = get_dataset_config_names(name, revision=revision)
    return load_dataset(name, PREFERENCE if PREFERENCE in configs else None, revision=revision)
