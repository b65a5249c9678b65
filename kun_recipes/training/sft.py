"""Supervised fine-tuning: pairs in, a plain model folder out (Kun §3.1, §3.3)."""

import copy
import json
import sys
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import datasets
import torch
import transformers
from datasets import Dataset
from peft import LoraConfig
from transformers import PreTrainedTokenizerBase, PrinterCallback, set_seed

from kun_recipes.hardware import fast_dtype
from kun_recipes.models import resolve_model
from kun_recipes.stage import report, write_json
from kun_recipes.training.checkpoints import MarkWhole, RunFolder
from kun_recipes.training.config import TrainConfig
from kun_recipes.training.data import TrainingData, load_data
from kun_recipes.training.tokenizer import load_tokenizer
from kun_recipes.training.tracking import ProgressBar
from kun_recipes.training.trainer import Trainer


def train(config: TrainConfig) -> dict[str, Any]:
    """Train one model and write it to `config.output_dir`; returns the content of its train_summary.json.

    A complete folder is left as it is. An interrupted run goes on from its last whole checkpoint, and on a CPU ends
    with the same weights, bit for bit, as an uninterrupted one.

    Raises UserError for data, prompts and models that cannot be trained on.
    """
    begun = time.monotonic()
    _silence_libraries()
    folder = RunFolder(config)
    with config.main_process_first(desc="looking for an earlier run"):
        if summary := folder.finished():
            _say(f"train: complete already -> {folder.output}")
            return summary
        checkpoint = folder.last_checkpoint()
    model = resolve_model(config.model, config.model_revision)
    tokenizer = load_tokenizer(config, model)
    data = load_data(config, tokenizer)
    trainer = build_trainer(config, model, tokenizer, data, folder)
    before = _held_out_loss_before(trainer, folder)
    if checkpoint:
        _say(f"train: continuing from step {checkpoint.rpartition('-')[2]}")
    set_seed(config.seed)  # measuring before draws random numbers, and a continued run does not measure again
    trainer.train(resume_from_checkpoint=checkpoint)
    after = _held_out_loss(trainer)
    _save_model(trainer, tokenizer, folder.staged_model)
    summary = _summarise(trainer, data, time.monotonic() - begun)
    summary |= {"held_out_loss_before": before, "held_out_loss_after": after}
    trainer.accelerator.wait_for_everyone()
    if trainer.is_world_process_zero():
        summary = folder.finish(summary)
        report(summary, folder.output)
        if after is not None:
            _say(f"train: held-out loss {before:.3f} before, {after:.3f} after")
    return summary


def build_trainer(
    config: TrainConfig, model: str, tokenizer: PreTrainedTokenizerBase, data: TrainingData, folder: RunFolder
) -> Trainer:
    """The trainer over prompt-completion conversations; TRL tokenises them and masks all but the answers.

    LoRA adapters stay in fp32, where AdamW's small steps are not lost, over a base in the format that is fast here.
    """
    arguments = copy.copy(config)
    arguments.output_dir = str(folder.checkpoints)
    arguments.disable_tqdm = True
    arguments.model_init_kwargs = {
        "dtype": fast_dtype() if config.lora_rank else torch.float32,
        **(config.model_init_kwargs or {}),
    }
    trainer = Trainer(
        model,
        args=arguments,
        train_dataset=Dataset.from_list(data.training),
        eval_dataset=Dataset.from_list(data.held_out) if data.held_out else None,
        processing_class=tokenizer,
        peft_config=_adapters(config) if config.lora_rank else None,
        callbacks=[MarkWhole(), ProgressBar()],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _adapters(config: TrainConfig) -> LoraConfig:
    return LoraConfig(
        r=config.lora_rank,
        lora_alpha=config.lora_alpha,
        target_modules=config.lora_targets,
        task_type="CAUSAL_LM",
    )


def _held_out_loss(trainer: Trainer) -> float | None:
    """Mean loss a token (nats), averaged over the held-out pairs; None without any."""
    return trainer.evaluate()["eval_loss"] if trainer.eval_dataset else None


def _held_out_loss_before(trainer: Trainer, folder: RunFolder) -> float | None:
    """The loss before the first step, measured once and kept: after a restart the weights may be others."""
    file = folder.checkpoints / "held_out_before.json"
    if file.is_file():
        return json.loads(file.read_text(encoding="utf-8"))
    loss = _held_out_loss(trainer)
    if trainer.is_world_process_zero():
        write_json(file, loss)
    return loss


def _save_model(trainer: Trainer, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Write a plain model folder: adapters merged, tokenizer with chat template, EOS in every config."""
    if not trainer.args.lora_rank:
        trainer.save_model(str(folder))
        (folder / "training_args.bin").unlink(missing_ok=True)
    elif trainer.is_world_process_zero():
        trainer.accelerator.unwrap_model(trainer.model).merge_and_unload().save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def _summarise(trainer: Trainer, data: TrainingData, seconds: float) -> dict[str, Any]:
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return {
        "stage": "train",
        "rows_in": data.pairs + len(data.removed),
        "rows_kept": data.pairs,
        "removed": dict(Counter(row.reason for row in data.removed)),
        "seconds": round(seconds, 1),
        "rows_held_out": len(data.held_out),
        "judge_items": data.judge_items,
        "judge_conversations": len(data.training) - (data.pairs - len(data.held_out)),
        "tokens": sum(len(row["input_ids"]) for row in trainer.train_dataset),
        "tokens_trained": sum(label != -100 for row in trainer.train_dataset for label in row["labels"]),
        "steps": trainer.state.global_step,
        "loss_first": losses[0],
        "loss_last": losses[-1],
    }


def _silence_libraries() -> None:
    """The libraries' bars and notes that nobody can act on; ours are in `tracking` and the summary."""
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    datasets.disable_progress_bars()
    warnings.filterwarnings("ignore", ".*gradient_checkpointing` is deprecated", FutureWarning)  # peft's use of it


def _say(line: str) -> None:
    print(line, file=sys.stderr)
