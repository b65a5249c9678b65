from pathlib import Path

import pytest

from kun_recipes.corpus.decontamination import BENCHMARK_FORMATS, Question, build_index, load_benchmark
from kun_recipes.errors import UserError

CEVAL = 'id,question,A,B,C,D,answer\n0,"甲,乙____",一,二,三,四,A\n1,丙是____,五,六,七,八,B\n'
CEVAL_DEV = "id,question,A,B,C,D,answer,explanation\n0,丁是____,一,二,三,四,A,1. 因为。\n"
CMMLU = ",Question,A,B,C,D,Answer\n0,甲是,一,二,三,四,A\n1,乙是,五,六,七,八,B\n"


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_published_ceval_files_are_read(tmp_path):
    write(tmp_path / "val" / "law_val.csv", CEVAL)
    write(tmp_path / "dev" / "law_dev.csv", CEVAL_DEV)
    assert load_benchmark(str(tmp_path), "ceval") == [
        Question("ceval/dev/law/0", "丁是____", ("一", "二", "三", "四")),
        Question("ceval/val/law/0", "甲,乙____", ("一", "二", "三", "四")),
        Question("ceval/val/law/1", "丙是____", ("五", "六", "七", "八")),
    ]
    assert len(load_benchmark(str(tmp_path / "val"), "ceval")) == 2
    assert len(load_benchmark(str(tmp_path / "val" / "law_val.csv"), "ceval")) == 2


def test_published_cmmlu_files_are_read(tmp_path):
    write(tmp_path / "test" / "law.csv", CMMLU)
    assert load_benchmark(str(tmp_path), "cmmlu") == [
        Question("cmmlu/test/law/0", "甲是", ("一", "二", "三", "四")),
        Question("cmmlu/test/law/1", "乙是", ("五", "六", "七", "八")),
    ]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("human.txt", "甲\n\n  乙 \n", [Question("human/1", "甲"), Question("human/3", "乙")]),
        ("human.txt", "\ufeff甲\r\n乙", [Question("human/1", "甲"), Question("human/2", "乙")]),
        ("human.jsonl", '{"prompt": "甲"}\n{"id": "p2", "prompt": "乙"}', [("human/1", "甲"), ("human/p2", "乙")]),
        ("human.jsonl", '{"id": 7, "instruction": "甲", "output": "乙"}', [("human/7", "甲")]),
        ("human.jsonl", '{"question": "甲", "text": "乙"}\n\n{"text": "丙"}', [("human/1", "甲"), ("human/3", "丙")]),
    ],
)
def test_prompts(tmp_path, name, content, expected):
    expected = [question if isinstance(question, Question) else Question(*question) for question in expected]
    assert load_benchmark(str(write(tmp_path / name, content)), "prompts") == expected


def test_byte_order_mark_is_ignored(tmp_path):
    write(tmp_path / "val" / "law_val.csv", b"\xef\xbb\xbf" + CEVAL.encode())
    assert [question.name for question in load_benchmark(str(tmp_path), "ceval")] == [
        "ceval/val/law/0",
        "ceval/val/law/1",
    ]


@pytest.mark.parametrize(
    ("format", "name", "content", "message"),
    [
        ("ceval", "val/law_val.csv", CEVAL.encode("gbk"), "law_val.csv: is not UTF-8 text (.*); convert it: iconv"),
        ("ceval", "val/law_val.csv", CEVAL.encode("utf-16"), "law_val.csv: is not UTF-8 text"),
        ("ceval", "val/law_val.csv", "", "law_val.csv: no column question, A, B, C, D; ceval has the columns"),
        ("ceval", "val/law_val.csv", CMMLU, "law_val.csv: no column question; ceval has the columns question, A"),
        ("cmmlu", "test/law.csv", CEVAL, "law.csv: no column Question; cmmlu has the columns Question, A, B, C, D"),
        ("ceval", "val/law_val.csv", CEVAL.partition("\n")[0], "law_val.csv: has no row below its header"),
        ("ceval", "val/law_val.csv", CEVAL + "2,甲,一\n", "law_val.csv:4: field count differs from the header"),
        ("cmmlu", "test/law.csv", CMMLU + "2,甲,是,一,二,三,四,A\n", "law.csv:4: field count differs"),
        ("ceval", "val/law_val.csv", CEVAL + '2,"甲,一', "law_val.csv: not valid CSV after line 3"),
        ("ceval", "val/readme.md", "甲", "no .csv file; give the folder that contains ceval's"),
        ("prompts", "human.txt", "甲".encode("gbk"), "human.txt: is not UTF-8 text"),
        ("prompts", "human.txt", "\n\n", "human.txt: contains no questions"),
        ("prompts", "human.jsonl", '{"prompt": "甲"}\n{"prompt"', "human.jsonl:2: .*; correct the line"),
        ("prompts", "human.jsonl", '{"query": "甲"}', "human.jsonl:1: no prompt; give it as text in prompt,"),
        ("prompts", "human.jsonl", '{"prompt": ["甲"]}', "human.jsonl:1: no prompt"),
        ("prompts", "human.jsonl", '"甲"', "human.jsonl:1: no prompt"),
        ("prompts", "human.csv", "甲", "human.csv: prompts are read from a .txt file, one per line, or a .jsonl file"),
    ],
)
def test_unreadable_files_are_reported_in_one_line(tmp_path, format, name, content, message):
    file = write(tmp_path / name, content)
    with pytest.raises(UserError, match=message) as caught:
        load_benchmark(str(file if format == "prompts" else tmp_path), format)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    ("path", "format", "message"),
    [
        ("benchmarks/ceval/of/mine", "ceval", "neither a folder nor a Hub id; give the folder of the ceval files"),
        ("nowhere.txt", "prompts", "nowhere.txt: no such file"),
        ("nowhere", "mmlu", "mmlu: unknown benchmark format; choose one of ceval, cmmlu, prompts"),
    ],
)
def test_missing_benchmarks_are_errors(path, format, message):
    with pytest.raises(UserError, match=message):
        load_benchmark(path, format)


def test_unreachable_hub_is_an_error(monkeypatch):
    import datasets.config

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="ceval/ceval-exam: not a local folder, and the Hub cannot be read") as caught:
        load_benchmark("ceval/ceval-exam@main", "ceval")
    assert "\n" not in str(caught.value)


def test_hub_dataset_is_read(tmp_path):
    """A folder of Parquet files with a config a subject, which `datasets` reads as it reads one of the Hub."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from kun_recipes.corpus.decontamination.benchmarks import _read_hub

    row = {"id": [3], "question": ["甲是"], "A": ["一"], "B": ["二"], "C": ["三"], "D": ["四"], "answer": ["A"]}
    configs = "configs:\n"
    for subject in ("law", "art"):
        write(tmp_path / subject / "x", "").unlink()
        pq.write_table(pa.table(row), tmp_path / subject / "val.parquet")
        configs += f"- config_name: {subject}\n  data_files:\n  - split: val\n    path: {subject}/val.parquet\n"
    write(tmp_path / "README.md", f"---\n{configs}---\n")
    expected = [Question(f"ceval/val/{subject}/3", "甲是", ("一", "二", "三", "四")) for subject in ("art", "law")]
    assert sorted(_read_hub(str(tmp_path), None, "ceval"), key=lambda question: question.name) == expected


def test_the_evaluation_prompts_of_the_demo_are_found(repository, block, found):
    [file] = (repository / "recipes" / "demo" / "data").glob("evaluation_prompts.*")
    prompts = load_benchmark(str(file), "prompts")
    assert BENCHMARK_FORMATS == ("ceval", "cmmlu", "prompts")
    decontaminate = block(prompts)
    for prompt in prompts:
        assert found(decontaminate, f"有人问我：“{prompt.stem}”我答不上来。") == f"{prompt.name} 1.00"
    assert len(build_index(prompts).part_question) == len(prompts)
