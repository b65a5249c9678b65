"""Training renders a conversation exactly as an engine asks for its answer: system turns, thoughts, arguments."""

import json
import shutil
from pathlib import Path

import pytest

from kun_recipes.errors import UserError
from kun_recipes.models.engines.chats import ChatTokenizer
from kun_recipes.training import sft
from kun_recipes.training.checkpoints import RunFolder
from kun_recipes.training.data import load_data
from kun_recipes.training.formatting import load_tokenizer

OPENING = "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
ASSISTANT = "<|im_start|>assistant\n{% generation %}{{ m['content'] + '<|im_end|>' }}{% endgeneration %}"
OTHERS = "<|im_start|>{{ m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}"
TURNS = (
    "{% for m in messages %}{% if m['role'] == 'assistant' %}" + ASSISTANT + "{% if not loop.last %}{{ '\n' }}"
    "{% endif %}{% else %}" + OTHERS + "{% endif %}{% endfor %}"
)
OFF = "enable_thinking is defined and not enable_thinking"
THOUGHT = "{{ '<think>\n\n</think>\n\n' }}"
SWITCH = "{% if add_generation_prompt and " + OFF + " %}" + THOUGHT + "{% endif %}"
REFUSING = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
DROPPING = "{% set messages = messages|rejectattr('role', 'equalto', 'system')|list %}"
PLAIN = TURNS + OPENING
SWITCHED = TURNS + OPENING + SWITCH
THINKING_IN_TURNS = SWITCHED.replace(
    "{% generation %}", "{% if " + OFF + " %}" + THOUGHT + "{% endif %}{% generation %}"
)
ALWAYS = TURNS + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n<think>\n' }}{% endif %}"


@pytest.fixture
def make(make_config, tiny_model, tmp_path):
    """A function that makes the config of a training whose base model has another chat template."""

    def make(template: str, **changes):
        folder = shutil.copytree(tiny_model, tmp_path / "base", dirs_exist_ok=True)
        (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
        return make_config(model_name_or_path=str(folder), **changes)

    return make


def build(config):
    tokenizer = load_tokenizer(config, config.model_name_or_path)
    data = load_data(config, tokenizer)
    return sft.build_trainer(config, config.model_name_or_path, tokenizer, data, RunFolder(config)), data


def asked(config, conversation, turns: int, **arguments) -> list[int]:
    """The tokens with which an engine asks for the answer behind the first `turns` turns."""
    chats = ChatTokenizer.load(Path(config.model_name_or_path), arguments=arguments)
    return chats.encode([(conversation["prompt"] + conversation["completion"])[:turns]])[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("template", "arguments"),
    [
        (PLAIN, {}),
        (REFUSING + PLAIN, {}),
        (DROPPING + PLAIN, {}),
        (SWITCHED, {"enable_thinking": True}),
        (THINKING_IN_TURNS, {}),
        (THINKING_IN_TURNS, {"enable_thinking": True}),
        ("{{ language }}" + PLAIN, {"language": "中文", "level": 3}),
    ],
    ids=["plain", "refuses system", "drops system", "thinks", "thoughts in turns", "and thinks", "arguments"],
)
@pytest.mark.parametrize("packing", [False, True])
def test_trained_answer_follows_the_prompt_of_the_engine(make, judges, template, arguments, packing):
    given = {"chat_template_kwargs": arguments} if arguments else {}
    config = make(template, **judges, **given, packing=packing)
    trainer, data = build(config)
    rows = [row["input_ids"] for row in trainer.train_dataset]
    for conversation in data.training:
        roles = [turn["role"] for turn in conversation["prompt"] + conversation["completion"]]
        for place in (place for place, role in enumerate(roles) if role == "assistant"):
            beginning = asked(config, conversation, place, **arguments)
            text = trainer.processing_class.decode(beginning)
            assert any(text in trainer.processing_class.decode(row) for row in rows)


@pytest.mark.parametrize("template", [REFUSING + PLAIN, DROPPING + PLAIN], ids=["refusing", "dropping"])
def test_system_turn_of_a_judge_is_part_of_the_first_turn(make, judges, template):
    config = make(template, **judges)
    data = load_data(config, load_tokenizer(config, config.model_name_or_path))
    judged = data.training[-1]
    assert [turn["role"] for turn in judged["prompt"]] == ["user"]
    kept = make(PLAIN, **judges)
    system, first = load_data(kept, load_tokenizer(kept, kept.model_name_or_path)).training[-1]["prompt"]
    assert judged["prompt"][0]["content"] == f"{system['content']}\n\n{first['content']}"


@pytest.mark.parametrize(
    ("template", "arguments", "header"),
    [
        (SWITCHED, {}, r"<think>\n\n</think>\n\n'"),
        (SWITCHED, {"enable_thinking": False}, r"<think>\n\n</think>\n\n'"),
        (ALWAYS, {}, r"<think>\n'"),
    ],
)
def test_a_thought_that_only_the_prompt_has_is_refused_in_one_line(make, template, arguments, header):
    config = make(template, chat_template_kwargs=arguments)
    with pytest.raises(UserError) as caught:
        load_data(config, load_tokenizer(config, config.model_name_or_path))
    message = str(caught.value)
    assert message.startswith(f"the chat template of {config.model_name_or_path}: writes '")
    assert header in message
    assert "\n" not in message


def test_a_thought_that_only_the_last_answer_has_is_refused_for_judges_alone(make, judges):
    only_last = THINKING_IN_TURNS.replace("{% if " + OFF + " %}", "{% if loop.last and " + OFF + " %}", 1)
    config = make(only_last, chat_template_kwargs={"enable_thinking": False})
    load_data(config, load_tokenizer(config, config.model_name_or_path))
    config = make(only_last, **judges)
    with pytest.raises(UserError, match="before an answer in generation, but not in training"):
        load_data(config, load_tokenizer(config, config.model_name_or_path))


def test_a_conversation_that_the_template_refuses_is_an_error_in_one_line(make, judges):
    short = "{% if messages|length > 2 %}{{ raise_exception('one question only') }}{% endif %}"
    config = make(short + REFUSING + PLAIN, **judges)
    with pytest.raises(UserError, match=r"rejects a conversation \(one question only\); set chat_template_path"):
        load_data(config, load_tokenizer(config, config.model_name_or_path))


def test_engines_ask_a_trained_model_with_the_arguments_of_its_training(make):
    folder = Path(make("{{ language }}" + SWITCHED).model_name_or_path)
    config = {"chat_template_kwargs": {"enable_thinking": True, "language": "中文"}}
    (folder / "train_summary.json").write_text(json.dumps({"config": config}), encoding="utf-8")
    prompt = [{"role": "user", "content": "问"}]
    header = "<|im_start|>user\n问<|im_end|>\n<|im_start|>assistant\n"

    def read(**arguments) -> str:
        chats = ChatTokenizer.load(folder, arguments=arguments)
        return chats.tokenizer.decode(chats.encode([prompt])[0])

    assert read() == f"中文{header}"
    assert read(language="汉语") == f"汉语{header}"
    assert read(enable_thinking=False) == f"中文{header}<think>\n\n</think>\n\n"
    (folder / "train_summary.json").write_text(json.dumps({"config": {"chat_template_kwargs": None}}))
    assert read() == f"{header}<think>\n\n</think>\n\n"
