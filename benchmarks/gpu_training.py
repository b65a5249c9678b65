"""One training on one card by the recipes' path, in a process of its own, until its time is up."""

import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from gpu_cards import CARDS, mfu, plan_training
from gpu_models import RECIPES, shape_of_folder
from gpu_processes import Report, peak_memory_gb
from training import WARM_UP, WAYS, WarmUp, write_conversations
from transformers import TrainerCallback

from kun_recipes.config.command_line import parse
from kun_recipes.training.attention import Attention
from kun_recipes.training.checkpoints import RunFolder
from kun_recipes.training.config import TrainConfig
from kun_recipes.training.data import load_data
from kun_recipes.training.formatting import load_tokenizer
from kun_recipes.training.sft import build_trainer, resolved, silence_libraries
from kun_recipes.training.throughput import flops_per_token
from kun_recipes.training.trainer import conversation_lengths

MEASURED = 3
"""Updates that are timed at least."""


@dataclass(frozen=True)
class Training:
    """Settings of a measured training.

    Args:
        model: folder.
        way: "packed" or "padding_free".
        attention: as in the config; None takes the newest flash attention that is installed.
        until: time at which the updates end, seconds since the epoch.
        device: name of the card.
        memory: of the card, bytes; None on a CPU.
        conversations: in the data, which is repeated.
        max_length: longest conversation, and length of a packed row, tokens.
    """

    model: str
    way: str
    attention: Attention | None
    until: float
    device: str
    memory: float | None
    conversations: int = 1024
    max_length: int = 1024


class StopAt(TrainerCallback):
    """End the training at a point in time, with MEASURED updates at least."""

    def __init__(self, until: float):
        self.until = until

    def on_step_end(self, args, state, control, **kwargs) -> None:
        if time.time() > self.until and state.global_step >= WARM_UP + MEASURED:
            control.should_training_stop = True


def measure_training(asked: Training, report: Report) -> None:
    """Report tokens per second, MFU and peak memory; padding would not count; this run has none."""
    silence_libraries()
    parameters = shape_of_folder(Path(asked.model)).parameters
    plan = plan_training(parameters, asked.memory, asked.max_length)
    with tempfile.TemporaryDirectory() as folder:
        pairs = Path(folder, "pairs.jsonl")
        mean = write_conversations(asked.conversations, asked.max_length, asked.model, pairs)
        batch = plan.batch_tokens / (asked.max_length if asked.way == "packed" else mean)
        options = {
            "output_dir": Path(folder, "run"),
            "model_name_or_path": asked.model,
            "seeds": pairs,
            "chat_template_path": RECIPES / "prompts" / "chatml.jinja",
            "held_out_share": 0,
            "max_length": asked.max_length,
            "per_device_train_batch_size": max(1, round(batch)),
            "num_train_epochs": 1000,
            "gradient_checkpointing": str(asked.memory is not None).lower(),
            "save_strategy": "no",
            "report_to": "none",
        }
        if asked.attention:
            options["attn_implementation"] = asked.attention
        if plan.lora_rank:
            options |= {"use_peft": True, "lora_r": plan.lora_rank, "lora_target_modules": "all-linear"}
        argv = [word for key, value in options.items() for word in (f"--{key}", str(value))]
        config = parse(TrainConfig, argv + WAYS[asked.way])
        tokenizer = load_tokenizer(config, config.model_name_or_path)
        trainer = build_trainer(
            config, config.model_name_or_path, tokenizer, load_data(config, tokenizer), RunFolder(config)
        )
        trainer.add_callback(WarmUp(trainer.throughput))
        trainer.add_callback(StopAt(asked.until))
        trainer.train()
    lengths = conversation_lengths(trainer.train_dataset)
    _, tokens, _ = trainer.throughput.counted
    seconds = trainer.throughput.seconds
    flops = flops_per_token(trainer.model.config, lengths, lora=plan.lora_rank > 0)
    updates = trainer.state.global_step - WARM_UP
    report(
        {
            "task": "training",
            "rows": round(tokens * len(lengths) / sum(lengths)),
            "tokens": tokens,
            "seconds": seconds,
            "updates": updates,
            "mfu": mfu(tokens / seconds, flops, CARDS.get(asked.device)),
            "peak_memory_gb": peak_memory_gb(),
            "attention": resolved(trainer)["attention"],
            "dtype": "bfloat16" if trainer.args.bf16 or plan.lora_rank else "float32",
            **asdict(plan),
        }
    )
