"""Capabilities of a model's architecture for training: attention, packed conversations, LoRA's layers."""

import inspect
from collections.abc import Collection

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel
from transformers.modeling_utils import set_zero3_state
from transformers.pytorch_utils import Conv1D

from kun_recipes.errors import UserError
from kun_recipes.training.attention import FLASH, VARLEN_SDPA, Attention, choose_attention
from kun_recipes.training.distributed import print_status
from kun_recipes.training.options import TrainingOptions


def outline(config: TrainingOptions, folder: str) -> PreTrainedModel:
    """Return the model of a folder without its weights: every layer, and no memory.

    Under ZeRO-3, transformers partitions each new model and then fills it; this one has nothing to fill.

    Raises UserError for a folder whose model transformers cannot make.
    """
    trusted = config.trust_remote_code
    try:
        with torch.device("meta"), set_zero3_state():
            shape = AutoConfig.from_pretrained(folder, trust_remote_code=trusted)
            return AutoModelForCausalLM.from_config(shape, trust_remote_code=trusted, attn_implementation="eager")
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"{config.model_name_or_path}: is not a language model that transformers can train: {reason}"
        ) from error


def fitting_attention(config: TrainingOptions, model: PreTrainedModel, on_gpu: bool) -> Attention:
    """Return the attention to load the model with: the one asked for, else the fastest that machine and model have.

    Raises:
        UserError: an attention that this machine or the model does not have; rows shared by conversations, of a model
            that cannot keep them apart.
    """
    option = config.shares_rows_by
    kind = type(model)
    if option and (kind._is_stateful or "position_ids" not in inspect.signature(model.forward).parameters):
        raise UserError(f"{option}: {kind.__name__} cannot separate conversations that share a row; remove {option}")
    chosen = choose_attention(config.attn_implementation, option is not None, on_gpu)
    if _has_attention(kind, chosen):
        return chosen
    if asked := config.attn_implementation:
        raise UserError(f"attn_implementation: {kind.__name__} does not support {asked}; remove attn_implementation")
    return "sdpa" if _has_attention(kind, "sdpa") else "eager"


def _has_attention(kind: type[PreTrainedModel], name: Attention) -> bool:
    if name in FLASH:
        return bool(kind._supports_flash_attn)
    if name == VARLEN_SDPA:
        return bool(kind._supports_attention_backend)
    return name == "eager" or bool(kind._supports_sdpa)


def check_adapters(adapters: LoraConfig, model: PreTrainedModel) -> None:
    """Raise UserError if the model cannot have these adapters; print the targets that it does not have.

    Adapters without named targets are PEFT's own for the architecture, or on every linear layer.
    """
    named = adapters.target_modules
    targets = sorted(named) if isinstance(named, Collection) and not isinstance(named, str) else []
    layers = [name for name, layer in model.named_modules() if isinstance(layer, torch.nn.Linear | Conv1D)]
    kind = type(model).__name__
    missing = [target for target in targets if not any(f".{name}".endswith(f".{target}") for name in layers)]
    if targets and len(missing) == len(targets):
        head = model.get_output_embeddings()
        known = {name.rpartition(".")[2] for name in layers if model.get_submodule(name) is not head}
        raise UserError(
            f"lora_target_modules: {kind} has no {', '.join(missing)}; "
            f"its linear layers are {', '.join(sorted(known))}"
        )
    try:
        get_peft_model(model, adapters)
    except ValueError as error:
        raise UserError(f"lora_target_modules: {str(error).splitlines()[0]}") from error
    if missing:
        print_status(f"train: {kind} has no {', '.join(missing)}; only the other lora_target_modules get an adapter")
