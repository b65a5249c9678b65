"""Trainings: pairs in, a plain model folder out; supervised fine-tuning is one (Kun §3.1, §3.3)."""

import copy
import shutil
import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import torch
import transformers
from datasets import Dataset
from peft import PeftModel
from transformers import AutoModelForCausalLM, PreTrainedTokenizerBase, PrinterCallback, TrainerCallback

from kun_recipes.execution.folder import report
from kun_recipes.models.resolve import resolve_model
from kun_recipes.models.templates import template_arguments
from kun_recipes.training.architecture import check_adapters, fitting_attention, outline
from kun_recipes.training.attention import check_kernels
from kun_recipes.training.checkpoints import RunFolder, SaveByTime, StopOnSigterm, WriteManifest, exit_if_stopped
from kun_recipes.training.config import TrainConfig
from kun_recipes.training.data import TrainingData, load_data
from kun_recipes.training.distributed import check_sharding, print_status, share_batch, whole_updates
from kun_recipes.training.formatting import Conversation, load_tokenizer
from kun_recipes.training.options import TrainingOptions
from kun_recipes.training.prepared import as_dataset, prepared
from kun_recipes.training.tracking import LOSS_AXIS, LOSS_PLOT, ProgressBar, make_trackers, plot_losses
from kun_recipes.training.trainer import Measured, Trainer


@dataclass(frozen=True)
class Method:
    """Properties of one kind of training.

    Attributes:
        stage: its name in summaries.
        load: reads the conversations that a config names.
        trainer: of TRL's, measured.
        results: returns the summary's entries on the held-out data other than its loss, once that was measured.
        loss: axis of the plot.
    """

    stage: str
    load: Callable[[Any, PreTrainedTokenizerBase], TrainingData]
    trainer: type[Measured]
    results: Callable[[Measured], dict[str, Any]] = lambda _: {}
    loss: str = LOSS_AXIS


def train(config: TrainConfig) -> dict[str, Any]:
    """Train one model on pairs: see `run_training`."""
    return run_training(config, Method("train", load_data, Trainer))


def run_training(config: TrainingOptions, method: Method) -> dict[str, Any]:
    """Train one model and write it to `config.output_dir`; returns the content of its train_summary.json.

    A complete folder is left as it is. An interrupted run resumes from its last whole checkpoint, and on a CPU ends
    with the same weights, bit for bit, as an uninterrupted one.

    Raises UserError for data, prompts and models that cannot be trained on.
    """
    begun = time.monotonic()
    silence_libraries()
    folder = RunFolder(config)
    check_sharding(config.use_peft)
    share_batch(config, config.global_batch_size)
    with config.main_process_first(local=False, desc="looking for an earlier run"):  # one folder for all machines
        if summary := folder.finished():
            print_status(f"train: already complete -> {folder.output}")
            return summary
        checkpoint = folder.last_checkpoint()
    trackers = make_trackers(config.report_to, folder.output, _step(checkpoint))
    model = resolve_model(config.model_name_or_path, config.model_revision)
    tokenizer = load_tokenizer(config, model)
    given = template_arguments(tokenizer, config.chat_template_kwargs or {})
    data = prepared(config, folder.data, given, lambda: method.load(config, tokenizer))
    trainer = build_trainer(config, model, tokenizer, data, folder, trackers, method.trainer)
    if checkpoint:
        print_status(f"train: continuing from step {_step(checkpoint)}")
    # Inside the training: measured before it, a model would be prepared for evaluation only, and each process would
    # then train alone. A continued run has the loss in its checkpoint.
    trainer.args.eval_on_start = bool(data.held_out) and not checkpoint
    trainer.train(resume_from_checkpoint=checkpoint)
    exit_if_stopped(trainer)
    before, after = _held_out_loss_before(trainer), _held_out_loss(trainer)
    _save_model(trainer, tokenizer, folder.staged_model)
    summary = {"stage": method.stage} | _summarise(trainer, data, time.monotonic() - begun)
    summary |= {"held_out_loss_before": before, "held_out_loss_after": after} | method.results(trainer)
    trainer.accelerator.wait_for_everyone()
    if trainer.is_world_process_zero():
        plot_losses(trainer.state.log_history, folder.staged_model / LOSS_PLOT, method.loss)
        summary = folder.finish(summary)
        report(summary, folder.output)
        if after is not None:
            print_status(f"train: held-out loss {before:.3f} before, {after:.3f} after")
    return summary


def build_trainer(
    config: TrainingOptions,
    model: str,
    tokenizer: PreTrainedTokenizerBase,
    data: TrainingData,
    folder: RunFolder,
    trackers: Sequence[TrainerCallback] = (),
    trainer_class: type[Measured] = Trainer,
) -> Measured:
    """Return the trainer over conversations; TRL tokenises them and masks all but the answers.

    LoRA adapters stay in fp32, where AdamW's small steps are not lost, over a base in the format that is fast here.
    """
    arguments: Any = copy.copy(config)  # whose fields take more than a config file can say
    arguments.output_dir = str(folder.checkpoints)
    arguments.disable_tqdm = True
    arguments.report_to = []  # ours are made below, with their folder
    on_gpu = config.device.type != "cpu"
    check_kernels(config.model_init_kwargs, on_gpu)
    layers = outline(config, model)
    adapters, quantization = config.adapters(), config.quantization()
    if adapters:
        check_adapters(adapters, layers)
    if config.shares_rows_by == "padding_free":
        arguments.max_length = None  # TRL would not enforce it; longer conversations were removed with the data
    arguments.model_init_kwargs = {
        "dtype": config.loaded_dtype(),
        "attn_implementation": fitting_attention(config, layers, on_gpu),
        **(config.model_init_kwargs or {}),
    }
    given = template_arguments(tokenizer, config.chat_template_kwargs or {})

    def rows(part: Sequence[Conversation] | Dataset) -> Dataset:
        return part if isinstance(part, Dataset) else as_dataset(part, given)

    saving = [SaveByTime(60 * config.save_minutes)] if config.save_minutes else []
    trainer = trainer_class(
        model,
        args=arguments,
        train_dataset=rows(data.training),
        eval_dataset=rows(data.held_out) if data.held_out else None,
        processing_class=tokenizer,
        quantization_config=quantization,
        peft_config=adapters,
        callbacks=[*saving, StopOnSigterm(), WriteManifest(), ProgressBar(), *trackers],
    )
    trainer.train_dataset = whole_updates(trainer.train_dataset, config.global_batch_size)
    trainer.remove_callback(PrinterCallback)
    return trainer


def _held_out_loss(trainer: Measured) -> float | None:
    """Return the mean loss per token (nats), averaged over the held-out pairs; None without pairs."""
    return trainer.evaluate()["eval_loss"] if trainer.eval_dataset else None


def _held_out_loss_before(trainer: Measured) -> float | None:
    """Return the loss before the first step, as logged; None without held-out pairs."""
    return next((entry["eval_loss"] for entry in trainer.state.log_history if "eval_loss" in entry), None)


def _save_model(trainer: Measured, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Write a plain model folder: shards gathered, adapters merged, tokenizer with chat template.

    Adapters that are not merged make a folder of PEFT's. The fp32 weights behind a bf16 training are saved in bf16, in
    which they were multiplied.
    """
    weights = trainer.accelerator.get_state_dict(trainer.model_wrapped)  # every process gives its shards
    if trainer.is_world_process_zero():
        model = trainer.accelerator.unwrap_model(trainer.model_wrapped)
        if trainer.args.use_peft and not trainer.args.merge_adapters:
            model.save_pretrained(folder)
            (folder / "README.md").unlink()  # PEFT's card; ours is made when publishing
        elif trainer.args.quantized:
            _merge_into_whole_base(model, trainer.args, folder)
        elif trainer.args.use_peft:
            model.merge_and_unload().save_pretrained(folder)
        elif trainer.args.bf16:
            rounded = {name: weight.to(torch.bfloat16) for name, weight in weights.items()}
            model.save_pretrained(folder, state_dict=rounded)
            model.config.dtype = torch.bfloat16  # save_pretrained wrote that of the model in memory
            model.config.save_pretrained(folder)
        else:
            model.save_pretrained(folder, state_dict=weights)
        tokenizer.save_pretrained(folder)


def _merge_into_whole_base(model: PeftModel, args: TrainingOptions, folder: Path) -> None:
    """Save the base as it was before it was quantised, with the adapters merged into it: it is rounded once."""
    adapters = str(folder / "adapters")
    model.save_pretrained(adapters)
    origin = model.peft_config["default"].base_model_name_or_path
    loading = {"dtype": args.loaded_dtype(), "trust_remote_code": args.trust_remote_code}
    base = AutoModelForCausalLM.from_pretrained(origin, **loading)
    PeftModel.from_pretrained(base, adapters).merge_and_unload().save_pretrained(folder)
    shutil.rmtree(adapters)


def _summarise(trainer: Measured, data: TrainingData, seconds: float) -> dict[str, Any]:
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return {
        "rows_in": data.pairs + len(data.removed),
        "rows_kept": data.pairs,
        "removed": dict(Counter(row.reason for row in data.removed)),
        "seconds": round(seconds, 1),
        "rows_held_out": len(data.held_out),
        "mixed": data.mixed,
        "judge_items": data.judge_items,
        "judge_conversations": len(data.training) - (data.pairs - len(data.held_out)),
        "tokens": sum(trainer.lengths()),
        "tokens_trained": trainer.trained_tokens(),
        "steps": trainer.state.global_step,
        "resolved": resolved(trainer),
        "loss_first": losses[0],
        "loss_last": losses[-1],
        **trainer.throughput.summary(),
    }


def resolved(trainer: Measured) -> dict[str, Any]:
    """Return what the hardware decided where the config left it open."""
    config = trainer.accelerator.unwrap_model(trainer.model).config
    return {
        "bf16": bool(trainer.args.bf16),
        "dtype": str(trainer.args.model_init_kwargs["dtype"]).removeprefix("torch."),
        "attention": config._attn_implementation,
        "device": trainer.args.device.type,
    }


def _step(checkpoint: str | None) -> int | None:
    return int(checkpoint.rpartition("-")[2]) if checkpoint else None


def silence_libraries() -> None:
    """Silence the libraries' bars and notes, on which a user cannot act; ours are in `tracking` and the summary."""
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    datasets.disable_progress_bars()
    warnings.filterwarnings("ignore", ".*gradient_checkpointing` is deprecated", FutureWarning)  # peft's use of it
