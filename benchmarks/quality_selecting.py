"""The selecting passes of label and refine, run on the rows of benchmarks/quality.py."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, NamedTuple

from datatrove.data import Document
from datatrove.pipeline.base import PipelineStep
from quality_rows import Candidate
from rules import Removals

from kun_recipes.curation import label, refine
from kun_recipes.curation.calibration import Calibrations
from kun_recipes.curation.config import LabelConfig, RefineConfig
from kun_recipes.curation.details import CheckDetails
from kun_recipes.curation.verification import Verification
from kun_recipes.data import schema
from kun_recipes.data.rows import removed_writers, row_writer
from kun_recipes.errors import UserError
from kun_recipes.rules.ranges import RangeFilter

NOTHING, BEFORE, AFTER = "nothing dropped", "before", "after"
"""Settings: every answered row, the chain without verification, and with it."""
SIGNAL_COLUMNS = {
    schema.PERPLEXITY: "perplexity",
    schema.FIT: "fit",
    schema.FILTER_CALIBRATED: "filter judge",
    schema.SCORE_CALIBRATED: "score judge",
    schema.SUPPORT: "support",
    schema.ANSWER_CALIBRATED: "answer judge",
}
"""Names of the bounds on what a model said; those on lengths count as rules."""


class Outcome(NamedTuple):
    """An answered row, and by setting the reason for which it is dropped, or None if it is kept."""

    row: Candidate
    reasons: dict[str, str | None]

    def is_kept(self, setting: str) -> bool:
        return self.reasons[setting] is None


class Selecting:
    """The selecting passes of label and refine over candidates.

    Args:
        rows: all candidates of a run, also those without an answer: the share of lowest fit is a share of them.
        judges: file of the judges' measurements, which choose the thresholds.
    """

    def __init__(
        self, rows: Sequence[Candidate], label_config: LabelConfig, refine_config: RefineConfig, judges: Path
    ):
        self.rows, self.label_config, self.refine_config = rows, label_config, refine_config
        self.answered = [row for row in rows if row.output is not None]
        self.calibrations = Calibrations(judges, [], refine_config.thresholds(), refine_config.target_precision)

    def measured_judges(self) -> Iterator[str]:
        """Yield what is known of each judge. Raises UserError where one was not asked."""
        known = self.calibrations.measured()
        if missing := self.refine_config.thresholds().keys() - known:
            names = ", ".join(sorted(missing))
            raise UserError(f"{self.calibrations.path}: has no {names}; use that of a refine stage with verify: true")
        yield from map(str, known.values())

    def blocks(self, verify: bool) -> list[PipelineStep]:
        """Return the blocks of both passes, by today's code, without what reads and writes rows."""
        config = replace(self.refine_config, verify=verify, keep_unverified=False)
        verification = Verification(config) if verify else None
        with TemporaryDirectory() as folder:
            stage: Any = SimpleNamespace(**{name: Path(folder, name) for name in ("measured", "rows", "removed")})
            with row_writer(stage.measured) as writer:  # label looks there for the share of lowest fit
                for number, row in enumerate(self.rows):
                    writer.write(document(row, str(number)))
            of_label = label.select(self.label_config, stage)
            of_refine = refine.select(
                config, stage, self.calibrations, verification, removed_writers(stage.removed), stage.rows
            )
        found: list[Any] = [*of_label[1:-1], *of_refine[1:-1]]
        for block in found:
            block.exclusion_writer = Removals()
        return found

    def outcomes(self) -> list[Outcome]:
        """Return what falls by nothing, by each part of the chain alone, before verification, and with it."""
        everything = self.blocks(verify=True)
        settings: dict[str, Sequence[PipelineStep]] = {NOTHING: []}
        for part in dict.fromkeys(map(part_of, everything)):
            settings[f"{part} alone"] = [block for block in everything if part_of(block) == part]
        settings |= {BEFORE: self.blocks(verify=False), AFTER: everything}
        found = {name: self.reasons(blocks) for name, blocks in settings.items()}
        return [
            Outcome(row, {name: reasons[place] for name, reasons in found.items()})
            for place, row in enumerate(self.answered)
        ]

    def reasons(self, blocks: Sequence[PipelineStep]) -> list[str | None]:
        """Return for each answered row why one of the blocks drops it; None where they keep it."""
        documents = [document(row, str(number)) for number, row in enumerate(self.answered)]
        stream: Any = iter(documents)
        for block in blocks:
            stream = block.run(stream)
        kept = {doc.id for doc in stream}
        return [None if doc.id in kept else doc.metadata["filter_reason"] for doc in documents]


def part_of(block: PipelineStep) -> str:
    """Return the part of the chain that a block belongs to: a signal, or the rules."""
    if isinstance(block, RangeFilter):
        return SIGNAL_COLUMNS.get(block.field, "rules")
    return "details" if isinstance(block, CheckDetails) else "rules"


def document(row: Candidate, name: str = "0") -> Document:
    """Return the row as the selecting passes of label and refine read it."""
    columns = {schema.SOURCE: "quality", schema.INSTRUCTION: row.instruction, schema.OUTPUT: row.output}
    return Document(row.segment.text, name, metadata={**row.measured, **columns})
