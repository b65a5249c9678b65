"""The folders of a release: what is in them, and what is refused."""

import json
import re
from pathlib import Path

import pytest
from datasets import get_dataset_config_names, load_dataset
from trl import DPOConfig, DPOTrainer

from kun_recipes.data.columns import CANDIDATES, PAIRS
from kun_recipes.errors import UserError
from kun_recipes.publishing.build import Built, build
from kun_recipes.publishing.record import read_run


def publish(run_folder, **changes) -> list[Built]:
    config = run_folder.config(**changes)
    return build(config, read_run(config), lambda line: None)


def load(run_folder, *names: str, **more):
    folder, *config = names
    return load_dataset(str(run_folder.folder / "publish" / folder), *config, **more)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "cache"))


def test_each_artefact_has_a_folder(run_folder):
    built = publish(run_folder)
    assert built == [
        Built("dataset", "dataset", 6),
        Built("candidates", "dataset", 8),
        Built("label_model", "model"),
        Built("final_model", "model"),
    ]
    assert sorted(path.name for path in (run_folder.folder / "publish").iterdir()) == sorted(one.name for one in built)


def test_the_dataset_loads_whole_by_config_and_streaming_with_the_released_splits(run_folder):
    publish(run_folder, repositories=["dataset=Pairs"])
    whole = load(run_folder, "dataset")
    assert {name: split["id"] for name, split in whole.items()} == {
        "skypile": ["skypile0", "skypile1"],
        "wanjuan": ["wanjuan0", "wanjuan1"],
        "wudao": ["wudao0", "wudao1"],
    }
    names = [column.name for column in PAIRS]
    assert whole["wudao"].column_names == [*names[:3], "license", *names[3:]]
    assert names[:3] == ["instruction", "output", "source"]
    folder = str(run_folder.folder / "publish/dataset")
    assert sorted(get_dataset_config_names(folder)) == ["default", "preference", "skypile", "wanjuan", "wudao"]
    assert load(run_folder, "dataset", "wudao", split="wudao")[:] == whole["wudao"][:]
    assert list(load(run_folder, "dataset", split="wanjuan", streaming=True)) == list(whole["wanjuan"])


def test_every_row_carries_the_licence_of_its_source(run_folder):
    publish(run_folder, repositories=["dataset=Pairs"])
    found = {name: set(split["license"]) for name, split in load(run_folder, "dataset").items()}
    assert found == {"skypile": {"skywork"}, "wanjuan": {"cc-by-4.0"}, "wudao": {"cc-by-nc-4.0"}}


def test_candidates_have_their_segment_and_no_verdict(run_folder):
    publish(run_folder, repositories=["candidates=Candidates"])
    rows = load(run_folder, "candidates")
    assert sum(split.num_rows for split in rows.values()) == 8
    columns = rows["wudao"].column_names
    assert columns[:4] == ["instruction", "segment", "source", "license"]
    assert {column.name for column in CANDIDATES} == set(columns) - {"license"}
    assert not {"output", "score_probability", "chat_model"} & set(columns)
    assert (run_folder.folder / "publish/candidates/manifest.json").is_file()


def test_model_folder_can_be_loaded_and_holds_nothing_private(run_folder):
    publish(run_folder, repositories=["final_model=Final"])
    folder = run_folder.folder / "publish/final_model"
    files = {path.name for path in folder.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "README.md"} <= files
    assert not (folder / "logs").exists()
    weights = run_folder.folder / "final_model" / "model.safetensors"
    assert (folder / "model.safetensors").samefile(weights)  # not copied
    summary = json.loads((folder / "train_summary.json").read_text(encoding="utf-8"))
    assert summary["steps"] == 7
    assert summary["config"]["seeds"]["path"] == "…/seeds.jsonl"
    assert str(run_folder.folder) not in (folder / "train_summary.json").read_text(encoding="utf-8")


def test_recipe_prompts_and_counts_are_published_without_local_paths(run_folder):
    publish(run_folder, repositories=["dataset=Pairs"])
    recipes = run_folder.folder / "publish/dataset/recipes"
    assert (recipes / "demo/refine.yaml").read_bytes() == Path("recipes/demo/refine.yaml").read_bytes()
    assert sorted(path.name for path in (recipes / "prompts").iterdir()) == [
        "answer.txt",
        "answer_judge.txt",
        "filter.txt",
        "label.txt",
        "polish.txt",
        "score.txt",
    ]
    stages = json.loads((recipes / "stages.json").read_text(encoding="utf-8"))
    assert [stages[name]["rows_kept"] for name in ("corpus", "label", "refine")] == [9, 8, 6]
    assert stages["corpus"]["config"]["corpora"] == [{"path": "…/corpus", "format": "wudao"}]
    published = run_folder.folder / "publish/dataset"
    for path in published.rglob("*.*"):
        if path.suffix in (".md", ".json"):
            assert str(run_folder.folder) not in path.read_text(encoding="utf-8"), path


def test_the_same_run_makes_the_same_bytes(run_folder):
    def contents(name: str) -> dict[str, bytes]:
        publish(run_folder, output_dir=run_folder.folder / name)
        root = run_folder.folder / name
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}

    assert contents("one") == contents("two")


def test_withheld_rows_are_left_out_and_counted(run_folder):
    (run_folder.folder / "withhold.txt").write_text("wudao0\nwanjuan1\n", encoding="utf-8")
    built = publish(run_folder, repositories=["dataset=Pairs"], withhold=run_folder.folder / "withhold.txt")
    assert built == [Built("dataset", "dataset", 4, withheld=2)]
    ids = [row for split in load(run_folder, "dataset").values() for row in split["id"]]
    assert ids == ["skypile0", "skypile1", "wanjuan0", "wudao1"]
    card = (run_folder.folder / "publish/dataset/README.md").read_text(encoding="utf-8")
    assert "| publish | 6 | 4 | 2 |" in card
    assert "2 rows were withheld from this release, by row 2: " in card
    record = json.loads((run_folder.folder / "publish/dataset/withheld.json").read_text(encoding="utf-8"))
    assert record == {"rows": 2, "ids": {"row": ["wudao0", "wanjuan1"]}}
    publish(run_folder, repositories=["dataset=Pairs"])
    assert not (run_folder.folder / "publish/dataset/withheld.json").exists()


@pytest.mark.parametrize(
    ("lines", "withheld"),
    [
        ("document: https://example.cn/a 1.html", {"document": ["skypile1"]}),
        ("document@wudao: d1\n# asked for in June\nwanjuan0", {"row": ["wanjuan0"], "document": ["wudao1"]}),
        ("document: …/crawl.jsonl:7", {"document": ["skypile0"]}),  # as the set that was published names it
        ("document: /home/ana/crawl.jsonl:7", {"document": ["skypile0"]}),
        ("source: wudao", {"source": ["wudao0", "wudao1"]}),
        ("license: cc-by-4.0\nrow: wanjuan1", {"licence": ["wanjuan0"], "row": ["wanjuan1"]}),
    ],
)
def test_rows_are_withheld_by_document_source_or_licence(run_folder, lines, withheld):
    names = {"skypile0": "/home/ana/crawl.jsonl:7", "skypile1": "https://example.cn/a 1.html"}
    for row in run_folder.rows:
        row["document_id"] = names.get(row["id"], row["document_id"])
    run_folder.write()
    (run_folder.folder / "withhold.txt").write_text(lines, encoding="utf-8")
    built = publish(run_folder, repositories=["dataset=Pairs"], withhold=run_folder.folder / "withhold.txt")
    left_out = {row for ids in withheld.values() for row in ids}
    assert built == [Built("dataset", "dataset", 6 - len(left_out), withheld=len(left_out))]
    ids = {row for split in load(run_folder, "dataset").values() for row in split["id"]}
    assert ids == {row["id"] for row in run_folder.rows} - left_out
    record = (run_folder.folder / "publish/dataset/withheld.json").read_text(encoding="utf-8")
    assert json.loads(record)["ids"] == withheld
    assert "/home/ana" not in record and "example.cn" not in record


def test_a_source_that_is_withheld_needs_no_licence(run_folder):
    (run_folder.folder / "withhold.txt").write_text("source: wudao", encoding="utf-8")
    sources = run_folder.options["sources"][1:]
    built = publish(
        run_folder, repositories=["dataset=Pairs"], withhold=run_folder.folder / "withhold.txt", sources=sources
    )
    assert built[0].withheld == 2


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("wudao0\nurl: https://example.cn", "withhold.txt:2: url: unknown kind; write a row's id"),
        ("source@wudao: x", "withhold.txt:1: source@wudao: unknown kind"),
        (
            "document: d1",
            "document: d1: the sources skypile, wanjuan, wudao have a document of this name; write which",
        ),
        ("document@skypile: d7", "1 of its entries match no row of the run: document@skypile: d7;"),
        ("licence: cc0-1.0", "1 of its entries match no row of the run: licence: cc0-1.0;"),
    ],
)
def test_lines_that_withhold_nothing_or_too_much_are_refused(run_folder, lines, message):
    (run_folder.folder / "withhold.txt").write_text(lines, encoding="utf-8")
    with pytest.raises(UserError, match=re.escape(message)):
        publish(run_folder, repositories=["dataset=Pairs"], withhold=run_folder.folder / "withhold.txt")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"output": "有问题请打13912345678找张老师。"}, "in output: skypile:1 (bad): phone_number 13…8"),
        (
            {"instruction": "怎样给李明的邮箱liming@qq.com写信？"},
            "in instruction: skypile:1 (bad): email li…m",
        ),
        ({"text": "他住在海淀区知春路6号院3号楼201室。"}, "private data in segment: skypile:1 (bad): address"),
        ({"title": "联系电话：13912345678"}, "private data in title: skypile:1 (bad): mobile 13…8"),
        ({"output": " \n"}, "empty output: skypile:1 (bad)"),
        ({"id": "wudao0"}, "id used twice: wudao:1 (wudao0)"),
    ],
)
def test_rows_that_must_not_be_published_are_refused(run_folder, changes, message):
    run_folder.rows[4] = run_folder.row("skypile", 0, **({"id": "bad"} | changes))
    run_folder.write()
    with pytest.raises(UserError) as caught:
        publish(run_folder, repositories=["dataset=Pairs"])
    assert message in str(caught.value)
    assert "`withhold:`" in str(caught.value)
    assert "13912345678" not in str(caught.value) and "liming@" not in str(caught.value)
    assert not (run_folder.folder / "publish/dataset").exists()


def test_a_refused_row_can_be_withheld(run_folder):
    run_folder.rows[4] = run_folder.row("skypile", 0, id="bad", output="有问题请打13912345678找张老师。")
    run_folder.write()
    (run_folder.folder / "withhold.txt").write_text("bad", encoding="utf-8")
    built = publish(run_folder, repositories=["dataset=Pairs"], withhold=run_folder.folder / "withhold.txt")
    assert built == [Built("dataset", "dataset", 5, withheld=1)]


def test_ids_to_withhold_that_no_row_has_are_refused(run_folder):
    withhold = run_folder.folder / "withhold.txt"
    withhold.write_text("wudao0 wudoa1 x3 x2 x1\n", encoding="utf-8")
    with pytest.raises(UserError, match=r": 4 of its entries match no row of the run: wudoa1, x1, x2 …; "):
        publish(run_folder, repositories=["dataset=Pairs"], withhold=withhold)
    withhold.write_text("wudao0 dropped0\n", encoding="utf-8")  # the second is one of the candidates alone
    assert publish(run_folder, repositories=["dataset=Pairs"], withhold=withhold)[0].withheld == 1


def test_names_of_documents_and_recipes_are_published_without_local_paths_and_private_data(run_folder):
    given = ["/home/ana/crawl/a.jsonl:7", "https://example.cn/u/13912345678.html", None]
    for row, document in zip(run_folder.rows, given, strict=False):
        row["document_id"] = document
    run_folder.write()
    recipe = run_folder.folder / "own"
    recipe.mkdir()
    (recipe / "corpus.yaml").write_text("corpora:\n  - {path: /home/ana/crawl, format: jsonl}  # ours\n")
    publish(run_folder, recipes=[recipe], repositories=["dataset=Pairs"])
    rows = {row["id"]: row["document_id"] for split in load(run_folder, "dataset").values() for row in split}
    told = {row["id"]: rows[row["id"]] for row in run_folder.rows[:3]}
    assert list(told.values()) == ["…/a.jsonl:7", "https://example.cn/u/[手机号].html", None]
    copy = run_folder.folder / "publish/dataset/recipes/own/corpus.yaml"
    assert copy.read_text(encoding="utf-8") == "corpora:\n  - {path: …/crawl, format: jsonl}  # ours\n"


def test_a_broken_file_of_a_recipe_is_named(run_folder):
    recipe = run_folder.folder / "own"
    recipe.mkdir()
    (recipe / "corpus.yaml").write_text("corpora: @home\n")
    with pytest.raises(UserError, match=r"own/corpus.yaml: cannot be read as YAML: "):
        publish(run_folder, recipes=[recipe], repositories=["dataset=Pairs"])


def test_rows_that_do_not_match_the_funnel_are_refused(run_folder):
    summary = run_folder.folder / "refine/stage.json"
    values = json.loads(summary.read_text(encoding="utf-8"))
    summary.write_text(json.dumps({**values, "rows_kept": 7}), encoding="utf-8")
    with pytest.raises(UserError, match="has 6 rows, but its funnel ends with 7; run the stage again"):
        publish(run_folder, repositories=["dataset=Pairs"])


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        (
            ["wudao,licence=cc0-1.0,origin=x"],
            "sources: the source wanjuan has rows but is not listed; add its name, licence and origin",
        ),
        (
            ["wudao,licence=cc0-1.0,origin=x", "wanjuan,licence=cc0-1.0,origin=y"],
            "sources: the source skypile has rows but is not listed; add its name, licence and origin",
        ),
    ],
)
def test_a_source_without_licence_or_origin_stops_the_build(run_folder, sources, message):
    with pytest.raises(UserError, match=message):
        publish(run_folder, sources=sources)


def test_source_name_reserved_by_datasets_is_refused(run_folder):
    run_folder.rows[0]["source"] = "default"
    run_folder.write()
    sources = [*run_folder.options["sources"], "default,licence=cc0-1.0,origin=x"]
    with pytest.raises(UserError, match="the source name default is reserved"):
        publish(run_folder, sources=sources)


def test_killed_build_is_restarted(run_folder):
    partial = run_folder.folder / "publish/dataset.partial/data"
    partial.mkdir(parents=True)
    (partial / "wudao-00000-of-00009.parquet").write_bytes(b"half")
    publish(run_folder, repositories=["dataset=Pairs"])
    assert [path.name for path in (run_folder.folder / "publish").iterdir()] == ["dataset"]
    assert load(run_folder, "dataset")["wudao"].num_rows == 2


def test_the_reports_pictures_are_published_with_the_pairs_and_stand_in_their_card(run_folder):
    report = run_folder.folder / "report"
    (report / "figures").mkdir(parents=True)
    (report / "stage.json").write_text("{}", encoding="utf-8")
    for name in ("funnel", "people_output_grades", "judge_ranking"):
        (report / "figures" / f"{name}.png").write_bytes(b"\x89PNG")
    publish(run_folder, report_dir=report)
    built = run_folder.folder / "publish"
    assert (built / "dataset" / "figures" / "funnel.png").read_bytes() == b"\x89PNG"
    card = (built / "dataset" / "README.md").read_text()
    assert "datasets/ana/Pairs/resolve/main/figures/funnel.png)" in card
    assert "figures/people_output_grades.png)" in card and "judge_ranking" not in card
    assert not (built / "candidates" / "figures").exists()


def test_a_report_that_is_not_finished_is_refused(run_folder):
    with pytest.raises(UserError, match="report: no finished stage"):
        publish(run_folder, report_dir=run_folder.folder / "report")


def test_preference_pairs_are_a_config_in_trls_form(run_folder):
    turned_down = {
        "rejected_output": "水的沸点是90摄氏度，到处都一样。",
        "rejected_support": 0.5,
        "rejected_probability": 0.2,
        "rejected_reason": "unsupported",
    }
    run_folder.rows[0] |= turned_down | {"support": 3.0, "answer_probability": 0.9}
    run_folder.rows[1]["output"] = run_folder.rows[1]["text"] + "。"  # the segment, but for its punctuation
    run_folder.write()
    publish(run_folder, repositories=["dataset=Pairs", "candidates=Candidates"])
    pairs = load(run_folder, "dataset", "preference", split="train")
    assert len(pairs) == 5
    assert set(pairs["license"]) == {"skywork", "cc-by-4.0", "cc-by-nc-4.0"}
    by_id = {pair["id"]: pair for pair in pairs}
    one, other = by_id["wudao0"], by_id["wanjuan0"]
    assert one["prompt"] == [{"role": "user", "content": "水的沸点是多少？"}]
    assert one["chosen"] == [{"role": "assistant", "content": run_folder.rows[0]["output"]}]
    assert one["rejected"] == [{"role": "assistant", "content": turned_down["rejected_output"]}]
    assert (one["rejected_from"], one["reason"]) == ("turned_down", "unsupported")
    assert [one[score] for score in ("score_chosen", "score_rejected", "judge_chosen", "judge_rejected")] == [
        3.0,
        0.5,
        0.9,
        0.2,
    ]
    assert other["rejected"] == [{"role": "assistant", "content": "片段0：" + other["chosen"][0]["content"]}]
    assert (other["rejected_from"], other["reason"], other["score_rejected"]) == ("segment", "not_polished", None)
    folder = run_folder.folder / "publish"
    assert {name: split.num_rows for name, split in load(run_folder, "dataset").items()} == {
        "skypile": 2,
        "wanjuan": 2,
        "wudao": 2,
    }
    assert not (folder / "candidates" / "preference").exists()
    card = (folder / "dataset" / "README.md").read_text(encoding="utf-8")
    for said in ("## Preference pairs", "the raw segment (4)", "verification rejected (1)", "1 rows have no pair"):
        assert said in card
    assert "is only the paper's argument" in card


def test_withheld_row_takes_its_pair_with_it(run_folder, tmp_path):
    (tmp_path / "ids").write_text("wudao1\n", encoding="utf-8")
    publish(run_folder, repositories=["dataset=Pairs"], withhold=tmp_path / "ids")
    ids = [row["id"] for split in load(run_folder, "dataset").values() for row in split]
    assert sorted(load(run_folder, "dataset", "preference", split="train")["id"]) == sorted(ids)
    assert len(ids) == 5 and "wudao1" not in ids


def test_private_data_in_a_worse_answer_is_refused(run_folder):
    run_folder.rows[0] |= {"rejected_output": "请拨打13800138000。", "rejected_reason": "unsupported"}
    run_folder.write()
    with pytest.raises(UserError, match=r"private data in rejected: preference/train:1 \(wudao0\)"):
        publish(run_folder, repositories=["dataset=Pairs"])


def test_worse_answer_that_quotes_an_evaluation_question_is_reported(run_folder):
    question = json.loads(
        Path("recipes/demo/data/evaluation_prompts.jsonl").read_text(encoding="utf-8").split("\n")[0]
    )
    run_folder.rows[0] |= {"rejected_output": question["prompt"] * 2, "rejected_reason": "unsupported"}
    run_folder.write()
    publish(run_folder, repositories=["dataset=Pairs"])
    card = (run_folder.folder / "publish/dataset/README.md").read_text(encoding="utf-8")
    assert "1 still quote one of their questions" in card


def test_without_a_pair_there_is_no_config_of_them(run_folder):
    run_folder.write(answers="unaided")
    publish(run_folder, repositories=["dataset=Pairs"])
    folder = run_folder.folder / "publish/dataset"
    assert "preference" not in get_dataset_config_names(str(folder))
    assert not (folder / "preference").exists()
    assert "Preference pairs" not in (folder / "README.md").read_text(encoding="utf-8")


def test_a_source_with_the_name_of_the_config_is_refused(run_folder):
    run_folder.rows[0]["source"] = "preference"
    run_folder.write()
    with pytest.raises(UserError, match="the source name preference is reserved"):
        publish(run_folder, sources=["preference,licence=cc0-1.0,origin=x", *run_folder.options["sources"]])


@pytest.mark.slow
def test_trl_trains_on_the_pairs_as_they_are(run_folder, tiny_model, tmp_path):
    publish(run_folder, repositories=["dataset=Pairs"])
    trainer = DPOTrainer(
        str(tiny_model),
        args=DPOConfig(str(tmp_path / "trl"), max_steps=2, report_to=[], use_cpu=True, bf16=False, save_strategy="no"),
        train_dataset=load(run_folder, "dataset", "preference", split="train"),
    )
    trainer.train()
    assert trainer.state.global_step == 2
