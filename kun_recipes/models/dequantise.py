"""From a GGUF file to a plain model folder: bfloat16 safetensors and a tokenizer that needs no GGUF."""

import contextlib
import io
from pathlib import Path
from typing import TYPE_CHECKING

from kun_recipes.models.source import ModelSource
from kun_recipes.progress import progress_bar

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def dequantise(gguf: Path, folder: Path, source: ModelSource) -> None:
    """Write the model of a GGUF file to `folder`, as a model that is loaded, trained and saved like any other."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, GgufConfig

    with _bars_only_on_a_terminal():
        model = AutoModelForCausalLM.from_pretrained(
            gguf.parent,
            gguf_file=gguf.name,
            dtype=torch.bfloat16,
            # without it the model keeps a quantiser and refuses to be saved
            quantization_config=GgufConfig(gguf_file=gguf.name, dequantize=True),
        )
        # named, because AutoTokenizer would read all of the GGUF's metadata again to learn it
        kind = model.config.model_type
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name, tokenizer_type=kind)
        if source.tied_embeddings:
            _tie_embeddings(model)
        del model.config._model_name_or_path  # what the GGUF's maker called it, not where it came from
        model.generation_config = GenerationConfig(
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
        if source.chat_template:
            tokenizer.chat_template = source.chat_template
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def _tie_embeddings(model: "PreTrainedModel") -> None:
    # the file may hold the shared matrix twice; the output's copy is the one quantised with more bits
    model.get_input_embeddings().weight = model.get_output_embeddings().weight
    model.config.tie_word_embeddings = True
    model.tie_weights()


@contextlib.contextmanager
def _bars_only_on_a_terminal():
    """Reading a GGUF file draws bars wherever stderr goes; its log messages and errors do not pass here."""
    with progress_bar(1, "") as bar:
        shown = not bar.disable
    with contextlib.nullcontext() if shown else contextlib.redirect_stderr(io.StringIO()):
        yield
