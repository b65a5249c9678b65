"""People's votes as judge items: what the annotators' page exports is read as it was written."""

from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from kun_recipes.annotation.export import write_dataset, write_votes
from kun_recipes.annotation.study import Study
from kun_recipes.curation import voted_items
from kun_recipes.curation.judge_data import JudgeItem, load_judge_items
from kun_recipes.errors import UserError
from kun_recipes.studies.items import PreferenceItem, QualityItem
from kun_recipes.studies.votes import CRITERIA, GRADES, PreferenceVote, QualityVote

GOOD = (True, True, True, "excellent")
FAILED = (True, True, True, "fail")
UNCLEAR = (False, True, True, "pass")
VOTES = {  # of each item; what most say of the instruction, and of the pair
    "一": ([GOOD, GOOD, FAILED], "好", "好"),
    "二": ([(True, True, True, "pass")], "好", "好"),
    "三": ([GOOD, FAILED, FAILED], "好", "差"),
    "四": ([UNCLEAR, GOOD], None, None),
    "五": ([(True, False, True, "excellent"), (True, True, False, "excellent"), GOOD], "差", "差"),
    "六": ([GOOD, FAILED], "好", None),
    "七": ([], None, None),
}
STUDY = Study({"quality": {name: QualityItem(name, "wudao", f"问{name}？", f"答{name}。") for name in VOTES}})


def votes_on(item: str, *given: tuple[bool, bool, bool, str]) -> list[QualityVote]:
    return [QualityVote(item, f"a{number}", *answers, time=0.0) for number, answers in enumerate(given)]


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """The folder dataset of an export, and the votes in a file next to it."""
    votes = {"quality": [vote for item, (given, _, _) in VOTES.items() for vote in votes_on(item, *given)]}
    write_votes(votes, tmp_path / "votes")
    return write_dataset(STUDY, votes, tmp_path / "dataset")


@pytest.mark.parametrize("pairs", [False, True], ids=["instruction", "pair"])
@pytest.mark.parametrize("inside", ["", "quality.parquet"], ids=["folder", "file"])
def test_the_majority_labels_an_item_and_ties_are_counted(exported, capsys, pairs, inside):
    labels = {name: label for name, (_, *both) in VOTES.items() if (label := both[pairs])}
    items = load_judge_items(exported / inside, pairs=pairs, judges=[])
    assert items == [
        JudgeItem("score", f"问{name}？", label, "voted", f"答{name}。" * pairs) for name, label in labels.items()
    ]
    counted = (
        "6 pairs with votes: 2 good, 2 poor, 2 omitted"
        if pairs
        else "6 instructions with votes: 4 good, 1 poor, 1 omitted"
    )
    assert capsys.readouterr().err == f"{exported / inside}: {counted} as ties\n"


def test_the_questions_are_those_of_the_page():
    assert (voted_items.CRITERIA, tuple(voted_items.GRADES)) == (CRITERIA, GRADES)


def test_votes_on_one_instruction_are_counted_together(tmp_path, capsys):
    items = {name: QualityItem(name, "wudao", "问？", f"答{name}。") for name in "甲乙"}
    votes = {"quality": [*votes_on("甲", GOOD), *votes_on("乙", UNCLEAR, UNCLEAR)]}
    folder = write_dataset(Study({"quality": items}), votes, tmp_path / "dataset")
    assert load_judge_items(folder, judges=[]) == [JudgeItem("score", "问？", "差", "voted")]
    assert [item.label for item in load_judge_items(folder, pairs=True, judges=[])] == ["好", "差"]


def test_votes_are_combined_with_other_items(exported, repository):
    demo = repository / "recipes/demo/data/judge.jsonl"
    items = load_judge_items([demo, exported])
    assert len(items) == len(load_judge_items(demo)) + 5
    with pytest.raises(UserError, match="the filter judge has 0 items labelled 是"):
        load_judge_items(exported)


@pytest.mark.parametrize("name", ["quality_votes.jsonl", "quality_votes.csv"])
def test_votes_without_texts_are_refused(exported, name):
    path = exported.with_name("votes") / name
    with pytest.raises(UserError, match=f"{path}.*: votes without their texts; give the dataset folder"):
        load_judge_items(path)


def test_a_folder_without_votes_on_pairs_is_refused(tmp_path):
    item = PreferenceItem("p", "问", "m", "n", "甲", "乙")
    vote = PreferenceVote("p", "a1", "a", "a", 0.0)
    folder = write_dataset(Study({"preference": {"p": item}}), {"preference": [vote]}, tmp_path / "dataset")
    for path in (folder, tmp_path):
        with pytest.raises(
            UserError, match=f"{path}: contains no quality.parquet; give a file of labelled items, or the"
        ):
            load_judge_items(path)
    with pytest.raises(
        UserError, match=r"preference\.parquet: lacks clarity, feasibility, practicality, output, item_inst"
    ):
        load_judge_items(folder / "preference.parquet")


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("clarity", None, "vote 2: clarity must be true or false, not None"),
        ("output", "good", "vote 2: output must be one of excellent, pass, fail, not good"),
        ("item_instruction", " ", "vote 2: item_instruction must be non-empty text"),
        ("item_output", None, "vote 2: item_output must be non-empty text"),
    ],
)
def test_invalid_vote_is_named(exported, column, value, message):
    file = exported / "quality.parquet"
    rows = parquet.read_table(file).to_pylist()
    rows[1][column] = value
    parquet.write_table(pyarrow.Table.from_pylist(rows), file)
    with pytest.raises(UserError, match=f"{file}: {message}"):
        load_judge_items(exported)


def test_a_broken_file_is_named(tmp_path):
    (tmp_path / "quality.parquet").write_bytes(b"PAR1 broken")
    with pytest.raises(UserError, match=f"{tmp_path}/quality.parquet: not a readable Parquet file: "):
        load_judge_items(tmp_path)


def test_missing_columns_are_reported_without_a_vote(tmp_path):
    file = tmp_path / "quality.parquet"
    parquet.write_table(pyarrow.table({"clarity": pyarrow.array([], pyarrow.bool_())}), file)
    with pytest.raises(UserError, match="lacks feasibility, practicality, output, item_instruction, item_output"):
        load_judge_items(file, judges=())
