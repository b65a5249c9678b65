"""Each form in which instruction sets come: a sample that is read, and a broken row that is counted and located."""

import gzip
import json

import pytest

from kun_recipes.data.pair_forms import FORMS, recognise
from kun_recipes.data.pairs import Removed, load_pairs
from kun_recipes.errors import UserError

Q, A, Q2, A2 = "什么是窑变？", "釉色在窑里的变化。", "为什么会变？", "因为铜和铁在火里变色。"


def turns(role, text, names=("user", "assistant"), system=None):
    said = [{role: "system", text: system}] if system else []
    return said + [{role: names[place % 2], text: line} for place, line in enumerate((Q, A, Q2, A2))]


SHAREGPT = turns("from", "value", ("human", "gpt"))
MESSAGES = turns("role", "content")
PARTS = [{"role": line["role"], "content": [{"type": "text", "text": line["content"]}]} for line in MESSAGES]
IMAGE = [{"role": "user", "content": [{"type": "image_url", "image_url": "a.png"}]}, MESSAGES[1]]
TASK = {"instruction": "回答问题。"}
LONG = (Q2, A2)

SAMPLES = [
    # form, a row, the first question, the further turns, a broken row, its reason
    (
        "alpaca",
        {"instruction": "翻译。", "input": Q, "output": A},
        f"翻译。\n{Q}",
        (),
        {"instruction": Q},
        "empty_output",
    ),
    ("alpaca", {"instruction": Q, "input": None, "output": A}, Q, (), {"instruction": None}, "empty_instruction"),
    ("alpaca", {"Instruction": Q, "Input": "", "Output": A}, Q, (), {"Instruction": Q, "Output": 1}, "wrong_type"),
    (
        "alpaca",
        {"instruction": Q, "context": "", "response": A},
        Q,
        (),
        {"instruction": Q, "response": " "},
        "empty_output",
    ),
    (
        "alpaca",
        {"instruction": Q2, "output": A2, "history": [[Q, A]]},
        Q,
        LONG,
        {"instruction": Q, "history": 1},
        "empty_output",
    ),
    (
        "alpaca",
        {"instruction": f"Human:{Q}\nAssistant:{A}\nHuman:{Q2}\nAssistant:", "input": "", "output": A2},
        Q,
        LONG,
        {"instruction": f"Human:{Q}\nHuman:{Q2}\nAssistant:", "output": A},
        "turns_out_of_order",
    ),
    ("sharegpt", {"conversations": SHAREGPT}, Q, LONG, {"conversations": SHAREGPT[1:]}, "turns_out_of_order"),
    ("sharegpt", {"conversations": turns("from", "value")}, Q, LONG, {"conversations": SHAREGPT[:1]}, "empty_output"),
    ("sharegpt", {"conversations": MESSAGES}, Q, LONG, {"conversations": Q}, "wrong_type"),
    ("sharegpt", {"conversations": SHAREGPT[:3]}, Q, (), {"conversations": []}, "empty_instruction"),
    (
        "sharegpt",
        {"conversation": [{"human": Q, "assistant": A}]},
        Q,
        (),
        {"conversation": [{"human": Q}]},
        "wrong_type",
    ),
    ("sharegpt", {"conversations": json.dumps(SHAREGPT)}, Q, LONG, {"conversations": "[{"}, "wrong_type"),
    (
        "messages",
        {"messages": MESSAGES},
        Q,
        LONG,
        {"messages": [*MESSAGES[:3], {"role": "tool", "content": A}]},
        "unknown_role",
    ),
    ("messages", {"messages": PARTS}, Q, LONG, {"messages": IMAGE}, "wrong_type"),
    (
        "messages",
        {"messages": MESSAGES},
        Q,
        LONG,
        {"messages": [*MESSAGES[:3], {"role": "assistant", "content": None}]},
        "empty_turn",
    ),
    (
        "sharegpt",
        {**TASK, "conversations": [{"question": Q, "answer": A}, {"question": Q2, "answer": A2}]},
        f"回答问题。\n{Q}",
        LONG,
        {**TASK, "conversations": [{"question": Q, "answer": ""}]},
        "empty_output",
    ),
    (
        "sharegpt",
        {"instruction": "", "conversations": {"question": [Q, Q2], "answer": [A, A2]}},
        Q,
        LONG,
        {"instruction": "", "conversations": {"question": [], "answer": []}},
        "empty_instruction",
    ),
    (
        "COIG translated",
        {"trans_instruction": "回答。", "trans_input": Q, "trans_output": A},
        f"回答。\n{Q}",
        (),
        {"trans_instruction": Q},
        "empty_output",
    ),
    (
        "COIG exam",
        {
            "textbox_q_instruction": "选择。",
            "textbox_question": Q,
            "textbox_answer": "B",
            "textbox_answer_analysis": A,
        },
        f"选择。\n{Q}",
        (),
        {"textbox_question": Q, "textbox_answer": "", "textbox_answer_analysis": ""},
        "empty_output",
    ),
    ("query/response", {"query": Q, "response": A}, Q, (), {"query": Q, "response": None}, "empty_output"),
    (
        "query/response",
        {"query": Q2, "response": A2, "history": [[Q, A]]},
        Q,
        LONG,
        {"query": ""},
        "empty_instruction",
    ),
    ("prompt/completion", {"prompt": Q, "completion": A}, Q, (), {"prompt": ["问"], "completion": A}, "wrong_type"),
    (
        "prompt/completion",
        {"prompt": MESSAGES[:3], "completion": MESSAGES[3:]},
        Q,
        LONG,
        {"prompt": Q},
        "empty_output",
    ),
    ("question/answer", {"question": Q, "answer": A}, Q, (), {"question": Q}, "empty_output"),
    (
        "input/target",
        {"kind": "NLI", "input": Q, "target": A},
        Q,
        (),
        {"kind": "NLI", "target": A},
        "empty_instruction",
    ),
    ("问题/答案", {"问题": Q, "答案": A}, Q, (), {"问题": Q, "答案": ""}, "empty_output"),
    ("问题/答案", {"指令": "回答。", "输入": Q, "输出": A}, f"回答。\n{Q}", (), {"指令": Q}, "empty_output"),
]


def write(path, rows):
    """Write rows as JSON lines, as one array, or as an object around it."""
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    layouts = {
        ".jsonl": "\n".join(lines),
        ".json": f"[{','.join(lines)}]",
        ".object.json": f'{{"data": [{",".join(lines)}]}}',
    }
    path.write_text(layouts["".join(path.suffixes)], encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".object.json"])
@pytest.mark.parametrize(("form", "row", "question", "more", "broken", "reason"), SAMPLES)
def test_a_form_is_recognised_and_a_broken_row_is_counted_and_located(
    tmp_path, capsys, form, row, question, more, broken, reason, suffix
):
    source = write(tmp_path / f"seeds{suffix}", [row, broken])
    pairs, removed = load_pairs(source, "instruction", "output")
    output = A2 if row.get("output") == A2 and not more else A
    assert [(pair.instruction, pair.output, pair.more, pair.where) for pair in pairs] == [
        (question, output, more, f"{source}:1")
    ]
    assert removed == [Removed(f"{source}:2", reason)]
    err = capsys.readouterr().err
    assert err == "" or (err.startswith(f"{source}: read as {form} (") and err.count("\n") == 1)
    assert ("1 row with several exchanges" in err) == bool(more)


def test_every_form_has_a_sample():
    found = [
        recognise([{key.lower(): value for key, value in row.items()}], "instruction", "output")
        for _, row, *_ in SAMPLES
    ]
    assert {str(form) for form in found} == {str(form) for form in FORMS if form.name != "alpaca"} | {
        "alpaca (instruction, output)",
        "alpaca (instruction, output or response or answer)",
    }


@pytest.mark.parametrize(
    ("name", "encoding", "table"),
    [
        ("a.csv", "utf-8-sig", f'问题,答案\r\n{Q},"{A}\n{A2}"\r\n{Q2},\r\n'),
        ("a.csv", "gb18030", f'问题,答案\r\n{Q},"{A}\n{A2}"\r\n{Q2},\r\n'),
        ("a.tsv", "utf-8", f'Question\tAnswer\n{Q}\t"{A}\n{A2}"\n{Q2}\t\n'),
        ("a.csv.gz", "utf-8", f'instruction,output\n{Q},"{A}\n{A2}"\n{Q2},\n'),
    ],
)
def test_tables(tmp_path, name, encoding, table):
    data = table.encode(encoding)
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    pairs, removed = load_pairs(str(tmp_path / name), "instruction", "output")
    assert [(pair.instruction, pair.output, pair.where) for pair in pairs] == [
        (Q, f"{A}\n{A2}", f"{tmp_path / name}:2")
    ]
    assert removed == [Removed(f"{tmp_path / name}:4", "empty_output")]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [{"instruction": Q, "output": A}, {"instruction": Q}, {"instruction": Q2}],
            r"seeds.jsonl: 2 of 3 rows have no pair: 2 empty_output \(.*seeds.jsonl:2, .*seeds.jsonl:3\); "
            r"read as alpaca \(instruction, output\), found the columns instruction, output",
        ),
        (
            [{"messages": MESSAGES[1:]}, {"messages": MESSAGES[:1]}, {"messages": MESSAGES}],
            r"2 of 3 rows have no pair: 1 turns_out_of_order .*; 1 empty_output .*; read as messages \(messages\)",
        ),
        (
            [{"instruction": Q}, {"output": A}],
            r"2 of 2 rows have no pair: 2 unknown_columns .*; found the columns instru",
        ),
        ([{"title": Q, "body": A}], "seeds.jsonl:1: no column instruction and output; found title, body; name"),
    ],
)
def test_a_file_in_which_most_rows_are_odd_ends_the_run(tmp_path, rows, message):
    with pytest.raises(UserError, match=message):
        load_pairs(write(tmp_path / "seeds.jsonl", rows), "instruction", "output")


def test_a_file_that_is_something_else_ends_the_run(tmp_path):
    (tmp_path / "seeds.json").write_text("<html><body>404</body></html>")
    with pytest.raises(UserError, match=r"wrong_file .*seeds.json:1.*: the file is an HTML or XML page: download"):
        load_pairs(str(tmp_path / "seeds.json"), "instruction", "output")


def test_half_the_rows_may_be_odd(tmp_path):
    rows = [{"instruction": Q, "output": A}, {"instruction": Q2}]
    assert len(load_pairs(write(tmp_path / "seeds.jsonl", rows), "instruction", "output")[1]) == 1


def test_columns_that_a_user_named_are_not_looked_for_elsewhere(tmp_path):
    source = write(tmp_path / "seeds.jsonl", [{"messages": MESSAGES}])
    with pytest.raises(UserError, match="no column frage and antwort; found messages"):
        load_pairs(source, "frage", "antwort")


@pytest.mark.parametrize("role", ["role", "column"])
def test_varying_system_turn_is_joined_and_constant_one_is_omitted(tmp_path, capsys, role):
    def row(question, system):
        said = [{"role": "user", "content": question}, {"role": "assistant", "content": A}]
        first = [{"role": "system", "content": system}]
        return {"messages": first + said} if role == "role" else {"system": system, "messages": said}

    shared = write(tmp_path / "shared.jsonl", [row(Q, "你是助手。"), row(Q2, "你是助手。")])
    own = write(tmp_path / "own.jsonl", [row(Q, "你是窑工。"), row(Q2, "你是学生。")])
    instructions = [
        [pair.instruction for pair in load_pairs(one, "instruction", "output")[0]] for one in (shared, own)
    ]
    assert instructions == [[Q, Q2], [f"你是窑工。\n{Q}", f"你是学生。\n{Q2}"]]
    assert capsys.readouterr().err.splitlines() == [
        f"{shared}: read as messages (messages); the common system turn left out of 2 rows",
        f"{own}: read as messages (messages); system joined to the instruction in 2 rows",
    ]


def test_each_file_of_a_folder_has_a_form_and_notes_of_tools_are_passed_over(tmp_path, capsys):
    write(tmp_path / "a.jsonl", [{"instruction": Q, "output": A}])
    write(tmp_path / "b.json", [{"messages": MESSAGES[2:]}])
    (tmp_path / "dataset_info.json").write_text('{"kun": {"file_name": "b.json"}}')
    (tmp_path / "empty.jsonl").touch()
    pairs, removed = load_pairs(str(tmp_path), "instruction", "output")
    assert ([pair.where for pair in pairs], removed) == ([f"{tmp_path}/a.jsonl:1", f"{tmp_path}/b.json:1"], [])
    assert capsys.readouterr().err == f"{tmp_path}/b.json: read as messages (messages)\n"
