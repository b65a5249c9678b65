"""A fresh run removes what its stages wrote, and no folder in which anything else lies."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from kun_recipes.chain.all_stages import STAGES as KINDS
from kun_recipes.chain.local import remove_from
from kun_recipes.chain.recipe import StageRun
from kun_recipes.config.types import OutputPath
from kun_recipes.data.folders import STARTED
from kun_recipes.errors import UserError

STAGES = ["corpus", "label_model", "label", "refine", "evaluate", "statistics", "study", "report", "publish"]
OWN = {
    "corpus": ["report.html", "rows/00000_00000.jsonl.zst", "removed/01_rules/00000.jsonl.zst", "logs/a/b.log"],
    "label_model": ["config.json", "model-00001-of-00002.safetensors", "tokenizer.json", "loss.png", "logs/events.1"],
    "label": ["measured/00000.jsonl.zst", "rows/00000.jsonl.zst", "held_out/segments/rows/00000.jsonl.zst"],
    "refine": ["judges.json", "judges.json.lock", "scratch/calibrate/x.json", "held_out/dataset/a.parquet"],
    "evaluate": ["results.json", "table.md", "table.tex", "figure.svg", "held_out/base/00000.jsonl.zst"],
    "statistics": ["statistics.json", "figures/lengths.svg"],
    "study": ["quality.jsonl", "tables.md", "results.json", "answers/base/00000.jsonl.zst", "figures/people_a.png"],
    "report": ["report.html", "report.html.partial", "figures/funnel.svg"],
    "publish": ["dataset/README.md", "dataset/data/wudao-00000-of-00001.parquet", "final_model.partial/config.json"],
}


@dataclass
class Folders:
    """What a stage's config says of the folders that it writes."""

    output_dir: OutputPath
    dataset_dir: OutputPath


@pytest.fixture
def make(tmp_path):
    """A function that makes a stage's folder with these files in it."""

    def make(stage: str, mark: str, files: list[str]) -> StageRun:
        folders = Folders(str(tmp_path / "run" / stage), str(tmp_path / "run" / "dataset"))
        run = StageRun(stage, stage, KINDS[stage], folders, [], [])
        for name in [run.kind.summary_file if mark == "finished" else mark, *files]:
            (run.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (run.folder / name).write_text("{}", encoding="utf-8")
        return run

    return make


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("mark", ["finished", STARTED])
def test_a_folder_of_a_stages_own_files_is_removed(make, stage, mark):
    mark = f"checkpoints/{STARTED}" if (stage, mark) == ("label_model", STARTED) else mark
    run = make(stage, mark, OWN[stage])
    remove_from([run])
    assert not run.folder.exists()


FOREIGN = ["notes.md", "rows/notes.md", ".hidden", "thesis.docx", "model.gguf", "my.parquet"]


@pytest.mark.parametrize(
    ("stage", "name"),
    [(stage, name) for stage in STAGES for name in FOREIGN if stage != "publish" or "/" not in name],
)
def test_folder_with_a_foreign_file_is_kept(make, stage, name):
    run = make(stage, "finished", [*OWN[stage], name])
    before = sorted(run.folder.rglob("*"))
    with pytest.raises(UserError) as caught:
        remove_from([run])
    assert (
        str(caught.value)
        == f"{run.folder}: contains {name}, not written by the stage; move it, or choose another folder"
    )
    assert sorted(run.folder.rglob("*")) == before


def test_foreign_files_are_counted(make):
    run = make("label", "finished", ["b.txt", "a.txt", "c/d/e.txt"])
    with pytest.raises(UserError, match=r"contains a.txt and 2 more, not written by the stage"):
        remove_from([run])


@pytest.mark.parametrize("work", [".git/HEAD", "dataset/.git/HEAD"])
def test_a_repository_in_a_release_is_left(make, work):
    run = make("publish", "finished", [work])
    with pytest.raises(UserError, match=re.escape(f"contains {Path(work).parent}, a repository;")):
        remove_from([run])
    assert (run.folder / work).exists()


def test_a_link_is_left_and_named(make, tmp_path):
    run = make("label", "finished", [])
    run.folder.rename(tmp_path / "elsewhere")
    run.folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match=f"is a link to {tmp_path / 'elsewhere'}; remove both yourself"):
        remove_from([run])
    assert run.folder.exists()


def test_a_dataset_inside_the_folder_of_its_stage_goes_first(make):
    run = make("refine", "finished", ["dataset/data/wudao.parquet"])
    run.config.dataset_dir = str(run.folder / "dataset")
    (run.folder / "dataset" / ".written.json").write_text('{"files": ["data/wudao.parquet"]}', encoding="utf-8")
    remove_from([run])
    assert not run.folder.exists()
