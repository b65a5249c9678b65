from dataclasses import replace

import pytest

from kun_recipes.chain.plan.estimate import estimate, misfits
from kun_recipes.chain.plan.measured import Measured, Record
from kun_recipes.chain.plan.plan import Hardware
from kun_recipes.errors import UserError

NODE = Hardware(gpus=8, cpu_workers=4)


@pytest.fixture
def paper(make):
    """The paper's chain: 1,000 segments, 800 candidates, 40 pairs."""
    return make.chain(
        corpus=make.corpus(),
        label_model=make.training(output_dir="out/label_model", direction="backward"),
        label=make.label(),
        refine=make.refine(),
        final_model_20=make.training(output_dir="out/final_model_20", seeds="out/dataset", train_rows=20),
    )


def lines(plan):
    return {stage.name: stage for stage in plan.stages}


def test_rows_flow_from_stage_to_stage(paper, known):
    found = lines(estimate(paper, known, None, NODE))
    assert [stage.work.rows_in for stage in found.values()] == [2000, 90, 1000, 800, 20]
    assert [stage.work.rows_out for stage in found.values()] == [1000, None, 800, 40, None]
    final = found["final_model_20"].work
    assert final.tokens_read == pytest.approx(3 * 20 * (10 + 60 + 10))  # three epochs of instruction, answer, template


def test_each_stage_runs_on_what_it_needs(paper, known):
    found = lines(estimate(paper, known, None, Hardware(gpus=8, cpu_workers=4, training_gpus=2)))
    assert {name: (stage.devices, stage.device) for name, stage in found.items()} == {
        "corpus": (4, "core"),
        "label_model": (2, "GPU"),
        "label": (8, "GPU"),
        "refine": (8, "GPU"),
        "final_model_20": (2, "GPU"),
    }
    assert found["corpus"].seconds == 2000 / 4
    assert found["label"].seconds == pytest.approx(260_000 / 100 / 8)
    assert found["label"].device_hours == pytest.approx(2600 / 3600)


def test_trainings_take_all_gpus_by_default(paper, known):
    assert lines(estimate(paper, known, None, NODE))["label_model"].devices == 8


def test_all_stages_use_all_cores_without_gpus(paper, content, load_content):
    content["device"] = "core"
    plan = estimate(paper, load_content(), None, Hardware(gpus=0, cpu_workers=4))
    assert {(stage.device, stage.devices) for stage in plan.stages} == {("core", 4)}


def test_speeds_of_gpus_need_gpus(paper, known):
    with pytest.raises(UserError, match=r"the recipe needs GPUs, but no GPU is available"):
        estimate(paper, known, None, Hardware(gpus=0, cpu_workers=4))


def test_sample_overrides_the_figures_of_the_plan(paper, known, finish, tmp_path):
    summary = {"rows_in": 30, "rows_kept": 3, "removed": {"too_short": 27}, "documents": 10}
    plan = estimate(paper, known, finish(tmp_path / "corpus", summary, "tokens", [50, 100, 150]), NODE)
    work = plan.stages[0].work
    assert (work.rows_in, work.rows_out, work.tokens_written) == (3000, pytest.approx(300), pytest.approx(30_000))
    assumed = dict(plan.assumptions)
    assert assumed["corpus.kept_share"].source == f"sample {tmp_path / 'corpus'}: 3 of 30 segments"
    assert assumed["label.kept_share"].source == "a test"


@pytest.mark.parametrize(
    ("limit", "late"),
    # labelling takes 2,600 s of one GPU, 325 s of eight
    [("00:05:24", True), ("00:05:25", False), ("1-00:00:00", False), (None, False)],
)
def test_a_warning_exactly_where_a_stage_outlasts_its_limit(paper, known, limit, late):
    limits = None if limit is None else {"label": limit, "unheard_of": "00:00:01"}
    plan = estimate(paper, known, None, Hardware(8, 4, limits))
    assert [warning.split(":")[0] for warning in plan.warnings] == ["label"] * late
    if late:
        assert plan.warnings[0].startswith("label: 5.4 min on 8 GPUs does not fit its time limit of 5.4 min")


def test_invalid_time_limit_is_refused(paper, known):
    with pytest.raises(UserError, match="time limit 'soon'"):
        estimate(paper, known, None, Hardware(8, 4, {"label": "soon"}))


@pytest.mark.parametrize(("rows", "warned"), [(36, False), (37, True)])
def test_a_warning_where_there_will_be_too_few_rows(make, known, rows, warned):
    stages = make.chain(
        corpus=make.corpus(),
        label=make.label(),
        refine=make.refine(),
        final=make.training(seeds="out/dataset", train_rows=rows),
    )
    warnings = estimate(stages, known, None, NODE).warnings
    expected = "final: train_rows requests 37 rows, but out/dataset is expected to have only 36 to train on"
    assert warnings == ((expected,) if warned else ())


def test_a_warning_where_gpus_stay_idle(make, known):
    stages = make.chain(model=make.training(global_batch_size=16, per_device_train_batch_size=4))
    (warning,) = estimate(stages, known, None, Hardware(gpus=32, cpu_workers=1)).warnings
    assert warning == ("model: global_batch_size 16 with 4 per GPU cannot be divided over 32 GPUs; planned on 4")


@pytest.mark.parametrize(
    ("memory", "config", "warned"),
    [
        # a million parameters x 16 bytes, and 4,000 tokens: x 100 wide x 34 bytes x 10 layers, and x 1,000 x 8 bytes
        (0.2045, "single_gpu", False),
        (0.2040, "single_gpu", True),
        (None, "single_gpu", False),
        # an eighth of the states, and two layers in bf16
        (0.1895, "fsdp2", False),
        (0.1885, "fsdp2", True),
    ],
)
def test_a_warning_where_a_training_does_not_fit_its_gpus(make, known, memory, config, warned):
    stages = make.chain(model=make.training(per_device_train_batch_size=4, max_length=1000))
    stages.run.accelerate_config = f"accelerate_configs/{config}.yaml"
    hardware = Hardware(8, 4, gpu_memory_gb=memory)
    warnings = estimate(stages, known, None, hardware).warnings
    assert [warning.startswith("model: needs ") for warning in warnings] == [True] * warned


def test_misfits_are_said_of_the_stages_that_are_submitted(make, load_content, tmp_path):
    load_content()  # writes plan.yaml
    stages = make.chain(label=make.label(), model=make.training(max_length=1000))
    stages.run.accelerate_config = "accelerate_configs/single_gpu.yaml"
    small = Hardware(8, 4, gpu_memory_gb=0.005)
    (line,) = misfits(tmp_path, stages, small, [stages.stages[1]])
    assert line.startswith("model: needs ") and "\n" not in line
    assert len(list(misfits(tmp_path, stages, small, stages.stages))) == 2
    assert not list(misfits(tmp_path, stages, Hardware(8, 4), stages.stages))


def test_a_warning_where_nothing_was_measured(make, known):
    stages = make.chain(label=make.label(), refine=make.refine(), model=make.training())
    (warning,) = estimate(stages, replace(known, speeds={}), None, NODE).warnings
    assert warning.startswith("label, refine: speed unknown: measure it with benchmarks/gpu.py")


def test_a_sample_run_tells_the_speeds(make, known, finish, tmp_path):
    used = {"device": "H", "kind": "gpu", "devices": 2, "seconds": 5.0, "tokens": 3000, "peak_memory_gb": 1.0}
    summary = {"stage": "label", "rows_in": 20, "rows_kept": 2, "removed": {"fit": 18}}
    corpus_summary = {"stage": "corpus", "rows_in": 30, "rows_kept": 3, "removed": {"too_short": 27}, "documents": 10}
    of_corpus = used | {"kind": "core", "devices": 1, "tokens": None}
    corpus = finish(tmp_path / "corpus", corpus_summary | {"used": of_corpus}, "tokens", [50, 100, 150])
    finish(tmp_path / "label", summary | {"used": used}, "instruction_tokens", [8, 12])
    other = Measured("I", (Record("label", None, None, None, 9.0, 1.0, 1, None, "", ""),))
    found = lines(estimate(make.chain(corpus=make.corpus(), label=make.label()), known, corpus, NODE, [other]))
    assert found["label"].work.speed.number == 3000 / 10
    assert found["label"].work.speed.device == "H"
    assert found["corpus"].work.device_seconds == pytest.approx(found["corpus"].work.rows_in / (30 / 5))
