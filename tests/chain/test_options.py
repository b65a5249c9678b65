"""Mistakes that the options of a run and of its stages tell before anything runs, and what decides their workers."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kun_recipes.chain.cluster.config import ClusterConfig
from kun_recipes.chain.loading import load_chain
from kun_recipes.config.command_line import load
from kun_recipes.config.words import read_section_word, to_words
from kun_recipes.corpus.config import Corpus
from kun_recipes.errors import ConfigError, UserError
from kun_recipes.execution import asked as asked_of_stage
from kun_recipes.execution.devices import VISIBLE
from kun_recipes.execution.folder import StageFolder

pytestmark = pytest.mark.usefixtures("in_repository")
ANYWHERE = [".", "/"]


@pytest.mark.parametrize(
    ("recipe", "gpus", "workers"),
    [("kun-6b", 8, 8), ("kun-34b", 8, 4), ("kun-34b", 3, 1), ("kun-6b", 0, 1), ("qwen3", 8, 8), ("demo", 0, 1)],
)
def test_a_worker_for_each_copy_of_the_model_that_the_gpus_hold(recipe, gpus, workers, monkeypatch):
    monkeypatch.setenv(VISIBLE, ",".join(map(str, range(gpus))))
    chain = load_chain(f"recipes/{recipe}", [], future=ANYWHERE)
    for name in ("label", "refine"):
        config = chain.select([name])[0].config
        if gpus or config.workers is None:
            assert config.where().workers == workers
    three = load_chain(f"recipes/{recipe}", ["--label.workers", "3"], future=ANYWHERE)
    assert three.select(["label"])[0].config.where().workers == 3


def test_on_slurm_the_cluster_file_decides(monkeypatch):
    monkeypatch.setenv(VISIBLE, "0,1")
    cluster = ClusterConfig(partition="gpu", gpu_jobs=5)
    chain = load_chain("recipes/kun-6b", [], cluster.placement, ANYWHERE)
    assert chain.select(["label"])[0].config.where().workers == 5


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--final_sizes", "9", "5", "9"], "command line: final_sizes: 9 is given twice"),
        (
            ["--publish.model_dirs", "outputs/demo/final_model", "elsewhere/final_model"],
            "command line: model_dirs: two folders are named final_model; rename one of them",
        ),
        (
            ["--report.model_dirs", "outputs/demo/final_model", "elsewhere/final_model"],
            "command line: model_dirs: two folders are named final_model; rename one of them",
        ),
    ],
)
def test_repeated_value_is_refused(words, message):
    with pytest.raises(ConfigError) as caught:
        load_chain("recipes/demo", words)
    assert str(caught.value) == message


def test_a_time_limit_of_an_unknown_stage_is_refused():
    with pytest.raises(ConfigError, match="times: lable: no such stage; did you mean label"):
        load(ClusterConfig, ["--partition", "gpu", "--times", "lable=2-00:00:00"])
    known = ["label=2-00:00:00", "final_model_9k=01:00:00", "final_model=02:00:00"]
    assert load(ClusterConfig, ["--partition", "gpu", "--times", *known]).limit("final_model_9k") == "01:00:00"


@pytest.mark.parametrize("path", ["data/a,format=b", "data/a,text_field=x,format=y", "a,b=c", "{a}"])
def test_a_path_with_a_comma_before_a_known_name_moves_with_its_run(path):
    corpus = Corpus(path, "jsonl")
    (word,) = to_words([corpus])
    assert read_section_word(word, Corpus, "corpora") == corpus


@pytest.mark.parametrize(
    ("stage", "key", "file"),
    [
        *[("corpus", key, path) for key, path in (("rules", "rules/rules.yaml"), ("privacy", "privacy/privacy.yaml"))],
        *[("corpus", key, f"corpus/{key}.yaml") for key in ("quality", "context")],
        ("corpus", "spam.npz", "rules/spam.npz"),
        ("evaluate", "rules", "rules/rules.yaml"),
        *[(stage, "sampling.yaml", "models/engines/sampling.yaml") for stage in ("label", "refine", "study")],
        ("statistics", "topics_file", "statistics/topics.yaml"),
        ("statistics", "forms.yaml", "rules/forms.yaml"),
        ("refine", "tails.yaml", "curation/tails.yaml"),
        ("study", "rubric", "studies/rubric.yaml"),
    ],
)
def test_a_stage_goes_on_only_with_the_package_files_that_it_began_with(tmp_path, monkeypatch, stage, key, file):
    begin_again = changed_file(tmp_path, monkeypatch, stage, key, file)
    with pytest.raises(UserError, match=f"was made with another {key} "):
        begin_again()


@pytest.mark.parametrize(
    ("stage", "key", "file"),
    [
        *[(stage, "rules", "rules/rules.yaml") for stage in ("label", "refine")],
        *[(stage, "privacy.yaml", "privacy/privacy.yaml") for stage in ("label", "refine")],
        *[(stage, "details.yaml", "curation/details.yaml") for stage in ("label", "refine")],
        ("label", "forms.yaml", "rules/forms.yaml"),
    ],
)
def test_changed_package_rules_reselect_rows(tmp_path, monkeypatch, stage, key, file):
    begin_again = changed_file(tmp_path, monkeypatch, stage, key, file)
    (tmp_path / f"run/{stage}/rows").mkdir()
    begin_again()
    assert not (tmp_path / f"run/{stage}/rows").exists()


def changed_file(tmp_path, monkeypatch, stage, key, file) -> Callable[[], None]:
    """Begin a stage and change a file of the package; return what begins it again."""
    words = ["--output_dir", str(tmp_path / "run"), "--corpus.max_spam", "0.5"]
    config = load_chain("recipes/demo", words).select([stage])[0].config
    begun = StageFolder(stage, config)
    begun.begin()
    assert begun.asked[key]["path"] == f"kun_recipes/{file}"
    package = tmp_path / "package"
    for other in [*asked_of_stage.PACKAGE.rglob("*.yaml"), *asked_of_stage.PACKAGE.rglob("*.npz")]:
        copied = package / other.relative_to(asked_of_stage.PACKAGE)
        copied.parent.mkdir(parents=True, exist_ok=True)
        copied.write_bytes(other.read_bytes())
    monkeypatch.setattr(asked_of_stage, "PACKAGE", package)
    StageFolder(stage, config).begin()
    (package / file).write_text("other: rules\n", encoding="utf-8")
    return lambda: StageFolder(stage, config).begin()


@pytest.mark.parametrize("stage", ["label", "refine"])
def test_detectors_of_the_package_are_part_of_a_stage_with_rules_of_its_own(tmp_path, stage):
    rules = asked_of_stage.PACKAGE / "rules" / "rules.yaml"
    words = ["--output_dir", str(tmp_path / "run"), f"--{stage}.rules", str(rules)]
    asked = asked_of_stage.describe(load_chain("recipes/demo", words).select([stage])[0].config)
    assert asked["rules"]["path"] == str(rules)
    assert asked["privacy.yaml"]["path"] == "kun_recipes/privacy/privacy.yaml"


@pytest.mark.parametrize("stage", ["label", "refine"])
def test_detectors_that_rules_of_its_own_name_are_part_of_a_stage(tmp_path, stage):
    privacy, rules = tmp_path / "mine.yaml", tmp_path / "rules.yaml"
    privacy.write_bytes((asked_of_stage.PACKAGE / "privacy/privacy.yaml").read_bytes())
    text = (asked_of_stage.PACKAGE / "rules/rules.yaml").read_text(encoding="utf-8")
    rules.write_text(text.replace("detectors: null", f"detectors: {privacy}"), encoding="utf-8")
    words = ["--output_dir", str(tmp_path / "run"), f"--{stage}.rules", str(rules)]
    config = load_chain("recipes/demo", words).select([stage])[0].config
    asked = asked_of_stage.describe(config)
    assert asked["privacy.yaml"]["path"] == str(privacy)
    privacy.write_text(privacy.read_text(encoding="utf-8") + "\n# more\n", encoding="utf-8")
    assert asked_of_stage.changed_keys(asked_of_stage.describe(config), asked) == ["privacy.yaml"]
    assert "privacy.yaml" in asked_of_stage.selecting_keys(config)


@pytest.mark.parametrize("rules", ["sensitive_information: 1\n", "sensitive_information: {detectors: [1]}\n"])
def test_rules_that_name_no_file_are_left_to_their_own_check(tmp_path, rules):
    file = tmp_path / "rules.yaml"
    file.write_text(rules, encoding="utf-8")
    words = ["--output_dir", str(tmp_path / "run"), "--label.rules", str(file)]
    asked = asked_of_stage.describe(load_chain("recipes/demo", words).select(["label"])[0].config)
    assert asked["privacy.yaml"]["path"] == "kun_recipes/privacy/privacy.yaml"


def test_a_corpus_that_is_not_asked_for_spam_does_not_depend_on_its_classifier():
    assert "spam.npz" not in asked_of_stage.describe(load_chain("recipes/demo", []).select(["corpus"])[0].config)


@pytest.mark.slow
def test_a_piped_plan_is_not_cut(repository: Path):
    command = [sys.executable, "recipes/run.py", "recipes/kun-6b", "--slurm", "recipes/cluster.yaml", "--plan"]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(repository)}
    shown = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert shown.returncode == 0, shown.stderr
    assert "…" not in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) > 120
