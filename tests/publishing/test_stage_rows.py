"""Rows of one stage on a Hub on loopback: what arrives, what its card says, what is refused, what resumes."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from datasets import load_dataset
from datatrove.data import Document

from kun_recipes.data.manifest import MANIFEST
from kun_recipes.data.rows import row_writer
from kun_recipes.errors import UserError
from kun_recipes.publishing.stage_rows import push_rows
from tests.languages import foreign_words, without_code
from tests.publishing.cards.test_language import data_of
from tests.publishing.run_folder import RunFolder

pytestmark = pytest.mark.slow

FAULTS = [503, 412, "drop", "drop_after"]
ENDPOINTS = {
    "look": ("GET", "/api/datasets/ana/Rows$"),
    "create": ("POST", "/api/repos/create"),
    "preupload": ("POST", "/preupload/"),
    "put": ("PUT", "/lfs/"),
    "commit": ("POST", "/commit/main"),
    "object": ("GET", "/lfs/"),
}


@pytest.fixture(autouse=True)
def token(monkeypatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_ana")


def send(run_folder: RunFolder, stage: str, private: bool = True, language: str = "en") -> Path:
    folder = run_folder.folder / stage
    config = SimpleNamespace(
        output_dir=str(folder), push_to="ana/Rows", private=private, rules=None, language=language
    )
    push_rows(stage, config, None)
    return folder / "push"


def on_main(hub) -> dict[str, bytes]:
    return {name: content for name, content in hub.files("ana/Rows", "dataset").items() if name != ".gitattributes"}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("stage", ["label", "refine"])
def test_rows_arrive_as_they_are_in_a_private_repository_with_a_card(run_folder, hub, stage, tmp_path):
    folder = send(run_folder, stage)
    assert on_main(hub) == contents(folder)
    assert hub.store.repositories["datasets", "ana/Rows"].private
    assert not hub.store.repositories["datasets", "ana/Rows"].tags
    loaded = load_dataset("ana/Rows", cache_dir=str(tmp_path / "cache"))
    assert sorted(loaded) == ["skypile", "wanjuan", "wudao"]
    rows = {row["id"]: row for split in loaded.values() for row in split}
    written = {row["id"]: row for row in run_folder.rows}
    assert rows.keys() >= written.keys()
    for row_id, row in written.items():
        expected = {**row, "segment": row["text"]}
        assert {key: value for key, value in rows[row_id].items() if value is not None} == {
            key: expected[key] for key in rows[row_id] if key in expected
        }
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "license" not in yaml.safe_load(card.split("---")[1])
    author = run_folder.rows[0]["label_model" if stage == "label" else "chat_model"]
    for fact in (
        author,
        "decoded greedily",
        f"| rows in | {9 if stage == 'label' else 8} |",
        "not named in the rows",
        run_folder.rows[0]["id"],
    ):
        assert fact in card
    assert (folder / "recipes/stages.json").is_file() and "`recipes/stages.json`" in card
    assert ("recipes/refine.py" in card) == (stage == "label")


def test_segments_of_the_corpus_stage_arrive_without_columns_of_later_stages(run_folder, hub, tmp_path):
    with row_writer(run_folder.folder / "corpus/rows") as writer:
        for number, text in enumerate(["水的沸点是100摄氏度。", "香菜要放入冰箱冷藏。"]):
            writer.write(Document(text, str(number), metadata={"source": "wudao", "document_id": "/home/ana/d1"}), 0)
    folder = send(run_folder, "corpus")
    assert on_main(hub) == contents(folder)
    rows = load_dataset("ana/Rows", "wudao", split="wudao", cache_dir=str(tmp_path / "cache"))
    assert rows["segment"][:] == ["水的沸点是100摄氏度。", "香菜要放入冰箱冷藏。"]
    assert rows["document_id"][:] == ["…/d1"] * 2
    assert not {"instruction", "output", "text"} & set(rows.column_names)
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "/home/ana" not in card and "recipes/label.py" in card


def test_second_push_sends_nothing_and_another_content_follows(run_folder, hub, capsys):
    send(run_folder, "label")
    uploads, commits = len(hub.uploads()), hub.count("POST", "/commit/")
    send(run_folder, "label")
    assert (len(hub.uploads()), hub.count("POST", "/commit/")) == (uploads, commits)
    assert "nothing to send" in capsys.readouterr().err
    run_folder.rows[0]["instruction"] = "水烧开是多少度？"
    run_folder.write()
    folder = send(run_folder, "label")
    assert on_main(hub) == contents(folder)


@pytest.mark.parametrize("what", FAULTS, ids=str)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_failure_at_any_endpoint_loses_and_repeats_nothing(run_folder, hub, endpoint, what):
    fault = hub.faults.add(*ENDPOINTS[endpoint], what, times=1)
    folder = send(run_folder, "label")
    assert fault not in hub.faults.waiting, "the fault was not met"
    assert on_main(hub) == contents(folder)
    arrived = [upload.oid for upload in hub.uploads() if upload.status == 200]
    assert len(arrived) == len(set(arrived)), "a file that had arrived was sent again"


def test_failed_push_keeps_the_rows_and_is_resumed_by_the_same_call(run_folder, hub):
    hub.faults.add("POST", "/commit/main", 403, times=1)
    rows = contents(run_folder.folder / "label/rows")
    with pytest.raises(UserError, match="the token does not allow this"):
        send(run_folder, "label")
    assert contents(run_folder.folder / "label/rows") == rows
    arrived = {upload.oid for upload in hub.uploads()}
    folder = send(run_folder, "label")
    assert on_main(hub) == contents(folder)
    assert len(hub.uploads()) == len(arrived), "a file that had arrived was sent again"


def test_licences_in_the_rows_are_kept_and_the_strictest_holds(run_folder, hub):
    for row, licence in zip(run_folder.rows, ["cc-by-4.0", "cc-by-nc-4.0"] * 3, strict=True):
        row["license"] = licence
    run_folder.write()
    card = (send(run_folder, "refine") / "README.md").read_text(encoding="utf-8")
    assert yaml.safe_load(card.split("---")[1])["license"] == "cc-by-nc-4.0"
    assert "| `wudao` | 2 | cc-by-4.0, cc-by-nc-4.0 |" in card


def test_unknown_licence_is_shown_and_not_assumed(run_folder, hub):
    run_folder.rows[0]["license"] = "my-own"
    run_folder.write()
    card = (send(run_folder, "refine") / "README.md").read_text(encoding="utf-8")
    assert "license" not in yaml.safe_load(card.split("---")[1])
    assert "my-own" in card


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"instruction": "请拨打13800001111咨询水的沸点。"}, "cannot be published: private data in instruction"),
        ({"text": "联系人电话13800001111，水的沸点是100摄氏度。"}, "cannot be published: private data in segment"),
        ({"source": "all"}, "the source name all is reserved"),
    ],
)
def test_rows_that_must_not_be_published_are_refused_before_anything_is_sent(run_folder, hub, change, message):
    run_folder.rows[0] |= change
    run_folder.write()
    with pytest.raises(UserError) as caught:
        send(run_folder, "label")
    assert message in str(caught.value) and "13800001111" not in str(caught.value)
    assert hub.store.repositories == {}
    assert not (run_folder.folder / "label/push").exists()


def test_data_of_others_in_the_repository_stops_the_push(run_folder, hub, api):
    api.create_repo("ana/Rows", repo_type="dataset", private=True)
    api.upload_file(path_or_fileobj=b"PAR1", path_in_repo="x.parquet", repo_id="ana/Rows", repo_type="dataset")
    with pytest.raises(UserError, match=r"ana/Rows: contains x\.parquet, which no release of this package uploaded"):
        send(run_folder, "label")
    assert MANIFEST not in on_main(hub)


def test_repository_becomes_public_only_when_asked(run_folder, hub):
    send(run_folder, "label", private=False)
    assert not hub.store.repositories["datasets", "ana/Rows"].private


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("stage", ["label", "refine"])
def test_card_is_in_one_language(run_folder, hub, stage, language):
    text = (send(run_folder, stage, language=language) / "README.md").read_text(encoding="utf-8")
    known = data_of(run_folder) | {"ana/Rows", "Rows", "config", "split"}
    assert foreign_words(without_code(text), language, known) == []
    assert ("## Licences" in text) == (language == "en") and ("## 许可证" in text) == (language == "zh")
