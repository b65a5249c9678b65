"""Rows were added to what a finished label or refine stage has read: only they are asked about."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from datatrove.data import Document

from kun_recipes.curation import label, measuring, refine
from kun_recipes.curation.config import LabelConfig, RefineConfig
from kun_recipes.data import schema
from kun_recipes.data.atomic import write_json
from kun_recipes.data.rows import row_writer
from tests.curation.stage_rows import rows_of
from tests.curation.test_refine_stage import ITEMS

pytestmark = pytest.mark.slow

OLD, NEW = ["水在一百度沸腾。", "月亮绕着地球转。"], ["火是热的。", "面包要烤四十分钟。"]


class Grown:
    """A corpus stage that grows, and the chain behind it."""

    def __init__(self, folder: Path, options: dict[str, Any], judge_data: Path):
        self.folder, self.options, self.judge_data = folder, options, judge_data
        self.summary: dict[str, Any] = {"rows_kept": len(OLD)}
        self.write(0, OLD)

    def write(self, rank: int, texts: list[str], **more: Any) -> None:
        with row_writer(self.folder / "rows") as writer:
            for text in texts:
                metadata = {schema.SOURCE: "wudao", schema.TOKENS: len(text)}
                writer.write(Document(text, text, metadata=metadata), rank)
        self.summary |= more
        write_json(self.folder / "stage.json", self.summary)

    def grow(self) -> None:
        self.write(1, NEW, rows_kept=4)

    def label(self, output: Path, **options: Any) -> Path:
        chosen = {"segments": str(self.folder / "rows"), "output_dir": str(output), "max_tokens": 500}
        label.run(LabelConfig(**self.options | chosen | options))
        return output

    def refine(self, candidates: Path, output: Path) -> Path:
        chosen = {
            "candidates": str(candidates / "rows"),
            "output_dir": str(output),
            "judge_data": [str(self.judge_data)],
        }
        chosen |= {"filter_threshold": -100, "score_threshold": -100, "judge_data": [str(self.judge_data)]}
        chosen["dataset_dir"] = str(output / "dataset")
        refine.run(RefineConfig(**self.options | chosen))
        return output


@pytest.fixture
def corpus(tmp_path: Path, ending_model: Path, open_rules: Path) -> Grown:
    options = {"model": str(ending_model), "rules": str(open_rules), "dtype": "float32"}
    options |= {"max_new_tokens": 200, "temperature": 1.0}
    judged = [(judge, name, texts) for judge, labels in ITEMS.items() for name, texts in labels.items()]
    items = [{"judge": judge, "text": text, "label": name} for judge, name, texts in judged for text in texts.split()]
    (tmp_path / "judge.jsonl").write_text("\n".join(map(json.dumps, items)), encoding="utf-8")
    folder = tmp_path / "corpus"
    folder.mkdir()
    return Grown(folder, options, tmp_path / "judge.jsonl")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Return the texts of the rows that models were asked about since it was last called."""
    texts: list[str] = []
    measure = measuring.MeasureRows._measure

    def noted(block, asked):
        texts.extend(doc.text for doc in asked)
        measure(block, asked)

    def take() -> list[str]:
        taken, texts[:] = texts.copy(), []
        return taken

    monkeypatch.setattr(measuring.MeasureRows, "_measure", noted)
    return take


def test_only_added_rows_are_labelled_and_refined(corpus, asked, tmp_path):
    labelled = corpus.label(tmp_path / "label")
    refined = corpus.refine(labelled, tmp_path / "refine")
    shards = {path.name: path.read_bytes() for path in (labelled / "rows").iterdir()}
    assert set(asked()) == set(OLD)
    corpus.grow()
    corpus.label(labelled)
    corpus.refine(labelled, refined)
    assert set(asked()) == set(NEW)
    assert shards.items() < {path.name: path.read_bytes() for path in (labelled / "rows").iterdir()}.items()
    fresh = corpus.label(tmp_path / "fresh")
    assert rows_of(labelled / "rows") == rows_of(fresh / "rows")
    assert rows_of(refined / "rows") == rows_of(corpus.refine(fresh, tmp_path / "fresh_refine") / "rows")
    asked()
    corpus.refine(corpus.label(labelled), refined)
    assert asked() == []
