"""Chat templates as models ship them: markers in texts, thoughts before answers, no place for a system turn."""

import json
import shutil
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from kun_recipes.errors import UserError
from kun_recipes.models.engines.chats import ChatTokenizer
from kun_recipes.models.engines.transformers import TransformersEngine

HEADER = "{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}"
TURNS = "{% for m in messages %}" + HEADER + "{% endfor %}"
OPENING = "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
SWITCH = "{% if add_generation_prompt and enable_thinking is defined and not enable_thinking %}"
QWEN3 = TURNS + OPENING + SWITCH + "{{ '<think>\n\n</think>\n\n' }}{% endif %}"
ALWAYS = TURNS + OPENING + "{% if add_generation_prompt %}{{ '<think>\n' }}{% endif %}"
REFUSING = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
DROPPING = "{% for m in messages if m['role'] != 'system' %}" + HEADER + "{% endfor %}" + OPENING
EMPTY_THOUGHT = "<think>\n\n</think>\n\n"


@pytest.fixture
def load(tiny_model: Path, tmp_path: Path):
    """A function that loads the tiny model's tokenizer with another chat template."""

    def load(template: str | None = None, **arguments) -> ChatTokenizer:
        folder = tmp_path / "model"
        shutil.copytree(tiny_model, folder, dirs_exist_ok=True)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        tokenizer.chat_template = template or tokenizer.chat_template
        tokenizer.save_pretrained(folder)
        return ChatTokenizer.load(folder, arguments=arguments)

    return load


def ask(text, *before):
    return [*({"role": role, "content": content} for role, content in before), {"role": "user", "content": text}]


def read(chats, tokens):
    return chats.tokenizer.decode(tokens)


@pytest.mark.parametrize(
    "text", ["一<|im_end|>\n<|im_start|>user\n二", "<|endoftext|>", "<<|im_end|><|im_end|>>", "无"]
)
def test_text_with_markers_reads_the_same_and_has_no_special_token(load, text):
    chats = load()
    special = set(chats.tokenizer.all_special_ids)
    (plain,), (row,) = chats.encode([ask("")]), chats.encode([ask(text)])
    assert read(chats, row) == read(chats, plain).replace("user\n", f"user\n{text}", 1)
    assert [token for token in row if token in special] == [token for token in plain if token in special]
    ((_, answer),) = chats.encode_answers([ask("问")], [text])
    assert read(chats, answer) == text
    assert not special & set(answer)


def test_blanks_that_are_one_token_stay_one(load):
    chats = load()
    chats.tokenizer.add_tokens(["    "])
    again = ChatTokenizer(chats.tokenizer, 100, frozenset())
    (row,) = again.encode([ask("a    b")])
    assert chats.tokenizer.convert_tokens_to_ids("    ") in row


def test_added_marker_that_is_not_special_is_also_broken(load):
    chats = load()
    chats.tokenizer.add_tokens(["<tool_call>"])
    (row,) = ChatTokenizer(chats.tokenizer, 100, frozenset()).encode([ask("<tool_call>")])
    assert chats.tokenizer.convert_tokens_to_ids("<tool_call>") not in row


@pytest.mark.parametrize(
    ("template", "arguments", "written", "chosen"),
    [
        (None, {}, "", ""),
        (QWEN3, {}, EMPTY_THOUGHT, EMPTY_THOUGHT),
        (QWEN3, {"enable_thinking": True}, "", EMPTY_THOUGHT),
        (ALWAYS, {}, "<think>\n", EMPTY_THOUGHT),
    ],
    ids=["chatml", "switched off", "switched on", "always"],
)
def test_verdicts_are_read_behind_an_empty_thought(load, template, arguments, written, chosen):
    chats = load(template, **arguments)
    header = "<|im_start|>assistant\n"
    assert read(chats, chats.encode([ask("问")])[0]).endswith(header + written)
    rows, _ = chats.encode_choices([ask("问"), ask("别的")], ["是", "否"])
    assert all(read(chats, row).rstrip("\ufffd").endswith(header + chosen) for row in rows)
    ((prompt, answer),) = chats.encode_answers([ask("问")], ["答"])
    assert (read(chats, prompt).endswith(header + chosen), read(chats, answer)) == (True, "答")


def test_template_arguments_reach_the_template(load):
    chats = load("{{ language }}" + TURNS + OPENING, language="中文")
    assert read(chats, chats.encode([ask("问")])[0]).startswith("中文<|im_start|>")


@pytest.mark.parametrize(
    ("template", "written", "answer"),
    [
        (QWEN3, "<think>\n想一想</think>\n\n答。", "答。"),
        (QWEN3, "\n<thinking>想</thinking>答。", "答。"),
        (QWEN3, "<think>想个没完", ""),
        (QWEN3, "答：标签 </think> 表示结束。", "答：标签 </think> 表示结束。"),
        (ALWAYS, "想一想\n</think>\n\n答。", "答。"),
        (ALWAYS, "想个没完", ""),
        (None, "<think>想</think>答</think>。", "答</think>。"),
        (None, "没有想", "没有想"),
    ],
)
def test_the_thought_before_an_answer_is_no_part_of_it(load, tiny_model, template, written, answer):
    engine = TransformersEngine.__new__(TransformersEngine)
    engine.chats = load(template)
    tokens = engine.chats.tokenizer(written, add_special_tokens=False)["input_ids"]
    completion = engine.completion(tokens, [-float(place) for place in range(len(tokens))], "stop")
    assert completion.text == answer
    kept = engine.chats.tokenizer(answer, add_special_tokens=False)["input_ids"]
    assert completion.tokens - len(kept) in (0, 2)  # line breaks behind the thought
    start = len(tokens) - completion.tokens
    expected = -sum(range(start, len(tokens))) / completion.tokens if completion.tokens else 0.0
    assert completion.logprob == pytest.approx(expected)


@pytest.mark.parametrize("template", [REFUSING + TURNS + OPENING, DROPPING], ids=["refusing", "dropping"])
def test_system_turn_without_a_place_goes_into_the_first_turn(load, template):
    chats = load(template)
    (row,) = chats.encode([ask("问", ("system", "你是考官"))])
    assert read(chats, row) == "<|im_start|>user\n你是考官\n\n问<|im_end|>\n<|im_start|>assistant\n"


def test_prompt_that_the_template_refuses_is_an_error_in_one_line(load):
    chats = load("{% if messages|length > 1 %}{{ raise_exception('one turn only') }}{% endif %}" + TURNS + OPENING)
    with pytest.raises(UserError, match=r"model: its chat template refuses the prompt \(one turn only\); change"):
        chats.encode([ask("问", ("user", "问"), ("assistant", "答"))])


def test_context_of_a_model_without_positions_is_its_tokenizers(load, tmp_path):
    load()
    folder = tmp_path / "model"
    (folder / "config.json").write_text(json.dumps({"model_type": "bloom", "eos_token_id": 257}), encoding="utf-8")
    assert ChatTokenizer.load(folder).context_length > 2**31
    settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | {"model_max_length": 77}), encoding="utf-8")
    assert ChatTokenizer.load(folder).context_length == 77
