"""Parts of label and refine that growth.py measures: planning, and selecting among measured rows. No model is asked.

    python benchmarks/growth_rows.py <part> <folder> [<rows>]

makes so many rows in a folder, or runs a part on what is there, in a process of its own.
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from datatrove.pipeline.base import PipelineStep
from planning import PAIRS, QUALITY, ROWS_PER_SHARD, json_lines, made_rows, plan_label, plan_refine

from kun_recipes.curation import label, refine
from kun_recipes.curation.calibration import Calibrations
from kun_recipes.curation.config import LabelConfig, RefineConfig
from kun_recipes.curation.verification import Verification
from kun_recipes.data import schema
from kun_recipes.data.rows import removed_writers, row_writer
from kun_recipes.models.engines import EngineSettings
from kun_recipes.models.resolve import resolve_model

MODEL_FILE = "recipes/demo/model.yaml"
JUDGES = QUALITY / "qwen2.5-coder-0.5b-64-seeds" / "judges.json"


def select_labels(folder: Path) -> None:
    """Run the pass of label that chooses among measured rows."""
    exhaust(label.select(LabelConfig(segments=str(folder), output_dir="", model=""), stage_in(folder)))


def select_answers(folder: Path) -> None:
    """Run the pass of refine that chooses among measured rows, with verification."""
    config = RefineConfig(
        candidates="", output_dir="", dataset_dir="", model="", verify=True, judge_data=["judge.jsonl"]
    )
    calibrations = Calibrations(JUDGES, [], config.thresholds(), config.target_precision)
    stage = stage_in(folder)
    removed = removed_writers(stage.removed)
    exhaust(refine.select(config, stage, calibrations, Verification(config), removed, stage.rows))


def stage_in(folder: Path) -> Any:
    """Return what the selecting passes ask of a stage's folder: made rows are in `measured`."""
    return SimpleNamespace(**{name: folder / name for name in ("measured", "rows", "removed")})


def exhaust(blocks: list[PipelineStep]) -> None:
    rows: Any = None
    for block in blocks:
        rows = block.run(rows)
    for _ in rows:
        pass


def make_measured(folder: Path, count: int) -> None:
    """Write rows with what models said of pairs in `quality/`."""
    pairs = json_lines(QUALITY / PAIRS)
    with row_writer(folder / "measured") as writer:
        for number, row in enumerate(made_rows(count)):
            pair = pairs[number % len(pairs)]
            said = {**pair["measured"], schema.SOURCE: "quality", schema.OUTPUT: pair["output"]}
            row.metadata = {**said, **row.metadata}
            writer.write(row, number // ROWS_PER_SHARD)


def plan(planned: Callable[[EngineSettings, Path], EngineSettings], folder: Path) -> None:
    """Plan the context of the model of `MODEL_FILE` for the rows."""
    planned(EngineSettings("vllm", resolve_model(MODEL_FILE, None), "float32"), folder / "measured")


def nothing(folder: Path) -> None:
    """Import, and return: what a process costs before it begins."""


STEPS: dict[str, Callable[[Path], None]] = {
    "plan label": partial(plan, plan_label),
    "plan refine": partial(plan, plan_refine),
    "select label": select_labels,
    "select refine": select_answers,
    "nothing": nothing,
}


if __name__ == "__main__":
    part, name, *more = sys.argv[1:]
    if part == "measured":
        make_measured(Path(name), int(more[0]))
    else:
        STEPS[part](Path(name))
