"""What a failed stage costs: what needs it does not run, what can do without it does; mended, all of it is made."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from kun_recipes.chain.cluster.config import ClusterConfig
from kun_recipes.chain.cluster.status import statuses
from kun_recipes.chain.cluster.submission import steps
from kun_recipes.chain.graph import needs, requires
from kun_recipes.chain.loading import load_chain
from kun_recipes.chain.local import remove_from, run_here
from kun_recipes.chain.recipe import Chain, StageRun
from kun_recipes.chain.stages.evaluate import EVALUATE
from kun_recipes.chain.stages.publish import PUBLISH
from kun_recipes.chain.stages.report import REPORT
from kun_recipes.config.command_line import load
from kun_recipes.data.atomic import write_json
from kun_recipes.data.folders import discard
from kun_recipes.errors import UserError
from kun_recipes.execution.counts import Counts
from kun_recipes.execution.folder import StageFolder
from kun_recipes.execution.slurm.queue import Job

pytestmark = pytest.mark.usefixtures("in_repository")

BROKEN_FINAL = "final_model_5"
SPARING = ["evaluate", "study", "report", "publish"]


@pytest.fixture
def load_run(tmp_path):
    """Loads the demo's chain with two final models, for a folder of this test."""

    def load(cluster: ClusterConfig | None = None, *words: str) -> Chain:
        words = ["--output_dir", str(tmp_path / "run"), "--final_sizes", "3", "5", *words]
        return load_chain("recipes/demo", words, cluster.placement if cluster else None)

    return load


@pytest.fixture
def make(monkeypatch):
    """Runs stages that only write their summaries, as their scripts would, but for those in its set of broken ones."""

    class Maker:
        def __init__(self):
            self.broken: set[str] = set()
            self.made: list[str] = []

        def stage(self, stage: StageRun, log: Path, show) -> None:
            if stage.name in self.broken:
                raise UserError(f"{stage.name} failed: too few rows")
            told = load(stage.kind.config_class(), stage.words[1:]) if stage.kind.optional else stage.config
            self.write(stage, stage.kind.left(told))
            for written in stage.written():
                (written / "rows").mkdir(parents=True, exist_ok=True)

        def write(self, stage: StageRun, config) -> None:
            folder = StageFolder(stage.name, config)
            if stage.kind.devices == "training":
                asked = stage.kind.asked(config)
                write_json(folder.folder / stage.kind.summary_file, {**counts(), "config": asked})
            else:
                if folder.is_outdated() and stage.name in ("report", "publish"):
                    discard(folder.folder, ["*"])
                if folder.summary() is not None:
                    return
                folder.begin()
                write_json(folder.folder / "results.json", [stage.name])
                folder.finish(Counts(9, 9, 9))
            self.made.append(stage.name)

        def run(self, chain: Chain) -> tuple[str, UserError | None]:
            self.made.clear()
            console = Console(file=io.StringIO(), width=200)
            failed = run_here(chain, chain.stages, console)
            return console.file.getvalue(), failed

    def counts() -> dict:
        return {"stage": "training", "rows_in": 9, "rows_kept": 9, "removed": {}, "seconds": 0.1}

    maker = Maker()
    monkeypatch.setattr("kun_recipes.chain.local.run_stage", maker.stage)
    return maker


def find(chain: Chain, name: str) -> StageRun:
    (stage,) = chain.select([name])
    return stage


def left_out(chain: Chain, name: str) -> dict:
    stage = find(chain, name)
    summary = json.loads((stage.folder / stage.kind.summary_file).read_text(encoding="utf-8"))
    return {key: [Path(path).name for path in paths] for key, paths in summary.get("left_out", {}).items()}


@pytest.mark.parametrize("name", ["final_model_5", "evaluate", "statistics", "study", "report"])
def test_stages_that_can_do_without_a_failed_one_run(load_run, make, name):
    chain = load_run()
    make.broken = {name}
    shown, failed = make.run(chain)
    assert str(failed) == f"{name} failed: too few rows"
    assert f"{name}  " in shown and " failed\n" in shown
    assert make.made == [stage.name for stage in chain.stages if stage.name != name]
    for stage in chain.stages:
        told = ["--without_failed", str(find(chain, name).folder)] if name in needs(chain.stages)[stage.name] else []
        assert stage.words[-2:] == told if told else "--without_failed" not in stage.words


@pytest.mark.parametrize("name", ["corpus", "label_model", "primary_chat_model", "label", "refine"])
def test_a_stage_that_others_cannot_do_without_ends_the_run(load_run, make, name):
    chain = load_run()
    make.broken = {name}
    with pytest.raises(UserError, match=rf"^{name} failed"):
        make.run(chain)
    later = chain.stages[[stage.name for stage in chain.stages].index(name) + 1 :]
    assert not any(stage.folder.exists() for stage in later)


@pytest.mark.parametrize("name", ["final_model_5", "evaluate", "study"])
def test_a_run_is_whole_once_the_failed_stage_is_mended(load_run, make, name):
    make.broken = {name}
    make.run(load_run())
    chain = load_run()
    without = SPARING if name == BROKEN_FINAL else ["report", "publish"]
    assert left_out(chain, without[0])
    assert make.run(load_run())[1] is not None and make.made == []  # failed again: what went on without it stays
    make.broken = set()
    assert make.run(load_run())[1] is None
    assert make.made == [name, *without]
    assert not any(left_out(chain, one) for one in without)


def test_model_whose_retraining_failed_is_not_evaluated(load_run, make):
    make.run(load_run())
    remove_from([find(load_run(), BROKEN_FINAL)])
    make.broken = {BROKEN_FINAL}
    assert make.run(load_run())[1] is not None
    assert make.made == SPARING
    assert left_out(load_run(), "evaluate") == left_out(load_run(), "study") == {"models": [BROKEN_FINAL]}
    make.broken = set()
    assert make.run(load_run())[1] is None
    assert make.made == [BROKEN_FINAL, *SPARING]


def test_repair_may_change_the_size(load_run, make):
    make.broken = {BROKEN_FINAL}
    make.run(load_run())
    smaller = load_run(None, "--final_sizes", "3", "4")
    assert make.run(smaller)[1] is None
    assert make.made == ["final_model_4", *SPARING]


def test_added_model_is_refused(load_run, make):
    make.run(load_run())
    failed = make.run(load_run(None, "--final_sizes", "3", "5", "6"))[1]
    assert "/run/evaluate: was made with another models" in str(failed)


@pytest.fixture
def cluster() -> ClusterConfig:
    return ClusterConfig(partition="gpu")


def submitted(chain: Chain, cluster: ClusterConfig, names: list[str] | None = None, queued=()) -> dict:
    jobs = {name: Job("1", "RUNNING", "None", find(chain, name).folder) for name in queued}
    found = steps(chain, chain.select(names), cluster, "recipes/demo", jobs)
    return {step.stage.name: step.after for step in found if step.script}


def end_jobs(chain: Chain, make, names) -> None:
    """Write what the jobs of these stages do, in their order, where none of them fails."""
    for stage in chain.stages:
        if stage.name in names and stage.name not in make.broken:
            make.stage(stage, Path(), print)


def test_a_job_waits_for_the_end_of_what_may_fail(load_run, cluster):
    chain = load_run(cluster)
    found = {step.stage.name: step for step in steps(chain, chain.stages, cluster, "recipes/demo", {})}
    finals = ("final_model_3", "final_model_5")
    assert found["evaluate"].may_fail == ("primary_chat_model", *finals)
    assert found["report"].may_fail == (
        *("label_model", "primary_chat_model", *finals, "evaluate", "statistics", "study"),
    )
    assert found["refine"].may_fail == ()
    for name in SPARING:
        folders = [str(find(chain, one).folder) for one in found[name].may_fail]
        assert f"--without_failed {' '.join(folders)}" in found[name].script.text
    assert "--without_failed" not in found["refine"].script.text


def test_repaired_stages_are_submitted_with_those_that_ran_without_them(load_run, cluster, make):
    chain = load_run(cluster)
    make.broken = {BROKEN_FINAL}
    assert list(submitted(chain, cluster)) == [stage.name for stage in chain.stages]
    end_jobs(chain, make, needs(chain.stages))
    assert left_out(chain, "evaluate") == {"models": [BROKEN_FINAL]}
    make.broken, make.made = set(), []
    again = submitted(chain, cluster)
    assert list(again) == [BROKEN_FINAL, *SPARING]
    assert again["evaluate"] == (BROKEN_FINAL,)
    assert again["report"] == (BROKEN_FINAL, "evaluate", "study")
    assert list(submitted(chain, cluster, ["evaluate"], queued=[BROKEN_FINAL])) == ["evaluate"]
    end_jobs(chain, make, again)
    assert make.made == [BROKEN_FINAL, *SPARING]
    assert not left_out(chain, "evaluate")
    assert submitted(chain, cluster) == {}


def test_evaluation_is_submitted_again_after_a_mend_on_its_own(load_run, cluster, make):
    chain = load_run(cluster)
    make.broken = {BROKEN_FINAL}
    end_jobs(chain, make, needs(chain.stages))
    make.broken = set()
    end_jobs(chain, make, [BROKEN_FINAL])
    assert list(submitted(chain, cluster)) == SPARING


def test_stage_that_a_job_will_redo_is_not_complete(load_run, cluster, make, monkeypatch):
    chain = load_run(cluster)
    make.broken = {BROKEN_FINAL}
    end_jobs(chain, make, needs(chain.stages))
    waiting = Job("9", "PENDING", "Dependency", find(chain, "evaluate").folder)
    monkeypatch.setattr("kun_recipes.chain.cluster.status.queue", lambda: [waiting])
    found = {status.stage: status.state for status in statuses(chain)}
    assert (found["evaluate"], found["study"], found[BROKEN_FINAL]) == ("pending", "complete", "not submitted")


def test_no_final_model_is_required_by_another_stage(load_run):
    chain = load_run()
    required = requires(chain.stages)
    assert not any({"final_model_3", "final_model_5"} & set(names) for names in required.values())
    assert required["refine"] == needs(chain.stages)["refine"]


def finish(folder: Path, name: str) -> None:
    folder.mkdir(parents=True)
    (folder / name).write_text("{}", encoding="utf-8")


@pytest.mark.parametrize("output", ["out", "a/run", "."], ids=["one slash", "two slashes", "here"])
@pytest.mark.parametrize("stage", [EVALUATE, REPORT, PUBLISH], ids=lambda stage: stage.name)
def test_stage_omits_unfinished_inputs(tmp_path, repository, monkeypatch, stage, output):
    """Also where a folder's name has the form of a Hub id."""
    chain = load_chain(
        "recipes/demo", ["--output_dir", output, "--push", "true"], ClusterConfig(partition="gpu").placement
    )
    config = chain.select([stage.name])[0].config
    monkeypatch.chdir(tmp_path)
    run_folder = Path(output)
    finish(run_folder / "label_model", "train_summary.json")
    finish(run_folder / "primary_chat_model", "train_summary.json")
    if output != "out":
        finish(run_folder / "final_model" / "checkpoints", "started.json")
    finish(run_folder / "evaluate", "started.json")
    left = stage.left(config)
    missing = [path for paths in left.left_out.values() for path in paths]
    assert str(run_folder / "final_model") in missing
    assert str(run_folder / "primary_chat_model") not in missing
    if stage is EVALUATE:
        assert left.models == [str(run_folder / "primary_chat_model")]
    else:
        assert [Path(folder).name for folder in left.model_dirs] == ["label_model", "primary_chat_model"]
        assert left.evaluation_dir is None
    if stage is PUBLISH:
        assert list(left.repositories) == ["dataset", "candidates", "label_model", "primary_chat_model"]
        assert left.push is False and config.push is True
    config.without_failed = None
    assert stage.left(config) == config


def test_only_what_stages_write_is_left_out(tmp_path):
    words = [
        "--output_dir",
        str(tmp_path),
        "--evaluate.models",
        "org/model",
        "no/such/folder",
        f"{tmp_path}/final_model",
    ]
    chain = load_chain("recipes/demo", words, ClusterConfig(partition="gpu").placement)
    assert EVALUATE.left(find(chain, "evaluate").config).models == ["org/model", "no/such/folder"]
