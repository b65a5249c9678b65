"""Another selection of a finished label or refine stage: the rows of a fresh run, and no row is asked about twice."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from datatrove.data import Document

from kun_recipes.curation import label, measuring
from kun_recipes.curation.config import LabelConfig
from kun_recipes.data import schema
from kun_recipes.data.rows import row_writer
from kun_recipes.errors import UserError
from kun_recipes.execution import folder as stage_folder
from tests.curation.stage_rows import Row, ids, removed_rows, rows_of

pytestmark = pytest.mark.slow

TEXTS = ["水在一百度沸腾。", "茶", "月亮绕着地球转。", "火是热的。", "纸是白的", "面包要烤四十分钟。"]
LONGER = 9  # tokens of the longest text, one per character

Run = Callable[..., Path]


@pytest.fixture(scope="module", params=[1, 3], ids=["one candidate", "three"])
def candidates(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture(scope="module")
def config(
    candidates: int,
    ending_model: Path,
    open_rules: Path,
    repository: Path,
    tmp_path_factory: pytest.TempPathFactory,
):
    folder = tmp_path_factory.mktemp("corpus")
    half = len(TEXTS) // 2
    with row_writer(folder / "rows") as writer:
        for number, text in enumerate(TEXTS):
            metadata = {"source": "wudao", schema.TOKENS: len(text)}
            writer.write(Document(text, str(number), metadata=metadata), rank=number // half)

    def build(output: Path, **options: Any) -> LabelConfig:
        chosen = {"segments": str(folder / "rows"), "output_dir": str(output), "model": str(ending_model)}
        chosen |= {"prompt": str(repository / "recipes/prompts/label.txt"), "rules": str(open_rules)}
        chosen |= {"dtype": "float32", "max_new_tokens": 200, "temperature": 1.0, "max_tokens": 500}
        chosen |= {"candidates": candidates}
        return LabelConfig(**chosen | options)

    return build


@pytest.fixture(scope="module")
def finished(config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("label") / "finished"
    label.run(config(output))
    return output


@pytest.fixture
def again(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished stage's folder, to be selected from."""
    return Path(shutil.copytree(finished, tmp_path / "again"))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that the label model is asked about from now on."""
    texts: list[str] = []
    measure = measuring.WriteText.measure

    def noted(block, engine, docs, prompts):
        texts.extend(doc.text for doc in docs)
        measure(block, engine, docs, prompts)

    monkeypatch.setattr(measuring.WriteText, "measure", noted)
    return texts


def contents(folder: Path) -> dict[str, Any]:
    """What a stage leaves: rows, removed rows, and its summary without times and places."""
    summary = json.loads((folder / "stage.json").read_text(encoding="utf-8"))
    lasting = {key: value for key, value in summary.items() if key not in ("seconds", "used")}
    rows, removed = rows_of(folder / "rows"), removed_rows(folder)
    return {"rows": rows, "removed": removed, "summary": lasting, "left": left(folder)}


def left(folder: Path) -> set[str]:
    """The names in a stage's folder, but for the one that is there only if rows were removed."""
    return {path.name for path in folder.iterdir()} - {"removed"}


def rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return round(value, 3) if isinstance(value, float) else value


def median(rows: list[Row], column: str) -> float:
    return sorted(row[column] for row in rows)[len(rows) // 2]


SELECTIONS: dict[str, Callable[[list[Row]], dict[str, Any]]] = {
    "perplexity": lambda rows: {"max_perplexity": median(rows, schema.PERPLEXITY)},
    "fit": lambda rows: {"min_fit": median(rows, schema.FIT)},
    "percentile": lambda rows: {"min_fit_percentile": 40},
    "tokens": lambda rows: {"max_tokens": int(median(rows, schema.INSTRUCTION_TOKENS))},
    "rules": lambda rows: {"rules": None},
    "several": lambda rows: {"max_perplexity": median(rows, schema.PERPLEXITY), "min_fit": median(rows, schema.FIT)},
}


@pytest.mark.parametrize("select", SELECTIONS.values(), ids=SELECTIONS)
def test_a_stricter_selection_asks_no_model(config, finished, again, tmp_path, monkeypatch, select):
    options = select(rows_of(finished / "rows"))
    label.run(config(tmp_path / "fresh", **options))

    def refuse(*_):
        raise AssertionError("a model was loaded")

    monkeypatch.setattr(measuring, "engine_of", refuse)
    label.run(config(again, **options))
    found, fresh = contents(again), contents(tmp_path / "fresh")
    assert found["removed"].keys() == fresh["removed"].keys()
    assert found != contents(finished)
    assert {reason: ids(rows) for reason, rows in found["removed"].items()} == {
        reason: ids(rows) for reason, rows in fresh["removed"].items()
    }
    for name in ("rows", "summary", "left"):
        assert found[name] == fresh[name]
    label.run(config(again))
    assert contents(again) == contents(finished)


def test_a_looser_selection_asks_only_about_rows_that_no_model_saw(config, candidates, finished, tmp_path, asked):
    strict = tmp_path / "strict"
    label.run(config(strict, max_tokens=LONGER - 1))
    assert sorted(asked) == sorted(candidates * [text for text in TEXTS if len(text) < LONGER])
    asked.clear()
    label.run(config(strict))
    assert asked == [text for text in TEXTS if len(text) >= LONGER for _ in range(candidates)] != []
    found, fresh = contents(strict), contents(finished)
    assert found["summary"] == fresh["summary"]
    for kind in ("rows", "removed"):  # other neighbours in a batch change the last digits of what is measured
        assert rounded(found[kind]) == rounded(fresh[kind])


def test_more_candidates_ask_only_for_the_new_ones_and_fewer_for_none(config, candidates, finished, tmp_path, asked):
    output = tmp_path / "output"
    more = candidates + 1
    label.run(config(output, candidates=more))
    assert asked == [text for text in TEXTS for _ in range(more)]
    asked.clear()
    label.run(config(output))
    assert asked == []
    label.run(config(output, candidates=more))
    assert asked == TEXTS
    label.run(config(tmp_path / "fresh", candidates=more))
    found, fresh = contents(output), contents(tmp_path / "fresh")
    for kind in ("rows", "removed", "summary"):
        assert rounded(found[kind]) == rounded(fresh[kind])


@pytest.mark.parametrize("option", ["seed", "max_new_tokens", "repetition_penalty", "candidate_temperature"])
def test_another_measurement_is_refused(config, again, option):
    with pytest.raises(UserError, match=option):
        label.run(config(again, **{option: 2}))


class Killed(BaseException):
    pass


@pytest.mark.parametrize("step", range(12))
def test_a_selection_that_is_killed_at_any_step_is_made_by_the_same_command(
    config, finished, again, asked, monkeypatch, step
):
    """Kill it before it changes the folder's `step`-th file; select as before; then make the new selection again."""
    options = {"max_perplexity": median(rows_of(finished / "rows"), schema.PERPLEXITY)}
    steps = 0

    def counted(function):
        def call(*arguments, **keywords):
            nonlocal steps
            steps += 1
            if steps > step:
                raise Killed
            return function(*arguments, **keywords)

        return call

    with monkeypatch.context() as killing:
        killing.setattr(stage_folder, "write_json", counted(stage_folder.write_json))
        killing.setattr(stage_folder.os, "replace", counted(stage_folder.os.replace))
        killing.setattr(stage_folder.shutil, "rmtree", counted(stage_folder.shutil.rmtree))
        with pytest.raises(Killed):
            label.run(config(again, **options))
    label.run(config(again))
    assert contents(again)["rows"] == contents(finished)["rows"]
    label.run(config(again, **options))
    likely = [row for row in rows_of(finished / "measured") if row[schema.PERPLEXITY] <= options["max_perplexity"]]
    assert ids(rows_of(again / "rows")) == list(dict.fromkeys(ids(likely)))
    assert asked == []
    assert left(again) == left(finished)


def test_a_shard_of_a_task_that_did_not_end_is_not_recalled(config, candidates, finished, again, asked):
    (again / "logs/measure/completions/00001").unlink()
    shard = again / "measured/00001.jsonl.zst"
    shard.write_bytes(shard.read_bytes()[:20])
    label.run(config(again, min_fit=-1000.0))
    assert asked == [text for text in TEXTS[len(TEXTS) // 2 :] for _ in range(candidates)]
    assert rows_of(again / "rows") == rows_of(finished / "rows")
