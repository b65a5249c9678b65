"""Padded training compared with length grouping, padding-free and packed rows: useful tokens per second, same data.

    python benchmarks/training.py [--parameters 4e6 | --model recipes/demo/model.yaml] [--rows 128] [--ways padded …]

* padded: batches in random order, filled up to the longest of each.
* grouped: the same, of conversations of about the same length (`train_sampling_strategy: group_by_length`); of few
  conversations no batches of one length can be made.
* padding_free: a batch in one row, without padding (`padding_free: true`).
* packed: rows of max_length tokens (`packing: true`); a batch has as many as hold about the same conversations.
* trl_loss: padded, with the loss of TRL's SFTTrainer. Ours differs only on a CPU, more with a larger `--vocabulary`.

The conversations are cut from the demo's documents, to lengths from a log-normal distribution (median 250 tokens,
sigma 0.8, at most `max_length`), a quarter of each the instruction. --parameters makes a model with random weights in
the shape of a Llama, whose speed is that of a trained one. Each way is one epoch in a process of its own; the first
two updates are not timed. A GPU also gives the MFU and peak memory. Further options go to the training:
`--gradient_checkpointing true`.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, TrainerCallback
from trl import SFTTrainer

from kun_recipes.config.command_line import parse
from kun_recipes.models.resolve import resolve_model
from kun_recipes.training.checkpoints import RunFolder
from kun_recipes.training.config import TrainConfig
from kun_recipes.training.data import load_data
from kun_recipes.training.formatting import load_tokenizer
from kun_recipes.training.sft import build_trainer, silence_libraries
from kun_recipes.training.throughput import Throughput
from kun_recipes.training.trainer import Trainer

RECIPES = Path(__file__).resolve().parent.parent / "recipes"
WAYS = {
    "padded": [],
    "grouped": ["--train_sampling_strategy", "group_by_length"],
    "padding_free": ["--padding_free", "true"],
    "packed": ["--packing", "true"],
    "trl_loss": [],
}
MEDIAN, SIGMA = 250, 0.8
TEMPLATE_TOKENS = 40  # at most what the chat template adds
WARM_UP = 2


def make_model(parameters: float, vocabulary: int, folder: Path) -> None:
    """Write a random Llama of about so many weights without its embeddings, and a byte-level tokenizer."""
    width = 128 * max(1, round((parameters * 128 / 12) ** (1 / 3) / 128))
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={byte: index for index, byte in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "additional_special_tokens": ["<|im_start|>"]}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=width * 8 // 3,
        num_hidden_layers=max(1, round(parameters / 12 / width**2)),
        num_attention_heads=width // 128,
        max_position_embeddings=8192,
    )
    LlamaForCausalLM(config).save_pretrained(folder)


def write_conversations(rows: int, max_length: int, model: str, file: Path) -> float:
    """Pairs of the documented lengths; returns their mean length in tokens."""
    documents = sorted((RECIPES / "demo" / "data" / "corpus").glob("*/*.jsonl"))
    texts = [json.loads(line) for path in documents for line in path.read_text(encoding="utf-8").splitlines()]
    text = "".join(document.get("content") or document.get("text") or "" for document in texts).replace("\n", "")
    characters = len(text) / len(AutoTokenizer.from_pretrained(model)(text)["input_ids"])
    draw = random.Random(0)
    lengths: list[int] = []
    while len(lengths) < rows:
        length = round(draw.lognormvariate(0, SIGMA) * MEDIAN)
        if 2 * TEMPLATE_TOKENS <= length <= 0.9 * max_length:  # the text's tokens are estimated
            lengths.append(length)
    with file.open("w", encoding="utf-8") as lines:
        for number, length in enumerate(lengths):
            size = round((length - TEMPLATE_TOKENS) * characters)
            start = draw.randrange(len(text) - size)
            cut = start + size // 4
            pair = {"instruction": f"{number}：{text[start:cut]}", "output": text[cut : start + size]}
            lines.write(json.dumps(pair, ensure_ascii=False) + "\n")
    return sum(lengths) / rows


class WarmUp(TrainerCallback):
    """Forgets what was counted in the first updates."""

    def __init__(self, throughput: Throughput):
        self.throughput = throughput

    def on_step_end(self, args, state, control, **kwargs) -> None:
        if state.global_step == WARM_UP:
            self.throughput.counted, self.throughput.seconds = [0, 0, 0], 0.0


def measure(way: str, argv: list[str]) -> dict:
    """The summary of one training."""
    silence_libraries()
    if way == "trl_loss":
        Trainer.compute_loss = SFTTrainer.compute_loss
    config = parse(TrainConfig, argv)
    tokenizer = load_tokenizer(config, config.model_name_or_path)
    trainer = build_trainer(
        config, config.model_name_or_path, tokenizer, load_data(config, tokenizer), RunFolder(config)
    )
    trainer.add_callback(WarmUp(trainer.throughput))
    trainer.train()
    summary = trainer.throughput.summary()
    return {"padding_share": summary["padding_share"], "updates": trainer.state.global_step, **summary["throughput"]}


def measure_elsewhere(way: str, folder: Path, arguments: argparse.Namespace, mean: float, more: list[str]) -> dict:
    """In a process of its own: memory and threads are not shared with another way."""
    batch = arguments.batch
    if way == "packed":
        batch = max(1, round(batch * mean / arguments.max_length))
    options = {
        "output_dir": folder / way,
        "model_name_or_path": arguments.model,
        "seeds": folder / "pairs.jsonl",
        "chat_template_path": RECIPES / "prompts" / "chatml.jinja",
        "held_out_share": 0,
        "max_length": arguments.max_length,
        "per_device_train_batch_size": batch,
        "num_train_epochs": 1,
        "save_strategy": "no",
        "report_to": "none",
    }
    argv = [word for key, value in options.items() for word in (f"--{key}", str(value))]
    command = [sys.executable, __file__, "--measure", way, *argv, *WAYS[way], *more]
    output = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    return json.loads(output.splitlines()[-1])


def show(measured: dict[str, dict]) -> None:
    table = Table("way", "updates", "padding", "useful tokens/s", "x padded", "trained tokens/s", "MFU", "peak GB")
    for way, found in measured.items():
        useful = found["useful_tokens_per_second"]
        ratio = useful / measured["padded"]["useful_tokens_per_second"] if "padded" in measured else None
        table.add_row(
            way,
            str(found["updates"]),
            f"{found['padding_share']:.0%}",
            f"{useful:.0f}",
            f"{ratio:.2f}" if ratio else "",
            f"{found['trained_tokens_per_second']:.0f}",
            f"{found['mfu']:.1%}" if found["mfu"] else "",
            f"{found['peak_memory_gb']:.1f}" if found["peak_memory_gb"] else "",
        )
    Console(width=100).print(table)


def main() -> None:
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(sys.argv[2], sys.argv[3:])))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="folder, Hub id or model source file; instead of --parameters")
    parser.add_argument("--parameters", type=float, default=4e6, help="number of weights of a random model")
    parser.add_argument("--vocabulary", type=int, default=16_000, help="vocabulary size of a random model")
    parser.add_argument("--rows", type=int, default=128, help="number of conversations")
    parser.add_argument("--batch", type=int, default=8, help="number of conversations in a padded batch")
    parser.add_argument("--max_length", type=int, default=1024, help="maximum length of a conversation, in tokens")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    arguments, more = parser.parse_known_args()
    silence_libraries()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.model:
            arguments.model = resolve_model(arguments.model)
        else:
            arguments.model = f"{folder}/random"
            make_model(arguments.parameters, arguments.vocabulary, Path(arguments.model))
        mean = write_conversations(arguments.rows, arguments.max_length, arguments.model, Path(folder, "pairs.jsonl"))
        gpu = torch.cuda.is_available()
        where = torch.cuda.get_device_name() if gpu else f"CPU, {torch.get_num_threads()} threads"
        name = Path(arguments.model).name
        print(f"{name}: {where}; {arguments.rows} conversations of {mean:.0f} tokens on average", flush=True)
        show({way: measure_elsewhere(way, Path(folder), arguments, mean, more) for way in arguments.ways})


if __name__ == "__main__":
    main()
