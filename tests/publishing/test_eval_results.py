"""Results in the Hub's own files: read back by its library."""

import json

import pytest
import yaml
from huggingface_hub import EvalResultEntry, parse_eval_result_entries

from kun_recipes.errors import ConfigError, UserError
from kun_recipes.publishing.build import build
from kun_recipes.publishing.eval_results import write_eval_results
from kun_recipes.publishing.record import read_run

COMMIT = "5503434ddd753f426f4b38109466949a1217c2bb"


@pytest.fixture
def evaluated(tmp_path):
    """A folder of the evaluate stage; `changes` are of its benchmark."""

    def write(limit=None, **changes) -> str:
        about = {
            "name": "C-Eval",
            "title": "C-Eval",
            "hub": "ceval/ceval-exam",
            "revision": COMMIT,
            "prompt_version": 2,
            "subjects": 52,
            "subjects_of_all": 52,
            "questions": 1346,
        }
        accuracy = {"accuracy": 0.43217, "accuracy_low": 0.4, "accuracy_high": 0.46}
        scores = {"ppl": accuracy, "gen": accuracy | {"accuracy": 0.4}, "unparsed": 0.01}
        models = [{"name": "final_model", "format": "chat", "scores": {"ceval": scores}}]
        results = {"shots": 5, "limit": limit, "benchmarks": {"ceval": about | changes}, "models": models}
        folder = tmp_path / "evaluate"
        (folder / "model_index").mkdir(parents=True, exist_ok=True)
        (folder / "model_index/final_model.json").write_text("[]", encoding="utf-8")
        (folder / "results.json").write_text(json.dumps(results), encoding="utf-8")
        (folder / "stage.json").write_text("{}", encoding="utf-8")
        return str(folder)

    return write


def test_each_reading_of_a_whole_benchmark_has_a_file_that_the_hub_reads(evaluated, tmp_path):
    write_eval_results(evaluated(), {"ceval/ceval-exam": "ceval"}, "final_model", tmp_path)
    files = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / ".eval_results").iterdir()}
    assert files.keys() == {"ceval_ppl.yaml", "ceval_gen.yaml"}
    assert parse_eval_result_entries(yaml.safe_load(files["ceval_ppl.yaml"])) == [
        EvalResultEntry(
            dataset_id="ceval/ceval-exam",
            task_id="ceval",
            value=43.22,
            dataset_revision=COMMIT,
            notes="ppl, 5 shots, chat prompt v2, mean over subjects, %",
        )
    ]


def test_model_that_was_not_evaluated_has_no_file(evaluated, tmp_path):
    write_eval_results(evaluated(), {"ceval/ceval-exam": "ceval"}, "label_model", tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"limit": 10}, "only part of .* was evaluated, 1346 questions of 52 subjects"),
        ({"subjects": 5}, "only part of .* was evaluated, 1346 questions of 5 subjects"),
        ({"name": "Questions of our own"}, "ceval/ceval-exam was not evaluated: .* contains no Hub benchmark"),
        ({"hub": "haonan-li/cmmlu"}, "ceval/ceval-exam was not evaluated: .* contains haonan-li/cmmlu"),
    ],
)
def test_results_of_something_else_are_refused(evaluated, tmp_path, changes, message):
    with pytest.raises(UserError, match=message):
        write_eval_results(evaluated(**changes), {"ceval/ceval-exam": "ceval"}, "final_model", tmp_path)


def test_published_model_has_them_and_its_manifest_names_them(run_folder, evaluated):
    config = run_folder.config(
        repositories=["final_model=Final", "label_model=Labeller"],
        evaluation_dir=evaluated(),
        benchmark_tasks=["ceval/ceval-exam=ceval"],
    )
    build(config, read_run(config), lambda line: None)
    folder = run_folder.folder / "publish/final_model"
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert {".eval_results/ceval_ppl.yaml", ".eval_results/ceval_gen.yaml"} <= manifest["files"].keys()
    assert not (run_folder.folder / "publish/label_model/.eval_results").exists()


def test_tasks_without_an_evaluation_are_refused(run_folder):
    with pytest.raises(ConfigError, match="benchmark_tasks: has no effect without evaluation_dir"):
        run_folder.config(benchmark_tasks=["ceval/ceval-exam=ceval"])
