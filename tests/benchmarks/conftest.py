"""The measurements import each other as scripts do: from their own folder, after all others."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kun_recipes.data import schema
from tests.curation.stage_rows import write_rows

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))

from tests.benchmarks.candidates import MEASURED, SEGMENTS  # imports a measurement


@pytest.fixture
def gpu_command(repository: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`python benchmarks/gpu.py` with these words, on a machine without a GPU."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "benchmarks/gpu.py", *words]
        environment = os.environ | {"PYTHONPATH": str(repository), "CUDA_VISIBLE_DEVICES": ""}
        return subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, check=False)

    return run


@pytest.fixture
def judges(tmp_path: Path) -> Path:
    """A stage's judges.json: the threshold of each is 0, in the middle of its development items."""
    items = {"log_odds": [-1.0, 1.0], "right": [False, True]}
    names = ("filter", "score", "support", "answer")
    values = {name: {"judge": name, "bias": 0.0, "development": items, "held_out": items} for name in names}
    (tmp_path / "judges.json").write_text(json.dumps(values), encoding="utf-8")
    return tmp_path / "judges.json"


@pytest.fixture
def stages(tmp_path: Path) -> tuple[Path, Path]:
    """Folders of label and refine: three candidates, of which two are answered, and a row of another segment."""
    texts = [SEGMENTS["news-01"].text, SEGMENTS["law-01"].text, SEGMENTS["news-01"].text, "别的文章。"]
    of_label = {name: MEASURED[name] for name in (schema.TOKENS, schema.PERPLEXITY, schema.FIT)}
    rows = [
        {
            "text": text,
            schema.SOURCE: "web",
            schema.FILE_PATH: "/home/x",
            schema.INSTRUCTION: f"问题{number}？",
            **of_label,
        }
        for number, text in enumerate(texts)
    ]
    write_rows(tmp_path / "label/measured", rows)
    answered = [row | MEASURED | {schema.OUTPUT: f"回答{number}。"} for number, row in enumerate(rows)]
    write_rows(tmp_path / "refine/measured", [*answered[:2], rows[2], answered[3]])
    return tmp_path / "label", tmp_path / "refine"
