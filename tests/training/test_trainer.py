from itertools import pairwise

import pytest
import torch
from trl import SFTTrainer

from kun_recipes.training.checkpoints import RunFolder
from kun_recipes.training.data import load_data
from kun_recipes.training.formatting import load_tokenizer
from kun_recipes.training.sft import build_trainer
from kun_recipes.training.trainer import conversation_lengths

pytestmark = pytest.mark.slow

PACKED = {"packing": True, "max_length": 200}
WAYS = {"padded": {}, "padding_free": {"padding_free": True}, "packed": PACKED}


@pytest.fixture
def make_trainer(make_config):
    def make(**changes):
        config = make_config(**{"per_device_train_batch_size": 4, "use_cpu": True, **changes})
        tokenizer = load_tokenizer(config, config.model_name_or_path)
        return build_trainer(
            config, config.model_name_or_path, tokenizer, load_data(config, tokenizer), RunFolder(config)
        )

    return make


@pytest.fixture
def trainer(make_trainer):
    return make_trainer()


@pytest.mark.parametrize("items", [None, torch.tensor(90)])
@pytest.mark.parametrize("way", WAYS)
def test_loss_and_gradient_equal_those_of_trl(make_trainer, way, items):
    trainer = make_trainer(**WAYS[way])
    batch = next(iter(trainer.get_train_dataloader()))
    if way == "padded":
        assert (batch["attention_mask"] == 0).any()  # the rows differ in length
    else:
        assert batch["input_ids"].shape[0] == 1
        assert (batch["position_ids"] == 0).sum() > 2  # conversations in the row
    results = []
    for compute_loss in (trainer.compute_loss, super(type(trainer), trainer).compute_loss):
        trainer.model.zero_grad()
        loss = compute_loss(trainer.model, dict(batch), num_items_in_batch=items)
        loss.backward()
        results.append(
            [loss.detach(), *(weight.grad for weight in trainer.model.parameters() if weight.requires_grad)]
        )
    torch.testing.assert_close(*results, rtol=1e-4, atol=1e-6)


def test_logits_are_computed_for_the_answers_alone(trainer, monkeypatch):
    batch = next(iter(trainer.get_train_dataloader()))
    shapes = []
    head = trainer.model.get_output_embeddings()
    head.register_forward_hook(lambda module, arguments, logits: shapes.append(logits.shape))
    trainer.compute_loss(trainer.model, batch)
    answers = (batch["labels"][:, 1:] != -100).any(dim=0).sum()
    assert [shape[1] for shape in shapes] == [answers]
    assert answers < batch["input_ids"].shape[1]


def texts(trainer, dataset):
    """(conversation, trained text) of each, from a tokenised dataset, packed or not."""
    found = []
    for row in dataset:
        start = 0
        for length in row.get("seq_lengths", [len(row["input_ids"])]):
            ids, labels = row["input_ids"][start : start + length], row["labels"][start : start + length]
            trained = [label for label in labels if label != -100]
            found.append((trainer.processing_class.decode(ids), trainer.processing_class.decode(trained)))
            start += length
        assert start == len(row["input_ids"])
    return found


def test_packing_neither_cuts_nor_loses_a_conversation_and_trains_the_answers_alone(make_trainer):
    packed, padded = make_trainer(**PACKED), make_trainer()
    assert len(packed.train_dataset) < len(padded.train_dataset)
    assert max(len(row["seq_lengths"]) for row in packed.train_dataset) > 1
    assert sorted(texts(packed, packed.train_dataset)) == sorted(texts(padded, padded.train_dataset))
    assert all(answer.endswith("。<|im_end|>") for _, answer in texts(packed, packed.train_dataset))
    assert sorted(conversation_lengths(packed.train_dataset)) == sorted(conversation_lengths(padded.train_dataset))


@pytest.mark.parametrize("way", ["padding_free", "packed"])
def test_the_label_behind_a_boundary_is_not_trained(make_trainer, way):
    """The last token of a conversation would else predict the first of the next."""
    trainer = make_trainer(**WAYS[way])
    for batch in trainer.get_train_dataloader():
        begins = batch["position_ids"] == 0
        assert (batch["labels"][begins] == -100).all()
        assert (batch["input_ids"][begins] == trainer.processing_class.convert_tokens_to_ids("<|im_start|>")).all()
        ends = (batch["labels"] == trainer.processing_class.eos_token_id).sum()
        assert ends == begins.sum()


@pytest.mark.parametrize("way", ["padding_free", "packed"])
@pytest.mark.parametrize("attention", ["eager", "sdpa", "varlen_sdpa"])
def test_the_loss_of_a_shared_row_is_that_of_its_conversations_alone(make_trainer, way, attention):
    trainer = make_trainer(attn_implementation=attention, **WAYS[way])
    batch = next(iter(trainer.get_train_dataloader()))
    starts = [*(batch["position_ids"][0] == 0).nonzero().flatten().tolist(), batch["input_ids"].shape[1]]
    total, trained = 0.0, 0
    for start, end in pairwise(starts):
        one = {key: batch[key][:, start:end] for key in ("input_ids", "labels")}
        one["attention_mask"] = torch.ones_like(one["input_ids"])
        answers = (one["labels"][:, 1:] != -100).sum().item()
        total += trainer.compute_loss(trainer.model, one).item() * answers
        trained += answers
    assert trainer.compute_loss(trainer.model, batch).item() == pytest.approx(total / trained, rel=1e-5)


@pytest.mark.parametrize("eval_batch", [1, 4])
def test_held_out_loss_is_the_same_with_every_batching(make_trainer, eval_batch):
    losses = [
        make_trainer(**way, per_device_eval_batch_size=eval_batch, held_out_share=0.4).evaluate()["eval_loss"]
        for way in WAYS.values()
    ]
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-5)


def test_padding_free_draws_the_same_conversations_as_padding(make_trainer):
    batches = []
    for way in ("padded", "padding_free"):
        torch.manual_seed(0)
        for batch in make_trainer(**WAYS[way]).get_train_dataloader():
            seen = batch["attention_mask"].bool() if way == "padded" else batch["input_ids"].bool() | True
            batches.append(batch["input_ids"][seen].tolist())
    half = len(batches) // 2
    assert batches[:half] == batches[half:]


def test_length_grouping_pads_less_and_shuffles_each_epoch(make_trainer, tmp_path):
    seeds = tmp_path / "spread.jsonl"
    lines = [f'{{"instruction": "问{n}", "output": "{"答" * (n * 37 % 100 + 1)}"}}' for n in range(100)]
    seeds.write_text("\n".join(lines), encoding="utf-8")
    shares = {}
    for strategy in ("random", "group_by_length"):
        trainer = make_trainer(seeds=str(seeds), train_sampling_strategy=strategy)
        loader = trainer.get_train_dataloader()
        epochs = []
        for epoch in (0, 1, 0):
            loader.set_epoch(epoch)
            epochs.append([batch["attention_mask"] for batch in loader])
        lengths = [[mask.sum(dim=1).tolist() for mask in masks] for masks in epochs]
        assert lengths[0] != lengths[1]
        assert lengths[0] == lengths[2]
        shares[strategy] = 1 - sum(mask.sum() for mask in epochs[0]) / sum(mask.numel() for mask in epochs[0])
    assert shares["group_by_length"] < shares["random"] / 2


@pytest.mark.parametrize("way", WAYS)
def test_gradient_checkpointing_changes_no_weight(make_trainer, way):
    results = []
    for checkpointing in (False, True):
        trainer = make_trainer(gradient_checkpointing=checkpointing, max_steps=2, save_strategy="no", **WAYS[way])
        trainer.train()
        assert trainer.model.is_gradient_checkpointing == checkpointing
        results.append([weight.detach() for weight in trainer.model.parameters() if weight.requires_grad])
    torch.testing.assert_close(*results)


def test_nothing_is_sent_and_no_card_is_written(trainer, tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("telemetry")

    monkeypatch.setattr("trl.trainer.base_trainer.send_telemetry", refuse)
    monkeypatch.delenv("CI", raising=False)
    trainer._send_telemetry()
    trainer.create_model_card(model_name="x")
    assert not list(tmp_path.rglob("README.md"))
    with pytest.raises(AssertionError, match="telemetry"):
        SFTTrainer._send_telemetry(trainer)
