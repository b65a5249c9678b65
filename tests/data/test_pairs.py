import json

import pyarrow
import pyarrow.parquet
import pytest
from datatrove.data import Document

from kun_recipes.data.pairs import Pair, Removed, describe_removed, load_pairs, split_pairs
from kun_recipes.data.rows import write_shards
from kun_recipes.errors import UserError

GOOD = {"instruction": "问", "output": "答"}


def write(path, *rows):
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def load(source):
    return load_pairs(source, "instruction", "output")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "invalid_json"),
        ("[1]", "not_an_object"),
        ({"instruction": 1, "output": "答"}, "wrong_type"),
        ({"instruction": "问", "output": 7}, "wrong_type"),
        ({"instruction": "问", "output": None}, "empty_output"),
        ({"instruction": "问"}, "empty_output"),
        ({"output": "答"}, "empty_instruction"),
        ({"instruction": " \n", "output": "答"}, "empty_instruction"),
        ({"instruction": "问", "output": "　"}, "empty_output"),
        ({"instruction": "\u200b\ufeff", "output": "答"}, "empty_instruction"),
        ({"instruction": "问", "output": "\u2060\u00ad \u200e\ufe0f"}, "empty_output"),
        ({"instruction": "问", "output": "\u3164\u2800"}, "empty_output"),
        (GOOD | {"history": [["早", 7]]}, "history"),
        (GOOD | {"history": "早"}, "history"),
        ({"instruction": " 问 ", "output": "另一个答案"}, "duplicate_instruction"),
    ],
)
def test_a_bad_row_is_removed_with_its_place_and_reason(tmp_path, line, reason):
    source = write(tmp_path / "seeds.jsonl", GOOD, "", line, {"instruction": "又问", "output": "又答"})
    seeds, removed = load(source)
    assert [seed.instruction for seed in seeds] == ["问", "又问"]
    assert removed == [Removed(f"{source}:3", reason)]


def test_invalid_utf8_is_a_bad_row_and_a_byte_order_mark_is_not(tmp_path):
    file = tmp_path / "seeds.jsonl"
    good = json.dumps(GOOD, ensure_ascii=False).encode()
    file.write_bytes(b"\xef\xbb\xbf" + good + b'\n{"instruction": "\xff", "output": "y"}\n')
    seeds, removed = load(str(file))
    assert seeds == [Pair("问", "答", f"{file}:1")]
    assert removed == [Removed(f"{file}:2", "invalid_utf8")]


def test_a_folder_is_read_in_the_order_of_its_file_names(tmp_path):
    table = pyarrow.Table.from_pylist([{"instruction": "甲", "output": "一", "source": "wudao"}])
    (tmp_path / "data").mkdir()
    pyarrow.parquet.write_table(table, tmp_path / "data" / "wudao-00000-of-00001.parquet")
    write(tmp_path / "more.jsonl", GOOD)
    (tmp_path / "README.md").write_text("no data")
    seeds, removed = load(str(tmp_path))
    assert seeds == [
        Pair("甲", "一", f"{tmp_path}/data/wudao-00000-of-00001.parquet:1", source="wudao"),
        Pair("问", "答", f"{tmp_path}/more.jsonl:1"),
    ]
    assert removed == []


def test_a_pair_knows_its_row(tmp_path):
    polished = GOOD | {"id": "7", "source": "wudao", "chat_model": "qwen", "polish_prompt": "3f"}
    raw = {"instruction": "又问", "output": "又答", "id": 7, "chat_model": "qwen", "polish_prompt": None}
    source = write(tmp_path / "seeds.jsonl", polished, raw)
    pairs, _ = load(source)
    assert pairs[0] == Pair("问", "答", f"{source}:1", "7", "wudao", "qwen")
    assert pairs[1] == Pair("又问", "又答", f"{source}:2", "dae9f9d92f6dccce535b33ef")
    assert pairs[1] == Pair("又问", "又答", f"{source}:2")


def test_rows_that_repeat_an_id_are_told_apart_by_their_texts(tmp_path, capsys):
    rows = [{"instruction": f"问{number}", "output": "答", "id": "1"} for number in range(3)]
    source = write(tmp_path / "seeds.jsonl", *rows, GOOD | {"id": "2"})
    pairs, _ = load(source)
    assert [pair.id for pair in pairs] == ["1", Pair("问1", "答").id, Pair("问2", "答").id, "2"]
    assert (
        capsys.readouterr().err
        == f"{source}: 2 rows have the id of an earlier row; their texts identify them instead\n"
    )


def test_the_rows_of_a_stage_are_read_with_the_columns_that_are_named(tmp_path):
    write_shards([Document("段落", "1", metadata={"instruction": "问"})], tmp_path / "rows", 1)
    assert load_pairs(str(tmp_path / "rows"), "instruction", "text") == (
        [Pair("问", "段落", f"{tmp_path}/rows:1", "1")],
        [],
    )
    (tmp_path / "started.json").touch()
    with pytest.raises(UserError, match="this stage was started but did not finish"):
        load_pairs(str(tmp_path / "rows"), "instruction", "text")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"kind": "问", "output": "答"}], "seeds.jsonl:1: no column instruction; found kind, output; name"),
        (
            [{"instruction": "问"}, {"instruction": "又问", "b": 1}],
            "seeds.jsonl:1: no column output; found instruction, b; name",
        ),
        ([{"instruction": "", "output": "答"}], "1 of 1 rows have no pair: 1 empty_instruction"),
        ([""], "no pair to train on; it has no rows"),
    ],
)
def test_seeds_without_a_usable_pair_are_refused(tmp_path, rows, message):
    with pytest.raises(UserError, match=message):
        load(write(tmp_path / "seeds.jsonl", *rows))


@pytest.mark.parametrize("column", ["input", "context", "system", "system_prompt", "history"])
@pytest.mark.parametrize("value", [None, "", " \u200b", []])
def test_empty_extra_column_changes_nothing(tmp_path, column, value):
    pairs, removed = load(write(tmp_path / "seeds.jsonl", GOOD | {column: value}))
    assert ([(pair.instruction, pair.output) for pair in pairs], removed) == ([("问", "答")], [])


@pytest.mark.parametrize(
    ("more", "instruction"),
    [
        ({"input": "天"}, "问\n天"),
        ({"context": "天"}, "问\n天"),
        ({"system": "你是老师", "input": ""}, "你是老师\n问"),
        ({"system_prompt": "你是老师", "input": "天"}, "你是老师\n问\n天"),
    ],
)
def test_text_in_a_column_of_context_belongs_to_the_instruction(tmp_path, capsys, more, instruction):
    source = write(tmp_path / "seeds.jsonl", GOOD, GOOD | more)
    pairs, removed = load(source)
    assert ([pair.instruction for pair in pairs], removed) == (["问", instruction], [])
    names = " and ".join(column.removesuffix("_prompt") for column in more if more[column])
    read = "read as alpaca (instruction, output)"
    assert capsys.readouterr().err == f"{source}: {read}; {names} joined to the instruction in 1 row\n"


@pytest.mark.parametrize("value", ["nan", "无", "<noinput>", "None"])
def test_a_word_for_nothing_is_not_joined(tmp_path, value):
    pairs, _ = load(write(tmp_path / "seeds.jsonl", GOOD | {"input": value}))
    assert [pair.instruction for pair in pairs] == ["问"]


def test_a_column_of_context_that_is_named_is_used_as_named(tmp_path, capsys):
    source = write(tmp_path / "seeds.jsonl", {"kind": "译", "input": "天", "target": "sky"})
    assert load_pairs(source, "input", "target")[0] == [Pair("天", "sky", f"{source}:1")]
    assert load_pairs(source, "kind+input", "target")[0] == [Pair("译\n天", "sky", f"{source}:1")]
    assert load_pairs(source, "kind", "input")[0] == [Pair("译", "天", f"{source}:1")]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"input": "天", "output": "答"}, "empty_instruction"),
        ({"instruction": " ", "input": "天", "output": "答"}, "empty_instruction"),
        (GOOD | {"input": {"天": 1}}, "wrong_type"),
    ],
)
def test_context_is_no_instruction_and_must_be_text(tmp_path, row, reason):
    source = write(tmp_path / "seeds.jsonl", GOOD, row)
    assert load(source)[1] == [Removed(f"{source}:2", reason)]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.jsonl", "missing.jsonl: no such file or folder"),
        ("notes.txt", "notes.txt: pairs are read from .jsonl, .json, .csv, .tsv or .parquet files"),
        ("empty", "empty: no .jsonl, .json, .csv, .tsv or .parquet file in this folder"),
        ("broken.parquet", "broken.parquet: not a Parquet file"),
    ],
)
def test_sources_that_cannot_be_read(tmp_path, name, message):
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "broken.parquet").write_text("x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=message):
        load(str(tmp_path / name))


def test_removed_rows_are_counted_by_reason_and_the_first_are_named():
    rows = [Removed(f"f:{number}", "too_long") for number in range(7)] + [Removed("f:9", "not_json")]
    assert describe_removed(rows) == "7 too_long (f:0, f:1, f:2, f:3, f:4 and 2 more); 1 not_json (f:9)"


def some_seeds(number):
    return [Pair(f"问题{index}", "答", f"f:{index}") for index in range(number)]


def test_the_split_is_a_partition_near_the_share():
    seeds = some_seeds(1000)
    training, held_out = split_pairs(seeds, 0.1)
    assert sorted(training + held_out, key=seeds.index) == seeds
    assert 70 <= len(held_out) <= 130


def test_split_of_a_pair_does_not_depend_on_the_other_pairs():
    few, many = some_seeds(100), some_seeds(200)
    assert set(split_pairs(few, 0.2)[1]) == set(split_pairs(many[::-1], 0.2)[1]) & set(few)


@pytest.mark.parametrize("share", [0.001, 0.5])
def test_neither_split_of_a_small_set_is_empty(share):
    for number in range(2, 6):
        training, held_out = split_pairs(some_seeds(number), share)
        assert training and held_out


def test_nothing_is_held_out_when_the_share_is_zero():
    assert split_pairs(some_seeds(1), 0) == (some_seeds(1), [])


def test_one_pair_cannot_be_split():
    with pytest.raises(UserError, match="f:0: a single pair cannot be split; give more pairs, or set"):
        split_pairs(some_seeds(1), 0.1)
