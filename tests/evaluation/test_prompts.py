"""The prompts, letter for letter those of the page that the two benchmarks were run by."""

import pytest

from kun_recipes.evaluation.prompts import PromptBuilder, prompt_hash
from kun_recipes.evaluation.questions import Question, Source

SHOT = Question("ceval/dev/logic/0", "logic", "甲？", ("子", "丑", "寅", "卯"), "B")
ASKED = Question("ceval/val/logic/0", "logic", "乙{x}？", ("天", "地", "玄", "黄"), "C")
CEVAL = "以下是中国关于逻辑学考试的单项选择题，请选出其中的正确答案。\n{}\nA. {}\nB. {}\nC. {}\nD. {}\n答案: "
CMMLU = "以下是关于逻辑学的单项选择题，请直接给出正确答案的选项。\n题目：{}\nA. {}\nB. {}\nC. {}\nD. {}"


def turn(template, question):
    return template.format(question.stem, *question.options)


def builder(name, format, **more):
    return PromptBuilder(Source(name, "", 5).benchmark, format, **more)


def user(text):
    return [{"role": "user", "content": text}]


def of_cmmlu(question):
    return Question(question.id, "logical", question.stem, question.options, question.gold)


def test_cevals_plain_prompts():
    plain = builder("ceval", "plain")
    shot, asked = turn(CEVAL, SHOT) + "\nB", turn(CEVAL, ASKED)
    assert plain.generation_prompt(ASKED, [SHOT, SHOT]) == user(f"{shot}\n{shot}\n{asked}")
    before = f"{shot}\n\n\n{shot}\n\n\n\n\n{asked}\n"
    assert plain.choice_prompt(ASKED, [SHOT, SHOT]) == user(before)
    assert plain.choices == ["A", "B", "C", "D"]
    assert plain.full_text(ASKED, [SHOT, SHOT], "D") == before + "D"
    assert asked.endswith("答案: ")


def test_cmmlus_plain_prompts():
    plain, shot, asked = builder("cmmlu", "plain"), of_cmmlu(SHOT), of_cmmlu(ASKED)
    shown, last = turn(CMMLU, SHOT) + "\n答案是: B", turn(CMMLU, ASKED)
    assert plain.generation_prompt(asked, [shot, shot]) == user(f"{shown}\n{shown}\n{last}\n答案是: ")
    before = f"{shown}\n\n\n{shown}\n\n\n\n\n{last}\n"
    assert plain.choice_prompt(asked, [shot, shot]) == user(before)
    assert plain.choices == ["答案是: A", "答案是: B", "答案是: C", "答案是: D"]
    assert plain.full_text(asked, [shot, shot], "D") == before + "答案是: D"


@pytest.mark.parametrize("spacing", ["opencompass", "single"])
def test_without_shots_the_question_comes_first(spacing):
    plain = builder("ceval", "plain", spacing=spacing)
    assert plain.choice_prompt(ASKED, []) == user(turn(CEVAL, ASKED) + "\n")


def test_single_spacing_parts_all_turns_by_one_newline():
    plain = builder("ceval", "plain", spacing="single")
    shot = turn(CEVAL, SHOT) + "\nB\n"
    assert plain.choice_prompt(ASKED, [SHOT, SHOT]) == user(shot + shot + turn(CEVAL, ASKED) + "\n")


@pytest.mark.parametrize(
    ("name", "template", "answer", "as_asked"),
    [("ceval", CEVAL, "B", lambda question: question), ("cmmlu", CMMLU, "答案是: B", of_cmmlu)],
)
def test_in_a_chat_shots_are_earlier_turns(name, template, answer, as_asked):
    chat = builder(name, "chat")
    turns = [
        {"role": "user", "content": turn(template, SHOT)},
        {"role": "assistant", "content": answer},
        {"role": "user", "content": turn(template, ASKED)},
    ]
    assert chat.choice_prompt(as_asked(ASKED), [as_asked(SHOT)]) == turns
    assert chat.generation_prompt(as_asked(ASKED), [as_asked(SHOT)]) == turns


def test_the_hash_tells_prompts_apart():
    plain = builder("ceval", "plain")
    hashes = {prompt_hash(plain.choice_prompt(ASKED, shots)) for shots in ([], [SHOT])}
    hashes |= {
        prompt_hash(builder("ceval", "chat").choice_prompt(ASKED, [SHOT])),
        prompt_hash(plain.generation_prompt(ASKED, [SHOT])),
    }
    assert len(hashes) == 4
    assert prompt_hash([{"role": "user", "content": "你好"}]) == "260475b1b9aa3eed"
