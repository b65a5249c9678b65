"""Speeds from records: which count for a device and a model, and the errors on a wrong file."""

import json
import math

import pytest

from kun_recipes.chain.plan.measured import Measured, Record, load_measured, speeds
from kun_recipes.errors import ConfigError

LABEL = {
    **{"stage": "label", "model_parameters": 8e9, "dtype": "bfloat16", "rows": 10, "tokens": 1000, "seconds": 5.0},
    **{"devices": 2, "peak_memory_gb": 30.5, "date": "2026-11-28", "command": "a test"},
}


def record(**values) -> Record:
    return Record(**LABEL | values)


def of(device: str, *records: Record, kind="gpu") -> Measured:
    return Measured(device, records, kind, f"{device}.json")


def test_a_speed_is_that_of_one_device():
    (speed,) = speeds([of("H", record())], "gpu", "H", 8e9).values()
    assert (speed.number, speed.device) == (1000 / 10, "H")
    assert speed.source == "H.json (a test): 1,000 tokens in 10 s of one gpu"


def test_several_records_of_a_stage_are_one_measurement():
    both = of("H", record(), record(tokens=4000, seconds=10.0, devices=1))
    assert speeds([both], "gpu", "H", 8e9)["label"].number == 5000 / 20


def test_the_corpus_stage_counts_rows():
    assert speeds([of("X", record(stage="corpus", tokens=None), kind="core")], "core", None, 8e9)["corpus"].number == 1


@pytest.mark.parametrize(
    ("parameters", "speed"),
    [(8e9, 100), (4e9, 200), (16e9, 50), (3.9e9, None), (17e9, None)],
)
def test_a_speed_is_scaled_to_a_model_half_or_twice_as_large_and_no_further(parameters, speed):
    found = speeds([of("H", record())], "gpu", "H", parameters)
    assert found["label"].number == pytest.approx(speed) if speed else not found
    if speed not in (100, None):
        assert found["label"].source.endswith("scaled from 8 G parameters")


def test_a_model_that_is_not_named_is_the_recipes_own():
    assert speeds([of("H", record(model_parameters=None))], "gpu", "H", 1e6)["label"].number == 100


@pytest.mark.parametrize(
    ("device", "kind", "found"),
    [
        ("B", "gpu", {"label": "B", "judge": "A"}),
        ("A", "gpu", {"label": "A", "judge": "A"}),
        ("unheard of", "gpu", {"label": "A", "judge": "A"}),
        (None, "gpu", {"label": "A", "judge": "A"}),
        ("B", "core", {"label": "C"}),
    ],
)
def test_the_runs_own_device_comes_first_and_then_others_of_its_kind(device, kind, found):
    measured = [
        of("A", record(), record(stage="judge")),
        of("B", record(tokens=2)),
        of("C", record(tokens=3), kind="core"),
    ]
    by_stage = speeds(measured, kind, device, 8e9)
    assert {stage: speed.device for stage, speed in by_stage.items()} == found


def test_a_file_of_the_folder_is_read(tmp_path):
    (tmp_path / "h.json").write_text(json.dumps({"device": "H", "records": [LABEL]}), encoding="utf-8")
    assert load_measured(tmp_path) == [Measured("H", (record(),), "gpu", str(tmp_path / "h.json"))]
    assert load_measured(tmp_path / "none") == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"records": []}, "device: is missing"),
        ({"device": "H", "kind": "tpu", "records": []}, "kind: must be one of gpu, core, not 'tpu'"),
        ({"device": "H", "records": [LABEL | {"second": 1}]}, "records[0].second: unknown key; did you mean seconds?"),
        ({"device": "H", "records": [LABEL | {"seconds": 0}]}, "records[0].seconds: must be above 0, not 0"),
        ({"device": "H", "records": [LABEL | {"tokens": math.inf}]}, "records[0].tokens: must be"),
        ({"device": "H", "records": [LABEL | {"devices": "two"}]}, "records[0].devices: must be a whole number"),
        (
            {"device": "H", "records": [LABEL | {"tokens": None}]},
            "records[0].tokens: is null, so no speed can be computed",
        ),
    ],
)
def test_mistakes_name_file_and_key(tmp_path, content, message):
    file = tmp_path / "h.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        load_measured(tmp_path)
    assert str(error.value).startswith(f"{file}: {message}")
    assert "\n" not in str(error.value)


def test_the_files_of_the_repository_are_read(repository):
    files = load_measured(repository / "benchmarks" / "measured")
    assert {one.kind for one in files} == {"core", "gpu"}
    assert all(record.command for one in files for record in one.records)
