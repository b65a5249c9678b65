"""The chat template: what it writes, and what training and the engines rely on."""

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerBase

SYSTEM = {"role": "system", "content": "你是助手。"}
QUESTION = {"role": "user", "content": "水的沸点是多少？"}
ANSWER = {"role": "assistant", "content": "一百摄氏度。\n常压下。"}
NEXT = {"role": "user", "content": "{{ 那么冰点呢？ }}"}
LAST = {"role": "assistant", "content": "零度。"}

CONVERSATIONS = {
    "one turn": [QUESTION, ANSWER],
    "system": [SYSTEM, QUESTION, ANSWER],
    "two turns": [SYSTEM, QUESTION, ANSWER, NEXT, LAST],
    "an empty question": [{"role": "user", "content": ""}, ANSWER],
    "spaces around the text": [{"role": "user", "content": " 问 \n"}, {"role": "assistant", "content": "\n答 "}],
}


@pytest.fixture(scope="module")
def tokenizer(tiny_model) -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(tiny_model)


def encode(tokenizer: PreTrainedTokenizerBase, chat: list[dict], **options) -> list[int]:
    return tokenizer.apply_chat_template(chat, tokenize=True, return_dict=True, **options)["input_ids"]


def test_the_template_under_test_is_the_recipes(repository, tokenizer):
    text = (repository / "recipes" / "prompts" / "chatml.jinja").read_text(encoding="utf-8")
    assert tokenizer.chat_template == text


@pytest.mark.parametrize(
    ("chat", "generation", "text"),
    [
        (
            [SYSTEM, QUESTION, ANSWER],
            False,
            "<|im_start|>system\n你是助手。<|im_end|>\n<|im_start|>user\n水的沸点是多少？<|im_end|>\n"
            "<|im_start|>assistant\n一百摄氏度。\n常压下。<|im_end|>",
        ),
        (
            [QUESTION],
            True,
            "<|im_start|>user\n水的沸点是多少？<|im_end|>\n<|im_start|>assistant\n",
        ),
        (
            [NEXT],
            False,
            "<|im_start|>user\n{{ 那么冰点呢？ }}<|im_end|>",
        ),
    ],
    ids=["conversation", "prompt", "a text that looks like jinja"],
)
def test_template_writes_chatml(tokenizer, chat, generation, text):
    assert tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=generation) == text


@pytest.mark.parametrize("chat", CONVERSATIONS.values(), ids=CONVERSATIONS)
def test_the_prompt_is_a_token_prefix_of_the_conversation(tokenizer, chat):
    whole = encode(tokenizer, chat)
    prompt = encode(tokenizer, chat[:-1], add_generation_prompt=True)
    assert whole[: len(prompt)] == prompt
    assert tokenizer.decode(whole[len(prompt) :]) == chat[-1]["content"] + "<|im_end|>"


@pytest.mark.parametrize("chat", CONVERSATIONS.values(), ids=CONVERSATIONS)
def test_a_conversation_ends_with_eos(tokenizer, chat):
    whole = encode(tokenizer, chat)
    assert tokenizer.eos_token == "<|im_end|>"
    assert whole[-1] == tokenizer.eos_token_id != tokenizer.pad_token_id
    assert whole.count(tokenizer.eos_token_id) == len(chat)


@pytest.mark.parametrize("chat", CONVERSATIONS.values(), ids=CONVERSATIONS)
def test_the_assistant_mask_is_the_answers_and_their_end_of_turn(tokenizer, chat):
    encoded = tokenizer.apply_chat_template(chat, tokenize=True, return_dict=True, return_assistant_tokens_mask=True)
    masked = zip(encoded["input_ids"], encoded["assistant_masks"], strict=True)
    trained = tokenizer.decode([token for token, mask in masked if mask])
    answers = [turn["content"] + "<|im_end|>" for turn in chat if turn["role"] == "assistant"]
    assert trained == "".join(answers)
