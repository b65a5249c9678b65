import json
import shutil
from dataclasses import replace

import pytest
from transformers import AutoTokenizer

from kun_recipes.curation.judge_data import JudgeItem
from kun_recipes.data.pairs import Pair
from kun_recipes.errors import UserError
from kun_recipes.models.prompts import load_prompt
from kun_recipes.training.formatting import backward, forward, judge_conversations, load_tokenizer

GENERATION = "{% generation %}{{ message['content'] }}{% endgeneration %}"
SEED = Pair("什么是盐？", "盐是{氯化钠}。", "seeds.jsonl:1")
ITEMS = [
    JudgeItem(judge, f"文{number}", "是" if judge == "filter" else "好", "")
    for number in range(7)
    for judge in ("filter", "score")
]


@pytest.fixture
def prompts(repository):
    folder = repository / "recipes" / "prompts"
    return {judge: load_prompt(folder / f"{judge}.txt", {"instruction"}) for judge in ("filter", "score")}


def test_forward_trains_the_output():
    assert forward(SEED) == {
        "prompt": [{"role": "user", "content": "什么是盐？"}],
        "completion": [{"role": "assistant", "content": "盐是{氯化钠}。"}],
    }


def test_all_answers_of_a_conversation_are_trained_forward_and_its_first_instruction_backward(repository):
    longer = replace(SEED, more=("有什么用？", "调味。"))
    turns = forward(longer)["prompt"] + forward(longer)["completion"]
    assert [turn["role"] for turn in turns] == ["user", "assistant"] * 2
    assert [turn["content"] for turn in turns] == ["什么是盐？", "盐是{氯化钠}。", "有什么用？", "调味。"]
    label_prompt = load_prompt(repository / "recipes" / "prompts" / "label.txt", {"segment"})
    assert backward(longer, label_prompt) == backward(SEED, label_prompt)


def test_backward_trains_the_instruction_behind_the_label_prompt(repository):
    label_prompt = load_prompt(repository / "recipes" / "prompts" / "label.txt", {"segment"})
    question = "请直接告诉我，以下回复最有可能对应的指令是什么：\n盐是{氯化钠}。"
    assert backward(SEED, label_prompt) == {
        "prompt": [{"role": "user", "content": question}],
        "completion": [{"role": "assistant", "content": "什么是盐？"}],
    }


def any_length(conversation):
    return True


def test_judge_items_share_the_prompt_of_their_judge(prompts):
    conversations = judge_conversations(ITEMS, prompts, turns=3, passes=1, seed=0, fits=any_length)
    assert [len(conversation["completion"]) for conversation in conversations] == [5, 5, 1, 5, 5, 1]
    first = conversations[0]
    assert first["prompt"][0] == prompts["filter"].system()[0]
    assert [turn["role"] for turn in first["prompt"] + first["completion"]] == ["system", *["user", "assistant"] * 3]
    assert first["prompt"][1]["content"].startswith("输入：文")
    assert {turn["content"] for turn in first["completion"] if turn["role"] == "assistant"} == {"是"}
    assert conversations[3]["prompt"][0] == prompts["score"].system()[0]


@pytest.mark.parametrize(
    ("longest", "turns", "sizes"),
    [
        (8, 3, [3, 3, 1]),
        (6, 3, [3, 3, 1]),
        (5, 3, [2, 2, 2, 1]),
        (2, 3, [1] * 7),
        (1, 3, [1] * 7),
        (6, 2, [2, 2, 2, 1]),
    ],
)
def test_conversation_over_the_limit_is_continued_in_another(prompts, longest, turns, sizes):
    """A single item is rendered at any length: the caller refuses it."""

    def fits(conversation):
        return len(conversation["prompt"][1:] + conversation["completion"]) <= longest

    prompt = {"filter": prompts["filter"]}
    found = judge_conversations(ITEMS, prompt, turns=turns, passes=1, seed=0, fits=fits)
    assert [(len(conversation["completion"]) + 1) // 2 for conversation in found] == sizes
    whole = judge_conversations(ITEMS, prompt, turns=7, passes=1, seed=0, fits=any_length)
    assert questions(found) == questions(whole)


def test_an_answer_is_judged_with_its_segment(repository):
    prompt = load_prompt(repository / "recipes/prompts/answer_judge.txt", {"segment", "instruction", "output"})
    items = [JudgeItem("answer", f"问{label}", label, "", f"答{label}", f"段{label}") for label in "好差"]
    [found] = judge_conversations(items, {"answer": prompt}, turns=2, passes=1, seed=0, fits=any_length)
    turns = found["prompt"] + found["completion"]
    assert turns[0] == prompt.system()[0]
    assert {
        (question["content"], answer["content"]) for question, answer in zip(turns[1::2], turns[2::2], strict=True)
    } == {(f"材料：段{label}\n指令：问{label}\n回答：答{label}", label) for label in "好差"}


def questions(conversations):
    turns = [turn for conversation in conversations for turn in conversation["prompt"] + conversation["completion"]]
    return [turn["content"] for turn in turns if turn["role"] == "user"]


def test_each_pass_has_each_item_once_in_its_own_order(prompts):
    asked = questions(judge_conversations(ITEMS, prompts, turns=3, passes=2, seed=0, fits=any_length))[:14]
    assert sorted(asked[:7]) == sorted(asked[7:]) == [f"输入：文{number}" for number in range(7)]
    assert asked[:7] != asked[7:]


def test_the_order_is_the_seeds(prompts):
    one, same, other = (judge_conversations(ITEMS, prompts, 3, 1, seed, any_length) for seed in (0, 0, 1))
    assert one == same != other


@pytest.fixture
def model(tiny_model, tmp_path):
    """A copy of the tiny model whose tokenizer may be changed."""
    return shutil.copytree(tiny_model, tmp_path / "copy")


def change(model, **values):
    file = model / "tokenizer_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


def load(make_config, model, **changes):
    return load_tokenizer(make_config(model_name_or_path=str(model), **changes), str(model))


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
    with pytest.raises(UserError, match="has no padding token other than EOS"):
        load(make_config, model)


def test_turn_tokens_that_only_the_vocabulary_knows(make_config, model):
    """As in Yi's base models: unless they are added tokens, the tokenizer would split them into letters."""
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
