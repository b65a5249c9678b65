import pytest
import torch
from trl import SFTTrainer

from kun_recipes.training.checkpoints import RunFolder
from kun_recipes.training.data import load_data
from kun_recipes.training.sft import build_trainer
from kun_recipes.training.tokenizer import load_tokenizer


@pytest.fixture
def trainer(make_config):
    config = make_config(per_device_train_batch_size=4, use_cpu=True)
    tokenizer = load_tokenizer(config, config.model)
    return build_trainer(config, config.model, tokenizer, load_data(config, tokenizer), RunFolder(config))


@pytest.mark.parametrize("items", [None, torch.tensor(90)])
def test_the_loss_and_its_gradient_are_trls(trainer, items):
    batch = next(iter(trainer.get_train_dataloader()))
    assert (batch["attention_mask"] == 0).any()  # the rows differ in length
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
