"""The folder of a finished gain stage, written by hand."""

from pathlib import Path

from kun_recipes.data.atomic import write_json
from kun_recipes.rounds.changes import Change

LOSS = Change("label_loss", "label model's loss", "nats per token", "lower", "40 held-out pairs", 2.5, 2.3, -0.3, -0.1)


def write_gain(folder: Path, before: str, after: str) -> Path:
    """Write the summary of a stage that compared two rounds, and return its folder."""
    comparison = {"before": before, "after": after, "changes": [LOSS.to_dict()]}
    counts = {"stage": "gain", "rows_in": 160, "rows_kept": 160, "removed": {}, "seconds": 9.0}
    counts["config"] = {"decided_by": "label_model", "min_gain": 0.0}
    why = f"{after} helps: label model's loss on 40 held-out pairs fell"
    write_json(folder / after / "gain" / "stage.json", {**counts, "helps": True, "why": why, "comparison": comparison})
    return folder / after / "gain"
