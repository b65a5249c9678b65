"""The trainings: the label model, the primary chat model, and the final models."""

import math
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType

from kun_recipes.chain.plan.assumptions import AssumedShare, Assumption, Assumptions, ModelSize
from kun_recipes.chain.plan.units import count
from kun_recipes.chain.plan.work import Flow, Rows, Work, at_most
from kun_recipes.chain.stage import Stage, Summary
from kun_recipes.data.folders import TRAIN_SUMMARY
from kun_recipes.data.pairs import PairSet
from kun_recipes.reporting.funnel import training_line

if TYPE_CHECKING:  # it imports torch
    from kun_recipes.training.config import TrainConfig
    from kun_recipes.training.mixture import MixedDataset
    from kun_recipes.training.options import TrainingOptions

FORWARD, BACKWARD = 2, 4
"""Operations a parameter and token; activations computed anew in the backward pass cost a second forward."""

EXCHANGES, EXCHANGED_BYTES = 3, 2
"""Of sharded weights in bf16: gathered forward and backward, and the gradients scattered (FSDP, ZeRO-3)."""


STATE_BYTES, ADAPTED_BYTES = 16, 2
LAYER_BYTES, LOGIT_BYTES = 34, 8
"""Of a parameter; of a token: of an activation's width, and of the vocabulary."""


@dataclass(frozen=True)
class ComputedSpeed:
    """Values from which the speed of a training on GPUs is computed.

    Attributes:
        peak_flops: floating-point operations per second that the maker states of one GPU for the number format.
        utilisation_share: of that peak, what a training reaches, recomputed activations counted as work.
        gpus_per_node: GPUs that the faster link joins.
        link_bytes_per_second: into a GPU, from the others of its node.
        network_bytes_per_second: into a node, from the others.
    """

    peak_flops: Assumption
    utilisation_share: AssumedShare
    gpus_per_node: Assumption
    link_bytes_per_second: Assumption
    network_bytes_per_second: Assumption


@dataclass(frozen=True)
class TrainingRates:
    """The trainings.

    Attributes:
        computed: the speed where none was measured.
        template_tokens: that the chat template adds to a pair.
        judge_items: labelled items of the filter and the score judge, where a training mixes them in.
        tokens_per_judge_conversation: of several such items laid into one conversation.
        answer_conversations: that the items of the answer judge make in a pass, where a training mixes them in.
        tokens_per_answer_conversation: of these.
        bytes_per_saved_parameter: in the finished model.
        bytes_per_checkpoint_parameter: in a checkpoint: weights and optimizer.
    """

    computed: ComputedSpeed | None
    template_tokens: Assumption
    judge_items: Assumption
    tokens_per_judge_conversation: Assumption
    answer_conversations: Assumption
    tokens_per_answer_conversation: Assumption
    bytes_per_saved_parameter: Assumption
    bytes_per_checkpoint_parameter: Assumption


class TrainingStage(Stage):
    """Fine-tune a model on pairs, either way round (Kun §3.1, §3.3)."""

    script, summary_file, devices = "recipes/train.py", TRAIN_SUMMARY, "training"
    extra = "train"
    plan_section, assumptions = "training", TrainingRates
    writes = (
        *(TRAIN_SUMMARY, "checkpoints/*", "loss.png"),
        *("config.json", "generation_config.json", "*.safetensors", "model.safetensors.index.json"),
        "adapter_config.json",
        *(
            "tokenizer.json",
            "tokenizer_config.json",
            "tokenizer.model",
            "special_tokens_map.json",
            "added_tokens.json",
        ),
        *("vocab.*", "merges.txt", "spiece.model", "*.tiktoken", "chat_template.jinja", "additional_chat_templates/*"),
        *("configuration_*.py", "modeling_*.py", "tokenization_*.py"),  # a base model's own code
    )

    def __init__(self, name: str):
        self.name = name

    def config_class(self) -> type:
        from kun_recipes.training.config import TrainConfig

        return TrainConfig

    def run(self, config: "TrainConfig") -> None:
        from kun_recipes.training.sft import train

        train(config)

    def check_inputs(self, config: "TrainConfig", there: Container[str]) -> None:
        from kun_recipes.corpus.decontamination import load_benchmark
        from kun_recipes.models.prompts import load_prompt
        from kun_recipes.rules import load_rules
        from kun_recipes.training.data import load_judges

        sets = [PairSet(one.id, one.id, one.instruction, one.output) for one in mixed_sets(config)]
        if config.seeds is not None:
            sets.insert(0, PairSet("seeds", config.seeds, config.instruction_column, config.output_column))
        for pairs in sets:
            if pairs.path in there:
                pairs.check()
        if config.label_prompt is not None:
            load_prompt(config.label_prompt, {"segment"})
        load_judges(config)
        if config.seed_checks:
            load_rules(config.rules)
        for one in config.benchmarks or ():
            if one.path in there or one.format == "prompts":
                load_benchmark(one.path, one.format)

    def asked(self, config: "TrainConfig") -> dict[str, Any]:
        from kun_recipes.training.checkpoints import made_from

        return made_from(config)

    def progress(self, folder: Path) -> str:
        steps = [int(path.name.rpartition("-")[2]) for path in (folder / "checkpoints").glob("checkpoint-*")]
        return f"step {max(steps)}" if steps else ""

    def headlines(self, name: str, summary: Summary) -> Iterator[RenderableType]:
        if summary.get("held_out_loss_after") is not None:
            yield training_line(name, summary)

    def conversations(self, config: Any, known: Assumptions, flow: Flow) -> Iterator[Rows]:
        """Yield the conversations of each part of the data, and the mean tokens of one."""
        yield from (*_pairs(config, known, flow), *_judges(config, known.training))

    def passes_of_reference(self, config: Any) -> float:
        """Return the share of a step's operations that a reference model takes beside them."""
        return 0

    def work(self, config: "TrainingOptions", known: Assumptions, flow: Flow, devices: int) -> Work:
        """Return a training: a process per GPU, or one for all cores.

        conversations = pairs x (1 - held_out_share), or train_rows if given; + those of each set of the mixture,
                        its weight times; + those of the judges
        steps         = max_steps, or num_train_epochs x (conversations / batch, rounded up); under packing a row of
                        max_length tokens stands in a conversation's place
        tokens        = steps x batch x tokens of a conversation; without max_steps epochs x those of all conversations
        time          = tokens / tokens per second / devices where that was measured, else steps x `step_seconds`;
                        x (1 + `passes_of_reference`)
        gpu memory    = `training_bytes`
        disk          = parameters x bytes_per_saved_parameter; while it runs also
                        parameters x bytes_per_checkpoint_parameter x checkpoints (save_total_limit, and the one being
                        written); adapters of LoRA are left out
        """
        of, speed = known.training, known.speed("training")
        parts = [part for part in self.conversations(config, known, flow) if part.count]
        conversations = sum(part.count for part in parts)
        in_all = sum(part.count * part.tokens for part in parts)
        of_cores = known.device == "core"
        used = 1 if of_cores else usable_devices(config, devices)
        batch = batch_rows(config, used)
        row = config.max_length if config.shares_rows_by == "packing" else in_all / conversations
        rows = in_all / row
        steps = (
            config.max_steps if config.max_steps > 0 else _round_up(config.num_train_epochs * _round_up(rows / batch))
        )
        tokens = steps * batch * row if config.max_steps > 0 else config.num_train_epochs * in_all
        seconds = tokens / speed.number
        parameters = known.model.parameters.number
        if speed.value is None and of.computed:
            passes = batch / used / config.per_device_train_batch_size
            step = step_seconds(of.computed, parameters, tokens / steps, used, passes, config.gradient_checkpointing)
            seconds = steps * used * step
        seconds *= 1 + self.passes_of_reference(config)
        checkpoints = _checkpoints(config, steps, seconds / used)
        return Work(
            rows_in=conversations,
            rows_out=None,
            tokens_read=tokens,
            tokens_written=None,
            device_seconds=seconds,
            disk_bytes=parameters * of.bytes_per_saved_parameter.number,
            scratch_bytes=checkpoints * parameters * of.bytes_per_checkpoint_parameter.number,
            speed=None if speed.value is None and of.computed else speed,
            gpu_bytes=None if of_cores else training_bytes(config, known.model, used if known.sharded else 1),
            devices=None if of_cores else used,
            steps=steps,
        )

    def warnings(self, config: "TrainConfig", flow: Flow, used: int, offered: int) -> Iterator[str]:
        there = own_pairs(config, flow)
        if config.train_rows is not None and there < config.train_rows:
            yield (
                f"train_rows asks for {config.train_rows:,} rows; "
                f"{config.seeds} is expected to have {count(there)} to train on"
            )
        yield from unshared_batch(config, used, offered)


def unshared_batch(config: "TrainingOptions", used: int, offered: int) -> Iterator[str]:
    """Yield a warning if the global batch leaves GPUs without work."""
    if used < offered:
        yield (
            f"global_batch_size {config.global_batch_size} with {config.per_device_train_batch_size} "
            f"a GPU does not divide over {offered} GPUs; planned on {used}"
        )


def step_seconds(
    of: ComputedSpeed, parameters: float, tokens: float, gpus: int, passes: float, checkpointing: bool
) -> float:
    """Return time of one update: that of its computation, or that of the exchange of weights, whichever is longer.

    computation = tokens x parameters x (2 forward + 4 backward, + 2 with gradient checkpointing)
                  / (gpus x peak_flops x utilisation_share)
    exchange    = passes x 3 x parameters x 2 bytes / link_bytes_per_second, or network_bytes_per_second on more
                  GPUs than gpus_per_node; none on one GPU

    Args:
        tokens: of the update.
        passes: forward and backward passes that it is accumulated from.
    """
    operations = tokens * parameters * (FORWARD + BACKWARD + (FORWARD if checkpointing else 0))
    computation = operations / (gpus * of.peak_flops.number * of.utilisation_share.number)
    if gpus == 1:
        return computation
    speed = of.link_bytes_per_second if gpus <= of.gpus_per_node.number else of.network_bytes_per_second
    exchange = passes * EXCHANGES * parameters * EXCHANGED_BYTES / speed.number
    return exchange if math.isnan(exchange) else max(exchange, computation)


def training_bytes(config: "TrainingOptions", model: ModelSize, shards: int) -> float:
    """Return memory of one GPU, at most.

    states      = parameters x 16 bytes (weights, gradients and Adam's two moments in fp32), or x 2 under adapters,
                  by the GPUs over which they are sharded; and two layers' weights in bf16, gathered there
    activations = tokens x width x (34 bytes x layers; with gradient checkpointing 2 x layers + 34, of the layer at
                  work: Korthikanti et al. 2022, without attention's matrix)
                  + tokens x vocabulary x 8 (logits and their gradients)
    tokens      = per_device_train_batch_size x max_length
    """
    parameters, layers = model.parameters.number, model.layers.number
    states = parameters * (ADAPTED_BYTES if config.use_peft else STATE_BYTES) / shards
    gathered = 2 * EXCHANGED_BYTES * parameters / layers if shards > 1 else 0
    of_layers = 2 * layers + LAYER_BYTES if config.gradient_checkpointing else LAYER_BYTES * layers
    tokens = config.per_device_train_batch_size * (config.max_length or math.nan)
    return states + gathered + tokens * (model.width.number * of_layers + model.vocabulary.number * LOGIT_BYTES)


def batch_rows(config: "TrainingOptions", devices: int) -> int:
    """Return rows in one update."""
    if config.global_batch_size is not None:
        return config.global_batch_size
    return config.per_device_train_batch_size * config.gradient_accumulation_steps * devices


def usable_devices(config: "TrainingOptions", devices: int) -> int:
    """Return the most devices, of those there are, over which the global batch can be divided."""
    if config.global_batch_size is None:
        return devices
    each = config.per_device_train_batch_size
    return next((some for some in range(devices, 1, -1) if config.global_batch_size % (some * each) == 0), 1)


def own_pairs(config: "TrainConfig", flow: Flow) -> float:
    """Return the number of the seeds' pairs that are not held out."""
    return 0 if config.seeds is None else flow.read(config.seeds).count * (1 - config.held_out_share)


def mixed_sets(config: "TrainConfig") -> Sequence["MixedDataset"]:
    """Return the sets that are trained on beside the seeds."""
    return config.dataset_mixture.datasets if config.dataset_mixture else ()


def _pairs(config: "TrainConfig", known: Assumptions, flow: Flow) -> Iterator[Rows]:
    """Yield, for the seeds and each set of the mixture, the pairs trained on and the mean tokens of one."""
    prompt = known.label.prompt_tokens.number if config.direction == "backward" else 0
    around = known.training.template_tokens.number + prompt
    own = own_pairs(config, flow) if config.train_rows is None else config.train_rows
    if config.seeds is not None:
        yield Rows(own, flow.read(config.seeds).tokens + around)
    for one in mixed_sets(config):
        rows = flow.read(one.id)
        there = rows.count if one.weight is None else one.weight * rows.count
        yield Rows(there if one.at_most is None else at_most(there, one.at_most * own), rows.tokens + around)


def _judges(config: "TrainConfig", of: TrainingRates) -> Iterator[Rows]:
    """Yield conversations that judge items make: judge_passes x 2 judges x (their items / judge_turns, rounded up).

    Those of the answer judge: judge_passes x answer_conversations.
    """
    if config.judge_data:
        conversations = 2 * _round_up(of.judge_items.number / 2 / config.judge_turns)
        yield Rows(config.judge_passes * conversations, of.tokens_per_judge_conversation.number)
    if config.answer_prompt:
        conversations = of.answer_conversations.number
        yield Rows(config.judge_passes * conversations, of.tokens_per_answer_conversation.number)


def _checkpoints(config: "TrainingOptions", steps: float, seconds: float) -> float:
    """Return the most checkpoints on disk at a time: those kept, and the one that is being written."""
    if config.use_peft or (config.save_strategy == "no" and not config.save_minutes):
        return 0
    if config.save_minutes:
        made = seconds // (60 * config.save_minutes)
    else:
        made = steps // config.save_steps if config.save_steps >= 1 else 1 // config.save_steps
    return made if config.save_total_limit is None else at_most(made, config.save_total_limit + 1)


def _round_up(value: float) -> float:
    return value if math.isnan(value) else math.ceil(value)


LABEL_MODEL, PRIMARY_CHAT_MODEL, FINAL_MODEL = map(TrainingStage, ("label_model", "primary_chat_model", "final_model"))
TRAINING = TrainingStage("train")
"""Any of them, for the script."""
