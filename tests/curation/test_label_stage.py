"""The label stage on the tiny model: each bound removes the rows beyond it and no others, each option is handed on."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy
import pytest
from datatrove.data import Document

from kun_recipes.curation import label
from kun_recipes.curation.choosing import instruction_merits
from kun_recipes.curation.config import LabelConfig
from kun_recipes.data import schema
from kun_recipes.errors import UserError
from kun_recipes.models.asking import row_seed
from kun_recipes.models.engines import EngineSettings, load_engine
from kun_recipes.models.engines.base import Sampling
from kun_recipes.models.prompts import load_prompt
from tests.curation.stage_rows import Row, ids, removed_rows, rows_of, write_rows

pytestmark = pytest.mark.slow

TEXTS = ["水在一百度沸腾。", "火是热的。", "茶叶要先杀青。", "月亮绕着地球转。", "稻子在秋天熟。", "诗有五言与七言。"]
TOO_LONG = "6"
"""The last row, which does not fit the model's context."""

Stage = Callable[..., Path]


@pytest.fixture(scope="module")
def stage(ending_model: Path, open_rules: Path, repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Run the stage on six segments and a long one, of as many tokens as characters; return its folder."""
    rows = [{"text": text, "source": "wudao", schema.TOKENS: len(text)} for text in (*TEXTS, "长" * 4000)]
    segments = write_rows(tmp_path_factory.mktemp("corpus"), rows)

    def run(**options: Any) -> Path:
        folder = tmp_path_factory.mktemp("label")
        chosen = {"segments": segments, "output_dir": str(folder), "model": str(ending_model), "dtype": "float32"}
        chosen |= {"prompt": str(repository / "recipes/prompts/label.txt"), "rules": str(open_rules)}
        chosen |= {"max_tokens": 5000, "max_new_tokens": 200, "temperature": 1.0}
        label.run(LabelConfig(**chosen | options))
        return folder

    return run


@pytest.fixture
def write(monkeypatch) -> Callable[..., None]:
    """Have the label model write a text in place of its instructions of more than so many tokens."""

    def write(text: str, over: int = 0) -> None:
        columns = label.LabelInstructions.columns
        monkeypatch.setattr(
            label.LabelInstructions,
            "columns",
            lambda block, one: columns(block, one) | ({schema.INSTRUCTION: text} if one.tokens > over else {}),
        )

    return write


@pytest.mark.parametrize(
    ("text", "reason"),
    [("", "empty_instruction"), ("以下回复最有可能对应的指令是什么？", "recites_prompt")],
    ids=["empty", "recital of the label prompt"],
)
def test_a_text_that_is_no_instruction_is_removed(stage, everything, write, text, reason):
    written = [row["id"] for row in everything if row[schema.INSTRUCTION_TOKENS] > 100]
    write(text, over=100)
    assert ids(removed_rows(stage())[reason]) == written != []


def test_the_percentile_is_one_of_the_segments_within_max_tokens(tmp_path):
    """A row that was measured under a higher bound has a fit, too."""
    fits = [(10, 1.0), (10, 2.0), (11, -50.0), (9, 3.0)]
    rows = [{"text": "水", schema.TOKENS: tokens, schema.FIT: fit} for tokens, fit in fits]
    stage = SimpleNamespace(measured=write_rows(tmp_path / "measured", [*rows, {"text": "水", schema.TOKENS: 1}]))
    config = LabelConfig(segments="", output_dir="", model="", max_tokens=10, min_fit_percentile=50)
    assert label.lowest_fit(config, stage) == 2.0


def test_a_stage_that_is_not_finished_is_refused(stage, tmp_path):
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "started.json").write_text("{}")
    segments = write_rows(tmp_path / "corpus" / "rows", [{"text": "水", schema.TOKENS: 1}])
    with pytest.raises(UserError, match="corpus"):
        stage(segments=segments)


def test_the_context_has_room_for_each_request(tmp_path, repository):
    """The instruction of each segment, and an instruction alone, whose tokens may be more when they are read again."""
    prompt = load_prompt(repository / "recipes/prompts/label.txt", {"segment"})
    segments = write_rows(tmp_path / "rows", [{"text": text, schema.TOKENS: len(text)} for text in ("水火", "水火土")])
    config = LabelConfig(segments=segments, output_dir="", model="", max_tokens=2)
    asked = list(label.requests(config, prompt, Sampling(50)))
    assert asked == [(prompt.render(segment=""), 150), (prompt.render(segment="水火"), 50)]


@pytest.fixture(scope="module")
def everything(stage: Stage) -> list[Row]:
    """The rows that are kept where no bound is given."""
    folder = stage()
    assert {reason: ids(rows) for reason, rows in removed_rows(folder).items()} == {"context_length": [TOO_LONG]}
    assert len({row[schema.FIT] for row in rows_of(folder / "rows")}) == len(TEXTS)
    return rows_of(folder / "rows")


def test_a_row_says_how_it_was_labelled(everything, ending_model, repository):
    prompt = load_prompt(repository / "recipes/prompts/label.txt", {"segment"})
    engine = load_engine(EngineSettings("transformers", str(ending_model), "float32"))
    prompts = [prompt.render(segment=text) for text in TEXTS]
    seeds = [row_seed(0, str(number)) for number in range(len(TEXTS))]
    completions = engine.generate(prompts, Sampling(200, temperature=1.0), seeds)
    assert ids(everything) == ["0", "1", "2", "3", "4", "5"]
    assert [row[schema.INSTRUCTION] for row in everything] == [one.text.strip() for one in completions]
    assert {row[schema.LABEL_PROMPT] for row in everything} == {prompt.fingerprint}
    assert {row[schema.LABEL_MODEL].split("@")[0] for row in everything} == {"ending"}


BOUNDS = {
    "perplexity": ("max_perplexity", schema.PERPLEXITY, "perplexity", -1),
    "fit": ("min_fit", schema.FIT, "fit", 1),
}


@pytest.mark.parametrize(("option", "column", "reason", "sign"), BOUNDS.values(), ids=BOUNDS)
def test_a_bound_removes_the_rows_beyond_it(stage, everything, option, column, reason, sign):
    bound = sorted(row[column] for row in everything)[2]
    folder = stage(**{option: bound})
    kept = [row for row in everything if sign * row[column] >= sign * bound]
    assert ids(rows_of(folder / "rows")) == ids(kept)
    removed = removed_rows(folder)
    assert set(removed) == {"context_length", reason}
    assert {row["id"]: row[schema.VALUE] for row in removed[reason]} == {
        row["id"]: row[column] for row in everything if row not in kept
    }
    assert ids(rows_of(folder / "measured")) == [*ids(everything), TOO_LONG]


def test_a_percentile_of_the_fit_removes_that_share(stage, everything):
    folder = stage(min_fit_percentile=40)
    ordered = sorted(everything, key=lambda row: row[schema.FIT])
    assert numpy.percentile([row[schema.FIT] for row in ordered], 40) == ordered[2][schema.FIT]
    assert sorted(ids(removed_rows(folder)["fit"])) == sorted(ids(ordered[:2]))
    assert sorted(ids(rows_of(folder / "rows"))) == sorted(ids(ordered[2:]))


def test_statements_are_removed_where_the_config_asks_for_it(stage, everything, write):
    write("医院今天启用了物流机器人。")
    assert ids(rows_of(stage() / "rows")) == ids(everything)
    assert ids(removed_rows(stage(drop_statements=True))["statement"]) == ids(everything)


def test_a_row_that_is_lost_while_it_is_measured_stops_the_stage(stage, monkeypatch):
    run = label.MeasureFit.run
    monkeypatch.setattr(label.MeasureFit, "run", lambda *words: (doc for doc in run(*words) if doc.id != "1"))
    with pytest.raises(RuntimeError, match="7 rows were read for measuring, but 6 came back"):
        stage()


def test_a_segment_over_max_tokens_is_not_labelled(stage):
    folder = stage(max_tokens=7)
    over = [str(number) for number, text in enumerate(TEXTS) if len(text) > 7]
    assert ids(removed_rows(folder)["segment_length"]) == [*over, TOO_LONG]
    asked = [row["id"] for row in rows_of(folder / "measured") if schema.INSTRUCTION in row]
    assert asked == [str(number) for number in range(len(TEXTS)) if str(number) not in over]


def test_an_instruction_over_max_tokens_is_removed(stage, everything):
    bound = sorted(row[schema.INSTRUCTION_TOKENS] for row in everything)[3]
    removed = removed_rows(stage(max_tokens=bound))
    assert ids(removed["segment_length"]) == [TOO_LONG]
    over = [row for row in everything if row[schema.INSTRUCTION_TOKENS] > bound]
    assert ids(removed["instruction_length"]) == ids(over) and len(over) == 2


def test_an_instruction_that_does_not_end_is_removed(stage, everything):
    over = [row for row in everything if row[schema.INSTRUCTION_TOKENS] > 100]
    assert ids(removed_rows(stage(max_new_tokens=100))["truncated"]) == ids(over) != []


def test_the_rules_of_the_package_are_the_default(stage):
    folder = stage(rules=None)
    assert not rows_of(folder / "rows")  # the tiny model writes noise
    assert len(rows_of(folder / "measured")) == len(TEXTS) + 1


@pytest.fixture(scope="module")
def several(stage: Stage) -> Path:
    """The stage with a greedy candidate and two that are drawn for each segment."""
    return stage(temperature=0, candidate_temperature=1.5, candidates=3, max_new_tokens=21)


def test_further_candidates_are_drawn_by_seed_and_the_first_is_the_one_written_alone(stage, several, ending_model):
    measured = rows_of(several / "measured")
    texts = {(row["id"], row.get(schema.CANDIDATE, 0)): row.get(schema.INSTRUCTION) for row in measured}
    alone = {
        row["id"]: row.get(schema.INSTRUCTION) for row in rows_of(stage(temperature=0, max_new_tokens=21) / "measured")
    }
    assert {row_id: text for (row_id, number), text in texts.items() if not number} == alone
    assert sorted(texts) == [*((str(row), number) for row in range(len(TEXTS)) for number in range(3)), (TOO_LONG, 0)]
    prompt = load_prompt("recipes/prompts/label.txt", {"segment"})
    engine = load_engine(EngineSettings("transformers", str(ending_model), "float32"))
    for (row_id, number), text in texts.items():
        if number:
            request = [prompt.render(segment=TEXTS[int(row_id)])]
            (drawn,) = engine.generate(request, Sampling(21, temperature=1.5), [row_seed(0, row_id, number)])
            assert text == drawn.text.strip()
    assert len(set(texts.values())) == len(texts)


def test_the_best_candidate_is_the_row_and_the_others_are_no_rows(several):
    of_row: dict[str, list[Row]] = {}
    for row in rows_of(several / "measured"):
        of_row.setdefault(row["id"], []).append(row)
    kept = {row["id"]: row for row in rows_of(several / "rows")}
    removed = {row["id"]: reason for reason, rows in removed_rows(several).items() for row in rows}
    assert removed.pop(TOO_LONG) == "context_length"
    summary = json.loads((several / "stage.json").read_text(encoding="utf-8"))
    assert (summary["rows_in"], summary["not_best"]) == (len(TEXTS) + 1, 2 * len(TEXTS))
    assert summary["rows_in"] == summary["rows_kept"] + sum(summary["removed"].values())
    assert len(kept) + len(removed) == len(TEXTS) and len(kept) == summary["rows_kept"]
    assert any(schema.CANDIDATE in row for row in kept.values()) and removed
    for row_id, row in kept.items():
        assert row in of_row[row_id]
        stopped = [one for one in of_row[row_id] if one[schema.INSTRUCTION_FINISH] == "stop"]
        assert row == max(stopped, key=label_merits)
    for row_id, reason in removed.items():
        assert reason == "truncated"
        assert {one[schema.INSTRUCTION_FINISH] for one in of_row[row_id]} == {"length"}


def label_merits(row: Row) -> tuple[float, ...]:
    metadata = {key: value for key, value in row.items() if key not in ("id", "text")}
    return instruction_merits(Document(row["text"], row["id"], metadata=metadata))


def test_seed_and_temperature_reach_the_model(stage, everything):
    def written(**options: Any) -> list[str]:
        rows = rows_of(stage(max_new_tokens=5, **options) / "measured")
        return [row[schema.INSTRUCTION] for row in rows if row["id"] != TOO_LONG]

    other = written(seed=1)
    assert other == written(seed=1) != written(seed=0)
    assert written(temperature=0, seed=1) == written(temperature=0, seed=0)
