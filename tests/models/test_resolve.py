from dataclasses import dataclass, replace
from pathlib import Path

import huggingface_hub.constants
import pytest

from kun_recipes.config.options import option
from kun_recipes.config.types import ModelPath, OutputPath
from kun_recipes.errors import UserError
from kun_recipes.execution.counts import Counts
from kun_recipes.execution.folder import StageFolder
from kun_recipes.models.resolve import pin_model, resolve_model
from tests.models.conftest import COMMIT


def test_folder_is_returned_unchanged(tiny_model: Path) -> None:
    assert resolve_model(str(tiny_model)) == str(tiny_model)


def test_a_hub_id_becomes_its_folder(hub: dict) -> None:
    hub["somebody/model"] = {"config.json": b"{}", "model.safetensors": b"w", "pytorch_model.bin": b"the same again"}
    folder = Path(resolve_model("somebody/model", revision="main"))
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]
    assert resolve_model("somebody/model") == str(folder)


def test_a_hub_model_already_here_needs_no_hub(hub: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    hub["somebody/model"] = {"config.json": b"{}"}
    folder = resolve_model("somebody/model")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert resolve_model("somebody/model") == folder


@pytest.mark.parametrize(
    ("name", "revision", "message"),
    [
        ("empty", None, "contains no config.json, so it is not a model folder"),
        ("empty", "main", "a revision is only for a Hub id"),
        ("none.yaml", None, "none.yaml: no such file"),
        ("none.yaml", "main", "a revision is only for a Hub id"),
        ("none", None, "is neither a folder, a model source file (*.yaml) nor a Hub id like org/name"),
        ("outputs/demo/label_model", None, "is neither a folder, a model source file"),
        ("./outputs/demo", None, "is neither a folder, a model source file"),
        ("somebody/none", None, "is not a local folder, and not a model on the Hub"),
        ("somebody/gated", None, "accept its terms; do so at https://huggingface.co/somebody/gated, then run"),
        ("somebody/model", "v9", "it has no revision v9"),
        ("somebody/weightless", None, "contains no config.json"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, monkeypatch, hub: dict, name: str, revision, message: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    hub["somebody/model"] = {"config.json": b"{}"}
    hub["somebody/weightless"] = {"README.md": b"", "tokenizer.json": b"{}"}
    with pytest.raises(UserError) as error:
        resolve_model(name, revision)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("endpoint", "offline"), [("http://127.0.0.1:9", False), ("http://127.0.0.1:9", True)])
def test_no_hub_is_said_in_one_line(hub: dict, monkeypatch, endpoint: str, offline: bool) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", endpoint)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", offline)
    with pytest.raises(UserError, match=r"the Hub cannot be reached \(.+\); connect, or set model: to a .*folder$"):
        resolve_model("somebody/model")


@dataclass(frozen=True)
class Asking:
    output_dir: OutputPath = option(affects_rows=False)
    model: ModelPath = option()
    model_revision: str | None = option(None)


@pytest.mark.parametrize("named", [None, "main"])
@pytest.mark.parametrize("offline", [False, True])
def test_resumed_run_asks_the_model_of_the_same_commit(tmp_path, hub: dict, monkeypatch, named, offline) -> None:
    hub["somebody/model"] = {"config.json": b"{}"}
    config = Asking(str(tmp_path / "stage"), "somebody/model", named)
    if offline:
        resolve_model("somebody/model")
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    stage = StageFolder("label", config)
    assert pin_model(config, stage) == replace(config, model_revision=COMMIT)
    stage.begin()
    (main,) = (tmp_path / "hub").glob("*/refs/main")
    main.write_text("moved", encoding="utf-8")
    asked, download = [], huggingface_hub.snapshot_download
    monkeypatch.setattr(
        huggingface_hub, "snapshot_download", lambda *a, **k: asked.append(k["revision"]) or download(*a, **k)
    )
    for _ in range(2):
        stage = StageFolder("label", config)
        assert pin_model(config, stage).model_revision == COMMIT
        if stage.summary() is None:
            stage.begin()
            assert stage.finish(Counts())["pinned"] == {"model": COMMIT}
    assert asked == [COMMIT, COMMIT]


def test_a_folder_has_no_commit(tiny_model: Path, tmp_path: Path) -> None:
    config = Asking(str(tmp_path / "stage"), str(tiny_model))
    stage = StageFolder("label", config)
    assert pin_model(config, stage) == config and stage.pins == {}
