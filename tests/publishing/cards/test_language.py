"""Cards in one language, and the same facts in both."""

import json

import jinja2
import jinja2.meta
import pytest
from huggingface_hub import DatasetCard

from kun_recipes.errors import UserError
from kun_recipes.publishing.cards.render import faults_of_text
from tests.languages import foreign_words, without_code
from tests.loopback_hub.cards import validate
from tests.publishing.cards.test_cards import EVERY, card
from tests.rounds.gain_folder import write_gain


def data_of(run_folder) -> set[str]:
    rows = {str(value) for row in run_folder.rows for value in row.values() if isinstance(value, str)}
    names = {"Pairs", "Candidates", "Model", "wudao", "wanjuan", "skypile", "words", "default", "org/base", "round_1"}
    names |= {"Kun: Answer Polishment for Chinese Self-Alignment with Instruction Back-Translation"}
    licences = {"Skywork Community License", "Skywork/SkyPile-150B", "pairs of our own (CC0 1.0)"}
    return (
        rows
        | names
        | licences
        | {"dropped0", "dropped1", "round_2", "label_model", "primary_chat_model", "final_model"}
    )


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", EVERY)
def test_card_is_in_one_language(run_folder, name, language):
    run_folder.write({"candidates": 3, "drop_statements": True}, verify=True)
    for row in run_folder.rows:
        row |= {"support": 1.5, "answer_logodds": 1.0, "missing_details": []}
    run_folder.write_not_best("label", 12)
    gains = [write_gain(run_folder.folder, "round_1", "round_2")] if name == "dataset" else None
    text = card(run_folder, name, language=language, gain_dirs=gains)
    assert validate(text) == {"errors": [], "warnings": []} and faults_of_text(DatasetCard(text).text) == []
    assert foreign_words(without_code(text), language, data_of(run_folder)) == []


@pytest.mark.parametrize("kind", ["dataset", "model", "rows"])
def test_both_templates_use_the_same_facts(kind, in_repository):
    def facts(folder: str) -> set[str]:
        loader = jinja2.FileSystemLoader([folder, "cards"])
        environment = jinja2.Environment(loader=loader)
        environment.filters |= dict.fromkeys(("plain", "named", "retold", "stage_name"), str)
        names = (f"{kind}_card.md.jinja", *(["chain.jinja"] if kind == "dataset" else []))
        trees = (environment.parse(loader.get_source(environment, name)[0]) for name in names)
        return set().union(*(jinja2.meta.find_undeclared_variables(tree) for tree in trees)) - {"tr"}

    assert facts("cards") == facts("cards/zh")


def test_chinese_card_answers_common_questions(run_folder):
    text = card(run_folder, "dataset", language="zh")
    for answer in (
        "**6 条中文指令及回答**",
        'load_dataset("ana/Pairs", revision="v1.0.0")',
        "HF_ENDPOINT=https://hf-mirror.com",
        "切成不超过 512 token 的片段",
        "指令困惑度不高于 4，契合度不在最低的 5% 之列",
        "| 语料 | 11 | 9 | 2 |",
        "电话号码 `phone_number` 2",
        "| 是不是指令 | 是或否：是不是指令？ | +0.50 | 配置 | 0.90 [0.79, 0.96] |",
        "没有指令和回答引用这些评测题。",
        "| [CC BY-NC 4.0](https://creativecommons.org/licenses/by-nc/4.0/) | 署名，非商业性使用 |",
        "zheng2024kun",
    ):
        assert answer in text, answer


def test_chinese_card_with_results_of_the_evaluation(run_folder):
    metric = {"name": "PPL, 5 shots, chat prompt v1, mean over subjects, %", "value": 73.25}
    folder = run_folder.write_evaluation("C-Eval (20 questions of 4 subjects)", metric)
    text = card(run_folder, "final_model", evaluation_dir=folder, language="zh")
    assert "| C-Eval（20 题，4 科） | PPL，5 个示例，对话提示 v1，各科平均，% | 73.25 |" in text
    assert metric["name"] in text  # the Hub's metadata stays as it is


def test_figures_of_a_report_in_another_language_are_refused(run_folder):
    report = run_folder.folder / "report"
    (report / "figures").mkdir(parents=True)
    (report / "stage.json").write_text(json.dumps({"config": {"language": "en"}}), encoding="utf-8")
    with pytest.raises(UserError, match=r"its figures are in en, but the card is in zh; set the"):
        card(run_folder, "dataset", report_dir=report, language="zh")
    card(run_folder, "dataset", report_dir=report, language="en")
