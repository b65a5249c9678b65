import json
import shutil

import pytest
from transformers import AutoTokenizer

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


def test_turn_tokens_that_only_the_vocabulary_knows(make_config, model):
    """As in Yi's base models: without being told, the tokenizer would split them into letters."""
    file = model / "tokenizer.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    turns = ("<|im_start|>", "<|im_end|>")
    content["model"]["vocab"] |= {token["content"]: token["id"] for token in content["added_tokens"]}
    content["added_tokens"] = [token for token in content["added_tokens"] if token["content"] not in turns]
    file.write_text(json.dumps(content), encoding="utf-8")
    change(model, eos_token="<|endoftext|>", extra_special_tokens=[])
    before = AutoTokenizer.from_pretrained(model)
    assert len(before(turns[0])["input_ids"]) > 1
    tokenizer = load(make_config, model)
    chat = tokenizer.apply_chat_template([{"role": "user", "content": "a"}], tokenize=False)
    ids = tokenizer.convert_tokens_to_ids(turns)
    assert ids == before.convert_tokens_to_ids(turns)
    assert [token for token in tokenizer(chat)["input_ids"] if token in ids] == list(ids)
    assert len(tokenizer) == len(before)
    tokenizer.save_pretrained(model)
    assert AutoTokenizer.from_pretrained(model)(chat)["input_ids"] == tokenizer(chat)["input_ids"]


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
