"""The trainings: the label model, the primary chat model, and the final models."""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType

from kun_recipes.chain.plan.assumptions import Assumption, Assumptions
from kun_recipes.chain.plan.training import (
    ComputedSpeed,
    batch_rows,
    checkpoints_kept,
    round_up,
    step_seconds,
    training_bytes,
    unshared_batch,
    usable_devices,
)
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
            sets.insert(
                0, PairSet("seeds", config.seeds, config.instruction_column, config.output_column, config.seeds_part())
            )
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
        """Return the share of a step's operations that a reference model takes in addition."""
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
            config.max_steps if config.max_steps > 0 else round_up(config.num_train_epochs * round_up(rows / batch))
        )
        tokens = steps * batch * row if config.max_steps > 0 else config.num_train_epochs * in_all
        seconds = tokens / speed.number
        parameters = known.model.parameters.number
        if speed.value is None and of.computed:
            passes = batch / used / config.per_device_train_batch_size
            step = step_seconds(of.computed, parameters, tokens / steps, used, passes, config.gradient_checkpointing)
            seconds = steps * used * step
        seconds *= 1 + self.passes_of_reference(config)
        checkpoints = checkpoints_kept(config, steps, seconds / used)
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
                f"train_rows requests {config.train_rows:,} rows, but "
                f"{config.seeds} is expected to have only {count(there)} to train on"
            )
        yield from unshared_batch(config, used, offered)


def own_pairs(config: "TrainConfig", flow: Flow) -> float:
    """Return the number of the seeds' pairs that are not held out."""
    return 0 if config.seeds is None else flow.read(config.seeds).count * (1 - config.held_out_share)


def mixed_sets(config: "TrainConfig") -> Sequence["MixedDataset"]:
    """Return the sets that are trained on together with the seeds."""
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
        conversations = 2 * round_up(of.judge_items.number / 2 / config.judge_turns)
        yield Rows(config.judge_passes * conversations, of.tokens_per_judge_conversation.number)
    if config.answer_prompt:
        conversations = of.answer_conversations.number
        yield Rows(config.judge_passes * conversations, of.tokens_per_answer_conversation.number)


LABEL_MODEL, PRIMARY_CHAT_MODEL, FINAL_MODEL = map(TrainingStage, ("label_model", "primary_chat_model", "final_model"))
TRAINING = TrainingStage("train")
"""Any of them, for the script."""
