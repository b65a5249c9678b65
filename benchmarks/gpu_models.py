"""Models of a given size and family with random weights, and a tokenizer to ask them with: nothing is downloaded."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from math import log
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    PretrainedConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
)

from kun_recipes.errors import UserError

RECIPES = Path(__file__).resolve().parent.parent / "recipes"
COMPLETE = "random_weights.json"
"""Written last: a folder that has it is whole."""
TOKENS = 4_000
"""Vocabulary of the tokenizer: 1.6 Chinese characters per token of the demo's text, as large models' have."""
CONTEXT = 8192


@dataclass(frozen=True)
class Family:
    """Proportions of a family's models, as its 7B or 8B model has them.

    Args:
        heads_per_key: query heads that share one head of keys and values.
        width_per_layer: hidden size divided by the number of layers.
        inner: width of the feed-forward layers divided by the hidden size.
        vocabulary: tokens of the family's models; models below SMALL have the tokenizer's.
        bias: whether queries, keys and values have a bias.
    """

    config: type[PretrainedConfig]
    heads_per_key: int
    width_per_layer: float
    inner: float
    vocabulary: int
    bias: bool = False


FAMILIES = {
    "qwen3": Family(Qwen3Config, 4, 4096 / 36, 3.0, 151_936),
    "llama": Family(LlamaConfig, 4, 4096 / 32, 3.5, 128_256),
    "qwen2": Family(Qwen2Config, 7, 3584 / 28, 5.29, 152_064, bias=True),
}
SMALL = 5e8
TIED = 5e9
"""Below so many parameters input and output share one embedding, in all three families."""


@dataclass(frozen=True)
class Shape:
    """Sizes of a dense decoder with grouped-query attention."""

    width: int
    inner: int
    layers: int
    heads: int
    key_heads: int
    head_size: int
    vocabulary: int
    tied: bool
    bias: bool

    @property
    def keys(self) -> int:
        """Width of the keys of one token in one layer, and of the values."""
        return self.key_heads * self.head_size

    @property
    def embedding(self) -> int:
        return self.vocabulary * self.width

    @property
    def products(self) -> int:
        """Weights that a token is multiplied with in the layers; the output embedding is counted apart."""
        attention = 2 * self.width * (self.heads * self.head_size + self.keys)
        return self.layers * (attention + 3 * self.width * self.inner)

    @property
    def parameters(self) -> int:
        """All weights but those of the norms."""
        biases = self.layers * (self.heads * self.head_size + 2 * self.keys) if self.bias else 0
        return self.products + biases + self.embedding * (1 if self.tied else 2)


def shape_of(family: str, parameters: float) -> Shape:
    """Return the shape of about `parameters` weights that is nearest to the family's proportions.

    Raises UserError for a number that no shape of the family has.
    """
    found = min(_shapes(FAMILIES[family], parameters), default=None, key=lambda pair: pair[0])
    if found is None:
        raise UserError(f"--parameters {parameters:g}: too small for a model of the family {family}; give 2e6 or more")
    return found[1]


def _shapes(family: Family, parameters: float) -> Iterator[tuple[float, Shape]]:
    """Yield each possible shape, behind its distance from the wanted proportions."""
    head_size = 128 if parameters >= SMALL else 64 if parameters >= SMALL / 10 else 32
    vocabulary = family.vocabulary if parameters >= SMALL else TOKENS
    multiple = 128 if parameters >= SMALL else 32
    step = head_size * family.heads_per_key  # so that heads of keys and values divide the heads
    for width in range(step, 20_000, step):
        heads = width // head_size
        fixed = (head_size, vocabulary, parameters < TIED, family.bias)
        ideal = Shape(width, round(family.inner * width), 1, heads, heads // family.heads_per_key, *fixed)
        rest = parameters - ideal.parameters + ideal.products
        layers = max(1, round(rest / ideal.products))
        inner = (rest / layers - ideal.products) / (3 * width) + ideal.inner
        inner = multiple * round(inner / multiple)
        if inner < width / 2:
            continue
        shape = Shape(width, inner, layers, heads, heads // family.heads_per_key, *fixed)
        if abs(shape.parameters / parameters - 1) < 0.05:
            deep = abs(log(layers * family.width_per_layer / width))
            wide = abs(log(inner / ideal.inner))
            yield deep + wide, shape


def shape_of_folder(folder: Path) -> Shape:
    """Return the shape of a model in the Hugging Face format.

    Raises UserError for one that is no dense decoder: its limits cannot be computed.
    """
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder}: no config.json; give the folder of a model in the Hugging Face format")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if any("experts" in key for key in config):
        raise UserError(f"{folder}: not a dense model, so its limits are unknown; give one such as Qwen3 or Llama")
    try:
        width, heads = config["hidden_size"], config["num_attention_heads"]
        return Shape(
            width,
            config["intermediate_size"],
            config["num_hidden_layers"],
            heads,
            config.get("num_key_value_heads") or heads,
            config.get("head_dim") or width // heads,
            config["vocab_size"],
            bool(config.get("tie_word_embeddings")),
            config["model_type"] == "qwen2",
        )
    except KeyError as error:
        raise UserError(
            f"{folder}/config.json: no {error.args[0]}; give a dense model such as Qwen3 or Llama"
        ) from error


def make_model(family: str, parameters: float, folder: Path) -> None:
    """Write a model with random weights, in bf16 on a GPU and fp32 elsewhere, unless it is there already."""
    if (folder / COMPLETE).is_file():
        return
    shutil.rmtree(folder, ignore_errors=True)
    shape = shape_of(family, parameters)
    on_gpu = torch.cuda.is_available()
    dtype = torch.bfloat16 if on_gpu else torch.float32
    size = shape.parameters * dtype.itemsize
    folder.mkdir(parents=True)
    free = shutil.disk_usage(folder).free
    if free < 1.1 * size:
        raise UserError(
            f"{folder}: the model takes {size / 1e9:.1f} GB, but {free / 1e9:.1f} GB are free; set --folder to "
            "a folder on another disk"
        )
    tokenizer = make_tokenizer()
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    with torch.device("cuda" if on_gpu else "cpu"):
        model = AutoModelForCausalLM.from_config(_config(family, shape, tokenizer), dtype=dtype)
    model.save_pretrained(folder)
    (folder / COMPLETE).write_text(json.dumps({"family": family, **asdict(shape)}, indent=1), encoding="utf-8")


def _config(family: str, shape: Shape, tokenizer: PreTrainedTokenizerFast) -> PretrainedConfig:
    return FAMILIES[family].config(
        vocab_size=shape.vocabulary,
        hidden_size=shape.width,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_heads,
        head_dim=shape.head_size,
        tie_word_embeddings=shape.tied,
        max_position_embeddings=CONTEXT,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def make_tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level BPE trained on the demo's documents and prompts, with the recipes' chat template."""
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=TOKENS,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    files = [*sorted((RECIPES / "demo/data/corpus").glob("*/*")), *sorted((RECIPES / "prompts").glob("*.txt"))]
    tokenizer.train([str(file) for file in files], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=["<|im_start|>"],
        chat_template=(RECIPES / "prompts/chatml.jinja").read_text(encoding="utf-8"),
    )
