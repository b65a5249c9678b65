"""benchmarks/gpu.py: models of a size, limits of a card, the plan of the runs, and the command on a CPU."""

import json
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import gpu
import gpu_session
import pytest
from gpu_cards import (
    CARDS,
    Card,
    Work,
    bytes_moved,
    common_beginning,
    flops,
    least_seconds,
    mfu,
    plan_training,
)
from gpu_generation import PROBE, fitting_rows
from gpu_models import FAMILIES, TOKENS, Shape, make_model, make_tokenizer, shape_of, shape_of_folder
from gpu_parts import PARTS, Settings, make_runs
from gpu_processes import one_device, run_elsewhere
from gpu_prompts import LENGTHS, TASKS, make_prompts
from gpu_results import generation_table, plan_records, tokens, training_table, write_measured
from transformers import AutoConfig, AutoModelForCausalLM
from trl.trainer.utils import get_peak_flops

from kun_recipes.errors import UserError
from kun_recipes.models.engines.chats import ChatTokenizer

QWEN3_8B = Shape(4096, 12_288, 36, 32, 8, 128, 151_936, tied=False, bias=False)
"""Qwen3-8B as published: 8.19e9 parameters, 6.95e9 of them not embeddings."""
SMALL = Shape(width=4, inner=8, layers=2, heads=2, key_heads=1, head_size=2, vocabulary=10, tied=True, bias=False)
SLOW_CARD = Card(bandwidth=100.0, flops=1000.0, memory=1e9, source="a test")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("parameters", [2e6, 1e8, 1e9, 4e9, 8e9, 34e9, 70e9])
def test_a_shape_has_about_as_many_weights_as_asked(family, parameters):
    shape = shape_of(family, parameters)
    assert shape.parameters == pytest.approx(parameters, rel=0.02)
    assert shape.heads == shape.key_heads * FAMILIES[family].heads_per_key
    assert shape.width == shape.heads * shape.head_size


@pytest.mark.parametrize(
    ("family", "width", "layers", "key_heads", "tied"),
    [("qwen3", 4096, 36, 8, False), ("llama", 4096, 32, 8, False), ("qwen2", 3584, 28, 4, False)],
)
def test_eight_billion_weights_are_shaped_as_the_familys_own(family, width, layers, key_heads, tied):
    shape = shape_of(family, 8e9)
    assert (shape.width, shape.key_heads, shape.tied) == (width, key_heads, tied)
    assert abs(shape.layers - layers) <= 2
    assert shape.inner == pytest.approx(FAMILIES[family].inner * width, rel=0.05)


def test_weights_are_counted_as_published():
    assert QWEN3_8B.products == pytest.approx(6.95e9, rel=0.002)
    assert QWEN3_8B.parameters == pytest.approx(8.19e9, rel=0.002)


def test_too_few_weights_are_refused():
    with pytest.raises(UserError, match="too small for a model of the family qwen2"):
        shape_of("qwen2", 1000)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("gpu-models")
    for family in FAMILIES:
        make_model(family, 2e6, folder / family)
    return {family: folder / family for family in FAMILIES}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_made_model_has_the_weights_of_its_shape(made, family):
    shape = shape_of_folder(made[family])
    assert shape == shape_of(family, 2e6)
    model = AutoModelForCausalLM.from_pretrained(made[family])
    norms = sum(weight.numel() for name, weight in model.named_parameters() if "norm" in name)
    assert model.num_parameters() == shape.parameters + norms
    assert model.config.model_type == family


def test_existing_model_is_reused(made):
    before = (made["llama"] / "model.safetensors").stat()
    make_model("llama", 2e6, made["llama"])
    assert (made["llama"] / "model.safetensors").stat().st_mtime_ns == before.st_mtime_ns


def test_a_model_that_was_interrupted_is_made_again(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model/config.json").write_text("{}", encoding="utf-8")
    make_model("qwen3", 2e6, tmp_path / "model")
    assert AutoConfig.from_pretrained(tmp_path / "model").model_type == "qwen3"


def test_a_mixture_of_experts_is_refused(tmp_path, made):
    config = json.loads((made["qwen3"] / "config.json").read_text(encoding="utf-8"))
    (tmp_path / "config.json").write_text(json.dumps(config | {"num_experts": 8}), encoding="utf-8")
    with pytest.raises(UserError, match="not a dense model"):
        shape_of_folder(tmp_path)


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"no config\.json; give the folder of a model"):
        shape_of_folder(tmp_path)


def test_the_tokenizer_is_made_of_the_repository_alone_and_the_same_each_time():
    one, other = make_tokenizer(), make_tokenizer()
    assert one.get_vocab() == other.get_vocab()
    assert len(one) == TOKENS
    text = "家里做四川泡菜，关键是起好一坛盐水。🥬"
    assert one.decode(one(text)["input_ids"]) == text


def test_prompts_differ_from_each_other_and_have_the_asked_lengths(made):
    chats = ChatTokenizer.load(made["qwen3"])
    for task in TASKS:
        rows = chats.encode(make_prompts(task, 300, chats, LENGTHS, seed=1))
        assert len(set(map(tuple, rows))) == 300
    label = [len(row) for row in chats.encode(make_prompts("label", 300, chats, LENGTHS, seed=1))]
    assert 128 < sum(label) / 300 < 512
    assert make_prompts("label", 3, chats, LENGTHS, seed=1) != make_prompts("label", 3, chats, LENGTHS, seed=2)


@pytest.mark.parametrize(
    ("rows", "common"),
    [([[1, 2, 3], [1, 2, 4], [1, 2]], 2), ([[1, 2]], 2), ([[1], [2]], 0), ([[5, 1, 1], [5, 1, 2], [5, 3]], 1)],
)
def test_shared_prefix_is_counted(rows, common):
    assert common_beginning(rows) == common


@pytest.mark.parametrize("name", CARDS)
def test_data_sheets_agree_with_trls_table(name):
    listed = get_peak_flops(name, "bfloat16")
    if listed is None:  # it has no GeForce
        assert "GeForce" in name
    else:
        assert CARDS[name].flops == pytest.approx(listed, rel=0.001)
    assert CARDS[name].source


@pytest.mark.parametrize(
    "name", ["NVIDIA GH200 480GB", "NVIDIA H100 80GB HBM3 MIG 1g.10gb", "NVIDIA GeForce RTX 4090 D", "Intel Xeon"]
)
def test_a_card_with_another_name_has_no_limits(name):
    assert CARDS.get(name) is None


def test_operations_by_hand():
    # two layers: q and o 2 x 4x4, k and v 2 x 4x2, three of 4x8; the output embedding 40
    assert SMALL.products == 2 * (32 + 16 + 96)
    work = Work(rows=2, read=12, shared=2, written=4)
    assert work.computed == 12 - 2 + 4 - 2
    attention = 4 * 2 * 2 * 2 * ((12 + 4) / 2 / 2)
    assert flops(SMALL, work) == 12 * (2 * 288 + attention) + 4 * 2 * 40


def test_bytes_by_hand():
    work = Work(rows=2, read=12, shared=0, written=4)
    weights, per_token = 2 * (288 + 40), 2 * 2 * 2 * 2
    # both rows at a time: two steps read the weights; an answer's token sees 6 prompt tokens and one answer token
    assert bytes_moved(SMALL, work, SLOW_CARD) == 2 * weights + 4 * 7 * per_token
    # with room for one row's keys and values, twice as many steps
    narrow = replace(SLOW_CARD, memory=weights + 10 * per_token)
    assert bytes_moved(SMALL, work, narrow) == 4 * weights + 4 * 7 * per_token


def test_the_nearer_limit_holds():
    work = Work(rows=2, read=12, shared=0, written=4)
    fast = replace(SLOW_CARD, bandwidth=1e12)
    assert least_seconds(SMALL, work, fast) == (flops(SMALL, work) / 1000, "FLOPs")
    quick = replace(SLOW_CARD, flops=1e12)
    assert least_seconds(SMALL, work, quick) == (bytes_moved(SMALL, work, quick) / 100, "bandwidth")


def test_limits_of_an_8b_model_on_an_h100_are_plausible():
    card = CARDS["NVIDIA H100 80GB HBM3"]
    work = Work(rows=4096, read=4096 * 400, shared=0, written=4096 * 48)
    seconds, _ = least_seconds(QWEN3_8B, work, card)
    assert 50_000 < (work.read + work.written) / seconds < 75_000  # 989e12 / (2 x 7e9), less attention and logits


def test_mfu_is_useful_operations_of_those_possible():
    card = CARDS["NVIDIA H100 80GB HBM3"]
    assert mfu(10_000, 6 * 8e9, card) == pytest.approx(10_000 * 48e9 / 989e12)
    assert mfu(10_000, 6 * 8e9, None) is None
    assert mfu(10_000, None, card) is None


@pytest.mark.parametrize(
    ("parameters", "memory", "lora", "tokens"),
    [
        (4e9, 85e9, 0, 5120),
        (8e9, 85e9, 64, 16_384),
        (4e9, 150e9, 0, 16_384),
        (8e9, 150e9, 64, 16_384),
        (4e9, 25e9, 64, 9216),
        (8e9, None, 0, 1024),
    ],
)
def test_all_weights_are_trained_where_they_fit(parameters, memory, lora, tokens):
    plan = plan_training(parameters, memory, 1024)
    assert (plan.lora_rank > 0) == (lora > 0)
    assert plan.batch_tokens == tokens


@pytest.mark.parametrize(
    ("probe_seconds", "seconds", "rows"), [(1.0, 9.0, 8 * PROBE), (1.0, 100.0, 4096), (50.0, 20.0, PROBE)]
)
def test_rows_fit_the_time(probe_seconds, seconds, rows):
    assert fitting_rows(4096, probe_seconds, seconds) == rows


SETTINGS = Settings(
    only=PARTS,
    model="model",
    rows=4096,
    speculative_tokens=4,
    training_models={8_000: "large", 4_000: "small"},
    tiny=False,
    device="NVIDIA H200",
    memory=150e9,
    attention="flash_attention_3",
    has_vllm=True,
    engine_options=frozenset({"max_sequences", "speculative_tokens"}),
)


def names(**changes) -> tuple[list[str], list[str]]:
    runs, lines = make_runs(replace(SETTINGS, **changes))
    return [run.name for run in runs], lines


def test_all_parts_are_run():
    found, lines = names()
    assert found == [
        "label, judge, polish by vllm",
        "label, judge, polish by LLM.generate",
        "label by vllm, 128 sequences",
        "label, polish by vllm, 4 speculative tokens",
        "label, judge, polish by transformers",
        "training 8e+03, packed",
        "training 4e+03, packed",
        "training 4e+03, padding_free",
        "training 8e+03, padding_free",
        "training 4e+03, packed, sdpa",
    ]
    assert lines == []


@pytest.mark.parametrize(
    ("only", "runs"),
    [
        (("judge",), ["judge by vllm", "judge by LLM.generate"]),
        (("sequences",), ["label by vllm", "label by vllm, 128 sequences"]),
        (("speculation",), ["label, polish by vllm", "label, polish by vllm, 4 speculative tokens"]),
        (("transformers",), ["label, judge, polish by transformers"]),
    ],
)
def test_each_part_runs_alone_with_its_reference(only, runs):
    assert names(only=only)[0] == runs


def test_parts_that_cannot_be_run_here_are_named():
    found, lines = names(has_vllm=False, only=("label", "sequences", "transformers"))
    assert found == ["label, judge, polish by transformers"]
    assert lines == ["label, sequences: skipped, because vLLM is not installed; see docs/gpus.md"]
    found, lines = names(engine_options=frozenset({"max_sequences"}), only=("sequences", "speculation"))
    assert found == ["label by vllm", "label by vllm, 128 sequences"]
    assert lines == ["speculation: skipped, because EngineSettings of this version has no speculative_tokens"]


def test_sdpa_is_not_measured_twice_without_flash_attention():
    found, lines = names(only=("training",), attention="sdpa")
    assert [name for name in found if "sdpa" in name] == ["training 4e+03, packed, varlen_sdpa"]
    assert lines == ["training: flash attention is not installed, so sdpa is the default"]


def test_others_are_asked_the_same_rows():
    runs, _ = make_runs(SETTINGS)
    asked = [run.what(1.0, {"label": 900, "judge": 800, "polish": 700})["asked"] for run in runs[:5]]
    assert asked[1]["rows"] == {"label": 900, "judge": 800, "polish": 700} and asked[1]["fixed"]
    assert asked[2]["rows"] == {"label": 900} and asked[2]["options"] == {"max_sequences": 128}
    assert asked[3]["options"] == {"speculative_tokens": 4}
    assert asked[4]["rows"]["label"] == 512 and not asked[4]["fixed"]
    assert not runs[1].what(1.0, {})["asked"]["fixed"]


LABEL = {"way": "vllm", "parameters": None, "task": "label", "rows": 100, "read": 30_000, "shared": 10}
LABEL |= {"written": 4_800, "seconds": 10.0, "peak_memory_gb": None}
TRAINED = {"way": "packed", "parameters": 4_000, "task": "training", "rows": 50, "tokens": 20_000, "seconds": 4.0}
TRAINED |= {"updates": 5, "mfu": 0.4, "peak_memory_gb": 70.0, "attention": "sdpa", "dtype": "bfloat16"}
TRAINED |= {"lora_rank": 0, "batch_tokens": 4096}


def test_a_table_has_rates_and_ratios():
    limit = LABEL | {"way": "LLM.generate", "seconds": 8.0}
    card = CARDS["NVIDIA H200"]
    rows = generation_table("title", [LABEL, limit], QWEN3_8B, card).rows
    assert rows[0][:9] == ("label", "vllm", "100", "10.0", "10.00", "3,381", "480", "0.80", "1.00")
    assert rows[1][7:9] == ("1.00", "1.25")
    seconds, which = least_seconds(QWEN3_8B, Work(100, 30_000, 10, 4_800), card)
    assert rows[0][9] == f"{seconds / 10:.0%} of {which}"
    assert generation_table("title", [LABEL], QWEN3_8B, None).rows[0][7:] == ("–", "1.00", "–")
    assert training_table("title", [TRAINED]).rows == (
        ("4e+03", "packed", "sdpa", "all", "5", "4,000", "5,000", "40.0%", "70.0"),
    )


def test_only_production_settings_become_plan_records():
    others = [LABEL | {"way": way} for way in ("LLM.generate", "vllm, 128 sequences", "transformers")]
    trainings = [TRAINED, TRAINED | {"way": "packed, sdpa"}, TRAINED | {"lora_rank": 64}]
    records = plan_records([LABEL, *others], 8_000, "bfloat16", 1, "command") + plan_records(
        trainings, None, None, 1, "command"
    )
    assert [(record["stage"], record["model_parameters"], record["tokens"]) for record in records] == [
        ("label", 8_000, tokens(LABEL)),
        ("training", 4_000, 20_000),
    ]
    assert records[0]["command"] == "command --only label"
    assert tokens(LABEL) == 30_000 - 99 * 10 + 4_800


def test_a_later_call_replaces_what_it_measured_and_keeps_the_rest(tmp_path):
    records = plan_records([LABEL, LABEL | {"task": "judge"}], 8_000, "bfloat16", 1, "command")
    file = write_measured(tmp_path, "NVIDIA H100 80GB HBM3", True, records)
    assert file.name == "nvidia-h100-80gb-hbm3.json"
    write_measured(tmp_path, "NVIDIA H100 80GB HBM3", True, [records[0] | {"seconds": 5.0}])
    content = json.loads(file.read_text(encoding="utf-8"))
    assert (content["device"], content["kind"]) == ("NVIDIA H100 80GB HBM3", "gpu")
    assert [(record["stage"], record["seconds"]) for record in content["records"]] == [("judge", 10.0), ("label", 5.0)]


@pytest.mark.parametrize(("visible", "first"), [(None, "0"), ("3,5", "3"), ("GPU-1a,GPU-2b", "GPU-1a"), ("", "")])
def test_one_card_is_measured(visible, first):
    assert one_device({} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}) == first


def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """Let `run_elsewhere` start a script of this content; `report(line)` in it writes a report."""
    write = "import os, pathlib, subprocess, sys, time\ndef report(line):\n    pathlib.Path(sys.argv[2]).open('a')"
    (tmp_path / "gpu_measure.py").write_text(f"{write}.write(line + '\\n')\n{body}", encoding="utf-8")
    monkeypatch.setattr("gpu_processes.__file__", str(tmp_path / "gpu_processes.py"))


def test_results_reported_before_a_crash_are_kept(tmp_path, monkeypatch):
    stand_in(tmp_path, monkeypatch, 'report(\'{"task": "label"}\')\nos._exit(9)')
    lines = list(run_elsewhere({}, 30, tmp_path / "logs/run"))
    assert lines[0] == {"task": "label"}
    assert lines[1] == {"failed": f"the process ended with exit code 9; see {tmp_path}/logs/run.log"}


def test_failure_is_reported_once(tmp_path, monkeypatch):
    stand_in(tmp_path, monkeypatch, 'report(\'{"failed": "no memory"}\')\nsys.exit(1)')
    assert list(run_elsewhere({}, 30, tmp_path / "run")) == [{"failed": "no memory"}]


def test_processes_end_with_their_time(tmp_path, monkeypatch):
    child = "subprocess.Popen(['sleep', '60'])"
    stand_in(
        tmp_path, monkeypatch, f"child = {child}\nreport('{{\"child\": ' + str(child.pid) + '}}')\ntime.sleep(60)"
    )
    begun = time.monotonic()
    lines = list(run_elsewhere({}, 3, tmp_path / "run"))
    assert time.monotonic() - begun < 15
    assert lines[1]["failed"].startswith("not finished after 3 s; raise --minutes")
    state = Path("/proc", str(lines[0]["child"]), "stat")
    assert not state.exists() or state.read_text(encoding="utf-8").rpartition(") ")[2][0] in "ZX"


@pytest.fixture
def reports(monkeypatch) -> list[tuple]:
    """Arguments of the runs, each of which takes no time and fails at polish."""
    told = []

    def run(what, seconds, files):
        told.append((files.name, seconds, what))
        reported = {key: value for key, value in LABEL.items() if key not in ("way", "parameters")}
        for task in what["asked"]["tasks"]:
            yield {"task": task, "failed": "why"} if task == "polish" else reported | {"task": task}

    monkeypatch.setattr(gpu_session, "run_elsewhere", run)
    return told


def test_a_failure_is_one_line_and_the_others_go_on(tmp_path, reports, capsys):
    session = gpu_session.Session(tmp_path, minutes=12, tiny=False)
    session.measure(make_runs(replace(SETTINGS, only=("polish", "sequences")))[0])
    assert session.failed
    assert [(line["way"], line["task"]) for line in session.found] == [
        ("vllm", "label"),
        ("vllm, 128 sequences", "label"),
    ]
    assert "label, polish by vllm, polish: failed: why\n" in capsys.readouterr().out


def test_time_that_is_left_is_shared_by_those_behind(tmp_path, reports):
    session = gpu_session.Session(tmp_path, minutes=10, tiny=False)
    runs = make_runs(replace(SETTINGS, only=("label", "sequences")))[0]
    session.measure(runs)
    shares = [run.share for run in runs]
    given = [seconds for _, seconds, _ in reports]
    assert given[0] == pytest.approx(600 * shares[0] / sum(shares), rel=0.01)
    assert given[-1] == pytest.approx(600, rel=0.01)


def test_a_run_without_time_is_named(tmp_path, reports, capsys):
    session = gpu_session.Session(tmp_path, minutes=0.1, tiny=False)
    session.measure(make_runs(replace(SETTINGS, only=("label",)))[0])
    assert session.failed and not reports
    assert "label by vllm: failed: no time is left; raise --minutes" in capsys.readouterr().out


def test_an_interrupted_call_shows_what_it_measured(tmp_path, made, monkeypatch, capsys):
    machine = {"on_gpu": True, "device": "NVIDIA H200", "memory": 150e9, "dtype": "bfloat16", "devices": 1}

    def run(what, seconds, files):
        if what["kind"] == "machine":
            yield machine | {"attention": "sdpa"}
        elif what["asked"]["engine"] == "vllm":
            yield {key: value for key, value in LABEL.items() if key not in ("way", "parameters")}
        else:
            raise KeyboardInterrupt

    monkeypatch.setattr(gpu_session, "run_elsewhere", run)
    monkeypatch.setattr(gpu, "vllm_version", lambda: "0.32.0")
    words = ["--only", "label", "--model", str(made["qwen3"]), "--folder", str(tmp_path), "--measured", str(tmp_path)]
    monkeypatch.setattr("sys.argv", ["gpu.py", *words])
    assert gpu.measure(gpu.arguments()) == 1
    shown = capsys.readouterr().out
    assert "limits: 4.8 TB/s, 989 TFLOPS; NVIDIA H200 Tensor Core GPU datasheet" in shown
    assert "| label | vllm | 100 | 10.0 | 10.00 |" in shown
    (record,) = json.loads((tmp_path / "nvidia-h200.json").read_text(encoding="utf-8"))["records"]
    assert record["command"] == "python benchmarks/gpu.py --family qwen3 --model qwen3 --only label"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_command_rehearses_on_a_cpu(tmp_path, gpu_command):
    only = ["transformers", "training"] if find_spec("vllm") else ["label", "transformers", "training"]
    done = gpu_command("--tiny", "--folder", str(tmp_path), "--minutes", "12", "--only", *only)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "its limits and the MFU are omitted" in done.stdout
    if "label" in only:
        assert "label: skipped, because vLLM is not installed; see docs/gpus.md\n" in done.stdout
    for task in TASKS:
        assert f"| {task} | transformers | 16 |" in done.stdout
    for way, attention in (("packed", "varlen_sdpa"), ("padding_free", "varlen_sdpa"), ("packed", "sdpa")):
        assert f"| 2e+06 | {way} | {attention} | all |" in done.stdout
    (file,) = (tmp_path / "measured").iterdir()
    records = json.loads(file.read_text(encoding="utf-8"))["records"]
    assert [record["stage"] for record in records] == ["training", "training"]
    assert all(record["tokens"] > 0 and record["seconds"] > 0 for record in records)


@pytest.mark.slow
def test_without_a_gpu_one_line_says_what_to_do(tmp_path, gpu_command):
    done = gpu_command("--folder", str(tmp_path))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("torch finds no GPU")
