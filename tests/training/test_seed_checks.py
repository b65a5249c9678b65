"""Seeds held to the rules on what is made from them: refused, kept, and located."""

import json
import re
from collections import Counter

import pytest

from kun_recipes.config.command_line import load
from kun_recipes.corpus.config import Benchmark
from kun_recipes.data.pairs import Pair, load_pairs
from kun_recipes.training.checkpoints import made_from
from kun_recipes.training.config import TrainConfig
from kun_recipes.training.data import load_data
from kun_recipes.training.formatting import load_tokenizer
from kun_recipes.training.mixture import DatasetMixture, MixedDataset
from kun_recipes.training.seed_checks import SeedChecks

ASKED, ANSWERED = "怎样泡好一杯绿茶？", "用八十五度左右的热水冲泡两三分钟，茶汤清亮时就可以喝了。"
QUESTION = "西汉的张骞出使西域前后一共用了多少年？"


@pytest.fixture
def checks(make_config, tmp_path):
    prompts = tmp_path / "prompts.txt"
    prompts.write_text(QUESTION, encoding="utf-8")
    return SeedChecks(make_config(seed_checks=["rules", "privacy"], benchmarks=[Benchmark(str(prompts), "prompts")]))


@pytest.mark.parametrize(
    ("pair", "reason"),
    [
        (Pair("怎样联系张老师？", "请拨打13912345678，张老师全天都在。"), "phone_number"),
        (Pair("请给zhangsan@qq.com写一封信。", ANSWERED), "email"),
        (Pair(ASKED, "抱歉，我无法回答这个问题。"), "refusal"),
        (Pair(ASKED, "多喝热水对身体很好，可以暖胃。" * 8), "repetition"),
        (Pair("请用上述方法再举一个例子。", ANSWERED), "missing_context"),
        (Pair(f"请回答：{QUESTION}", ANSWERED), "contaminated"),
        (Pair(ASKED, f"先看一道题：{QUESTION}答案是十三年。"), "contaminated"),
        (Pair(ASKED, ANSWERED, more=("还有吗？", "有事打13912345678找我。")), "phone_number"),
        (Pair(ASKED, ANSWERED, more=(QUESTION, "是十三年。")), "contaminated"),
    ],
)
def test_bad_seed_is_refused(checks, pair, reason):
    assert checks.find(pair) == reason


@pytest.mark.parametrize(
    "pair",
    [
        Pair(ASKED, ANSWERED),
        Pair("法国的首都是哪里？", "巴黎。"),
        Pair("把“早上好”译成英文。", "Good morning."),
        Pair("Translate into Chinese: The weather is fine today.", "今天天气很好。"),
        Pair("列出三种水果", "苹果、香蕉、橙子"),
        Pair("1+1=?", "等于2。"),
        Pair("写出下列单词的中文：\napple\nbanana", "1. 苹果\n2. 香蕉"),
        Pair(ASKED, ANSWERED, more=("把上面的内容翻译成英文", "Brew it in hot water for two or three minutes.")),
        Pair("把下面的句子翻译成英文。\n今天天气很好。", "The weather is fine today."),
        Pair("张骞是谁？", "西汉的使者，曾经出使西域。"),
        Pair("我国古代有哪些发明？", "造纸术、印刷术、火药和指南针常被称为四大发明。"),
        Pair("公安报警电话是多少？", "是110，火警是119，急救是120，全国都可以免费拨打。"),
    ],
)
def test_sound_seed_is_kept(checks, pair):
    assert checks.find(pair) is None


@pytest.mark.parametrize(
    ("asked", "reasons"),
    [
        (None, {}),
        (["privacy"], {"phone_number": 1}),
        (["rules"], {"refusal": 1}),
        (["rules", "privacy"], {"phone_number": 1, "refusal": 1}),
    ],
)
@pytest.mark.parametrize("where", ["seeds", "mix"])
def test_refused_seeds_are_located_and_counted(make_config, seeds, tmp_path, capsys, asked, reasons, where):
    bad = [("谁的电话？", "是13912345678。"), (ASKED, "抱歉，我无法回答这个问题。")]
    file = seeds if where == "seeds" else tmp_path / "mix.jsonl"
    with file.open("a", encoding="utf-8") as lines:
        for instruction, output in [*bad, ("甲是什么？", "甲是天干的第一位。")]:
            lines.write("\n" + json.dumps({"instruction": instruction, "output": output}, ensure_ascii=False))
    mix = {} if where == "seeds" else {"dataset_mixture": DatasetMixture([MixedDataset(str(file))])}
    config = make_config(seed_checks=asked, **mix)
    data = load_data(config, load_tokenizer(config, config.model_name_or_path))
    assert Counter(row.reason for row in data.removed) == reasons
    assert data.pairs == 12 + 3 - len(data.removed)
    shown = capsys.readouterr().err
    assert all(f"1 {reason} ({file}:" in shown for reason in reasons)


@pytest.mark.parametrize("stage", ["label_model", "primary_chat_model"])
def test_every_seed_of_the_demo_passes(in_repository, stage):
    config = load(TrainConfig, ["--config", f"recipes/demo/{stage}.yaml"])
    assert config.seed_checks == ["rules", "privacy"] and config.benchmarks
    checks = SeedChecks(config)
    for path in (config.seeds, *(one.id for one in config.dataset_mixture.datasets)):
        pairs, removed = load_pairs(path, "instruction", "output")
        assert [(pair.where, reason) for pair in pairs if (reason := checks.find(pair))] == []
        assert (len(pairs), removed) == (64, [])


def test_a_training_is_made_by_the_rules_of_the_package_that_its_seeds_were_held_to(make_config):
    assert {"rules.yaml", "privacy.yaml"} <= made_from(make_config(seed_checks=["rules"])).keys()
    assert not {"rules.yaml", "privacy.yaml"} & made_from(make_config()).keys()


def test_rules_file_of_the_run_holds_for_the_seeds(make_config, repository, tmp_path):
    package = (repository / "kun_recipes/rules/rules.yaml").read_text(encoding="utf-8")
    assert "\nrefusal:" in package
    own = tmp_path / "rules.yaml"
    own.write_text(re.sub(r"\nrefusal:.*?(?=\n\S)", "\nrefusal: null", package, flags=re.DOTALL), encoding="utf-8")
    refused = Pair(ASKED, "抱歉，我无法回答这个问题。")
    found = [SeedChecks(make_config(seed_checks=["rules"], rules=rules)).find(refused) for rules in (None, str(own))]
    assert found == ["refusal", None]
