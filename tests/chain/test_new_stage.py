"""A stage that is declared is run, planned, submitted, watched and reported without a change elsewhere."""

import io
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from kun_recipes.chain import all_stages, loading
from kun_recipes.chain.cluster.config import ClusterConfig
from kun_recipes.chain.cluster.scripts import script
from kun_recipes.chain.conclusion import conclude
from kun_recipes.chain.graph import needs
from kun_recipes.chain.loading import load_chain
from kun_recipes.chain.local import check_before, run_here
from kun_recipes.chain.plan import estimate as planning
from kun_recipes.chain.plan.assumptions import AssumedShare, Assumption
from kun_recipes.chain.plan.estimate import estimate, load_plan
from kun_recipes.chain.plan.plan import Hardware
from kun_recipes.chain.plan.work import Rows, Work
from kun_recipes.chain.stage import Section, Stage
from kun_recipes.config.options import option
from kun_recipes.config.types import OutputPath, StagePath
from kun_recipes.errors import UserError
from kun_recipes.execution.options import ExecutorConfig

pytestmark = pytest.mark.usefixtures("in_repository")

SCRIPT = """
import json, sys
from pathlib import Path
argv = dict(zip(sys.argv[1::2], sys.argv[2::2]))
folder = Path({output!r})
folder.mkdir(parents=True, exist_ok=True)
summary = {{"stage": "count", "rows_in": 3, "rows_kept": 2, "removed": {{"odd": 1}}, "seconds": 1.0}}
summary["config"] = {asked}
(folder / "stage.json").write_text(json.dumps(summary))
"""


@dataclass(kw_only=True)
class CountConfig(ExecutorConfig):
    """Count the candidates."""

    candidates: StagePath = option(help="folder of candidate rows")
    output_dir: OutputPath = option(help="folder of this stage", affects_rows=False)
    least: int = option(1, "the least", min=0)


@dataclass(frozen=True)
class CountRates:
    rows_per_second: Assumption
    kept_share: AssumedShare


class CountStage(Stage):
    """Count the candidates."""

    name, script, devices = "count", "recipes/count.py", "cores"
    plan_section, assumptions = "count", CountRates
    refused = False

    def config_class(self) -> type:
        return CountConfig

    def check(self, config: CountConfig) -> None:
        if self.refused:
            raise UserError("count: not today")

    def headlines(self, name: str, summary: Any) -> Iterator[str]:
        yield f"{name} counted {summary['rows_kept']}"

    def report_section(self, summary: Any, folder: Path, figures: Path) -> Section:
        return Section("Counting", f"It kept {summary['rows_kept']}.")

    def work(self, config: CountConfig, known: Any, flow: Any, devices: int) -> Work:
        rows = flow.read(config.candidates)
        kept = rows.count * known.count.kept_share.number
        flow.write(config.output_dir, Rows(kept, rows.tokens))
        return Work(rows.count, kept, None, None, rows.count / known.count.rows_per_second.number, 0)


@pytest.fixture
def stage(monkeypatch) -> CountStage:
    declared = CountStage()
    stages = {**all_stages.STAGES, "count": declared}
    monkeypatch.setattr(all_stages, "STAGES", stages)
    for module in (all_stages, loading):
        monkeypatch.setattr(module, "ALL_STAGES", stages)
    for module in (loading, planning):
        monkeypatch.setattr(module, "STAGES", stages)
    return declared


@pytest.fixture
def recipe(tmp_path) -> Path:
    """The demo's corpus and label stage, and the new one."""
    folder = tmp_path / "recipe"
    folder.mkdir()
    for name in ("run", "corpus", "label_model", "label", "preference", "plan"):
        (folder / f"{name}.yaml").write_text(Path(f"recipes/demo/{name}.yaml").read_text(encoding="utf-8"))
    of = {"candidates": "outputs/demo/label/rows", "output_dir": "outputs/demo/count"}
    (folder / "count.yaml").write_text(yaml.safe_dump(of))
    plan = (folder / "plan.yaml").read_text(encoding="utf-8")
    own = {"rows_per_second": {"value": 2, "source": "a test"}, "kept_share": {"value": 0.5, "source": "a test"}}
    (folder / "plan.yaml").write_text(plan + yaml.safe_dump({"count": own}), encoding="utf-8")
    return folder


@pytest.fixture
def chain(stage, recipe, tmp_path):
    return load_chain(str(recipe), ["--output_dir", str(tmp_path / "run"), "--count.least", "2"])


def test_its_place_follows_from_its_paths(chain):
    assert needs(chain.stages)["count"] == ["label"]
    assert chain.stages[-1].config.least == 2


def test_it_is_planned_by_its_own_formula(stage, chain, recipe):
    plan = estimate(chain, load_plan(recipe), None, Hardware(gpus=0, cpu_workers=1))
    (line,) = [one for one in plan.stages if one.name == "count"]
    assert (line.device, line.work.rows_out, line.seconds) == ("core", line.work.rows_in / 2, line.work.rows_in / 2)
    assert "count.kept_share" in dict(plan.assumptions)


def test_it_is_submitted_with_cores(stage, recipe, tmp_path):
    cluster = ClusterConfig(partition="gpu", cpu_partition="cpu", cpu_jobs=7)
    loaded = load_chain(str(recipe), ["--output_dir", str(tmp_path / "run")], cluster.placement)
    assert (loaded.stages[-1].config.workers, loaded.stages[-1].config.slurm_partition) == (7, "cpu")
    assert "recipes/count.py" in script(loaded.stages[-1], cluster, str(recipe), str(tmp_path)).text


def test_run_reports_its_result(stage, chain, tmp_path):
    count = chain.stages[-1]
    asked = json.dumps(count.kind.asked(count.config))
    program = SCRIPT.format(output=str(count.folder), asked=asked.replace("null", "None"))
    count.launcher, count.words = [sys.executable], ["-c", program]
    console = Console(file=io.StringIO(), width=120)
    assert run_here(chain, [count], console) is None
    assert count.complete
    conclude(chain, console)
    shown = console.file.getvalue()
    assert "count counted 2" in shown and "odd" in shown
    made = stage.report_section(count.summary(), count.folder, tmp_path)
    assert made.introduction == "It kept 2."


def test_it_is_checked_before_anything_runs(stage, chain):
    stage.refused = True
    with pytest.raises(UserError, match="count: not today"):
        check_before(chain, chain.stages[-1:])
