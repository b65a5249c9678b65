"""The union of rounds, on folders that were written by hand."""

import json
from pathlib import Path

import pytest
from datasets import load_dataset
from datatrove.data import Document

from kun_recipes.curation.parts import Part
from kun_recipes.data.folders import foreign_files
from kun_recipes.data.rows import read_rows, row_writer
from kun_recipes.errors import UserError
from kun_recipes.rounds.union import run
from kun_recipes.rounds.union_config import RoundsConfig

SEGMENTS = [f"segment-{number:02d}" for number in range(60)]
SHARE = 0.5


def write(folder: Path, ids: list[str], **columns: object) -> None:
    documents = (Document(f"文{name}", name, metadata={"source": "wudao", **columns}) for name in ids)
    for _ in row_writer(folder).run(documents, rank=0, world_size=1):
        pass


def labelled(number: int) -> list[str]:
    return [name for name in SEGMENTS if Part(number, SHARE).has(name)]


def write_stage(folder: Path, number: int, ids: list[str], reason: str, **config: object) -> None:
    """Write a stage that removed the first of its rows."""
    more = {"round": number, "instruction": "问？", "output": "答。", "label_model": f"label-{number}"}
    write(folder / "measured", ids, **more)
    write(folder / "removed" / f"01_{reason}", ids[:1], reason=reason, **more)
    write(folder / "rows", ids[1:], **more)
    counts = {"rows_in": len(ids), "rows_kept": len(ids) - 1, "removed": {reason: 1}, "seconds": 2.0}
    used = {"device": "core", "kind": "core", "devices": 1, "seconds": 1.5, "tokens": 100, "peak_memory_gb": 1.0}
    summary = {"stage": folder.name, **counts, "used": used, "other_rounds": 9, "judges": {"filter": {"of": number}}}
    (folder / "stage.json").write_text(json.dumps({**summary, "config": {"model": "m", "round": number, **config}}))


def write_model(folder: Path, number: int) -> None:
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(bytes([number]))
    summary = {"stage": "train", "held_out_loss_after": 3.0 - number, "config": {"seed": number}}
    (folder / "train_summary.json").write_text(json.dumps(summary))


def write_round(run_dir: Path, number: int) -> None:
    folder, ids = run_dir / f"round_{number}", labelled(number)
    write_stage(folder / "label", number, ids, "perplexity")
    write_stage(folder / "refine", number, ids[1:], "too_short")
    for model in ("label_model", "primary_chat_model"):
        write_model(folder / model, number)


def say(run_dir: Path, number: int, helps: bool) -> None:
    folder = run_dir / f"round_{number}" / "gain"
    folder.mkdir(exist_ok=True)
    (folder / "stage.json").write_text(json.dumps({"helps": helps, "why": "no fall", "config": {}}))


def config(run_dir: Path, rounds: int, gains: bool = True) -> RoundsConfig:
    def folders(name: str, first: int = 1) -> list[str]:
        return [str(run_dir / f"round_{number}" / name) for number in range(first, rounds + 1)]

    return RoundsConfig(
        segments=str(run_dir / "corpus/rows"),
        label_model_dirs=folders("label_model"),
        chat_model_dirs=folders("primary_chat_model"),
        label_dirs=folders("label"),
        refine_dirs=folders("refine"),
        gains=folders("gain", 2) if gains else None,
        output_dir=str(run_dir / "rounds"),
        label_dir=str(run_dir / "label"),
        refine_dir=str(run_dir / "refine"),
        dataset_dir=str(run_dir / "dataset"),
        label_model_dir=str(run_dir / "label_model"),
        chat_model_dir=str(run_dir / "primary_chat_model"),
    )


@pytest.fixture
def run_dir(tmp_path) -> Path:
    """A run whose two rounds are finished, and whose second one helped."""
    write(tmp_path / "corpus/rows", SEGMENTS)
    for number in (1, 2):
        write_round(tmp_path, number)
    say(tmp_path, 2, helps=True)
    return tmp_path


def ids(folder: Path) -> list[str]:
    return [row["id"] for row in read_rows(folder)]


def summary(folder: Path) -> dict:
    return json.loads((folder / "stage.json").read_text(encoding="utf-8"))


def rounds_of(run_dir: Path) -> set[int]:
    return {row["round"] for row in read_rows(run_dir / "refine/rows")}


def test_every_segment_is_kept_or_removed_with_a_reason(run_dir):
    run(config(run_dir, 2))
    label = summary(run_dir / "label")
    taken = labelled(1) + labelled(2)
    assert label["rows_in"] == len(SEGMENTS) == label["rows_kept"] + sum(label["removed"].values())
    assert label["removed"] == {"no_round": len(SEGMENTS) - len(taken), "perplexity": 2}
    assert ids(run_dir / "label/removed/00_no_round") == [name for name in SEGMENTS if name not in taken]
    assert ids(run_dir / "label/measured") == taken
    assert summary(run_dir / "refine")["rows_in"] == label["rows_kept"] == len(taken) - 2
    assert (label["seconds"], label["used"]["tokens"]) == (4.0, 200)
    assert "other_rounds" not in label


def test_held_out_segments_belong_to_no_round(run_dir):
    held_out = labelled(1)[:2]
    for number in (1, 2):
        write(run_dir / f"round_{number}/label/held_out/segments/rows", held_out)
    run(config(run_dir, 2))
    assert {*held_out} <= {*ids(run_dir / "label/removed/00_no_round")}
    assert not (run_dir / "label/held_out").exists()


def test_rows_name_their_round(run_dir):
    run(config(run_dir, 2))
    rows = {row["id"]: row["round"] for row in read_rows(run_dir / "refine/rows")}
    assert rows == {name: number for number in (1, 2) for name in labelled(number)[2:]}
    dataset = load_dataset(str(run_dir / "dataset"))["wudao"]
    assert dict(zip(dataset["id"], dataset["round"], strict=True)) == rows


def test_models_and_judges_are_those_of_the_last_round(run_dir):
    run(config(run_dir, 2))
    assert (run_dir / "label_model/model.safetensors").read_bytes() == b"\x02"
    assert (run_dir / "primary_chat_model/train_summary.json").read_bytes() == (
        run_dir / "round_2/primary_chat_model/train_summary.json"
    ).read_bytes()
    refine = summary(run_dir / "refine")
    assert refine["judges"] == {"filter": {"of": 2}}
    assert refine["config"]["model"]["path"] == str(run_dir / "primary_chat_model")
    assert [one["label_model_loss"] for one in refine["rounds"]] == [2.0, 1.0]


def test_a_round_that_did_not_help_is_left_out_with_those_after_it(run_dir):
    say(run_dir, 2, helps=False)
    run(config(run_dir, 3))  # round 3 has no folder
    assert rounds_of(run_dir) == {1}
    assert (run_dir / "label_model/model.safetensors").read_bytes() == b"\x01"
    found = summary(run_dir / "rounds")
    assert ([one["round"] for one in found["rounds"]], found["asked_rounds"]) == ([1], 3)
    assert found["why"] == "round 2 did not help: no fall"
    assert summary(run_dir / "label")["removed"]["no_round"] == len(SEGMENTS) - len(labelled(1))


def test_without_comparisons_all_rounds_are_taken(run_dir):
    run(config(run_dir, 2, gains=False))
    assert rounds_of(run_dir) == {1, 2}


def test_a_round_added_later_joins_the_others(run_dir):
    run(config(run_dir, 2))
    write_round(run_dir, 3)
    say(run_dir, 3, helps=True)
    run(config(run_dir, 3))
    assert rounds_of(run_dir) == {1, 2, 3}
    for folder in ("label", "refine", "dataset", "label_model", "primary_chat_model"):
        assert foreign_files(run_dir / folder) == []


def test_a_second_run_writes_nothing(run_dir):
    run(config(run_dir, 2))
    before = {path: path.stat().st_mtime_ns for path in run_dir.rglob("*")}
    run(config(run_dir, 2))
    assert {path: path.stat().st_mtime_ns for path in run_dir.rglob("*")} == before


@pytest.mark.parametrize("missing", ["round_2/refine/stage.json", "round_1/label_model/train_summary.json"])
def test_an_unfinished_round_is_named(run_dir, missing):
    (run_dir / missing).unlink()
    with pytest.raises(UserError, match=str(Path(missing).parent)):
        run(config(run_dir, 2))
    assert not (run_dir / "label").exists()


def test_the_rows_of_a_run_of_one_round_are_not_replaced(run_dir):
    write_stage(run_dir / "label", 1, labelled(1), "perplexity")
    with pytest.raises(UserError, match="was made by a run of one round"):
        run(config(run_dir, 2))
