"""Several rounds: the stages that those of one round are expanded to, and what follows if a round does not help."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from kun_recipes.chain import all_stages
from kun_recipes.chain.cluster import status
from kun_recipes.chain.cluster.config import ClusterConfig
from kun_recipes.chain.cluster.submission import steps
from kun_recipes.chain.graph import complete, needs
from kun_recipes.chain.loading import load_chain
from kun_recipes.chain.local import run_here
from kun_recipes.chain.plan.estimate import estimate, load_plan
from kun_recipes.chain.plan.plan import Hardware
from kun_recipes.chain.recipe import Chain, StageRun
from kun_recipes.errors import ConfigError

pytestmark = pytest.mark.usefixtures("in_repository")

DEMO = "recipes/demo"
BY_DEFAULT = [name for name in all_stages.STAGES if name != "preference"]
OF_ROUND = ("label_model", "primary_chat_model", "label", "refine")


@pytest.fixture
def load(tmp_path):
    """Loads the demo with so many rounds, into a folder of the test."""

    def load_rounds(rounds: int, *words: str) -> Chain:
        return load_chain(DEMO, ["--output_dir", str(tmp_path / "run"), "--rounds", str(rounds), *words])

    return load_rounds


def stage(chain: Chain, name: str) -> StageRun:
    return next(stage for stage in chain.stages if stage.name == name)


def say(folder: Path, helps: bool) -> None:
    """Write what a gain stage found."""
    folder.mkdir(parents=True)
    (folder / "stage.json").write_text(json.dumps({"helps": helps, "why": "the loss rose by 0.2", "config": {}}))


def test_one_round_is_the_unchanged_chain():
    plain, one = load_chain(DEMO, []), load_chain(DEMO, ["--rounds", "1"])
    assert [stage.command for stage in one.stages] == [stage.command for stage in plain.stages]
    assert [stage.name for stage in one.stages] == BY_DEFAULT
    assert "round" not in " ".join(word for stage in one.stages for word in stage.command)


def test_each_round_has_its_stages_in_its_folder(load, tmp_path):
    chain = load(2)
    names = ["corpus", *(f"{name}_1" for name in OF_ROUND), *(f"{name}_2" for name in OF_ROUND), "gain_2", "rounds"]
    assert [stage.name for stage in chain.stages] == [*names, *BY_DEFAULT[5:]]
    for name in OF_ROUND:
        for number in (1, 2):
            assert stage(chain, f"{name}_{number}").folder == tmp_path / "run" / f"round_{number}" / name
    assert stage(chain, "refine_2").config.dataset_dir == str(tmp_path / "run/round_2/dataset")
    assert stage(chain, "rounds").folder == tmp_path / "run/rounds"


def test_the_paths_of_each_stage_say_what_it_waits_for(load):
    reads = needs(load(3).stages)
    assert reads["label_2"] == ["corpus", "label_model_2"]
    assert reads["refine_2"] == ["primary_chat_model_2", "label_2"]
    assert reads["label_model_2"] == reads["primary_chat_model_2"] == ["refine_1"]
    assert reads["label_model_3"] == ["refine_2", "gain_2"]
    assert reads["rounds"] == [
        *("corpus", *(f"{name}_1" for name in OF_ROUND), *(f"{name}_2" for name in OF_ROUND), "gain_2"),
        *(*(f"{name}_3" for name in OF_ROUND), "gain_3"),
    ]
    assert reads["final_model"] == ["rounds"]
    assert reads["statistics"] == ["rounds"]


def test_a_round_learns_from_the_pairs_of_the_one_before(load, tmp_path):
    """The label model from segments, which it is asked with; the chat model from polished answers, and judge items."""
    chain, run = load(2, "--round_weight", "0.5"), tmp_path / "run"
    first, second = (stage(chain, f"label_model_{number}").config for number in (1, 2))
    assert (first.seeds, first.model_name_or_path) == (second.seeds, second.model_name_or_path)
    assert second.dataset_mixture.datasets[: len(first.dataset_mixture.datasets)] == first.dataset_mixture.datasets
    (new,) = second.dataset_mixture.datasets[len(first.dataset_mixture.datasets) :]
    assert (new.id, new.instruction, new.output) == (str(run / "round_1/refine/rows"), "instruction", "text")
    assert (new.weight, new.at_most) == (None, 0.5)
    chat = stage(chain, "primary_chat_model_2").config
    assert (chat.dataset_mixture.datasets[-1].id, chat.dataset_mixture.datasets[-1].output) == (
        str(run / "round_1/dataset"),
        "output",
    )
    assert chat.judge_data == stage(chain, "primary_chat_model_1").config.judge_data


def test_models_start_from_the_base_or_from_the_last(load, tmp_path):
    chain = load(2, "--rounds_from", "last")
    for name in ("label_model", "primary_chat_model"):
        assert stage(chain, f"{name}_1").config.model_name_or_path == chain.run.model
        assert stage(chain, f"{name}_2").config.model_name_or_path == str(tmp_path / "run/round_1" / name)


def test_a_comparison_knows_its_rounds(load, tmp_path):
    config, run = stage(load(3), "gain_3").config, tmp_path / "run"
    assert (config.before, config.after) == (str(run / "round_2"), str(run / "round_3"))
    assert config.earlier == [str(run / "round_1")]
    assert config.gains == [str(run / "round_2/gain")]


def test_a_round_added_later_changes_no_stage_of_the_earlier_ones(load):
    two, three = load(2), load(3)
    earlier = [one.name for one in two.stages if one.name[-2:] in ("_1", "_2")]
    assert [stage(two, name).command for name in earlier] == [stage(three, name).command for name in earlier]


def test_an_override_reaches_all_rounds_or_one(load):
    chain = load(2, "--label.temperature", "0.5", "--label_2.seed", "3")
    configs = [stage(chain, f"label_{number}").config for number in (1, 2)]
    assert [config.temperature for config in configs] == [0.5, 0.5]
    assert [config.seed for config in configs] == [0, 3]
    assert [stage.name for stage in chain.select(["label"])] == ["label_1", "label_2"]


@pytest.mark.parametrize(
    ("recipe", "words", "message"),
    [
        ("recipes/humpback", [], "rounds: must be 1 for a recipe without corpus.yaml, label_model.yaml"),
        (DEMO, ["--label_2.round_share", "0.3"], "round_share: must be the same in all rounds"),
        (DEMO, ["--label_2.held_out_segments", "9"], "held_out_segments: must be the same in all rounds"),
        (DEMO, ["--refine.dataset_dir", "/elsewhere/pairs"], "rounds: /elsewhere/pairs: must be inside outputs/demo"),
        (DEMO, ["--rounds", "1", "--label.round_share", "0.3"], "round_share: has no effect in a run of one round"),
        (DEMO, ["--rounds", "1", "--label.held_out_segments", "9"], "held_out_segments: has no effect in a run of"),
    ],
)
def test_what_cannot_be_is_refused_when_the_recipe_is_loaded(recipe, words, message):
    with pytest.raises(ConfigError, match=message):
        load_chain(recipe, ["--rounds", "2", *words], future=["data", "outputs"])


def test_a_plan_counts_each_round(load):
    chain = load(2)
    plan = estimate(chain, load_plan(DEMO), None, Hardware(gpus=0, cpu_workers=2))
    rows = {one.name: (one.work.rows_in, one.work.rows_out) for one in plan.stages}
    assert rows["label_1"][0] == 2 * rows["label_2"][0] == 0.75 * rows["corpus"][1] / 2  # a quarter is held out
    assert rows["rounds"][1] == rows["refine_1"][1] + rows["refine_2"][1]
    assert rows["label_model_2"][0] == pytest.approx(rows["label_model_1"][0] + rows["refine_1"][1])
    assert "gain_2" not in rows


def test_jobs_on_slurm_wait_for_each_other(load):
    cluster, chain = ClusterConfig(partition="gpu", cpu_partition="cpu", times={"label_2": "01:00:00"}), load(3)
    todo = {step.stage.name: step for step in steps(chain, chain.stages, cluster, DEMO, {})}
    assert todo["label_model_1"].after == ()
    assert todo["label_model_3"].after == ("refine_2", "gain_2")
    assert todo["final_model"].after == ("rounds",)
    assert all(step.script is not None for step in todo.values())
    assert "--time=01:00:00" in todo["label_2"].script.text


def test_a_time_limit_of_no_stage_is_refused():
    with pytest.raises(ConfigError, match="corpus_2: no such stage"):
        ClusterConfig(partition="gpu", times={"corpus_2": "01:00:00"}).check()


def test_rounds_after_one_that_did_not_help_are_left_out(load, tmp_path, capsys, monkeypatch):
    chain = load(3)
    say(tmp_path / "run/round_2/gain", helps=False)
    later = [one for one in chain.stages if one.name.endswith("_3")]
    why = "round 3 is left out: round 2 did not help: the loss rose by 0.2"
    assert [one.name for one in later] == [*(f"{name}_3" for name in OF_ROUND), "gain_3"]
    assert {one.left_out for one in later} == {why}
    assert not any(one.left_out for one in chain.stages if one not in later)

    console = Console(file=io.StringIO(), width=150)
    assert run_here(chain, later, console) is None
    assert console.file.getvalue().count(why) == 5

    later[2].kind.main(later[2].words[1:])  # as its job on Slurm does
    assert capsys.readouterr().err == f"label: {why}\n"
    assert not later[2].folder.exists()

    monkeypatch.setattr(status, "queue", list)
    found = {one.stage: one for one in status.statuses(chain)}
    assert (found["label_3"].state, found["label_3"].note) == (status.DONE, why)
    assert found["label_2"].state == status.NOT_SUBMITTED


def test_rounds_after_one_that_helped_run(load, tmp_path):
    chain = load(3)
    say(tmp_path / "run/round_2/gain", helps=True)
    assert not any(one.left_out for one in chain.stages)


def test_repeated_comparison_may_differ(load, tmp_path):
    """Its summary was made by other values, so that it is not complete, and what waits for it is not either."""
    chain = load(3)
    say(tmp_path / "run/round_2/gain", helps=False)
    assert "label_model_3" not in complete(chain.stages, {one.name for one in chain.stages})


def test_the_report_shows_the_rounds(load, tmp_path):
    run = tmp_path / "run"
    assert stage(load(2), "report").config.stages == [str(run / "rounds"), str(run / "round_2/gain")]
