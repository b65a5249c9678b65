import json
import shutil

import pytest

from kun_recipes.errors import UserError
from kun_recipes.training.tokenizer import load_tokenizer


@pytest.fixture
def model(tiny_model, tmp_path):
    """A copy of the tiny model whose tokenizer may be changed."""
    return shutil.copytree(tiny_model, tmp_path / "copy")


def change(model, **values):
    file = model / "tokenizer_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


def load(make_config, model, **changes):
    return load_tokenizer(make_config(model=str(model), **changes), str(model))


def test_eos_and_padding_are_two_tokens(make_config, model):
    tokenizer = load(make_config, model)
    assert (tokenizer.eos_token, tokenizer.pad_token) == ("<|im_end|>", "<|endoftext|>")


@pytest.mark.parametrize("pad_token", ["<|im_end|>", None])
def test_padding_with_eos_is_replaced(make_config, model, pad_token):
    change(model, pad_token=pad_token)
    assert load(make_config, model).pad_token == "<|endoftext|>"


def test_no_token_to_pad_with(make_config, model):
    change(model, pad_token="<|im_end|>", unk_token="<|im_end|>")
    text = (model / "tokenizer.json").read_text(encoding="utf-8").replace("<|endoftext|>", "<|end_of_document|>")
    (model / "tokenizer.json").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match="has no token to pad with other than EOS"):
        load(make_config, model)


def test_eos_outside_the_vocabulary(make_config, model):
    with pytest.raises(UserError, match=r"eos_token: <\|stop\|> is not in the vocabulary"):
        load(make_config, model, eos_token="<|stop|>")


GENERATION = "{% generation %}{{ message['content'] }}{% endgeneration %}"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ messages[0]['content'] }}", "has no {% generation %} block"),
        (
            "{% for message in messages %}<|im_start|>" + GENERATION + "<|im_end|>{% endfor %}",
            "does not end with eos_token",
        ),
    ],
)
def test_a_template_that_does_not_train_the_end_of_turn(make_config, model, tmp_path, template, message):
    file = tmp_path / "template.jinja"
    file.write_text(template, encoding="utf-8")
    with pytest.raises(UserError, match=f"{file}: .*{message}"):
        load(make_config, model, chat_template_path=str(file))


def test_the_models_own_template_is_named_when_it_is_at_fault(make_config, model):
    (model / "chat_template.jinja").write_text("{{ messages[0]['content'] }}", encoding="utf-8")
    with pytest.raises(UserError, match=f"the chat template of {model}: has no"):
        load(make_config, model)
