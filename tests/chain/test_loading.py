"""A recipe as a whole: how its files share values, and how overrides reach them."""

import shutil
import sys
from pathlib import Path

import pytest
import yaml

from kun_recipes.chain.all_stages import STAGES
from kun_recipes.chain.loading import load_chain
from kun_recipes.chain.recipe import Chain, StageRun
from kun_recipes.config.paths import config_paths
from kun_recipes.corpus.config import Corpus
from kun_recipes.errors import ConfigError
from kun_recipes.training.mixture import MixedDataset

DEMO = "recipes/demo"
BASE = "outputs/demo"
RUN = [name for name in STAGES if name != "preference"]
"""Stages that the demo runs unasked."""


pytestmark = pytest.mark.usefixtures("in_repository")


@pytest.fixture
def recipe(tmp_path) -> Path:
    """A copy of the demo's files, to be changed."""
    folder = tmp_path / "recipe"
    shutil.copytree(DEMO, folder, ignore=shutil.ignore_patterns("data"))
    return folder


def stage(chain: Chain, name: str) -> StageRun:
    return next(stage for stage in chain.stages if stage.name == name)


def paths(config) -> list[str]:
    """Every path in a config."""
    return [path.value for path in config_paths(config)]


def test_the_demo_is_the_papers_chain():
    chain = load_chain(DEMO, [])
    assert [stage.name for stage in chain.stages] == RUN
    assert all(str(stage.folder) == f"{BASE}/{stage.name}" for stage in chain.stages)
    assert all(Path(stage.kind.script).is_file() for stage in chain.stages)


def test_every_input_has_a_writer():
    chain = load_chain(DEMO, [])
    written = {str(stage.folder) for stage in chain.stages} | {stage(chain, "refine").config.dataset_dir}
    read = {
        text
        for one in chain.stages
        for text in paths(one.config)
        if text.startswith(BASE) and Path(text) != one.folder and Path(text).name != "checkpoints"
    }
    assert read
    assert all({text, str(Path(text).parent)} & written for text in read)


def test_a_replaced_output_folder_moves_every_path_below_it():
    before, after = load_chain(DEMO, []), load_chain(DEMO, ["--output_dir", "elsewhere/run"])
    assert after.run.output_dir == "elsewhere/run"
    for old, new in zip(before.stages, after.stages, strict=True):
        moved = [text.replace(BASE, "elsewhere/run") for text in paths(old.config)]
        assert paths(new.config) == moved
        assert new.folder == Path("elsewhere/run") / new.name
        assert "elsewhere/run" in " ".join(new.command)


def test_a_folder_that_only_begins_alike_is_not_moved(recipe):
    label = yaml.safe_load((recipe / "label.yaml").read_text(encoding="utf-8"))
    label["segments"] = f"{BASE}-old/corpus/rows"
    (recipe / "label.yaml").write_text(yaml.safe_dump(label), encoding="utf-8")
    chain = load_chain(str(recipe), ["--output_dir", "elsewhere"])
    assert stage(chain, "label").config.segments == f"{BASE}-old/corpus/rows"


def test_a_replaced_model_is_replaced_where_the_base_model_stood():
    base = load_chain(DEMO, []).run.model
    before, after = load_chain(DEMO, []), load_chain(DEMO, ["--model", "org/other"])
    changed = []
    for old, new in zip(before.stages, after.stages, strict=True):
        key = "model" if hasattr(old.config, "model") else "model_name_or_path"
        if named := getattr(old.config, key, None):
            assert getattr(new.config, key) == ("org/other" if named == base else named)
            changed += [new.name] if named == base else []
    assert {"corpus", "label_model", "primary_chat_model"} <= set(changed)
    assert {"label", "refine"}.isdisjoint(changed)


@pytest.mark.parametrize(
    "words", [["--lora_rank", "8"], ["--label_model.lora_rank", "8"], ["--label_model.model", "m"]]
)
def test_an_override_by_its_old_name_says_the_new_one(words):
    with pytest.raises(ConfigError, match=r"^command line: (lora_rank is now lora_r|model is now model_name_or_path)"):
        load_chain(DEMO, words)


def test_adapters_alone_are_refused_where_a_stage_would_load_them():
    words = ["--label_model.merge_adapters", "false"]
    with pytest.raises(
        ConfigError, match=r"label.yaml: model: outputs/demo/label_model: label_model saves only adapters"
    ):
        load_chain(DEMO, words)


def test_a_set_mixed_in_moves_with_the_run(tmp_path):
    shutil.copytree("recipes/demo", tmp_path / "demo", ignore=shutil.ignore_patterns("data"))
    with (tmp_path / "demo/final_model.yaml").open("a", encoding="utf-8") as file:
        file.write("\ndataset_mixture: {datasets: [{id: outputs/demo/refine/rows, columns: [a+b, c], weight: 0.5}]}\n")
    chain = load_chain(str(tmp_path / "demo"), ["--output_dir", "elsewhere"])
    (moved,) = stage(chain, "final_model").config.dataset_mixture.datasets
    assert moved == MixedDataset("elsewhere/refine/rows", columns=["a+b", "c"], weight=0.5)


def test_a_revision_goes_with_its_model():
    def revisions(*words: str) -> set[str | None]:
        stages = load_chain("recipes/qwen3", list(words), future=["data"]).stages
        return {
            one.config.model_revision for one in stages if one.name in ("corpus", "label_model", "primary_chat_model")
        }

    (pinned,) = revisions()
    assert len(pinned) == 40
    assert revisions("--model", "org/other") == {None}
    assert revisions("--model", "org/other", "--model_revision", "abc") == {"abc"}
    assert revisions("--model_revision", "abc") == {"abc"}


def test_an_override_goes_to_every_stage_that_has_the_field():
    chain = load_chain(DEMO, ["--temperature", "0.5", "--max_documents", "3", "--seed", "7"])
    for name in ("label", "refine"):
        assert stage(chain, name).config.temperature == 0.5
        assert stage(chain, name).command[-4:] == ["--temperature", "0.5", "--seed", "7"]
    seeded = [name for name in RUN if name not in ("corpus", "report", "publish")]
    assert [stage(chain, name).config.seed for name in seeded] == [7] * 8
    assert stage(chain, "corpus").config.max_documents == 3
    assert "--temperature" not in stage(chain, "corpus").command


def test_an_override_may_be_for_one_stage():
    chain = load_chain(DEMO, ["--temperature", "0.5", "--label.temperature", "0.75", "--refine.seed", "3"])
    assert stage(chain, "label").config.temperature == 0.75
    assert stage(chain, "refine").config.temperature == 0.5
    assert [stage(chain, name).config.seed for name in ("label", "refine")] == [0, 3]


@pytest.mark.parametrize("words", [["--label.max_tokens=99"], ["--label.max-tokens", "99"]])
def test_an_override_is_spelled_as_for_a_stage(words):
    chain = load_chain(DEMO, [*words, "--output-dir=elsewhere"])
    assert stage(chain, "label").config.max_tokens == 99
    assert chain.run.output_dir == "elsewhere"


def test_a_list_and_a_negative_number_may_be_overridden():
    words = ["--corpora", "recipes,format=jsonl", "path=tests,format=wudao"]
    chain = load_chain(DEMO, [*words, "--score_threshold", "-0.5"])
    assert stage(chain, "corpus").config.corpora == [Corpus("recipes", "jsonl"), Corpus("tests", "wudao")]
    assert stage(chain, "refine").config.score_threshold == -0.5


def test_commands_are_those_of_the_recipes():
    chain = load_chain(DEMO, ["--label.temperature", "1"])
    assert stage(chain, "label").command == [
        *[sys.executable, "recipes/label.py", "--config", "recipes/demo/label.yaml"],
        *["--temperature", "1"],
    ]
    assert stage(chain, "final_model").command == [
        *[sys.executable, "-m", "accelerate.commands.launch", "--quiet"],
        *["--config_file", "accelerate_configs/cpu.yaml", "recipes/train.py"],
        *["--config", "recipes/demo/final_model.yaml"],
    ]


MISTAKES = {
    "unknown field": (
        ["--temprature", "1"],
        f"--temprature: no stage has this field; write --field or --stage.field ({', '.join(RUN)})",
    ),
    "a field of another stage": (
        ["--corpus.temperature", "1"],
        f"--corpus.temperature: no stage has this field; write --field or --stage.field ({', '.join(RUN)})",
    ),
    "an unknown stage": (
        ["--lable.temperature", "1"],
        f"--lable.temperature: no stage has this field; write --field or --stage.field ({', '.join(RUN)})",
    ),
    "a value without a field": (["0.5"], "command line: 0.5: a value without its --field"),
    "out of range": (["--label.temperature", "3"], "command line: temperature: must be at most 2, not 3.0"),
    "no number": (
        ["--temperature", "warm"],
        "command line: argument --temperature: ",
    ),
    "of the run": (
        ["--accelerate_config", "no/such.yaml"],
        "command line: accelerate_config: no such file or folder: no/such.yaml",
    ),
}


@pytest.mark.parametrize(("argv", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_in_the_overrides_gets_one_line(argv, message):
    with pytest.raises(ConfigError) as caught:
        load_chain(DEMO, argv)
    assert str(caught.value) == message or (message.endswith(" ") and str(caught.value).startswith(message))


def test_a_recipe_says_what_its_stages_share(recipe):
    (recipe / "run.yaml").unlink()
    with pytest.raises(ConfigError) as caught:
        load_chain(str(recipe), [])
    assert str(caught.value) == f"{recipe}/run.yaml: no such file"


def test_a_folder_without_a_stage_is_no_recipe(tmp_path):
    (tmp_path / "run.yaml").write_text("output_dir: outputs/x\nmodel: org/name\n", encoding="utf-8")
    with pytest.raises(
        ConfigError, match=f"^{tmp_path}: contains no stage; stage files are corpus.yaml, label_model.yaml"
    ):
        load_chain(str(tmp_path), [])


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("corpus", "label.yaml: segments: {run}/corpus/rows: no stage of this recipe writes it"),
        ("label_model", "label.yaml: model: {run}/label_model: no stage of this recipe writes it"),
        ("refine", "final_model.yaml: seeds: {run}/dataset: no stage of this recipe writes it"),
    ],
)
def test_input_without_a_writer_is_refused(recipe, tmp_path, missing, message):
    (recipe / f"{missing}.yaml").unlink()
    with pytest.raises(ConfigError) as caught:
        load_chain(str(recipe), ["--output_dir", str(tmp_path / "run")])
    assert str(caught.value) == f"{recipe}/{message.format(run=tmp_path / 'run')}"


def test_a_stage_may_read_what_another_recipe_wrote(recipe, tmp_path):
    (tmp_path / "candidates").mkdir()
    for name in ("corpus", "label_model", "label", "statistics", "study", "report", "publish"):
        (recipe / f"{name}.yaml").unlink()
    chain = load_chain(str(recipe), ["--refine.candidates", str(tmp_path / "candidates")])
    assert [stage.name for stage in chain.stages] == ["primary_chat_model", "refine", "final_model", "evaluate"]


def test_a_final_model_for_each_size(recipe):
    words = ["--final_sizes", "9000", "1500", "--output_dir", "elsewhere", "--final_model_9k.seed", "4"]
    chain = load_chain(str(recipe), [*words, "--final_model.learning_rate", "0.5"])
    nine, small = chain.select(["final_model"])
    assert (nine.name, nine.config.train_rows, nine.config.seed) == ("final_model_9k", 9000, 4)
    assert (small.name, small.config.train_rows, small.config.seed) == ("final_model_1500", 1500, 42)
    assert str(nine.folder) == "elsewhere/final_model_9k"
    measured = ["elsewhere/primary_chat_model", "elsewhere/final_model_9k", "elsewhere/final_model_1500"]
    assert stage(chain, "evaluate").config.models == measured
    assert nine.config.learning_rate == small.config.learning_rate == 0.5
    assert chain.select(["final_model_1500"]) == [small]
    published = chain.select(["publish"])[0].config
    assert published.model_dirs[-2:] == ["elsewhere/final_model_9k", "elsewhere/final_model_1500"]
    assert dict(list(published.repositories.items())[-2:]) == {
        "final_model_9k": "Kun-Demo-FinalModel-9k",
        "final_model_1500": "Kun-Demo-FinalModel-1500",
    }
    answering = [one.path for one in stage(chain, "study").config.models]
    assert answering[1:3] == ["elsewhere/final_model_9k", "elsewhere/final_model_1500"]


def test_further_files_are_further_final_models(recipe):
    shutil.copy(recipe / "final_model.yaml", recipe / "final_model_mixed.yaml")
    chain = load_chain(str(recipe), ["--final_model_mixed.output_dir", "elsewhere"])
    assert [stage.name for stage in chain.stages][-7:-4] == ["final_model", "final_model_mixed", "evaluate"]
    assert str(chain.stages[-6].folder) == "elsewhere"


def test_stages_are_selected_by_name_or_from_one_on():
    chain = load_chain(DEMO, [])
    names = lambda stages: [stage.name for stage in stages]  # noqa: E731
    assert names(chain.select(["refine", "corpus"])) == ["corpus", "refine"]
    assert names(chain.select(None, "label")) == RUN[3:]
    assert names(chain.select(None)) == RUN
    with pytest.raises(ConfigError, match=r"^command line: lable: no such stage; the stages are corpus, label_model"):
        chain.select(["lable"])


def test_a_mistake_in_any_file_stops_before_anything_runs(recipe):
    with (recipe / "refine.yaml").open("a", encoding="utf-8") as file:
        file.write("filter_treshold: 0\n")
    with pytest.raises(ConfigError) as caught:
        load_chain(str(recipe), [])
    assert str(caught.value) == (f"{recipe}/refine.yaml: filter_treshold: unknown key; did you mean filter_threshold?")
