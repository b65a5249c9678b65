"""plan.yaml: what a plan is computed from, each figure with its source. Where a value is null, the source says why."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from kun_recipes.config.settings import load_typed
from kun_recipes.errors import UserError

DEVICES = ("gpu", "core")


@dataclass(frozen=True)
class Figure:
    """A number and where it comes from."""

    value: float | None
    source: str

    @property
    def number(self) -> float:
        """The value; NaN where it is unknown, so that everything computed from it is unknown too."""
        return math.nan if self.value is None else self.value


@dataclass(frozen=True)
class CorpusSize:
    """How much text there is of one input_format: documents, and bytes of their text in UTF-8."""

    format: str
    documents: Figure
    text_bytes: Figure


@dataclass(frozen=True)
class CorpusFigures:
    """The corpus stage.

    Attributes:
        text_bytes_per_second: text that one core reads.
        segments_per_document: segments cut, and documents dropped whole, a document read.
        kept_share: of those, how many are kept.
        tokens_per_segment: of a kept segment, by the model's tokenizer.
        bytes_per_row: of a row on disk, kept or removed, compressed.
    """

    text_bytes_per_second: Figure
    segments_per_document: Figure
    kept_share: Figure
    tokens_per_segment: Figure
    bytes_per_row: Figure


@dataclass(frozen=True)
class Outside:
    """Rows that a stage reads and no stage of the recipe writes: seeds, other instruction sets, another recipe's rows.

    Attributes:
        name: as in the stage file: a path or a Hub id.
        tokens: of a row's instruction and output together; of a candidate, its segment's.
    """

    name: str
    rows: Figure
    tokens: Figure


@dataclass(frozen=True)
class ComputedSpeed:
    """What the speed of a training on GPUs is computed from.

    Attributes:
        peak_flops: floating-point operations a second that the maker states of one GPU for the number format.
        utilisation_share: of that peak, what a training reaches, recomputed activations counted as work.
        gpus_per_node: GPUs that the faster link joins.
        link_bytes_per_second: into a GPU, from the others of its node.
        network_bytes_per_second: into a node, from the others.
    """

    peak_flops: Figure
    utilisation_share: Figure
    gpus_per_node: Figure
    link_bytes_per_second: Figure
    network_bytes_per_second: Figure


@dataclass(frozen=True)
class TrainingFigures:
    """The trainings.

    Attributes:
        tokens_per_second: of a device, measured; null: by `computed`.
        template_tokens: that the chat template adds to a pair.
        judge_items: labelled items of both judges that are mixed in, where a training mixes them in.
        tokens_per_judge_conversation: of several such items laid into one conversation.
        bytes_per_saved_parameter: in the finished model.
        bytes_per_checkpoint_parameter: in a checkpoint: weights and optimizer.
    """

    tokens_per_second: Figure
    computed: ComputedSpeed | None
    template_tokens: Figure
    judge_items: Figure
    tokens_per_judge_conversation: Figure
    bytes_per_saved_parameter: Figure
    bytes_per_checkpoint_parameter: Figure


@dataclass(frozen=True)
class LabelFigures:
    """Labelling. tokens_per_second: of a device, read and written together; prompt_tokens: beside the segment."""

    tokens_per_second: Figure
    prompt_tokens: Figure
    instruction_tokens: Figure
    kept_share: Figure


@dataclass(frozen=True)
class RefineFigures:
    """Refinement.

    Attributes:
        tokens_per_second: of a device, read and written together.
        judge_prompt_tokens: of a judgement beside the text judged, where the examples are encoded once for all rows.
        polish_prompt_tokens: beside segment and instruction.
        answer_tokens: of a polished answer.
        instruction_share: of the candidates, those that the filter judge keeps.
        good_share: of those, what the score judge keeps.
        kept_share: of the answers, what the rules keep.
    """

    tokens_per_second: Figure
    judge_prompt_tokens: Figure
    polish_prompt_tokens: Figure
    answer_tokens: Figure
    instruction_share: Figure
    good_share: Figure
    kept_share: Figure


@dataclass(frozen=True)
class EvaluateFigures:
    """Evaluation.

    Attributes:
        tokens_per_second: of a device, read and written together.
        question_tokens: of a question with its options, the line before it and its answer.
        pair_tokens: of a held-out pair.
    """

    tokens_per_second: Figure
    question_tokens: Figure
    pair_tokens: Figure


@dataclass(frozen=True)
class Figures:
    """A plan.yaml.

    Attributes:
        device: whose speeds these are: "gpu", or "core" for a recipe that runs without.
        parameters: of the model.
        corpora: sizes, by input_format.
        outside: rows that the recipe reads and does not write.
    """

    device: str
    parameters: Figure
    corpora: tuple[CorpusSize, ...]
    outside: tuple[Outside, ...]
    corpus: CorpusFigures
    training: TrainingFigures
    label: LabelFigures
    refine: RefineFigures
    evaluate: EvaluateFigures

    def named(self) -> Iterator[tuple[str, Figure]]:
        """Every figure with its name, as "label.kept_share"."""
        return _walk(self, "")


def _walk(value: Any, name: str) -> Iterator[tuple[str, Figure]]:
    if isinstance(value, Figure):
        yield name, value
    elif isinstance(value, tuple):
        for item in value:
            yield from _walk(item, f"{name}[{_key(item)}]")
    elif is_dataclass(value):
        for field in fields(value):
            yield from _walk(getattr(value, field.name), f"{name}.{field.name}" if name else field.name)


def _key(item: CorpusSize | Outside) -> str:
    return item.format if isinstance(item, CorpusSize) else item.name


def load_figures(path: Path) -> Figures:
    """Read a plan.yaml.

    Raises:
        UserError: no such file, not YAML, an unknown or missing key, a wrong type, a number below or at 0, a share
            above 1, a figure without a source; with the file and the key.
    """
    figures = load_typed(Path(path), Figures)
    if figures.device not in DEVICES:
        raise UserError(f"{path}: device: {figures.device!r} is none of {', '.join(DEVICES)}")
    for name, figure in figures.named():
        if not figure.source.strip():
            raise UserError(f"{path}: {name}.source: is empty; say where the figure comes from, or why it is unknown")
        if figure.value is not None and not 0 < figure.value < math.inf:
            raise UserError(
                f"{path}: {name}.value: must be above 0, not {figure.value}; write null where it is unknown"
            )
    for name, items in (("corpora", figures.corpora), ("outside", figures.outside)):
        keys = [_key(item) for item in items]
        if double := next((key for key in keys if keys.count(key) > 1), None):
            raise UserError(f"{path}: {name}: {double} is there twice")
    return figures
