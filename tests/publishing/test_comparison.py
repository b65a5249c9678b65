"""Two releases compared: what was added, removed and why, and changed."""

import io
import json
import runpy
import shutil
import sys

import orjson
import pytest
from datatrove.data import Document
from rich.console import Console

from kun_recipes.data.rows import row_writer
from kun_recipes.errors import ConfigError, UserError
from kun_recipes.publishing.build import build
from kun_recipes.publishing.comparison import compare, show
from kun_recipes.publishing.record import read_run
from kun_recipes.publishing.removal_reasons import removal_reasons


def lines(path, rows):
    path.mkdir(parents=True, exist_ok=True)
    (path / "rows.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return str(path)


def pair(number: int, **changes) -> dict:
    known = {"id": f"r{number}", "instruction": f"问题{number}？", "output": f"答案{number}。", "source": "wudao"}
    return {key: value for key, value in (known | changes).items() if value is not None}


def test_each_row_is_counted_for_what_changed_in_it(tmp_path):
    earlier = [pair(number, perplexity=1.5) for number in range(7)]
    later = [
        pair(0, perplexity=1.5),
        pair(1, perplexity=1.5, output="另一个答案。"),
        pair(2, perplexity=1.5, instruction="另一个问题？", output="又一个答案。"),
        pair(3, perplexity=2.5),
        pair(8, source="skypile"),
        pair(6, perplexity=1.5),
    ]
    changes = compare(lines(tmp_path / "a", earlier), lines(tmp_path / "b", later)).as_json()
    assert changes["counts"] == {
        "added": 1,
        "removed": 2,
        "answer_changed": 1,
        "instruction_changed": 1,
        "other_columns_changed": 1,
    }
    assert changes["sources"]["skypile"] == {
        **dict.fromkeys(changes["counts"], 0),
        "added": 1,
        "earlier": 0,
        "later": 1,
    }
    assert (changes["earlier"]["rows"], changes["later"]["rows"]) == (7, 6)
    assert (changes["added"], changes["answer_changed"], changes["instruction_changed"]) == (["r8"], ["r1"], ["r2"])
    assert changes["removed"] == [{"id": f"r{n}", "source": "wudao", "reason": "not told"} for n in (4, 5)]
    assert changes["removed_by_reason"] == {"not told": 2}
    assert changes["rows_known_by"] == "id"


@pytest.mark.parametrize(("earlier", "later"), [(None, None), ("r", None), (None, "r")])
def test_rows_without_ids_are_known_by_their_instruction(tmp_path, earlier, later):
    def rows(given, *numbers):
        return [pair(number, id=given and f"{given}{number}") for number in numbers]

    changes = compare(
        lines(tmp_path / "a", [*rows(earlier, 0, 1, 1), pair(2, id=None)]),
        lines(tmp_path / "b", [*rows(later, 1, 0, 3), pair(2, id=None, output="改过的答案。")]),
    ).as_json()
    assert changes["rows_known_by"] == "instruction"
    assert [len(changes[kind]) for kind in ("added", "removed", "answer_changed", "instruction_changed")] == [
        1,
        1,
        1,
        0,
    ]
    assert "问题" not in json.dumps(changes, ensure_ascii=False)  # one that was to go must not come back so


def test_the_order_of_the_rows_is_no_change(tmp_path):
    rows = [pair(number) for number in range(5)]
    changes = compare(lines(tmp_path / "a", rows), lines(tmp_path / "b", rows[::-1])).as_json()
    assert not any(changes["counts"].values())


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"id": "1", "text": "片段。"}], r"b/rows.jsonl:1: no text in column instruction \(columns: id, text\)"),
        ([], "b: has no rows"),
    ],
)
def test_invalid_release_is_refused(tmp_path, rows, message):
    earlier = lines(tmp_path / "a", [pair(0)])
    with pytest.raises(UserError, match=message):
        compare(earlier, lines(tmp_path / "b", rows))
    with pytest.raises(UserError, match="none: neither a folder nor owner/name"):
        compare(earlier, str(tmp_path / "x/y/none"))


def test_reasons_come_from_the_lists_of_removed_rows_and_the_record_of_what_was_withheld(tmp_path):
    def removed(folder, **row):
        with row_writer(tmp_path / folder) as writer:
            identity, text = row.pop("id"), row.pop("text", "文")
            writer.write(Document(text, identity, metadata=row), 0)

    run = {stage: tmp_path / stage for stage in ("corpus", "label", "refine")}
    removed("corpus/removed/02_repetition", id="wudao/x/d4", reason="repetition", source="wudao", document_id="/x/d4")
    removed("corpus/removed/09_spam", id="r9", reason="spam", source="wudao", document_id="d5", span_start=0)
    removed("label/removed/01_fit", id="r1", reason="fit", source="wudao")
    removed("refine/removed/01_filter", id="r1", reason="not_an_instruction", source="wudao")
    release = tmp_path / "b"
    lines(release, [pair(0)])
    (release / "withheld.json").write_text('{"rows": 1, "ids": {"document": ["r3", "other"]}}', encoding="utf-8")
    given = [pair(number, document_id=f"…/d{number}" if number == 4 else f"d{number}") for number in range(6)]
    changes = compare(lines(tmp_path / "a", given), str(release), run)
    assert changes.as_json()["removed"] == [
        {"id": "r1", "source": "wudao", "reason": "refine: not_an_instruction"},
        {"id": "r2", "source": "wudao", "reason": "not told"},
        {"id": "r3", "source": "wudao", "reason": "withheld by document"},
        {"id": "r4", "source": "wudao", "reason": "corpus: repetition (its document)"},
        {"id": "r5", "source": "wudao", "reason": "not told"},  # only another segment of its document went
    ]
    assert removal_reasons([], str(release), None, {}) == {}


@pytest.fixture
def follows(run_folder):
    """A release, kept elsewhere, and the run after it: one answer changed, one row less, one withheld."""

    def publish(**changes):
        config = run_folder.config(repositories=["dataset=Pairs"], **changes)
        build(config, read_run(config), lambda line: None)

    publish()
    earlier = run_folder.folder / "v1"
    shutil.copytree(run_folder.folder / "publish/dataset", earlier)
    run_folder.rows = [row for row in run_folder.rows if row["id"] != "skypile0"]
    run_folder.rows[0]["output"] = "水在标准大气压下加热到100摄氏度时沸腾。"
    run_folder.write()
    with row_writer(run_folder.folder / "refine/removed/03_score") as writer:
        writer.write(Document("文", "skypile0", metadata={"reason": "low_score", "source": "skypile"}), 0)
    (run_folder.folder / "withhold.txt").write_text("wanjuan1", encoding="utf-8")
    publish(previous=earlier, withhold=run_folder.folder / "withhold.txt", tag="v1.1.0")
    return earlier, run_folder.folder / "publish/dataset"


def test_release_that_follows_another_says_what_changed(follows, run_folder):
    _, later = follows
    changes = json.loads((later / "changes.json").read_text(encoding="utf-8"))
    assert changes["answer_changed"] == ["wudao0"]
    assert {one["id"]: one["reason"] for one in changes["removed"]} == {
        "skypile0": "refine: low_score",
        "wanjuan1": "withheld by row",
    }
    assert changes["later"] == {"release": "ana/Pairs@v1.1.0", "rows": 4}
    card = (later / "README.md").read_text(encoding="utf-8")
    assert "## Changes since …/v1" in card
    assert "| wudao | 2 | 2 | 0 | 0 | 1 | 0 | 0 |" in card
    assert "Removed, by reason: refine: low_score 1 · withheld by row 1." in card
    assert str(run_folder.folder) not in card + json.dumps(changes)


def test_diff_of_the_script_prints_a_table_and_writes_json(follows, in_repository, tmp_path, monkeypatch, capsys):
    words = ["--diff", *map(str, follows), "--json", str(tmp_path / "changes.json")]
    monkeypatch.setattr(sys, "argv", ["recipes/publish.py", *words])
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit) as ended:
        runpy.run_path("recipes/publish.py", run_name="__main__")
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert "rows matched by id" in shown
    assert "not told" in shown and "withheld by row" in shown  # this build's folder has no summary of the stage
    assert json.loads((tmp_path / "changes.json").read_text(encoding="utf-8"))["counts"]["removed"] == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"repositories": ["label_model=Labeller"], "previous": "ana/Pairs@v1.0.0"}, "previous: has no effect"),
        ({"previous": "https://example.org/set"}, "write a Hub dataset as owner/name"),
    ],
)
def test_previous_that_cannot_be_compared_is_refused(run_folder, changes, message):
    with pytest.raises(ConfigError, match=message):
        run_folder.config(**changes)


def test_the_release_that_is_replaced_cannot_be_the_previous_one(run_folder):
    with pytest.raises(ConfigError, match="is overwritten by this release"):
        run_folder.config(previous=run_folder.folder / "publish/dataset")


def test_show_lists_every_source_and_their_sum(tmp_path):
    changes = compare(
        lines(tmp_path / "a", [pair(0), pair(1, source="skypile")]), lines(tmp_path / "b", [pair(0), pair(2)])
    )
    console = Console(file=io.StringIO(), width=200)
    show(changes, console)
    words = [line.split() for line in console.file.getvalue().splitlines()]
    assert ["│", "all", "│", "2", "│", "2", "│", "1", "│", "1", "│", "0", "│", "0", "│", "0", "│"] in words


@pytest.mark.slow
def test_releases_on_the_hub_are_read_at_their_revisions(hub, api, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_ana")
    folder = tmp_path / "hub"
    lines(folder / "data", [pair(0), pair(1), pair(2)])
    (folder / "README.md").write_text(
        "---\nconfigs:\n- config_name: default\n  data_files: data/*.jsonl\n---\n", encoding="utf-8"
    )
    api.create_repo("ana/Pairs", repo_type="dataset", private=True)
    where = {"repo_id": "ana/Pairs", "repo_type": "dataset"}
    api.upload_folder(**where, folder_path=folder)
    api.create_tag(**where, tag="v1")
    lines(folder / "data", [pair(0), pair(1, output="改过的答案。")])
    (folder / "withheld.json").write_text('{"rows": 1, "ids": {"source": ["r2"]}}', encoding="utf-8")
    api.upload_folder(**where, folder_path=folder)
    changes = compare("ana/Pairs@v1", "ana/Pairs").as_json()
    first, second = (api.dataset_info("ana/Pairs", revision=revision).sha for revision in ("v1", "main"))
    assert changes["earlier"] == {"release": "ana/Pairs@v1", "commit": first, "rows": 3}
    assert changes["later"] == {"release": "ana/Pairs", "commit": second, "rows": 2}
    assert changes["answer_changed"] == ["r1"]
    assert changes["removed"] == [{"id": "r2", "source": "wudao", "reason": "withheld by source"}]
    with pytest.raises(UserError, match="has no revision v9 on the Hub"):
        compare("ana/Pairs@v9", "ana/Pairs")
