"""The cards themselves, of a whole release: what a stranger asks of them."""

import json
import re

import pytest
import yaml
from huggingface_hub import DatasetCard, ModelCard

from kun_recipes.errors import UserError
from kun_recipes.publishing.build import build
from kun_recipes.publishing.cards.render import faults_of_text
from kun_recipes.publishing.record import read_run
from tests.loopback_hub.cards import validate
from tests.rounds.gain_folder import write_gain


def card(run_folder, name: str, **changes) -> str:
    names = {"dataset": "Pairs", "candidates": "Candidates"}
    options = {"repositories": [f"{name}={names.get(name, 'Model')}"], **changes}
    config = run_folder.config(**options)
    build(config, read_run(config), lambda line: None)
    return (run_folder.folder / "publish" / name / "README.md").read_text(encoding="utf-8")


EVERY = ["dataset", "candidates", "label_model", "primary_chat_model", "final_model"]


@pytest.mark.parametrize("name", EVERY)
def test_hub_accepts_the_metadata_and_the_card_is_complete(run_folder, name):
    text = card(run_folder, name)
    assert validate(text) == {"errors": [], "warnings": []}
    assert faults_of_text(DatasetCard(text).text) == []
    assert "{{" not in text and "{%" not in text


@pytest.mark.parametrize("name", ["dataset", "candidates"])
def test_further_candidates_are_told_apart_from_removed_rows(run_folder, name):
    assert "candidates were written for each row" not in card(run_folder, name)
    run_folder.write_not_best("label", 1234)
    text = card(run_folder, name)
    assert "In label, several candidates were written for each row and the best was kept; the other 1,234 are" in text
    assert "not_best" not in text


def test_the_metadata_of_the_dataset(run_folder):
    data = DatasetCard(card(run_folder, "dataset")).data.to_dict()
    assert data["license"] == "cc-by-nc-4.0"  # the strictest
    assert data["language"] == ["zh"]
    assert data["size_categories"] == ["n<1K"]
    assert data["task_categories"] == ["text-generation"]
    assert data["source_datasets"] == ["Skywork/SkyPile-150B"]
    assert data["pretty_name"] == "Pairs"
    configs = {config["config_name"]: config["data_files"] for config in data["configs"]}
    infos = {info["config_name"]: info["splits"] for info in data["dataset_info"]}
    assert sorted(configs) == sorted(infos) == ["default", "preference", "skypile", "wanjuan", "wudao"]
    assert configs["preference"] == [{"split": "train", "path": "preference/train-*.parquet"}]
    assert infos["preference"][0]["num_examples"] == 6
    assert [split["num_examples"] for split in infos["default"]] == [2, 2, 2]


def test_a_licence_that_the_hub_does_not_know_has_name_and_link(run_folder):
    given = {"wudao": "wudao", "wanjuan": "cc-by-4.0", "skypile": "skywork"}
    sources = [f"{name},licence={licence},origin=words" for name, licence in given.items()]
    data = DatasetCard(card(run_folder, "dataset", sources=sources)).data.to_dict()
    assert (data["license"], data["license_name"]) == ("other", "wudao")
    assert data["license_link"].startswith("https://data.baai.ac.cn")


def test_dataset_card_answers_common_questions(run_folder):
    text = card(run_folder, "dataset")
    for answer in (
        'load_dataset("ana/Pairs", revision="v1.0.0")',
        "| `wudao` | 2 | https://example.org/wudao | [CC BY-NC 4.0]",
        "[Skywork/SkyPile-150B](https://huggingface.co/datasets/Skywork/SkyPile-150B)",
        "segments of at most 512 tokens",
        "perplexity is at most 4",
        "not among the lowest 5%",
        "| corpus | 11 | 9 | 2 |",
        "| label | 9 | 8 | 1 |",
        "| refine | 8 | 6 | 2 |",
        "phone_number 2",
        "| removed because of: email | 1 |",
        "| found in a final check of every published row | 0 |",
        "| prompts: recipes/demo/data/evaluation_prompts.jsonl | 1 |",
        "No instruction and no answer of the published rows quotes one of their questions.",
        "| filter | 是 or 否: is it an instruction? | +0.50 | config | 0.90 [0.79, 0.96] |",
        "80.0% (filter) and 70.0% (score)",
        "[org/base](https://huggingface.co/org/base)",
        "请直接告诉我，以下回复最有可能对应的指令是什么",
        "python recipes/run.py recipes/demo",
        "zheng2024kun",
        "Community tab",
    ):
        assert answer in text, answer
    assert "/home/ana" not in text and str(run_folder.folder) not in text


def test_five_rows_are_shown_in_full(run_folder):
    text = card(run_folder, "dataset")
    shown = re.findall(r"— `(\w+)`, (\w+)", text)
    assert len(set(shown)) == 5
    for _, row in shown:
        found = next(one for one in run_folder.rows if one["id"] == row)
        assert found["instruction"] in text and found["output"] in text and found["text"] in text


def test_the_card_of_raw_answers_says_so(run_folder):
    run_folder.rows = [row | {"output": row["text"]} for row in run_folder.rows]
    run_folder.write(answers="raw", score_target="pair", score_prompt="recipes/prompts/score_pair.txt")
    text = card(run_folder, "dataset")
    assert "the passage itself is the answer" in text
    assert "the instruction with its segment" in text
    assert "Answers can be wrong" not in text


def test_the_card_of_answers_without_the_document_says_so(run_folder):
    run_folder.write(answers="unaided", polish_prompt="recipes/prompts/answer.txt")
    text = card(run_folder, "dataset")
    assert "wrote a new answer, without the passage" in text
    assert "by a model that never saw the segment" in text
    assert "answers each instruction without the segment" in text


def test_the_card_says_how_sure_the_judges_are(run_folder):
    text = card(run_folder, "dataset")
    for name, question, accuracy in (
        ("filter", "是 or 否: is it an instruction?", "0.80"),
        ("score", "好 or 差: is it a good one?", "0.70"),
    ):
        line = f"| {name} | {question} | +0.50 | config | 0.90 [0.79, 0.96] | {accuracy} [0.67, 0.89] | 0.07 | 50 |"
        assert line in text
    assert "Probabilities are these log-odds calibrated on other such items" in text
    assert "the judges were right in 80.0% (filter) and 70.0% (score) of the cases" in text


def test_the_card_names_the_checks_of_verified_answers(run_folder):
    run_folder.write(verify=True)
    for row in run_folder.rows:
        row |= {"support": 1.5, "answer_logodds": 1.0, "missing_details": []}
    text = card(run_folder, "dataset")
    assert validate(text) == {"errors": [], "warnings": []}
    assert "| support | nats per token: how much the segment explains the answer | +0.50 |" in text
    assert "| answer | 好 or 差: is the answer correct, given the segment? | +0.50 |" in text
    assert "how much the segment explains the answer, in nats per token" in text


CHOSEN = "It writes 3 candidates per segment, the second and later ones always sampled, and the best is kept"
ASKS = "it has the form of a question or an imperative"
DROPPED = "for a number, a name or another detail that its segment lacks, if its segment explains too little of it"


def test_the_card_says_how_candidates_are_chosen_and_answers_dropped(run_folder):
    run_folder.write({"candidates": 3, "drop_statements": True}, verify=True, checks=["tails", "details", "support"])
    text = card(run_folder, "dataset")
    assert CHOSEN in text and ASKS in text
    assert f"6. **Checks.** An answer is dropped {DROPPED} (ours)." in text


@pytest.mark.parametrize("changes", [{}, {"verify": True, "keep_unverified": True}], ids=["paper", "measured alone"])
def test_the_card_names_no_choice_and_no_check_that_was_not_made(run_folder, changes):
    run_folder.write(**changes)
    text = card(run_folder, "dataset")
    assert not any(words in text for words in (CHOSEN, ASKS, "**Checks.**"))


def test_the_candidates_card_promises_no_verdict(run_folder):
    text = card(run_folder, "candidates")
    assert "8 passages of Chinese web text" in text
    assert "before they were judged" in text
    assert "judge" not in yaml.safe_dump(DatasetCard(text).data.to_dict())
    assert "| refine |" not in text
    assert "No judge has checked them either" in text


def test_rows_that_quote_a_benchmark_are_named(run_folder):
    quoted = "早上空腹喝牛奶会不会不容易吸收？请从牛奶的营养成分和消化过程两个方面说明理由。"
    prompts = run_folder.folder / "prompts.jsonl"
    prompts.write_text(json.dumps({"prompt": quoted, "id": "7"}) + "\n", encoding="utf-8")
    run_folder.rows[0]["instruction"] = quoted
    run_folder.write()
    summary = run_folder.folder / "corpus/stage.json"
    text = summary.read_text(encoding="utf-8")
    summary.write_text(text.replace("recipes/demo/data/evaluation_prompts.jsonl", str(prompts)), encoding="utf-8")
    found = card(run_folder, "dataset")
    assert "1 still quote one of their questions" in found
    assert "`wudao0` (prompts/7)" in found


def test_without_benchmarks_nothing_is_claimed(run_folder):
    summary = run_folder.folder / "corpus/stage.json"
    values = json.loads(summary.read_text(encoding="utf-8"))
    values["config"]["benchmarks"] = None
    summary.write_text(json.dumps(values), encoding="utf-8")
    assert "contamination was not checked" in card(run_folder, "dataset")


def test_a_prompt_that_was_changed_since_stops_the_card(run_folder):
    summary = run_folder.folder / "refine/stage.json"
    values = json.loads(summary.read_text(encoding="utf-8"))
    values["config"]["polish_prompt"]["content"] = "0" * 16
    summary.write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(UserError, match=r"polish\.txt: changed since the rows were made; .* fingerprint 0{16}"):
        card(run_folder, "dataset")


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        (
            "label_model",
            ["A **label model**", '.replace("{segment}", passage)', "of our own (CC0 1.0)", "![Loss"],
        ),
        ("primary_chat_model", ["A **primary chat model**", "filter judge: area under ROC | 0.9 (0.79–0.96) |"]),
        ("final_model", ["instruction-following model", "wudao: CC BY-NC 4.0", "the refined pairs of the same run"]),
    ],
)
def test_model_card_answers_common_questions(run_folder, name, answers):
    (run_folder.folder / name / "loss.png").write_bytes(b"png")
    text = card(run_folder, name)
    common = ['from_pretrained("ana/Model", revision="v1.0.0"', "loss per token (nats) | 2.5 |", "updates | 7"]
    for answer in [*answers, *common, "9, of which 2 held out", "empty_output 1", "Apache 2.0"]:
        assert answer in text, answer


def test_a_model_s_metadata_has_base_and_results(run_folder):
    data = ModelCard(card(run_folder, "primary_chat_model")).data
    assert data.base_model == "org/base"
    results = {(result.metric_type, result.metric_name): result.metric_value for result in data.eval_results}
    assert results[("loss", "loss per token (nats)")] == 2.5
    assert results[("accuracy", "score judge: accuracy")] == 0.7


def test_the_card_of_a_model_of_preference_pairs_says_so(run_folder):
    path = run_folder.folder / "final_model" / "train_summary.json"
    summary = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**summary, "reward_accuracy": 0.75, "reward_margin": 0.5}), encoding="utf-8")
    text = card(run_folder, "final_model")
    for said in ("direct preference optimisation", "loss (DPO) | 2.5 |", "has the higher reward | 0.75 |"):
        assert said in text
    assert ModelCard(text).data.to_dict()["tags"][:3] == ["kun", "back-translation", "dpo"]


def test_evaluation_results_are_in_card_and_metadata(run_folder):
    interval = {"name": "PPL, 5 shots", "value": 73.25, "confidence_interval": [70.9, 75.6]}
    folder = run_folder.write_evaluation("C-Eval", interval)
    text = card(run_folder, "final_model", evaluation_dir=folder)
    assert "| C-Eval | PPL, 5 shots | 73.25 (70.9–75.6) |" in text
    assert "no public benchmark" not in text
    (result,) = [one for one in ModelCard(text).data.eval_results if one.dataset_type == "ceval/ceval-exam"]
    assert (result.metric_value, result.dataset_split) == (73.25, "val")
    assert "no public benchmark" in card(run_folder, "label_model", evaluation_dir=folder)  # it was not asked


def test_artefacts_of_one_release_are_linked(run_folder):
    everything = ["dataset=Pairs", "label_model=L", "primary_chat_model=C", "final_model=F"]
    text = card(run_folder, "final_model", repositories=everything)
    data = ModelCard(text).data
    assert data.base_model == "ana/C"
    assert data.datasets == ["ana/Pairs"]
    dataset = (run_folder.folder / "publish/dataset/README.md").read_text(encoding="utf-8")
    assert "[ana/L](https://huggingface.co/ana/L)" in dataset


def test_model_licence_is_given_or_that_of_the_base(run_folder):
    with pytest.raises(UserError, match=r"model_licence: must be set, because .*base names no licence"):
        card(run_folder, "label_model", model_licence=None)
    for name in ("label_model", "primary_chat_model"):
        summary = run_folder.folder / name / "train_summary.json"
        values = json.loads(summary.read_text(encoding="utf-8"))
        values["config"]["model_name_or_path"] = {"path": "recipes/demo/model.yaml", "content": "0"}
        summary.write_text(json.dumps(values), encoding="utf-8")
    text = card(run_folder, "label_model", model_licence=None, base_model=None)
    data = ModelCard(text).data
    assert (data.license, data.base_model) == ("apache-2.0", "Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF")


def test_a_base_model_that_is_a_folder_must_be_named(run_folder):
    with pytest.raises(UserError, match=r"was trained from the local folder .*; set base_model: to its id on the Hub"):
        card(run_folder, "label_model", base_model=None)


def test_the_card_of_the_pairs_says_what_each_round_changed(run_folder):
    gains = [write_gain(run_folder.folder, "round_1", "round_2"), write_gain(run_folder.folder, "round_2", "round_3")]
    text = card(run_folder, "dataset", gain_dirs=gains)
    assert validate(text) == {"errors": [], "warnings": []} and faults_of_text(DatasetCard(text).text) == []
    assert text.count("## What each round changed\n") == 1
    for before, after in (("round_1", "round_2"), ("round_2", "round_3")):
        assert f"\n{after} helps: label model's loss on 40 held-out pairs fell.\n" in text
        assert f"\n**{after} against {before}**\n\n| measure | on | {before} | {after} | difference |  |\n" in text
    row = "| label model's loss (nats per token, lower is better) | 40 held-out pairs | 2.500 | 2.300 "
    assert text.count(f"{row}| -0.200 [-0.300, -0.100] | better |\n") == 2
    assert "figures/gain_" not in text  # no report, no pictures
    assert "## What each round changed" not in card(run_folder, "candidates", gain_dirs=gains)


def test_the_card_shows_the_figures_of_the_rounds(run_folder):
    gain = write_gain(run_folder.folder, "round_1", "round_2")
    report = run_folder.folder / "report"
    (report / "figures").mkdir(parents=True)
    (report / "figures" / "gain_round_2.png").write_bytes(b"a picture")
    (report / "stage.json").write_text("{}", encoding="utf-8")
    text = card(run_folder, "dataset", gain_dirs=[gain], report_dir=report)
    assert "/resolve/main/figures/gain_round_2.png)\n" in text


def test_a_comparison_that_is_not_finished_is_refused(run_folder, tmp_path):
    with pytest.raises(UserError, match=r"gain: no finished stage \(stage.json is missing\); run that stage first"):
        card(run_folder, "dataset", gain_dirs=[tmp_path / "gain"])
