"""The stage as a person runs it, with the tiny model for every part."""

import json
import re
import shutil
import warnings
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from kun_recipes.annotation.assignment import Assigner
from kun_recipes.annotation.storage import Database, read_votes
from kun_recipes.annotation.study import read_study
from kun_recipes.config.command_line import load
from kun_recipes.data.rows import read_rows
from kun_recipes.errors import ConfigError, UserError
from kun_recipes.models.engines import release_engines
from kun_recipes.models.resolve import model_identity
from kun_recipes.studies import pipelines
from kun_recipes.studies.config import StudyConfig
from kun_recipes.studies.items import PreferenceItem, QualityItem, read_items
from kun_recipes.studies.study import run
from tests.models.endpoint.chat_server import chat_server, status

pytestmark = pytest.mark.slow


@pytest.fixture
def study(repository, tiny_model, tmp_path, monkeypatch):
    """Runs the stage into tmp_path/study; 12 pairs of two sources, 4 prompts, 2 models."""
    monkeypatch.chdir(repository)
    other = shutil.copytree(tiny_model, tmp_path / "other")
    pairs = [
        {
            "id": f"row-{number}",
            "source": "wudao" if number % 3 else "skypile",
            "instruction": f"第{number}个问题是什么？",
            "output": f"第{number}个回答。",
            "chat_model": model_identity(tiny_model),
            "polish_prompt": "0",
        }
        for number in range(12)
    ]
    prompts = [{"id": f"p{number}", "prompt": f"请写第{number}句话。"} for number in range(4)]
    for name, rows in (("pairs", pairs), ("prompts", prompts)):
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (tmp_path / f"{name}.jsonl").write_text(lines, encoding="utf-8")

    def start(*words: str) -> tuple[Path, dict]:
        fixed = ["--model", str(tiny_model), "--output_dir", str(tmp_path / "study"), "--max_new_tokens", "8"]
        fixed += ["--dataset", str(tmp_path / "pairs.jsonl"), "--pairs_per_source", "3", "--bootstrap", "100"]
        fixed += ["--prompts", str(tmp_path / "prompts.jsonl"), "--dtype", "float32"]
        fixed += ["--models", str(other), f"{tiny_model},format=plain"]
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message="Glyph")
            run(load(StudyConfig, [*fixed, *words]), read_votes)
        results = tmp_path / "study/results.json"
        return tmp_path / "study", json.loads(results.read_text(encoding="utf-8"))

    return start


def test_a_run_writes_items_answers_judgements_and_figures(study, tiny_model, capsys):
    folder, results = study()
    quality = read_items(folder / "quality.jsonl", QualityItem)
    assert sorted(item.source for item in quality) == ["skypile"] * 3 + ["wudao"] * 3
    preference = read_items(folder / "preference.jsonl", PreferenceItem)
    assert {(item.model_a, item.model_b) for item in preference} == {("other", tiny_model.name)}
    assert len(preference) == 4
    answers = {row["id"]: row["answer"] for row in read_rows(folder / "answers/other")}
    assert [item.answer_a for item in preference] == [answers[item.id.split("/")[0]] for item in preference]
    for row in read_rows(folder / "judged/quality"):
        assert sum(row["grade_probabilities"].values()) == pytest.approx(1)
        assert 0 <= row["clarity_probability"] <= 1
    judge = results["judge"]
    assert judge["votes"]["quality"]["votes"] == 6 and judge["votes"]["preference"]["votes"] == 4
    assert judge["position"]["judged"] == 4
    assert judge["self_judged"] == {"quality": 6, "preference": 4}
    assert "| skypile | 3 | " in (folder / "tables.md").read_text(encoding="utf-8")
    assert (folder / "tables.tex").read_text(encoding="utf-8").count(r"\begin{tabular}") == 2
    assert "judges itself: 6 outputs that it wrote" in capsys.readouterr().err
    assert results["people"] is None and results["compared"] == {}
    figures = {path.name for path in (folder / "figures").glob("*.svg")}
    names = ("output_grades", "win_matrix", "wins_and_losses", "ranking")
    assert figures == {f"judge_{name}.svg" for name in names}


OWN_ROWS = {
    "no id, no source": lambda row, number: {key: row[key] for key in ("instruction", "output")},
    "null": lambda row, number: {**row, "id": None, "source": None, "chat_model": None, "polish_prompt": None},
    "numbers": lambda row, number: {**row, "id": number, "source": 7},
    "ids that repeat": lambda row, number: {**row, "id": f"row-{number % 2}"},
    "one id": lambda row, number: {**row, "id": "1", "source": "own"},
}


@pytest.mark.parametrize("change", OWN_ROWS.values(), ids=OWN_ROWS)
def test_own_rows_need_an_instruction_and_an_output_alone(study, tmp_path, change):
    path = tmp_path / "pairs.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    lines = (json.dumps(change(row, number), ensure_ascii=False) + "\n" for number, row in enumerate(rows))
    path.write_text("".join(lines), encoding="utf-8")
    folder, results = study("--pairs_per_source", "12", "--judge", "false")
    quality = read_items(folder / "quality.jsonl", QualityItem)
    assert sorted(item.output for item in quality) == sorted(row["output"] for row in rows)
    assert results["items"]["quality"] == 12


def test_the_study_is_the_same_after_a_kill(study, monkeypatch):
    folder, whole = study()
    kept = {path.name: path.read_bytes() for path in folder.glob("*.jsonl")}
    shutil.rmtree(folder)
    real = pipelines.run_pipeline

    def killed(pipeline, logs, *more):
        if "judged-preference" in str(logs):
            raise KeyboardInterrupt
        return real(pipeline, logs, *more)

    monkeypatch.setattr(pipelines, "run_pipeline", killed)
    with pytest.raises(KeyboardInterrupt):
        study()
    assert not (folder / "stage.json").exists()
    answered = {path: path.stat().st_mtime_ns for path in (folder / "answers").rglob("*.zst")}
    assert len(answered) == 2
    monkeypatch.setattr(pipelines, "run_pipeline", real)
    _, again = study()
    assert answered == {path: path.stat().st_mtime_ns for path in (folder / "answers").rglob("*.zst")}
    assert again == whole
    assert {path.name: path.read_bytes() for path in folder.glob("*.jsonl")} == kept


def test_judging_other_models_gives_no_warning(study, tmp_path, tiny_model, capsys):
    judge = shutil.copytree(tiny_model, tmp_path / "judge")
    tensors = load_file(judge / "model.safetensors")
    save_file({name: tensor * 1.01 for name, tensor in tensors.items()}, judge / "model.safetensors", {"format": "pt"})
    _, results = study("--model", str(judge))
    assert results["judge"]["self_judged"] == {"quality": 0, "preference": 0}
    assert "judges itself" not in capsys.readouterr().err


def test_a_copy_under_another_name_is_the_same_model(study, tmp_path, tiny_model):
    _, results = study("--model", str(shutil.copytree(tiny_model, tmp_path / "judge")))
    assert results["judge"]["self_judged"] == {"quality": 6, "preference": 4}


def test_without_a_judge_there_are_items_for_people_only(study):
    folder, results = study("--judge", "false")
    assert results["judge"] is None and results["items"] == {"quality": 6, "preference": 4}
    assert not (folder / "judged").exists()


@pytest.mark.parametrize(
    "words, message",
    [
        (["--dataset", "None", "--prompts", "None"], "neither dataset nor prompts"),
        (["--rubric", "nowhere.yaml"], "nowhere.yaml"),
        (["--votes", "nowhere.sqlite"], "nowhere.sqlite: no votes yet"),
    ],
)
def test_invalid_studies_are_refused_before_any_work(study, tmp_path, words, message):
    with pytest.raises((ConfigError, UserError), match=message):
        study(*words)
    assert not (tmp_path / "study").exists()


def test_preference_study_needs_two_distinct_models(study, tiny_model):
    with pytest.raises(ConfigError, match="two models are named tiny"):
        study("--models", str(tiny_model), f"{tiny_model},format=plain")
    with pytest.raises(ConfigError, match="set at least two"):
        load(StudyConfig, ["--model", "m", "--output_dir", "o", "--prompts", "README.md", "--models", "one"])


def test_invalid_prompt_line_is_named(study, tmp_path):
    path = tmp_path / "bad.jsonl"
    path.write_text('{"id": "1", "prompt": "你好"}\n{"id": "1", "prompt": "再见"}\n', encoding="utf-8")
    with pytest.raises(UserError, match=r"bad.jsonl:2: duplicate id 1"):
        study("--prompts", str(path))


def test_peoples_votes_are_counted_from_the_pages_database(study, tmp_path, capsys):
    folder, _ = study()
    database = Database(tmp_path / "votes/annotation.sqlite")
    database.add_study(read_study(folder), seed=0)
    assigner = Assigner(database, votes_per_item=2, annotators=2, timeout=60, seed=0)
    for name, grade in (("anna", "pass"), ("bo", "fail")):
        while assignment := assigner.show("quality", name).assignment:
            answer = {"clarity": True, "feasibility": True, "practicality": False, "output": grade}
            assigner.submit("quality", name, assignment.id, answer)
    _, results = study("--votes", str(database.path), "--raters", "2")
    quality = results["people"]["votes"]["quality"]
    assert (quality["votes"], quality["voters"]) == (12, 2)
    assert quality["table"]["all"]["output_pass"]["value"] == 0.5
    assert quality["agreement"]["output"]["identical"] == {"all_same": 0, "some_same": 0, "all_different": 6}
    assert results["compared"]["clarity"]["items"] == 6 and results["compared"]["output"]["left_out"] == 6
    assert results["people"]["left_out"] == 0 and (folder / "figures/people_identical_ratings.svg").exists()
    shutil.rmtree(folder)
    capsys.readouterr()
    _, results = study("--votes", str(database.path), "--seed", "1", "--pairs_per_source", "1")
    assert results["people"]["left_out"] >= 8
    assert "votes are on items that are not in this study" in capsys.readouterr().err


def test_rows_without_a_pair_are_counted(study, tmp_path):
    rows = [{"instruction": "什么是公证？", "output": "公证是……"}, {"instruction": "", "output": "空"}]
    rows += [{"instruction": f"{name}是什么？", "output": f"{name}是……"} for name in ("遗嘱", "合同")]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (tmp_path / "odd.jsonl").write_text(lines + "{bad\n", encoding="utf-8")
    folder, _ = study("--dataset", str(tmp_path / "odd.jsonl"), "--judge", "false")
    summary = json.loads((folder / "stage.json").read_text(encoding="utf-8"))
    assert (summary["removed"], len(read_items(folder / "quality.jsonl", QualityItem))) == ({"no_pair": 2}, 3)


def test_a_server_judges_pairs(study, tmp_path):
    refusal = status(400, {"message": "no"})
    with chat_server() as server:
        server.when = lambda body: refusal if re.search("[02468]个回答", str(body["messages"])) else None
        words = ["--engine", "openai", "--model", "teacher", "--base_url", server.url, "--bootstrap", "100"]
        words += ["--dataset", str(tmp_path / "pairs.jsonl"), "--pairs_per_source", "3"]
        run(load(StudyConfig, [*words, "--output_dir", str(tmp_path / "judged")]), read_votes)
        release_engines()
    folder = tmp_path / "judged"
    items = {item.id: item.output for item in read_items(folder / "quality.jsonl", QualityItem)}
    even = {one for one, output in items.items() if re.search("[02468]个回答", output)}
    removed = list(read_rows(folder / "removed/judged-quality/04_grade"))
    assert {(row["id"], row["reason"], row["value"]) for row in removed} == {
        (one, "refused", "400: no") for one in even
    }
    judged = list(read_rows(folder / "judged/quality"))
    assert {row["id"] for row in judged} == items.keys() - even != set()
    assert all(set(row["grade_probabilities"]) == {"excellent", "pass", "fail"} for row in judged)
    summary = json.loads((folder / "stage.json").read_text(encoding="utf-8"))
    assert summary["judge"] == {"name": "teacher", "own_pairs": 0, "own_models": []}
    assert summary["endpoint"]["requests"] == len(server.rows_asked()) - len(even) > 0


def test_a_server_answers_no_prompts(study):
    with pytest.raises(ConfigError, match="prompts: are answered by models in folders, but engine openai asks"):
        study("--engine", "openai", "--model", "teacher", "--base_url", "http://127.0.0.1:1/v1", "--dtype", "auto")
