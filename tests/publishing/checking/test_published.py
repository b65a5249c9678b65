"""Checks of a published set: a folder of any origin."""

import io
import json
import runpy
import shutil
import sys
from decimal import Decimal

import pyarrow
import pytest
from pyarrow import parquet
from rich.console import Console

from kun_recipes.data.parquet import shards
from kun_recipes.errors import UserError
from kun_recipes.publishing.build import build
from kun_recipes.publishing.checking.published import check_published
from kun_recipes.publishing.record import read_run


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def published(run_folder):
    config = run_folder.config(repositories=["dataset=Pairs"])
    build(config, read_run(config), lambda line: None)
    return run_folder.folder / "publish/dataset"


def check(folder) -> tuple[int, str]:
    console = Console(file=io.StringIO(), width=300)
    faults = check_published(str(folder), console)
    return faults, console.file.getvalue()


def write(folder, **columns) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.table(columns), folder / "train-00000-of-00001.parquet")


def test_built_dataset_has_no_fault(published):
    faults, shown = check(published)
    assert faults == 0
    assert shown.startswith(f"{published}: 6 rows: skypile 2, wanjuan 2, wudao 2; 6 preference pairs\n")
    assert "no problems found" in shown


@pytest.mark.parametrize(("outputs", "code"), [(["一升水。", "两升水。"], 0), (["一升水。", ""], 1)])
def test_the_exit_code_tells_whether_a_set_has_faults(outputs, code, in_repository, tmp_path, monkeypatch):
    write(tmp_path / "set", instruction=["一升是多少？", "两升是多少？"], output=outputs)
    monkeypatch.setattr(sys, "argv", ["recipes/publish.py", "--check", str(tmp_path / "set")])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path("recipes/publish.py", run_name="__main__")
    assert ended.value.code == code


def test_rows_that_were_changed_after_the_build_are_found(published):
    path = shards(published, "wudao")[0]
    table = parquet.read_table(path)
    changed = table.set_column(1, "output", pyarrow.array(["假的答案，不是原来的。"] * 2))
    parquet.write_table(changed, path)
    faults, shown = check(published)
    assert faults == 1
    assert "rows differ from its manifest" in shown and "wudao" in shown


def changed_pairs(folder, change) -> None:
    path = shards(folder, "train", "preference")[0]
    table = parquet.read_table(path)
    rows = table.to_pylist()
    change(rows)
    parquet.write_table(pyarrow.Table.from_pylist(rows, schema=table.schema), path)


PAIR_FAULTS = {
    "changed": (lambda rows: rows[0]["chosen"][0].update(content="别的答案。"), "rows differ from its manifest"),
    "private": (lambda rows: rows[0]["rejected"][0].update(content="打13800138000"), "private data in rejected"),
    "empty": (lambda rows: rows[0]["rejected"][0].update(content=" "), "empty rejected"),
    "twice": (lambda rows: rows[0].update(id=rows[1]["id"]), "id used twice"),
    "same": (lambda rows: rows[0].update(rejected=rows[0]["chosen"]), "chosen and rejected are the same"),
    "missing": (list.pop, "number of rows differs from its card"),
}


@pytest.mark.parametrize(("change", "found"), PAIR_FAULTS.values(), ids=PAIR_FAULTS)
def test_faults_of_preference_pairs_are_found(published, change, found):
    changed_pairs(published, change)
    faults, shown = check(published)
    assert faults >= 1
    assert found in shown and "preference/train" in shown


def test_rows_that_are_missing_are_found(published):
    path = shards(published, "wudao")[0]
    parquet.write_table(parquet.read_table(path).slice(0, 1), path)
    faults, shown = check(published)
    assert faults == 2
    assert "number of rows differs from its card" in shown and "wudao: 1 instead of 2" in shown


def test_a_set_of_two_columns_and_no_card(tmp_path):
    write(tmp_path / "set", instruction=["问题一是什么？", "问题一是什么？"], output=["答案。", ""])
    faults, shown = check(tmp_path / "set")
    assert faults == 1
    for found in ("empty output", "no card", "no column id, source, license, segment"):
        assert found in shown


@pytest.mark.parametrize(
    ("card", "found"),
    [
        ("---\nlanguage: [zh]\n---\n# A\n\ntext", "names no licence"),
        ("---\nlicense: free\nlanguage: [zh]\n---\n# A\n\ntext", "licence is unknown to the Hub"),
        ("---\nlicense: [mit, {a: b}]\nlanguage: [zh]\n---\n# A\n\ntext", "licence is unknown to the Hub"),
        ("---\nlicense: other\nlanguage: [zh]\n---\n# A\n\ntext", "but no license_name"),
        ("---\nlicense: mit\n---\n# A\n\ntext", "does not name the language Chinese"),
        ("---\nlicense: mit\nlanguage: [zh]\n---\n# A\n\n[More Information Needed]", "is not finished"),
    ],
)
def test_a_card_that_leaves_something_open(tmp_path, card, found):
    write(tmp_path / "set", instruction=["水的沸点是多少？"], output=["标准大气压下是100摄氏度。"])
    (tmp_path / "set/README.md").write_text(card, encoding="utf-8")
    assert found in check(tmp_path / "set")[1]


def test_dataset_without_instructions_is_refused(tmp_path):
    write(tmp_path / "set", text=["水"])
    with pytest.raises(UserError, match="train: has the columns text; an instruction dataset has `instruction` and"):
        check(tmp_path / "set")
    with pytest.raises(UserError, match="is neither a dataset folder nor a dataset id on the Hub"):
        check(tmp_path / "nothing")


def test_a_truncated_shard(published):
    path = shards(published, "wudao")[0]
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match=f"{published}: "):
        check(published)


def test_a_missing_shard(published):
    shutil.rmtree(published / "data")
    with pytest.raises(UserError, match=f"{published}: "):
        check(published)


PAIRS = [{"id": 7, "instruction": "水的沸点是多少？", "output": "标准大气压下是100摄氏度。", "source": "人工"}]


@pytest.mark.parametrize("name", ["train.json", "train.jsonl", "train.csv"])
def test_rows_of_json_and_csv_are_looked_at_whatever_their_ids_and_source(tmp_path, name):
    folder = tmp_path / "set"
    folder.mkdir()
    text = {
        "train.json": json.dumps(PAIRS, ensure_ascii=False),
        "train.jsonl": json.dumps(PAIRS[0], ensure_ascii=False),
        "train.csv": ",".join(PAIRS[0]) + "\n" + ",".join(map(str, PAIRS[0].values())),
    }[name]
    (folder / name).write_text(text + "\n", encoding="utf-8")
    faults, shown = check(folder)
    assert faults == 0
    assert "1 rows: train 1" in shown


def test_card_with_bad_yaml_is_named(tmp_path):
    write(tmp_path / "set", instruction=["水的沸点是多少？"], output=["100摄氏度。"])
    (tmp_path / "set/README.md").write_text("---\npretty_name: 指令: 集\n---\n", encoding="utf-8")
    with pytest.raises(UserError, match="its card's metadata cannot be read: mapping values"):
        check(tmp_path / "set")


@pytest.mark.parametrize(
    "second", ['{"instruction": "甲？", "output": "乙。", "more": 1}\n'.encode(), "坏".encode("gbk")]
)
def test_rows_that_cannot_be_read_are_named(tmp_path, second):
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "train-0.jsonl").write_text('{"instruction": "甲？", "output": "乙。"}\n', encoding="utf-8")
    (folder / "train-1.jsonl").write_bytes(second)
    with pytest.raises(UserError, match="cannot be read"):
        check(folder)


def test_decimals_and_binary_are_read(tmp_path):
    write(tmp_path / "set", instruction=["甲？"], output=["乙。"], price=[Decimal("1.5")], image=[b"x"])
    assert check(tmp_path / "set")[0] == 0


def test_files_added_missing_or_altered_since_the_build_are_found(published):
    (published / "notes.txt").write_text("x", encoding="utf-8")
    (published / "recipes/stages.json").write_text("{}", encoding="utf-8")
    (published / "recipes/prompts/label.txt").unlink()
    (published / ".gitattributes").write_text("x", encoding="utf-8")
    faults, shown = check(published)
    assert faults == 3
    for what, file in (
        ("added", "notes.txt"),
        ("changed", "recipes/stages.json"),
        ("missing", "prompts/label.txt"),
    ):
        assert any(what in line and file in line for line in shown.splitlines()), shown


@pytest.mark.parametrize(("manifest", "message"), [("{", "manifest.json cannot be read"), ("[]", None), ("{}", None)])
def test_a_manifest_that_is_broken_or_of_another_program(tmp_path, manifest, message):
    write(tmp_path / "set", instruction=["水的沸点是多少？"], output=["标准大气压下是100摄氏度。"])
    (tmp_path / "set/manifest.json").write_text(manifest, encoding="utf-8")
    if message is None:
        assert check(tmp_path / "set")[0] == 0
        return
    with pytest.raises(UserError, match=message):
        check(tmp_path / "set")


@pytest.mark.parametrize("name", ["train.json", "data.jsonl", "train-00000-of-00001.parquet", "data/rows.jsonl"])
@pytest.mark.parametrize("results", [["eval_results.json"], ["all_results.json", "test_metrics.json", "config.json"]])
def test_results_and_settings_next_to_the_data_are_not_rows(tmp_path, name, results):
    folder = tmp_path / "set"
    (folder / name).parent.mkdir(parents=True)
    if name.endswith(".parquet"):
        write(folder, **{key: [value] for key, value in PAIRS[0].items()})
    else:
        (folder / name).write_text(json.dumps(PAIRS[0], ensure_ascii=False) + "\n", encoding="utf-8")
    for result in results:
        (folder / result).write_text(json.dumps({"eval_loss": 1.25, "epoch": 3}, indent=1), encoding="utf-8")
    faults, shown = check(folder)
    assert faults == 0
    assert "1 rows: train 1" in shown


def test_every_subset_is_read_without_a_default(tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / f"{name}.jsonl").write_text(json.dumps(PAIRS[0], ensure_ascii=False) + "\n", encoding="utf-8")
    configs = "".join(f"- config_name: {name}\n  data_files: {name}.jsonl\n" for name in ("a", "b"))
    (folder / "README.md").write_text(f"---\nlicense: mit\nconfigs:\n{configs}---\n# A\n", encoding="utf-8")
    faults, shown = check(folder)
    assert faults == 0  # the id of both is one row's
    assert "2 rows: a/train 1, b/train 1" in shown
