import re

import pytest

from kun_recipes.errors import UserError
from kun_recipes.evaluation.questions import Source, check_source, load_subject

ROW = ["0", "一加一等于", "1", "2", "3", "4", "B"]
SHOT = ["0", "二加二等于", "4", "5", "6", "7", "A"]


@pytest.fixture
def logic(write_csv, tmp_path):
    """Writes C-Eval's logic with a shot and these rows, and says where the rows lie."""

    def write(*rows, name="ceval"):
        write_csv(name, "dev", [SHOT], "logic" if name == "ceval" else "logical")
        return write_csv(
            name, "val" if name == "ceval" else "test", list(rows), "logic" if name == "ceval" else "logical"
        )

    return write


def source(tmp_path, name="ceval", **more):
    return Source(name, str(tmp_path / name), **{"shots": 1} | more)


@pytest.mark.parametrize("name", ["ceval", "cmmlu"])
def test_both_layouts_give_the_same_questions(logic, tmp_path, name):
    logic(ROW, ["7", *ROW[1:]], name=name)
    subject = "logic" if name == "ceval" else "logical"
    loaded = load_subject(source(tmp_path, name), subject)
    first, second = loaded.questions
    split = "val" if name == "ceval" else "test"
    assert [first.id, second.id] == [f"{name}/{split}/{subject}/0", f"{name}/{split}/{subject}/7"]
    assert (first.stem, first.options, first.gold) == ("一加一等于", ("1", "2", "3", "4"), "B")
    assert [shot.gold for shot in loaded.shots] == ["A"]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.replace("\n", "\r\n", 1).encode(),
    ],
    ids=["byte order mark", "CRLF", "mixed line ends"],
)
def test_encoding_and_line_ends_do_not_change_questions(logic, tmp_path, change):
    file = logic(ROW, ["1", *ROW[1:]])
    expected = load_subject(source(tmp_path), "logic")
    file.write_bytes(change(file.read_text(encoding="utf-8")))
    load_subject.cache_clear()
    assert load_subject(source(tmp_path), "logic") == expected


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            ["1", *ROW[1:-1], ""],
            r"val/logic_val\.csv:3: has no answer; use the split with public answers, or correct",
        ),
        (["1", *ROW[1:-1], "E"], r"val/logic_val\.csv:3: the answer is 'E', not one of A, B, C, D; correct the row"),
        (ROW, r"val/logic_val\.csv:3: duplicate id 0, first at .*logic_val\.csv:2; correct the file"),
        (["1", " ", *ROW[2:]], r"val/logic_val\.csv:3: question is empty; correct the row"),
        (["1", *ROW[1:4], "", *ROW[5:]], r"val/logic_val\.csv:3: C is empty; correct the row"),
        (ROW[:-1], r"val/logic_val\.csv:3: field count differs from the header; correct the line"),
    ],
    ids=["no answer", "answer E", "duplicate id", "no stem", "no option", "a field less"],
)
def test_a_bad_row_is_named(logic, tmp_path, row, message):
    logic(ROW, row)
    with pytest.raises(UserError, match=message) as caught:
        load_subject(source(tmp_path), "logic")
    assert "\n" not in str(caught.value)


def test_gbk_file_is_an_error_with_the_conversion_command(logic, tmp_path):
    file = logic(ROW)
    file.write_bytes(file.read_text(encoding="utf-8").encode("gbk"))
    with pytest.raises(
        UserError, match=r"logic_val\.csv: is not UTF-8 text \(.*\); convert it: iconv -f GBK -t UTF-8$"
    ):
        load_subject(source(tmp_path), "logic")


def test_a_missing_file_is_named(logic, tmp_path):
    logic(ROW)
    with pytest.raises(UserError, match=r"dev/law_dev\.csv: no such file; .* choose other subjects$"):
        load_subject(source(tmp_path), "law")


def test_a_file_of_the_other_layout_is_named(logic, tmp_path):
    file = logic(ROW)
    file.write_text(file.read_text(encoding="utf-8").replace("question", "Question"), encoding="utf-8")
    with pytest.raises(UserError, match=r"logic_val\.csv: no column question; ceval has the columns question, A"):
        load_subject(source(tmp_path), "logic")


def test_too_few_shots_are_named(logic, tmp_path):
    logic(ROW)
    with pytest.raises(UserError, match=r"logic has 1 rows in dev, but 5 shots were requested; lower shots$"):
        load_subject(source(tmp_path, shots=5), "logic")


def test_shots_and_limit(logic, tmp_path):
    logic(ROW, ["1", *ROW[1:]])
    loaded = load_subject(source(tmp_path, shots=0, limit=1), "logic")
    assert (len(loaded.shots), len(loaded.questions)) == (0, 1)


def test_the_hub_is_read_at_the_commit_that_is_given(monkeypatch):
    import datasets

    asked = []

    def load_dataset(repository, subject, split, revision):
        asked.append((repository, subject, split, revision))
        columns = ("id", "question", "A", "B", "C", "D", "answer")
        return [dict(zip(columns, ROW if split == "val" else SHOT, strict=True))]

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    loaded = load_subject(Source("ceval", "owner/name@abc123", shots=1), "law")
    assert [question.id for question in loaded.questions] == ["ceval/val/law/0"]
    assert asked == [("owner/name", "law", split, "abc123") for split in ("dev", "val")]


def test_unavailable_hub_subject_is_named(monkeypatch):
    import datasets

    def load_dataset(*_, **__):
        raise ConnectionError("offline")

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    with pytest.raises(
        UserError, match=r"^owner/name@1: law cannot be loaded \(offline\); download it and give its folder$"
    ):
        load_subject(Source("ceval", "owner/name@1", shots=1), "law")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            "owner/name",
            "owner/name: no such folder; give a Hub dataset with its commit, as owner/name@commit",
        ),
        ("/no/such/folder", "/no/such/folder: no such folder; give the folder with the benchmark's CSV files"),
    ],
)
def test_source_must_be_a_folder_or_a_pinned_dataset(path, message):
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        check_source(path)
