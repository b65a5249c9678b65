"""What one stage does to the rows, and what that takes: the formulas of the corpus, label and refine stages."""

import math
from dataclasses import dataclass
from pathlib import Path

from kun_recipes.chain.plan.figures import Figures
from kun_recipes.corpus.config import CorpusConfig
from kun_recipes.curation.config import LabelConfig, RefineConfig


@dataclass(frozen=True)
class Rows:
    """Rows that a stage reads: how many, and the mean tokens of one's texts (instruction and output, or segment)."""

    count: float
    tokens: float


UNKNOWN_ROWS = Rows(math.nan, math.nan)


@dataclass(frozen=True)
class Work:
    """What a stage does. NaN is unknown, None does not apply.

    Attributes:
        device_seconds: of all devices together.
        disk_bytes: that stay once the stage is finished.
        checkpoint_bytes: that are there besides while it runs.
        devices: how many it can use at most; None: all.
        steps: updates of a training.
    """

    rows_in: float
    rows_out: float | None
    tokens_read: float | None
    tokens_written: float | None
    device_seconds: float
    disk_bytes: float
    checkpoint_bytes: float = 0
    devices: int | None = None
    steps: float | None = None


class Flow:
    """The rows of a chain, by where they lie."""

    def __init__(self, figures: Figures):
        self._written: dict[Path, Rows] = {}
        self._outside = {item.name: Rows(item.rows.number, item.tokens.number) for item in figures.outside}

    def write(self, folder: str, rows: Rows) -> None:
        self._written[Path(folder)] = rows

    def read(self, name: str) -> Rows:
        """The rows below a folder that a stage writes, or of that name in plan.yaml; unknown if of neither."""
        inside = (rows for folder, rows in self._written.items() if Path(name).is_relative_to(folder))
        return next(inside, self._outside.get(name, UNKNOWN_ROWS))


def at_most(value: float, limit: float) -> float:
    """The smaller of the two; unknown where the value is."""
    return limit if value > limit else value


def corpus_work(config: CorpusConfig, figures: Figures, flow: Flow) -> Work:
    """Documents to segments.

    documents = the size of each corpus, or max_documents of each input_path if that is less
    rows in   = documents x segments_per_document
    rows out  = rows in x kept_share, or sample_rows if that is less
    core time = documents x (text_bytes / documents of its corpus) / text_bytes_per_second
    disk      = rows in x bytes_per_row: what is removed is kept too

    Where a corpus' size is unknown, sample_rows and max_documents are taken to be reached.
    """
    of = figures.corpus
    documents, text_bytes = _read_of_corpora(config, figures)
    segments = documents * of.segments_per_document.number
    kept = segments * of.kept_share.number
    if config.sample_rows is not None:
        kept = kept if kept < config.sample_rows else config.sample_rows
    flow.write(config.output_dir, Rows(kept, of.tokens_per_segment.number))
    return Work(
        rows_in=segments,
        rows_out=kept,
        tokens_read=None,
        tokens_written=kept * of.tokens_per_segment.number,
        device_seconds=text_bytes / of.text_bytes_per_second.number,
        disk_bytes=segments * of.bytes_per_row.number,
    )


def _read_of_corpora(config: CorpusConfig, figures: Figures) -> tuple[float, float]:
    """Documents read, and bytes of their text."""
    sizes = {size.format: size for size in figures.corpora}
    formats = [name for _, name in config.inputs()]
    documents = text_bytes = 0.0
    for name in dict.fromkeys(formats):
        if name not in sizes:
            return math.nan, math.nan
        of_corpus = sizes[name].documents.number
        share = 1.0
        if config.max_documents is not None:
            limit = config.max_documents * formats.count(name)
            share = at_most(limit / of_corpus, 1.0)
            of_corpus = of_corpus if of_corpus < limit else limit
        documents += of_corpus
        text_bytes += sizes[name].text_bytes.number * share
    return documents, text_bytes


def label_work(config: LabelConfig, figures: Figures, flow: Flow) -> Work:
    """Segments to candidates.

    read    = segments x (2 x prompt_tokens + tokens_per_segment + instruction_tokens): the instruction is written
              after the segment, and scored once more after the prompt alone, for the fit
    written = segments x instruction_tokens, at most max_new_tokens each
    device time = (read + written) / tokens_per_second
    disk    = 2 x segments x bytes_per_row: as labelled, and then kept or removed
    """
    of, rows = figures.label, flow.read(config.segments)
    instruction = at_most(of.instruction_tokens.number, config.decoding().max_new_tokens)
    read = rows.count * (2 * of.prompt_tokens.number + rows.tokens + instruction)
    written = rows.count * instruction
    kept = rows.count * of.kept_share.number
    flow.write(config.output_dir, Rows(kept, rows.tokens))
    return Work(
        rows_in=rows.count,
        rows_out=kept,
        tokens_read=read,
        tokens_written=written,
        device_seconds=(read + written) / of.tokens_per_second.number,
        disk_bytes=2 * rows.count * figures.corpus.bytes_per_row.number,
    )


def refine_work(config: RefineConfig, figures: Figures, flow: Flow) -> Work:
    """Candidates to pairs.

    judged   = candidates by the filter judge, and candidates x instruction_share by the score judge
    answered = candidates x instruction_share x good_share
    rows out = answered x kept_share
    read     = judged x (judge_prompt_tokens + instruction_tokens), and the segment where score_target is pair,
               + answered x (polish_prompt_tokens + instruction_tokens + tokens_per_segment)
    written  = answered x answer_tokens, at most max_new_tokens each; a verdict is a probability and writes nothing
    device time = (read + written) / tokens_per_second
    disk     = (candidates + rows out) x bytes_per_row: kept or removed, and the dataset

    Unaided answers are written without the segment. Raw ones are the segments: nothing is read or written for them.
    """
    of, rows, instruction = figures.refine, flow.read(config.candidates), figures.label.instruction_tokens.number
    second = rows.count * of.instruction_share.number
    answered = second * of.good_share.number
    kept = answered * of.kept_share.number
    read = (rows.count + second) * (of.judge_prompt_tokens.number + instruction)
    if config.score_target == "pair":
        read += second * rows.tokens
    written, answer = 0.0, rows.tokens
    if config.answers != "raw":
        answer = at_most(of.answer_tokens.number, config.decoding().max_new_tokens)
        segment = rows.tokens if config.answers == "polished" else 0
        read += answered * (of.polish_prompt_tokens.number + instruction + segment)
        written = answered * answer
    flow.write(config.output_dir, Rows(kept, instruction + answer))
    flow.write(config.dataset_dir, Rows(kept, instruction + answer))
    return Work(
        rows_in=rows.count,
        rows_out=kept,
        tokens_read=read,
        tokens_written=written,
        device_seconds=(read + written) / of.tokens_per_second.number,
        disk_bytes=(rows.count + kept) * figures.corpus.bytes_per_row.number,
    )
