import pytest
import torch
from accelerate import Accelerator
from transformers import GPTNeoXConfig, LlamaConfig, Qwen2ForCausalLM, TrainerControl, TrainerState

from kun_recipes.training import throughput
from kun_recipes.training.throughput import Throughput, device_peak, flops_per_token

PAD = 0
PADDED = {
    "input_ids": torch.tensor([[5, 6, 7, 8], [5, 6, PAD, PAD]]),
    "attention_mask": torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]]),
    "labels": torch.tensor([[-100, -100, 7, 8], [-100, 6, -100, -100]]),
}
SHARED_ROW = {
    "input_ids": torch.tensor([[5, 6, 7, 8, 5, 6, PAD, PAD]]),  # padded to a multiple of eight
    "position_ids": torch.tensor([[0, 1, 2, 3, 0, 1, 0, 0]]),
    "labels": torch.tensor([[-100, -100, 7, 8, -100, 6, -100, -100]]),
}
STEP = {"args": None, "state": TrainerState(max_steps=9), "control": TrainerControl(should_log=True)}


@pytest.fixture
def clock(monkeypatch):
    """Each look at the clock is two seconds after the one before."""
    times = iter(range(0, 1000, 2))
    monkeypatch.setattr(throughput.time, "perf_counter", lambda: next(times))


@pytest.mark.parametrize("batch", [PADDED, SHARED_ROW], ids=["padded", "one row"])
def test_tokens_are_counted_by_kind(clock, batch):
    meter = Throughput(Accelerator(cpu=True), PAD)
    meter.on_step_begin(**STEP)
    meter.count(batch)
    meter.on_step_end(**STEP)
    speed = {"tokens_per_second": 4.0, "useful_tokens_per_second": 3.0, "trained_tokens_per_second": 1.5}
    assert meter.log() == {**speed, "padding_share": 0.25}
    summary = meter.summary()
    used = summary.pop("used")
    assert (used["kind"], used["devices"], used["seconds"], used["tokens"]) == ("core", 1, 2.0, 6)
    assert summary == {
        "padding_share": 0.25,
        "throughput": {"processes": 1, **speed, "mfu": None, "peak_memory_gb": None},
    }


def test_tokens_are_summed_at_logged_steps_only(clock):
    meter = Throughput(Accelerator(cpu=True), PAD)
    silent = {**STEP, "control": TrainerControl()}
    for _ in range(3):
        meter.on_step_begin(**silent)
        meter.count(PADDED)
        meter.on_step_end(**silent)
    assert meter.counted == [0, 0, 0]
    meter.on_step_begin(**STEP)
    meter.count(PADDED)
    meter.on_step_end(**STEP)
    assert (meter.counted, meter.seconds) == ([32, 24, 12], 2.0)  # one interval of four steps


def test_resumed_run_keeps_the_counts_and_restarts_the_clock(clock):
    first = Throughput(Accelerator(cpu=True), PAD)
    first.on_step_begin(**STEP)
    first.count(PADDED)
    first.on_step_end(**STEP)
    second = Throughput(Accelerator(cpu=True), PAD)
    second.on_train_begin(None, TrainerState(stateful_callbacks={"Throughput": first.state()}), None)
    second.on_step_begin(**STEP)
    second.count({**PADDED, "attention_mask": torch.ones_like(PADDED["input_ids"])})
    second.on_step_end(**STEP)
    assert second.state()["attributes"]["counted"] == [16, 14, 6]
    assert second.summary()["padding_share"] == 0.125
    assert second.summary()["throughput"]["tokens_per_second"] == 4.0


def test_mfu_is_the_share_of_useful_operations_in_the_peak(clock):
    meter = Throughput(Accelerator(cpu=True), PAD, flops=1e9, peak_flops=12e9)
    meter.on_step_begin(**STEP)
    meter.count(PADDED)
    meter.on_step_end(**STEP)
    assert meter.log()["mfu"] == 0.25  # 3 useful tokens per second


SHAPE = LlamaConfig(
    vocab_size=1000, hidden_size=64, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4, head_dim=16
)


def test_flops_are_six_per_weight_plus_causal_attention(tiny_model):
    layers, heads, head_size = 3, 4, 16
    weights = 1000 * 64 + layers * (4 * 64 * 64 + 3 * 64 * 96)  # the embedding is looked up, the head is multiplied
    lengths = [10, 30]
    pairs = sum(length * length / 2 for length in lengths)  # of a query and a key
    attention = layers * 12 * heads * head_size * pairs / sum(lengths)
    assert flops_per_token(SHAPE, lengths, lora=False) == pytest.approx(6 * weights + attention)
    model = Qwen2ForCausalLM.from_pretrained(tiny_model)
    own = model.num_parameters() - sum(
        w.numel() for name, w in model.named_parameters() if "norm" in name or "bias" in name
    )
    assert flops_per_token(model.config, [1], lora=False) == pytest.approx(6 * own, rel=0.01)


def test_lora_flops_leave_out_the_gradient_of_frozen_weights():
    assert flops_per_token(SHAPE, [20], lora=True) == pytest.approx(flops_per_token(SHAPE, [20], lora=False) * 2 / 3)


def test_a_model_of_another_shape_has_no_count_of_operations():
    assert flops_per_token(GPTNeoXConfig(), [20], lora=False) is None


class OnGpu:
    device = torch.device("cuda")

    def __init__(self, mixed_precision):
        self.mixed_precision = mixed_precision


@pytest.mark.parametrize(
    ("name", "mixed_precision", "weights", "peak"),
    [
        ("NVIDIA A800-SXM4-80GB", "bf16", torch.float32, 312e12),
        ("NVIDIA A100-SXM4-80GB", "bf16", torch.float32, 312e12),
        ("NVIDIA H100 80GB HBM3", "no", torch.bfloat16, 989e12),
        ("NVIDIA H100 80GB HBM3", "no", torch.float32, None),
        ("NVIDIA GeForce GTX 1080", "fp16", torch.float32, None),
    ],
)
def test_peak_depends_on_device_and_number_format(monkeypatch, name, mixed_precision, weights, peak):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: name)
    assert device_peak(OnGpu(mixed_precision), weights) == peak


def test_a_cpu_has_no_known_peak():
    assert device_peak(Accelerator(cpu=True), torch.bfloat16) is None
