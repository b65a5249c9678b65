import pytest

from kun_recipes.curation.judge_data import JudgeItem
from kun_recipes.data.pairs import Pair
from kun_recipes.models.prompts import load_prompt
from kun_recipes.training.formatting import backward, forward, judge_conversations

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


def test_backward_trains_the_instruction_behind_the_label_prompt(repository):
    label_prompt = load_prompt(repository / "recipes" / "prompts" / "label.txt", {"output"})
    question = "请直接告诉我，以下回复最有可能对应的指令是什么：\n盐是{氯化钠}。"
    assert backward(SEED, label_prompt) == {
        "prompt": [{"role": "user", "content": question}],
        "completion": [{"role": "assistant", "content": "什么是盐？"}],
    }


def test_judge_items_share_the_prompt_of_their_judge(prompts):
    conversations = judge_conversations(ITEMS, prompts, turns=3, passes=1, seed=0)
    assert [len(conversation["completion"]) for conversation in conversations] == [5, 5, 1, 5, 5, 1]
    first = conversations[0]
    assert first["prompt"][0] == prompts["filter"].system()[0]
    assert [turn["role"] for turn in first["prompt"] + first["completion"]] == ["system", *["user", "assistant"] * 3]
    assert first["prompt"][1]["content"].startswith("输入：文")
    assert {turn["content"] for turn in first["completion"] if turn["role"] == "assistant"} == {"是"}
    assert conversations[3]["prompt"][0] == prompts["score"].system()[0]


def questions(conversations):
    turns = [turn for conversation in conversations for turn in conversation["prompt"] + conversation["completion"]]
    return [turn["content"] for turn in turns if turn["role"] == "user"]


def test_each_pass_has_each_item_once_in_its_own_order(prompts):
    asked = questions(judge_conversations(ITEMS, prompts, turns=3, passes=2, seed=0))[:14]
    assert sorted(asked[:7]) == sorted(asked[7:]) == [f"输入：文{number}" for number in range(7)]
    assert asked[:7] != asked[7:]


def test_the_order_is_the_seeds(prompts):
    one, same, other = (judge_conversations(ITEMS, prompts, 3, 1, seed) for seed in (0, 0, 1))
    assert one == same != other
