"""The refine stage on the tiny model: each threshold removes the rows below it and no others."""

import json
import math
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from kun_recipes.corpus.deduplication import NearDuplicateSettings
from kun_recipes.curation import measuring, near_instructions, refine
from kun_recipes.curation.calibration import Calibrations
from kun_recipes.curation.config import RefineConfig
from kun_recipes.curation.details import missing_details
from kun_recipes.curation.judge_data import LABELS, JudgeItem, split_judge_items
from kun_recipes.curation.polishing import PolishAnswer
from kun_recipes.curation.verification import Verification
from kun_recipes.data import schema
from kun_recipes.data.parquet import read_split
from kun_recipes.errors import UserError
from kun_recipes.models.asking import row_seed
from kun_recipes.models.engines import EngineSettings, load_engine
from kun_recipes.models.engines.base import Sampling
from kun_recipes.models.prompts import load_prompt
from tests.curation.stage_rows import Row, ids, removed_rows, rows_of, write_rows

pytestmark = pytest.mark.slow

INSTRUCTIONS = ["水何时沸腾？", "写一首诗。", "首页 | 联系我们", "请翻译", "什么是茶？", "月亮为什么绕着地球转？"]
TOO_LONG = "6"
"""The last row, whose segment leaves no room for an answer in the model's context."""

MADE_UP = "水在一百度沸腾，据2019年的记录。如需了解更多信息，建议您访问官方网站。"
"""An answer with a detail that no segment has, and a courtesy."""

ITEMS = {
    "filter": {"是": "写诗 何为水？ 请讲 为何？", "否": "水 火 首页 目录"},
    "score": {"好": "写诗 请讲 算账 翻译", "差": "呃 嗯 这个 那个"},
}

Stage = Callable[..., Path]


@pytest.fixture(scope="module")
def stage(ending_model: Path, open_rules: Path, repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Run the stage on six candidates and a long one; return its folder."""
    folder = tmp_path_factory.mktemp("label")
    texts = [f"第{number}段：水在一百度沸腾。" for number in range(len(INSTRUCTIONS))]
    pairs = zip([*texts, "长" * 2700], [*INSTRUCTIONS, "写诗"], strict=True)
    candidates = write_rows(
        folder / "rows", [{"text": text, "source": "wudao", schema.INSTRUCTION: one} for text, one in pairs]
    )
    items = [
        {"judge": judge, "text": text, "label": label}
        for judge, labels in ITEMS.items()
        for label, texts in labels.items()
        for text in texts.split()
    ]
    items += [
        {"judge": "answer", "segment": f"甲第{number}。", "instruction": "问", "output": output, "label": label}
        for number in range(8)
        for output, label in (("甲", "好"), ("乙", "差"))
    ]
    judge_data = folder / "judge.jsonl"
    judge_data.write_text("\n".join(json.dumps(item, ensure_ascii=False) for item in items), encoding="utf-8")

    def run(**options: Any) -> Path:
        output = tmp_path_factory.mktemp("refine")
        chosen = {"candidates": candidates, "output_dir": str(output), "dataset_dir": str(output / "dataset")}
        chosen |= {"model": str(ending_model), "dtype": "float32", "judge_data": [str(judge_data)]}
        for name in ("filter", "score", "polish"):
            chosen[f"{name}_prompt"] = str(repository / f"recipes/prompts/{name}.txt")
        chosen |= {"rules": str(open_rules), "max_new_tokens": 200, "temperature": 1.0}
        refine.run(RefineConfig(**chosen | {"filter_threshold": -100, "score_threshold": -100} | options))
        return output

    return run


@pytest.fixture(scope="module")
def everything(stage: Stage) -> list[Row]:
    """The rows that are kept where the judges keep all."""
    folder = stage()
    assert {reason: ids(rows) for reason, rows in removed_rows(folder).items()} == {"context_length": [TOO_LONG]}
    return rows_of(folder / "rows")


def test_a_row_says_how_it_was_answered(everything, ending_model, repository):
    prompt = load_prompt(repository / "recipes/prompts/polish.txt", {"segment", "instruction"})
    engine = load_engine(EngineSettings("transformers", str(ending_model), "float32"))
    prompts = [prompt.render(segment=row["text"], instruction=row[schema.INSTRUCTION]) for row in everything]
    seeds = [row_seed(0, row["id"]) for row in everything]
    completions = engine.generate(prompts, Sampling(200, temperature=1.0), seeds)
    assert [row[schema.INSTRUCTION] for row in everything] == INSTRUCTIONS
    assert [row[schema.OUTPUT] for row in everything] == [one.text.strip() for one in completions]
    assert {row[schema.POLISH_PROMPT] for row in everything} == {prompt.fingerprint}
    assert {row[schema.CHAT_MODEL].split("@")[0] for row in everything} == {"ending"}


def test_repeated_instructions_are_dropped_where_asked_and_asking_again_asks_no_model(stage, everything, monkeypatch):
    folder = stage()
    monkeypatch.setattr(near_instructions, "SETTINGS", NearDuplicateSettings(ngram=1, buckets=60, hashes_per_bucket=1))
    monkeypatch.setattr(measuring.WriteText, "measure", None)  # asking would fail
    config = json.loads((folder / "stage.json").read_text(encoding="utf-8"))["config"]
    assert config["unique_instructions"] is False
    again = stage(output_dir=str(folder), dataset_dir=str(folder / "dataset"), unique_instructions=True)
    removed = removed_rows(folder)["near_duplicate_instruction"]  # any letter in common, one in a bucket, is enough
    assert again != folder and removed
    assert sorted(ids(removed) + ids(rows_of(folder / "rows"))) == sorted(ids(everything))
    assert not (folder / "scratch").exists()


def test_a_probability_is_fitted_to_the_items(stage, everything):
    judges = json.loads((stage() / "stage.json").read_text(encoding="utf-8"))["judges"]
    for judge, found in judges.items():
        odds, probabilities = (
            [row[f"{judge}_{name}"] for row in everything] for name in ("logodds_calibrated", "probability")
        )
        line = [found["slope"] * one + found["intercept"] for one in odds]
        assert probabilities == pytest.approx([1 / (1 + math.exp(-one)) for one in line])


JUDGES = {
    "filter": ("filter_threshold", schema.FILTER_CALIBRATED, "not_an_instruction"),
    "score": ("score_threshold", schema.SCORE_CALIBRATED, "poor_instruction"),
}


@pytest.mark.parametrize(("option", "column", "reason"), JUDGES.values(), ids=JUDGES)
def test_a_threshold_removes_the_rows_below_it(stage, everything, option, column, reason):
    odds = sorted(row[column] for row in everything)
    threshold = (odds[2] + odds[3]) / 2
    folder = stage(**{option: threshold})
    assert set(ids(rows_of(folder / "rows"))) == {row["id"] for row in everything if row[column] >= threshold}
    removed = removed_rows(folder)
    assert set(removed) <= {reason, "context_length"}
    below = {row["id"] for row in everything if row[column] < threshold}
    assert set(ids(removed[reason])) - {TOO_LONG} == below
    judge = option.removesuffix("_threshold")
    later = {schema.OUTPUT} | ({schema.SCORE_LOGODDS} if judge == "filter" else set())
    for row in removed[reason]:
        assert not later & row.keys()  # a verdict costs less than an answer: no model was asked further
    summary = json.loads((folder / "stage.json").read_text(encoding="utf-8"))
    assert summary["judges"][judge]["threshold"] == threshold
    assert {name: values["threshold_from"] for name, values in summary["judges"].items()} == dict.fromkeys(
        JUDGES, "config"
    )


def test_thresholds_that_are_not_given_come_from_the_items(stage, everything):
    folder = stage(filter_threshold=None, score_threshold=None)
    judges = json.loads((folder / "stage.json").read_text(encoding="utf-8"))["judges"]
    for found in judges.values():
        assert (found["threshold_from"], found["development"], found["held_out"]) == ("development items", 2, 2)
        assert -100 < found["threshold"] < 100
    assert ids(rows_of(folder / "rows")) == [
        row["id"]
        for row in everything
        if all(row[column] >= judges[judge]["threshold"] for judge, (_, column, _) in JUDGES.items())
    ]


def test_a_target_precision_chooses_the_thresholds(stage, everything):
    folder = stage(filter_threshold=None, score_threshold=None, target_precision=0.01)  # all are kept by it
    judges = json.loads((folder / "stage.json").read_text(encoding="utf-8"))["judges"]
    for found in judges.values():
        assert found["threshold_from"] == "development items, precision 0.50 there"
    assert ids(rows_of(folder / "rows")) == [
        row["id"]
        for row in everything
        if all(row[column] >= judges[judge]["threshold"] for judge, (_, column, _) in JUDGES.items())
    ]


def test_a_stage_that_is_not_finished_is_refused(stage, tmp_path):
    (tmp_path / "label").mkdir()
    (tmp_path / "label" / "started.json").write_text("{}")
    candidates = write_rows(tmp_path / "label" / "rows", [{"text": "水", schema.INSTRUCTION: "写诗"}])
    with pytest.raises(UserError, match="label"):
        stage(candidates=candidates)


@pytest.mark.parametrize("verify", [False, True])
@pytest.mark.parametrize("answers", ["polished", "raw"])
def test_the_context_has_room_for_each_request(tmp_path, repository, monkeypatch, answers, verify):
    """Both judges' questions about the labelled items and the candidates, and the answers of the candidates."""
    monkeypatch.chdir(repository)  # the prompts' default paths
    candidates = write_rows(tmp_path / "rows", [{"text": "段落", schema.INSTRUCTION: "写诗"}])
    config = RefineConfig(
        candidates=candidates, output_dir="", dataset_dir="", judge_data=[], model="", max_new_tokens=50
    )
    polish = load_prompt(config.polish_prompt, {"segment", "instruction"}) if answers == "polished" else None
    verification = Verification(config) if verify else None
    items = [
        JudgeItem(judge, f"{judge}{label}{number}", label, "")
        for judge, labels in LABELS.items()
        for label in labels
        for number in range(4)
    ]
    trained, *untrained = split_judge_items(items)
    assert len(trained) == 12
    asked = list(refine.requests(config, Calibrations(tmp_path / "judges.json", items, {}), polish, verification))
    texts = ["写诗", *(item.text for part in untrained for item in part if item.judge != "answer")]
    assert len(texts) == 9
    expected = [(judge.prompt_for(text, "段落"), 3) for text in texts for judge in refine.judges(config)]
    if polish:
        expected.append((polish.render(segment="段落", instruction="写诗"), 50))
    if verification:
        answers_of = [item for part in untrained for item in part if item.judge == "answer"]
        expected += [one for item in answers_of for one in verification.labelled_requests(item)]
        expected += verification.requests("写诗", "段落", 50)
    assert sorted(map(str, asked)) == sorted(map(str, expected))


def test_an_answer_that_does_not_end_is_removed(stage, everything):
    over = [row for row in everything if row[schema.OUTPUT_TOKENS] > 40]
    assert ids(removed_rows(stage(max_new_tokens=40))["truncated"]) == ids(over) != []


def test_the_rules_of_the_package_are_the_default(stage):
    with pytest.raises(UserError, match="no rows left"):  # the tiny model writes noise
        stage(rules=None)


def test_the_seed_reaches_the_model(stage, everything):
    outputs = [row[schema.OUTPUT] for row in everything]
    assert outputs == [row[schema.OUTPUT] for row in rows_of(stage(seed=0) / "rows")]
    assert not {*outputs} & {row[schema.OUTPUT] for row in rows_of(stage(seed=1) / "rows")}


@pytest.fixture(scope="module")
def verified(stage: Stage) -> list[Row]:
    """The rows with all that the checks measured of them."""
    return rows_of(stage(verify=True, keep_unverified=True) / "rows")


CHECKS = {
    "support": ("support_threshold", schema.SUPPORT, "unsupported"),
    "answer": ("answer_threshold", schema.ANSWER_CALIBRATED, "wrong_answer"),
}


@pytest.mark.parametrize(("option", "column", "reason"), CHECKS.values(), ids=CHECKS)
def test_a_check_removes_the_answers_below_its_threshold(stage, verified, option, column, reason):
    measured = sorted(row[column] for row in verified)
    threshold = (measured[1] + measured[2]) / 2
    chosen = {"support_threshold": -100.0, "answer_threshold": -100.0} | {option: threshold}
    folder = stage(verify=True, checks=["support", "answer"], **chosen)  # the tiny model's noise is full of details
    assert ids(rows_of(folder / "rows")) == [row["id"] for row in verified if row[column] >= threshold]
    assert {row["id"]: row[schema.VALUE] for row in removed_rows(folder)[reason]} == {
        row["id"]: pytest.approx(row[column], abs=1e-4) for row in verified if row[column] < threshold
    }
    summary = json.loads((folder / "stage.json").read_text(encoding="utf-8"))
    assert summary["judges"][option.removesuffix("_threshold")]["threshold"] == threshold
    assert summary["verification"]["items"] == 4


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = PolishAnswer.columns
    monkeypatch.setattr(PolishAnswer, "columns", lambda block, one: columns(block, one) | {schema.OUTPUT: MADE_UP})


def test_an_answer_with_a_detail_of_its_own_is_removed(stage, made_up):
    with pytest.raises(UserError, match="no rows left"):
        stage(verify=True, support_threshold=-100.0, answer_threshold=-100.0)


def test_unverified_answers_are_kept_with_keep_unverified(stage, made_up):
    folder = stage(verify=True, keep_unverified=True)
    rows = rows_of(folder / "rows")
    assert len(rows) == len(INSTRUCTIONS)
    for row in rows:
        assert row[schema.MISSING_DETAILS] == ["2019年"]
        assert {schema.SUPPORT, schema.ANSWER_LOGODDS, schema.ANSWER_PROBABILITY} <= row.keys()
        assert row[schema.OUTPUT].endswith("官方网站。") and schema.TAIL not in row


def test_tails_are_stripped_and_kept_in_a_column(stage, made_up):
    folder = stage(verify=True, checks=["tails"])
    for row in rows_of(folder / "rows"):
        assert row[schema.OUTPUT] == "水在一百度沸腾，据2019年的记录。"
        assert row[schema.TAIL] == "如需了解更多信息，建议您访问官方网站。"
        assert row[schema.RAW_OUTPUT] == row[schema.OUTPUT] + row[schema.TAIL]


ALONE = {"tails": None, "details": "unsupported_detail", "support": "unsupported", "answer": "wrong_answer"}


@pytest.fixture(scope="module")
def measured(stage: Stage) -> Path:
    """A finished stage whose answers have a tail, a detail of their own, and no support or verdict of 100 nats."""
    with pytest.MonkeyPatch.context() as patch:
        columns = PolishAnswer.columns
        patch.setattr(PolishAnswer, "columns", lambda block, one: columns(block, one) | {schema.OUTPUT: MADE_UP})
        return stage(verify=True, keep_unverified=True)


@pytest.mark.parametrize("check", ALONE)
def test_each_check_may_drop_rows_alone_and_asks_no_model_for_it(stage, measured, tmp_path, monkeypatch, check):
    monkeypatch.setattr(measuring, "engine_of", None)
    output = shutil.copytree(measured, tmp_path / "again")
    options = {"verify": True, "checks": [check], "support_threshold": 100.0, "answer_threshold": 100.0}
    options |= {"output_dir": str(output), "dataset_dir": str(output / "dataset")}
    reason = ALONE[check]
    with nullcontext() if reason is None else pytest.raises(UserError, match="no rows left"):
        stage(**options)
    kept = ids(rows_of(output / "rows"))
    dropped = [row for folder in (output / "removed").glob("*") for row in rows_of(folder)]
    assert {row["reason"] for row in dropped} == {"context_length"} | ({reason} if reason else set())
    assert not any(schema.TAIL in row for row in dropped)
    assert len(kept) == (len(INSTRUCTIONS) if reason is None else 0)
    for row in rows_of(output / "rows"):
        assert row[schema.OUTPUT] + row[schema.TAIL] == row[schema.RAW_OUTPUT] == MADE_UP


def test_an_answer_is_verified_only_where_there_is_one(stage, everything):
    """A row that a judge turned down has none."""
    threshold = sorted(row[schema.FILTER_CALIBRATED] for row in everything)[3]
    folder = stage(verify=True, keep_unverified=True, filter_threshold=threshold)
    assert len(rows_of(folder / "rows")) == 3
    for row in removed_rows(folder)["not_an_instruction"]:
        assert not {schema.OUTPUT, schema.SUPPORT, schema.ANSWER_LOGODDS} & row.keys()


def test_new_instruction_to_the_same_segment_is_judged_and_answered(stage, tmp_path):
    """A label stage with new instructions makes refine measure again: earlier measurements are not recalled."""
    folders = {"output_dir": str(tmp_path / "refine"), "dataset_dir": str(tmp_path / "dataset")}
    segment = {"text": "水在一百度沸腾。", "source": "wudao"}
    found = []
    for number, instruction in enumerate(("水何时沸腾？", "写一首诗。")):
        candidates = write_rows(tmp_path / f"label{number}", [segment | {schema.INSTRUCTION: instruction}])
        stage(candidates=candidates, **folders)
        found += rows_of(tmp_path / "refine" / "rows")
    one, other = found
    assert one["id"] == other["id"]
    for column in (schema.FILTER_LOGODDS, schema.SCORE_LOGODDS, schema.OUTPUT_LOGPROB):
        assert one[column] != other[column]


def test_the_stage_says_what_its_judges_are_worth(stage, capfd):
    stage(verify=True, keep_unverified=True)
    said = capfd.readouterr().err
    for name in ("filter", "score", "support", "answer"):
        assert f"\n{name} judge, " in said


@pytest.fixture(scope="module")
def several(stage: Stage) -> Path:
    """The stage with three answers to each instruction, all of them checked and none dropped."""
    return stage(verify=True, keep_unverified=True, answer_candidates=3)


def test_the_first_of_several_answers_is_the_one_written_alone(several, everything):
    measured = rows_of(several / "measured")
    numbers = [(row["id"], row.get(schema.ANSWER_CANDIDATE, 0)) for row in measured]
    assert numbers == [*((row["id"], number) for row in everything for number in range(3)), (TOO_LONG, 0)]
    answers = [row[schema.OUTPUT] for row in measured if row["id"] != TOO_LONG]
    assert answers[::3] == [row[schema.OUTPUT] for row in everything]
    assert len({*answers}) == len(answers)
    summary = json.loads((several / "stage.json").read_text(encoding="utf-8"))
    assert (summary["rows_in"], summary["rows_kept"], summary["not_best"]) == (7, 6, 12)


def test_best_answer_is_chosen_again_without_the_model(stage, several, tmp_path, monkeypatch):
    measured = [row for row in rows_of(several / "measured") if row["id"] != TOO_LONG]
    threshold = sorted(row[schema.SUPPORT] for row in measured)[12]
    options = {"verify": True, "answer_candidates": 3, "support_threshold": threshold, "answer_threshold": -100.0}
    options["checks"] = ["support", "answer"]
    fresh = stage(**options)
    monkeypatch.setattr(measuring, "engine_of", None)  # no model is asked
    again = shutil.copytree(several, tmp_path / "again")
    stage(**options, output_dir=str(again), dataset_dir=str(again / "dataset"))
    assert rows_of(again / "rows") == rows_of(fresh / "rows")
    assert removed_rows(again) == removed_rows(fresh)

    judges = json.loads((fresh / "stage.json").read_text(encoding="utf-8"))["judges"]

    def merits(row: Row) -> tuple[float, ...]:
        given = f"{row['text']}\n{row[schema.INSTRUCTION]}"
        odds = {"support": row[schema.SUPPORT], "answer": row[schema.ANSWER_CALIBRATED]}
        surely = sum(judges[name]["slope"] * value for name, value in odds.items())
        return not missing_details(row[schema.OUTPUT], given), row[schema.SUPPORT] >= threshold, surely

    best = {row["id"]: row for row in sorted(measured, key=merits)}
    kept = {row["id"]: row.get(schema.ANSWER_CANDIDATE) for row in rows_of(fresh / "rows")}
    assert kept == {
        row_id: row.get(schema.ANSWER_CANDIDATE) for row_id, row in best.items() if row[schema.SUPPORT] >= threshold
    }
    assert {*kept.values()} > {None}


def test_answer_pairs_are_chosen_again_without_the_model(stage, several, tmp_path, monkeypatch):
    """A threshold turns some answers down; each kept row also has the worst of its others, or its segment."""
    measured = [row for row in rows_of(several / "measured") if row["id"] != TOO_LONG]
    threshold = sorted(row[schema.SUPPORT] for row in measured)[9]
    options = {"verify": True, "answer_candidates": 3, "support_threshold": threshold, "answer_threshold": -100.0}
    monkeypatch.setattr(measuring, "engine_of", None)  # no model is asked
    again = shutil.copytree(several, tmp_path / "again")
    stage(**options, checks=["support"], output_dir=str(again), dataset_dir=str(again / "dataset"))
    found = list(read_split(again, "train", data="preference"))
    expected = {}
    for row in rows_of(again / "rows"):
        others = [one for one in measured if one["id"] == row["id"] and one[schema.SUPPORT] < threshold]
        expected[row["id"]] = {one[schema.OUTPUT] for one in others} or {row["text"]}
    assert {pair["id"]: pair["rejected"][0]["content"] in expected[pair["id"]] for pair in found} == dict.fromkeys(
        expected, True
    )
    origins = {pair["rejected_from"] for pair in found}
    assert origins == {"turned_down", "segment"}
    counts = json.loads((again / "stage.json").read_text(encoding="utf-8"))["preference"]
    assert counts["pairs"] == len(found) == sum(counts["rejected_from"].values())
    for pair in found:
        if pair["rejected_from"] == "turned_down":
            assert pair["score_rejected"] < threshold <= pair["score_chosen"]
