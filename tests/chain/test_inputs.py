"""The seeds are named once in a recipe, and what any stage reads is checked before the first one runs."""

import shutil
from pathlib import Path

import pytest
import yaml

from kun_recipes.chain.loading import load_chain
from kun_recipes.chain.local import check_before
from kun_recipes.chain.recipe import Chain
from kun_recipes.chain.stages.training import LABEL_MODEL
from kun_recipes.config.command_line import load
from kun_recipes.errors import ConfigError, UserError

pytestmark = pytest.mark.usefixtures("in_repository")

SEEDED = ("label_model", "primary_chat_model", "evaluate", "statistics")
SEEDS = '{"question": "水为什么会结冰？", "hint": "", "reply": "温度降到零度以下。"}\n'


@pytest.fixture
def recipe(tmp_path) -> Path:
    """A copy of the demo's files, to be changed."""
    folder = tmp_path / "recipe"
    shutil.copytree("recipes/demo", folder, ignore=shutil.ignore_patterns("data"))
    return folder


@pytest.fixture
def own_seeds(tmp_path) -> Path:
    path = tmp_path / "own.jsonl"
    path.write_text(SEEDS, encoding="utf-8")
    return path


def change(file: Path, **values: object) -> None:
    content = yaml.safe_load(file.read_text(encoding="utf-8")) | values
    file.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")


def seeds_of(chain: Chain) -> dict[str, tuple[str, str, str]]:
    read = (chain.select([name])[0] for name in SEEDED)
    return {
        stage.name: (stage.config.seeds, stage.config.instruction_column, stage.config.output_column) for stage in read
    }


@pytest.mark.parametrize("how", ["run.yaml", "command line"])
def test_seeds_named_once_reach_every_stage_that_reads_them(recipe, own_seeds, tmp_path, how):
    named = {"seeds": str(own_seeds), "instruction_column": "question+hint", "output_column": "reply"}
    words = ["--output_dir", str(tmp_path / "run")]
    if how == "run.yaml":
        change(recipe / "run.yaml", **named)
    else:
        words += [word for key, value in named.items() for word in (f"--{key}", value)]
    chain = load_chain(str(recipe), words)
    assert seeds_of(chain) == dict.fromkeys(SEEDED, tuple(named.values()))
    final = chain.select(["final_model"])[0].config
    assert (final.seeds, final.instruction_column) == (str(tmp_path / "run" / "dataset"), "instruction")
    (reference,) = chain.select(["statistics"])[0].config.reference_sets()
    assert (reference.name, reference.path, reference.output) == ("seeds", str(own_seeds), "reply")
    check_before(chain, chain.stages)


def test_one_stage_may_have_seeds_of_its_own(recipe, own_seeds):
    change(recipe / "evaluate.yaml", seeds=str(own_seeds), instruction_column="question", output_column="reply")
    seeds = seeds_of(load_chain(str(recipe), []))
    assert seeds["evaluate"] == (str(own_seeds), "question", "reply")
    assert seeds["label_model"] == ("recipes/demo/data/seeds.jsonl", "instruction", "output")


def test_a_stage_run_alone_takes_the_seeds_of_its_recipe(recipe, own_seeds):
    change(recipe / "run.yaml", seeds=str(own_seeds))
    file = str(recipe / "label_model.yaml")
    assert load(LABEL_MODEL.config_class(), ["--config", file]).seeds == str(own_seeds)
    assert load(LABEL_MODEL.config_class(), ["--config", file, "--seeds", "recipes"]).seeds == "recipes"


def test_missing_seeds_are_reported_where_they_are_named(recipe):
    change(recipe / "run.yaml", seeds="data/none.jsonl")
    with pytest.raises(ConfigError) as caught:
        load_chain(str(recipe), [])
    assert str(caught.value) == f"{recipe}/run.yaml: seeds: no such file or folder: data/none.jsonl"


@pytest.mark.parametrize("recipe_name", ["demo", "humpback", "kun-34b", "kun-6b", "qwen3", "qwen3_5", "released"])
def test_a_recipe_names_its_seeds_once(recipe_name):
    folder = Path("recipes", recipe_name)
    path = yaml.safe_load((folder / "run.yaml").read_text(encoding="utf-8"))["seeds"]
    values = {file.name: yaml.safe_load(file.read_text(encoding="utf-8")) for file in folder.glob("*.yaml")}
    assert [name for name, content in values.items() if path in str(content)] == ["run.yaml"]


MISTAKES = {
    "seeds without the column": (
        ["--instruction_column", "question"],
        "label_model: recipes/demo/data/seeds.jsonl:1: no column question; found ",
    ),
    "an unknown subject": (
        ["--evaluate.benchmarks", "recipes/demo/data/ceval,name=ceval,subjects=logik"],
        "evaluate: logik: not a subject of C-Eval; did you mean logic?",
    ),
    "a subject without its file": (
        ["--evaluate.benchmarks", "recipes/demo/data/ceval,name=ceval,subjects=law"],
        "evaluate: recipes/demo/data/ceval/dev/law_dev.csv: no such file",
    ),
    "a benchmark that is no folder": (
        ["--evaluate.benchmarks", "data/nothing,name=ceval"],
        "evaluate: data/nothing: no such folder; give a Hub dataset with its commit",
    ),
    "an unknown group": (["--evaluate.groups", "Sciences"], "evaluate: groups: unknown group Sciences"),
    "a prompt without its field": (
        ["--refine.score_prompt", "recipes/prompts/score_pair.txt"],
        "refine: recipes/prompts/score_pair.txt: ",
    ),
    "judge items without outputs": (
        ["--refine.score_target", "pair", "--refine.score_prompt", "recipes/prompts/score_pair.txt"],
        "refine: recipes/demo/data/judge.jsonl:",
    ),
    "a weight of a source that has no rows": (
        ["--sample_rows", "20", "--sample_weights", "wudao=1", "wodao=2"],
        "corpus: sample_weights: no rows of source wodao; the sources with rows are: skypile, wanjuan, wudao",
    ),
    "invalid rules": (["--label.rules", "recipes/demo/run.yaml"], "label: recipes/demo/run.yaml: "),
    "a reference set without pairs": (
        ["--references", "recipes/demo/data/judge.jsonl,name=other"],
        "statistics: recipes/demo/data/judge.jsonl:1: no column instruction",
    ),
    "prompts of the study": (
        ["--study.prompts", "recipes/demo/data/seeds.jsonl"],
        "study: recipes/demo/data/seeds.jsonl:1: not a prompt",
    ),
    "invalid topics": (
        ["--statistics.topics_file", "recipes/demo/run.yaml"],
        "statistics: recipes/demo/run.yaml: ",
    ),
    "a topic prompt without its fields": (
        ["--statistics.topic_prompt", "recipes/prompts/label.txt"],
        "statistics: recipes/prompts/label.txt: ",
    ),
    "invalid judge items of a training": (
        ["--primary_chat_model.judge_data", "recipes/demo/data/seeds.jsonl"],
        "primary_chat_model: recipes/demo/data/seeds.jsonl:",
    ),
    "an invalid rubric": (["--rubric", "recipes/demo/run.yaml"], "study: recipes/demo/run.yaml: "),
    "a set mixed in": (
        ["--final_model.dataset_mixture", '{"datasets": [{"id": "recipes/demo/data/judge.jsonl"}]}'],
        "final_model: recipes/demo/data/judge.jsonl:1: no column instruction",
    ),
}


@pytest.mark.parametrize(("words", "message"), MISTAKES.values(), ids=MISTAKES)
def test_unusable_input_of_a_late_stage_is_reported_before_the_first(tmp_path, words, message):
    chain = load_chain("recipes/demo", ["--output_dir", str(tmp_path / "run"), *words])
    with pytest.raises(UserError) as caught:
        check_before(chain, chain.stages)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("stage", ["label", "study"])
def test_missing_engine_is_reported_before_the_first(tmp_path, monkeypatch, stage):
    monkeypatch.setattr("kun_recipes.models.engines.find_spec", lambda name: None if name == "vllm" else object())
    chain = load_chain("recipes/demo", ["--output_dir", str(tmp_path / "run"), f"--{stage}.engine", "vllm"])
    with pytest.raises(UserError, match="engine vllm needs vLLM"):
        check_before(chain, chain.select([stage]))


def test_missing_input_of_a_late_stage_is_reported_before_the_first(tmp_path):
    missing = tmp_path / "elsewhere" / "votes.sqlite"
    chain = load_chain("recipes/demo", ["--output_dir", str(tmp_path / "run"), "--study.votes", str(missing)])
    with pytest.raises(UserError, match=rf"^study: votes: no such file or folder: {missing}$"):
        check_before(chain, chain.stages)


def test_output_of_an_earlier_stage_need_not_exist(tmp_path):
    chain = load_chain("recipes/demo", ["--output_dir", str(tmp_path / "run")])
    check_before(chain, chain.stages)
