"""What tasks used: it adds up whatever the workers, and a restart loses or repeats none of it."""

import json

import pytest

from kun_recipes.data.rows import RowReader, row_writer
from kun_recipes.execution import usage
from kun_recipes.execution.counts import Counts
from kun_recipes.execution.folder import StageFolder
from kun_recipes.execution.launch import Executor, run_pipeline
from kun_recipes.execution.usage import LOADING, TOKENS, Used, of_this_process, read_used
from tests.execution.test_folder import SampleConfig


class Asks(RowReader):
    """A block as one that asks a model: it says that it loaded for 100 s, in no time, and counts 7 tokens."""

    def run(self, data=None, rank=0, world_size=1):
        self.stat_update(LOADING, value=100)
        self.stat_update(TOKENS, value=7)
        yield from super().run(data, rank, world_size)


@pytest.fixture
def shards(tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("00000", "00001"):
        (tmp_path / "in" / f"{name}.jsonl").write_text('{"id": "1", "text": "文"}\n', encoding="utf-8")
    return tmp_path


def run(folder, executor=None):
    pipeline = [Asks(folder / "in"), row_writer(folder / "rows")]
    return run_pipeline(pipeline, folder / "logs", 2, executor).used


@pytest.mark.parametrize(
    ("executor", "seconds"), [(Executor(), -200), (Executor(workers=2), -200), (Executor(tasks_a_worker=2), -100)]
)
def test_tasks_add_up_without_the_time_that_a_model_loads(shards, executor, seconds):
    used = run(shards, executor)
    assert used.seconds == pytest.approx(seconds, abs=20)
    assert (used.tokens, used.kind, used.device) == (14, "core", usage.processor())
    assert 0.01 < used.peak_memory_gb < 50


def test_tasks_that_were_complete_count_once(shards):
    first = run(shards)
    assert run(shards) == first
    (shards / "logs" / "completions" / "00001").unlink()
    again = run(shards)
    assert again.tokens == 14
    assert again.seconds == pytest.approx(first.seconds, abs=20)


def test_seconds_of_other_devices_count_by_their_number():
    one, four = Used("a", "gpu", 2, 10.0, 5, 30.0), Used("a", "gpu", 4, 10.0, 5, 20.0)
    assert one + four == Used("a", "gpu", 2, 30.0, 10, 30.0)
    assert Used() + one == one + Used() == one


def test_nothing_noted_is_nothing_used(tmp_path):
    assert read_used(tmp_path, [0, 1]) == Used()
    assert Used().summary() == {}


def test_one_core_where_no_model_was_asked():
    assert of_this_process(1.0, 0).devices == 1
    assert of_this_process(1.0, 0).summary()["used"]["tokens"] is None


@pytest.mark.parametrize("given", [None, Used("x", "gpu", 1, 9.0, 8)])
def test_summary_has_what_was_used(tmp_path, given):
    counts = Counts(1, 1, 1, used=Used("y", "core", 2, 3.0, 4, 0.5))
    config = SampleConfig(output_dir=str(tmp_path / "label"), seeds="owner/name")
    StageFolder("label", config).finish(counts, given)
    used = json.loads((tmp_path / "label" / "stage.json").read_text(encoding="utf-8"))["used"]
    assert Used(**used) == (given or counts.used)
