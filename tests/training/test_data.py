import json
import re
from collections import Counter

import pytest

from kun_recipes.errors import UserError
from kun_recipes.training.data import load_data
from kun_recipes.training.formatting import load_tokenizer
from kun_recipes.training.mixture import DatasetMixture, MixedDataset


@pytest.fixture
def load(make_config):
    def load(**changes):
        config = make_config(**changes)
        return load_data(config, load_tokenizer(config, config.model_name_or_path))

    return load


def test_pairs_are_split_and_laid_out(load):
    data = load()
    assert (data.pairs, len(data.training) + len(data.held_out), data.removed) == (12, 12, [])
    assert data.held_out
    assert data.judge_items == 0


def test_a_long_pair_is_removed_not_cut(load, seeds, capsys):
    with seeds.open("a", encoding="utf-8") as file:
        file.write('\n{"instruction": "长", "output": "' + "很" * 200 + '"}\n')
    data = load(max_length=400)
    assert [(row.where, row.reason) for row in data.removed] == [(f"{seeds}:13", "too_long")]
    assert data.pairs == 12
    assert capsys.readouterr().err == f"train: removed 1 too_long ({seeds}:13)\n"


def test_a_pair_as_long_as_allowed_is_kept(load, make_config):
    config = make_config(max_length=400)
    tokenizer = load_tokenizer(config, config.model_name_or_path)
    seeds = load().training + load().held_out
    longest = max(len(tokenizer.apply_chat_template(row["prompt"] + row["completion"])["input_ids"]) for row in seeds)
    assert load(max_length=longest).removed == []
    assert load(max_length=longest - 1).removed != []


MARKED = ("按<|im_end|>\n<|im_start|>user\n还有吗", "<|endoftext|>", "一<|im_start|>")


@pytest.mark.parametrize("text", MARKED)
@pytest.mark.parametrize("column", ["instruction", "output"])
@pytest.mark.parametrize("where", ["seeds", "mix"])
def test_pair_with_a_chat_marker_is_removed(load, seeds, tmp_path, text, column, where):
    row = json.dumps({"instruction": "长", "output": "短"} | {column: text}, ensure_ascii=False)
    file = seeds if where == "seeds" else tmp_path / "mix.jsonl"
    good = json.dumps({"instruction": "甲", "output": "乙<b>丙</b>"}, ensure_ascii=False)
    with file.open("a", encoding="utf-8") as lines:
        lines.write(f"\n{row}\n{good}\n")
    data = load() if where == "seeds" else load(dataset_mixture=DatasetMixture([MixedDataset(str(file))]))
    assert [row.reason for row in data.removed] == ["chat_marker"]
    assert data.pairs == 13


def test_judge_item_with_a_chat_marker_is_refused(load, judges):
    with open(judges["judge_data"][0], "r+", encoding="utf-8") as file:
        text = file.read().replace("filter是", "filter是<|im_end|>")
        file.seek(0)
        file.write(text)
    with pytest.raises(
        UserError, match=r"judge.jsonl: an item, or its prompt file, contains the chat marker <\|im_end\|>"
    ):
        load(**judges)


def test_no_pair_within_max_length_is_an_error(load, seeds):
    with pytest.raises(UserError, match=f"{seeds}: no usable training pair within max_length: 16 tokens; 12 too_long"):
        load(max_length=16)


def test_half_of_the_judge_items_are_mixed_in(load, judges):
    data = load(**judges)
    pairs = data.pairs - len(data.held_out)
    assert data.judge_items == 12  # of 24
    assert len(data.training) - pairs == 4  # 6 items a judge, 4 a conversation
    assert load(**judges, judge_passes=3).training[pairs + 4 :] != []


def judge_conversations(data):
    return [row for row in data.training if row["prompt"][0]["role"] == "system"]


def verdicts(conversations):
    return sorted(
        turn["content"] for row in conversations for turn in row["completion"] if turn["role"] == "assistant"
    )


def test_long_judge_conversations_are_parted_and_none_is_cut(load, judges, make_config):
    tokenizer = load_tokenizer(make_config(), make_config().model_name_or_path)

    def tokens(conversation):
        return len(tokenizer.apply_chat_template(conversation["prompt"] + conversation["completion"])["input_ids"])

    judges |= {"judge_turns": 6}
    whole = judge_conversations(load(**judges))
    longest = max(map(tokens, whole))
    parted = judge_conversations(load(**judges | {"max_length": longest - 1}))
    assert (len(whole), len(parted)) == (2, 3)
    assert max(map(tokens, parted)) < longest
    assert verdicts(parted) == verdicts(whole)
    alone = max(map(tokens, judge_conversations(load(**judges | {"judge_turns": 1}))))
    assert len(judge_conversations(load(**judges | {"max_length": alone}))) > len(parted)
    with pytest.raises(
        UserError,
        match=rf"judge\.jsonl: an item with its judge's system turn has {alone} tokens, "
        f"more than max_length: {alone - 1}; raise max_length or remove the item: 指令：score",
    ):
        load(**judges | {"max_length": alone - 1})


def test_items_of_the_answer_judge_are_mixed_in(load, judges, answer_data, repository):
    plain = load(**judges)
    files = [*judges["judge_data"], str(answer_data)]
    prompt = str(repository / "recipes/prompts/answer_judge.txt")
    data = load(**judges | {"judge_data": files, "answer_prompt": prompt})
    assert data.judge_items == plain.judge_items + 8  # of 16, those of two segments
    added = [row for row in judge_conversations(data) if row not in judge_conversations(plain)]
    asked = "".join(turn["content"] for row in added for turn in row["prompt"] + row["completion"])
    assert sorted(Counter(re.findall("材料：段[0-3]", asked)).values()) == [4, 4]
    assert judge_conversations(plain) == [row for row in judge_conversations(data) if row not in added]
    with pytest.raises(
        UserError, match=r"answers.jsonl: contains items of the answer judge; set answer_prompt: recipes/"
    ):
        load(**judges | {"judge_data": files})
    with pytest.raises(UserError, match=r"judge.jsonl: the answer judge has 0 items labelled 好"):
        load(**judges | {"answer_prompt": prompt})
    with pytest.raises(
        UserError, match=r"the last turn must contain the fields \{instruction\}, \{output\}, \{segment\}"
    ):
        load(**judges | {"judge_data": files, "answer_prompt": judges["score_prompt"]})


def test_a_prompt_without_its_field(load, tmp_path, judges):
    prompt = tmp_path / "prompt.txt"
    prompt.write_text("[user]\n没有字段\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"the last turn must contain the fields \{segment\}"):
        load(direction="backward", label_prompt=str(prompt))
    with pytest.raises(UserError, match=r"the last turn must contain the fields \{instruction\}"):
        load(**{**judges, "score_prompt": str(prompt)})


def instructions(conversations):
    return {row["prompt"][0]["content"] for row in conversations}


def test_subsets_are_nested_and_share_the_held_out_pairs(load):
    whole, few, more = load(), load(train_rows=3), load(train_rows=6)
    assert few.held_out == more.held_out == whole.held_out
    assert instructions(few.training) < instructions(more.training) < instructions(whole.training)
    assert (len(few.training), len(more.training)) == (3, 6)
    assert few.pairs == 3 + len(few.held_out)
    assert {row.reason for row in few.removed} == {"not_in_subset"}
    assert few.pairs + len(few.removed) == 12


def test_rows_outside_the_subset_are_not_listed(load, capsys):
    load(train_rows=3)
    assert capsys.readouterr().err == ""


def test_train_rows_above_the_available_rows_is_an_error(load, seeds):
    there = len(load().training)
    assert len(load(train_rows=there).training) == there
    with pytest.raises(UserError, match=f"train_rows: 12 rows were requested, but {seeds} has only {there} training"):
        load(train_rows=12)


def test_other_sets_are_mixed_in_and_never_held_out(load, tmp_path):
    mixed = tmp_path / "mix.jsonl"
    plain = load()
    held_out = plain.held_out[0]["prompt"][0]["content"]
    rows = [{"instruction": f"别的{number}", "output": "答"} for number in range(40)]
    rows.append({"instruction": held_out, "output": "泄漏"})
    mixed.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    data = load(dataset_mixture=DatasetMixture([MixedDataset(str(mixed), weight=0.25)]), train_rows=5)
    assert data.held_out == plain.held_out
    assert held_out not in instructions(data.training)
    assert sum(instruction.startswith("别的") for instruction in instructions(data.training)) == 10
    removed = {"duplicate_instruction": 1, "not_in_mix": 30}
    assert data.mixed == [{"source": str(mixed), "rows_in": 41, "rows_kept": 10, "removed": removed}]
    assert data.pairs == len(data.training) + len(data.held_out)
    assert data.pairs + len(data.removed) == 12 + 41


@pytest.mark.parametrize(("size", "held_out"), [(None, 0.1), (0.25, 0.25), (100, 0.25)])
def test_a_mixture_may_be_all_that_is_trained_on(load, tmp_path, size, held_out):
    file = tmp_path / "chats.jsonl"
    turns = [[{"role": "user", "content": f"问{n}"}, {"role": "assistant", "content": "答"}] for n in range(400)]
    file.write_text("\n".join(json.dumps({"messages": one}, ensure_ascii=False) for one in turns), encoding="utf-8")
    mixture = DatasetMixture([MixedDataset(str(file), columns=["messages"])], test_split_size=size)
    data = load(seeds=None, dataset_mixture=mixture)
    assert data.pairs == 400 == len(data.training) + len(data.held_out)
    assert abs(len(data.held_out) - 400 * held_out) < 30
    assert not set(instructions(data.training)) & set(instructions(data.held_out))


def test_more_than_half_of_a_mixture_is_not_held_out(load, seeds):
    mixture = DatasetMixture([MixedDataset(str(seeds))], test_split_size=1000)
    with pytest.raises(UserError, match="test_split_size: 1000 is more than half of the 12 pairs"):
        load(seeds=None, dataset_mixture=mixture)


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_conversations_are_trained_whole_by_the_chat_model_and_the_first_exchange_by_the_label_model(
    load, seeds, repository, capsys, direction
):
    rows = [
        {
            "conversations": [
                {"from": role, "value": f"{number}{role}{turn}"} for turn in "12" for role in ("human", "gpt")
            ]
        }
        for number in range(12)
    ]
    seeds.write_text("\n".join(json.dumps(row) for row in rows))
    label_prompt = {"label_prompt": str(repository / "recipes/prompts/label.txt")} if direction == "backward" else {}
    data = load(direction=direction, **label_prompt)
    answers = {len(row["completion"]) for row in data.training + data.held_out}
    said = capsys.readouterr().err
    assert said.startswith(f"{seeds}: read as sharegpt (conversations); 12 rows with several exchanges\n")
    assert answers == ({3} if direction == "forward" else {1})
    assert ("only the first exchange of " in said) == (direction == "backward")


def test_a_marker_in_a_later_turn_is_found(load, seeds):
    with seeds.open("a", encoding="utf-8") as file:
        file.write(
            "\n" + json.dumps({"instruction": "甲", "output": "乙", "history": [["丙", "丁"], ["戊", "<|im_end|>"]]})
        )
    assert [row.reason for row in load().removed] == ["chat_marker"]
