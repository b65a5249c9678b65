"""Two tiny rounds, made by hand: folders as the stages leave them, with models of choice."""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from kun_recipes.data.atomic import write_json
from tests.curation.stage_rows import write_rows

SEEDS = 24
CALIBRATION = {"slope": 1.0, "intercept": 0.0}
JUDGED = {"log_odds": [2.0, -1.0] * 6, "right": [True, False] * 6}
"""Verdicts on twelve held-out items, all of them right."""

Row = Mapping[str, Any]
MakeRound = Callable[..., Path]


def row(instruction: str, output: str, support: float = 0.0) -> dict[str, Any]:
    return {"text": output, "instruction": instruction, "output": output, "support": support}


@pytest.fixture(scope="session")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seed pairs, of which about half are held out with a share of 0.5."""
    path = tmp_path_factory.mktemp("seeds") / "seeds.jsonl"
    pairs = ({"instruction": f"第{n}个问题：茶怎么泡？", "output": f"用{n}克茶叶，加热水。"} for n in range(SEEDS))
    path.write_text("".join(json.dumps(pair, ensure_ascii=False) + "\n" for pair in pairs), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def scaled_model(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[float], Path]:
    """Makes the tiny model with its embeddings scaled: by 0 it finds all tokens equally likely."""
    from transformers import AutoModelForCausalLM

    made: dict[float, Path] = {}

    def scaled(factor: float) -> Path:
        if factor not in made:
            made[factor] = folder = tmp_path_factory.mktemp("models") / "scaled"
            shutil.copytree(tiny_model, folder)
            model = AutoModelForCausalLM.from_pretrained(tiny_model)
            model.get_input_embeddings().weight.data *= factor  # tied: those of the output, too
            model.save_pretrained(folder)
        return made[factor]

    return scaled


@pytest.fixture
def make_round(tmp_path: Path) -> MakeRound:
    """Makes the folder of a round."""

    def make(
        name: str,
        rows: Sequence[Row] = (row("介绍茶。", "茶是一种饮料。"),),
        model: Path | None = None,
        judged: Mapping[str, Mapping[str, Any]] | None = None,
        candidates: int = 10,
        judge_data: str = "items",
        **refine: Any,
    ) -> Path:
        folder = tmp_path / "run" / name
        for one in ("label_model", "primary_chat_model"):
            if model:
                shutil.copytree(model, folder / one)
            write_json(folder / one / "train_summary.json", {"config": {}, "name": name})
        counts = {"rows_in": 2 * candidates, "rows_kept": candidates, "removed": {}, "seconds": 1.0, "config": {}}
        write_json(folder / "label" / "stage.json", {"stage": "label", **counts})
        measured = {"filter": JUDGED, "support": JUDGED} if judged is None else judged
        judges = {name: {"bias": 0.0, "development": one, "held_out": one} for name, one in measured.items()}
        write_rows(folder / "refine" / "rows", list(rows))
        write_json(folder / "refine" / "judges.json", judges)
        counts |= {"rows_in": candidates, "rows_kept": len(rows), "config": {"judge_data": [judge_data]}}
        about = {"judges": dict.fromkeys(judges, CALIBRATION), **refine}
        write_json(folder / "refine" / "stage.json", {"stage": "refine", **counts, **about})
        return folder

    return make
