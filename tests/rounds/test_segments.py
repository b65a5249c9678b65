"""The same held-out segments through the stages of two tiny rounds that were really run."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from datatrove.data import Document

from kun_recipes.curation import label, refine
from kun_recipes.curation.config import LabelConfig, RefineConfig
from kun_recipes.curation.judge_data import LABELS
from kun_recipes.data.atomic import write_json
from kun_recipes.data.rows import read_rows, write_shards
from kun_recipes.errors import UserError
from kun_recipes.execution.folder import StageFolder
from kun_recipes.rounds.comparison import Bootstrap, segment_changes
from kun_recipes.rounds.config import GainConfig
from kun_recipes.rounds.rows import kept_rows, read_round
from kun_recipes.rounds.segments import made_of, run_round, write_segments
from tests.curation.stage_rows import write_rows
from tests.rounds.conftest import row

TEXTS = [f"第{number}种茶叶要用{number}十度的热水冲泡。" for number in range(12)]
ROUNDS = {"round_1": slice(0, 3), "round_2": slice(3, 6)}
"""What each round labelled of the texts."""

pytestmark = pytest.mark.usefixtures("in_repository")


def gain_config(root: Path, **options: Any) -> GainConfig:
    chosen = {"before": str(root / "round_1"), "after": str(root / "round_2"), "model": "", "seeds": ""}
    chosen |= {"output_dir": str(root / "gain"), "segments": str(root / "corpus" / "rows")}
    return GainConfig(**chosen | options)


@pytest.fixture(scope="module")
def run(ending_model: Path, open_rules: Path, repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of twelve segments and two rounds with the same models, each of three segments of its own."""
    root = tmp_path_factory.mktemp("run")
    prompts = repository / "recipes/prompts"
    items = (
        {"judge": judge, "text": f"{label}{n}", "label": label}
        for judge in ("filter", "score")
        for label in LABELS[judge]
        for n in range(4)
    )
    (root / "items.jsonl").write_text(
        "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in items), encoding="utf-8"
    )
    write_rows(root / "corpus" / "rows", [{"text": text, "source": "wudao", "tokens": 40} for text in TEXTS])
    corpus = list(read_rows(root / "corpus" / "rows"))
    for name, part in ROUNDS.items():
        folder = root / name
        for model in ("label_model", "primary_chat_model"):
            shutil.copytree(ending_model, folder / model)
            write_json(folder / model / "train_summary.json", {"config": {}})
        write_rows_with_ids(folder / "own" / "rows", corpus[part])
        shared = {"rules": str(open_rules), "dtype": "float32", "temperature": 1.0, "max_new_tokens": 200}
        labelled = {"segments": str(folder / "own" / "rows"), "output_dir": str(folder / "label")}
        labelled |= {"model": str(folder / "label_model"), "prompt": str(prompts / "label.txt")}
        label.run(LabelConfig(**shared | labelled))
        refined = {"candidates": str(folder / "label" / "rows"), "output_dir": str(folder / "refine")}
        refined |= {"dataset_dir": str(folder / "dataset"), "model": str(folder / "primary_chat_model")}
        refined |= {f"{one}_prompt": str(prompts / f"{one}.txt") for one in ("filter", "score", "polish")}
        refined |= {"judge_data": [str(root / "items.jsonl")], "filter_threshold": -100, "score_threshold": -100}
        refine.run(RefineConfig(**shared | refined))
    return root


def write_rows_with_ids(folder: Path, rows: list[dict[str, Any]]) -> None:
    documents = [Document(one["text"], one["id"], metadata={"source": "wudao", "tokens": 40}) for one in rows]
    write_shards(documents, folder, 8)


@pytest.mark.slow
def test_both_rounds_are_run_on_segments_that_neither_labelled(run: Path, monkeypatch: pytest.MonkeyPatch):
    config = gain_config(run, segment_limit=6)
    stage = StageFolder("gain", config)
    stage.begin()
    chosen = write_segments(config, stage)
    labelled = {one["id"] for name in ROUNDS for one in read_rows(run / name / "label" / "measured")}
    assert len(chosen) == 6 and len(labelled) == 6 and not labelled & set(chosen)
    monkeypatch.setattr("kun_recipes.curation.calibration.measure", forbidden)  # the judges of the rounds are known
    for folder in (config.before, config.after):
        run_round(config, stage, folder)
    first, second = (made_of(stage, folder) for folder in (config.before, config.after))
    assert [one["id"] for one in read_rows(first / "label" / "measured")] == chosen
    kept = [{one["id"]: one["output"] for one in kept_rows(str(made))} for made in (first, second)]
    assert kept[0] == kept[1] != {}  # the same models, asked alike

    rounds = tuple(read_round(str(made), lambda texts: [*map(len, texts)], 10) for made in (first, second))
    changes = segment_changes(chosen, (set(kept[0]), set(kept[1])), rounds, Bootstrap(1000, 0))
    found = {change.name: change for change in changes}
    share = len(kept[0]) / 6
    change = found["segments_kept"]
    assert (change.before, change.after, change.low, change.on) == (share, share, 0, "6 held-out segments")
    assert found["segments_length_output"].title == "same segments: length of outputs"
    assert found["segments_length_output"].difference == 0
    assert not {"segments_kept_label", "segments_kept_refine"} & found.keys()


def forbidden(*_: object) -> None:
    raise AssertionError("a judge was measured again")


def test_the_shares_of_the_same_segments_are_paired():
    ids = [str(number) for number in range(40)]
    before, after = set(ids[:10]), set(ids[:20])
    (change,) = segment_changes(ids, (before, after), None, Bootstrap(1000, 0))
    assert (change.before, change.after, change.verdict) == (0.25, 0.5, "changed")
    (change,) = segment_changes(ids, (before, set()), None, Bootstrap(1000, 0))
    assert (change.after, change.verdict) == (0, "changed")


@pytest.fixture
def by_hand(make_round: Callable[..., Path], tmp_path: Path) -> Path:
    """Two rounds that labelled all three segments."""
    root = tmp_path / "run"
    write_rows(root / "corpus" / "rows", [row("", text) for text in "甲乙丙"])
    for number in (1, 2):
        make_round(f"round_{number}")
        shutil.copytree(root / "corpus" / "rows", root / f"round_{number}" / "label" / "measured")
    return root


def test_without_a_segment_left_the_stage_says_so(by_hand: Path):
    config = gain_config(by_hand)
    with pytest.raises(UserError, match="rows holds no segment that no round labelled; leave the option out"):
        write_segments(config, StageFolder("gain", config))
