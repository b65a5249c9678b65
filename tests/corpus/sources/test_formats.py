"""What becomes of a record: a document with the schema's names, or what keeps it from being one."""

from itertools import islice

import pytest
from datasets import NamedSplit

from kun_recipes.corpus.sources.formats import FORMATS, FieldNames, corpus_format, exam_text, to_document
from kun_recipes.data.json_lines import Malformed, Record
from kun_recipes.errors import UserError

OWN = FieldNames("body", "url", "headline", "site")
FILE = ("in/sub/part.one.json", "sub/part.one.json")
QUESTION = {"id": "x1", "q_type": "单选题", "q_main": "下列哪一项是哺乳动物？\n", "grade": "初中", "major": "生物"}
CHOICES = {"option_a": "鲸", "option_b": "鲨鱼", "option_c": "", "option_d": None}


def convert(name: str, value: object, fields: FieldNames = FieldNames()):  # noqa: B008
    return to_document(Record(7, value), corpus_format(name, fields), *FILE)


DOCUMENTS = [
    ("wudao", {"id": 0, "uniqueKey": "ab12", "title": " 湖 ", "content": "文"}, "wudao", "ab12", "湖"),
    ("wudao", {"id": 0, "content": "文"}, "wudao", "0", None),
    ("wanjuan", {"id": "w-1", "content": "文", "title": ""}, "wanjuan", "w-1", None),
    ("wanjuan", {"id": "", "content": "文", "source": "别处"}, "wanjuan", "sub/part.one.json:7", None),
    ("wanjuan", {"id": "w-1", "q_main": "文"}, "wanjuan", "w-1", None),
    ("skypile", {"text": "文"}, "skypile", "sub/part.one.json:7", None),
    ("jsonl", {"text": "文", "id": True, "title": 3}, "part", "sub/part.one.json:7", None),
    ("jsonl", {"text": "文", "id": "x", "source": "my web-site/2"}, "my_web_site_2_d29a5c1a", "x", None),
    ("jsonl", {"text": "文", "id": "x", "source": "新闻"}, "新闻", "x", None),
    ("parquet", {"text": "文", "id": 5, "title": None, "source": None}, "part", "5", None),
]


@pytest.mark.parametrize(("name", "value", "source", "document_id", "title"), DOCUMENTS)
def test_documents(name, value, source, document_id, title):
    document = convert(name, value)
    expected = {"source": source, "document_id": document_id, "file_path": "in/sub/part.one.json", "record": 7}
    assert document.metadata == expected | ({"title": title} if title else {})
    assert (document.text, document.id) == ("文", f"{source}/{document_id}")


@pytest.mark.parametrize("name", ["jsonl", "parquet"])
def test_field_names_can_be_replaced(name):
    document = convert(name, {"body": "文", "url": "x/y", "headline": "题", "site": "网", "text": 3, "id": 4}, OWN)
    assert document.text == "文"
    assert document.metadata == {
        "source": "网", "document_id": "x/y", "title": "题", "file_path": "in/sub/part.one.json", "record": 7,
    }  # fmt: skip
    assert convert(name, {"text": "文"}, OWN).message == 'no field "body"; the fields are text'
    assert convert("skypile", {"text": "文"}, OWN).text == "文"


PROBLEMS = [
    ("wanjuan", [1, 2], "wrong_type", "the record must be an object, not a list"),
    ("wudao", "文", "wrong_type", "the record must be an object, not a string"),
    ("skypile", {"text": 3}, "wrong_type", '"text" must be a string, not a number'),
    ("skypile", {"text": None}, "wrong_type", '"text" must be a string, not null'),
    ("parquet", {"text": b"\x00"}, "wrong_type", '"text" must be a string, not bytes'),
    ("skypile", {"content": "文"}, "missing_field", 'no field "text"; the fields are content'),
    ("wanjuan", {"text": "文", "q_main": ""}, "missing_field", 'no field "content"; the fields are text, q_main'),
    ("wanjuan", {"content": "", "q_main": "问"}, "empty_text", '"content" is empty'),
    ("skypile", {"text": " \u3000\n"}, "empty_text", '"text" is empty'),
]


@pytest.mark.parametrize(("name", "value", "reason", "message"), PROBLEMS)
def test_invalid_records_are_reported(name, value, reason, message):
    malformed = convert(name, value)
    assert (malformed.number, malformed.reason, malformed.message) == (7, reason, message)


def test_sources_never_merge():
    names = [
        "百度百科",
        "知乎",
        "微博_2023",
        "豆瓣_2023",
        "知乎-问答",
        "知乎_问答",
        "知乎 问答",
        "www.zhihu.com",
        "www_zhihu_com",
    ]
    names += ["！", "？", "a/b", "a.b", "a..b", "長" * 100 + "!", "長" * 100 + "?"]
    sources = [convert("jsonl", {"text": "文", "source": name}).metadata["source"] for name in names]
    assert len(set(sources)) == len(names)
    assert sources[:4] == names[:4] and sources[7] == names[7]
    for source in sources:
        NamedSplit(source)  # raises for what is no name of a split


LISTS = [
    (["上", "下"], "上\n下"),
    ([["上", "中"], ["下"]], "上\n中\n下"),
    ("[['上', '中'], ['下']]", "上\n中\n下"),
    ('["上", "下"]', "上\n下"),
    ([{"行号": 1, "内容": "上"}, {"行号": 2, "内容": "下"}], "上\n下"),
    ([{"text": "上"}, "下", ""], "上\n下"),
    ("[图文] 上[1]", "[图文] 上[1]"),
    ("[1, 2]", "[1, 2]"),
    ("[上, 下]", "[上, 下]"),
    ("[" * 3000 + "]", "[" * 3000 + "]"),
]


@pytest.mark.parametrize(("value", "text"), LISTS)
def test_lists_of_paragraphs_are_texts(value, text):
    assert convert("jsonl", {"text": value}).text == text
    if isinstance(value, list):
        assert convert("jsonl", {"文件名": "a.txt", "段落": value}).text == text


@pytest.mark.parametrize("value", [[], [1], ["上", None], [{"行号": 1}]])
def test_other_lists_are_no_texts(value):
    assert convert("jsonl", {"text": value}).reason == "wrong_type"
    assert convert("jsonl", {"段落": value}).reason in ("missing_field", "wrong_type")


def test_the_beginning_of_a_record_is_shown():
    malformed = convert("skypile", {"body": "长" * 1000})
    assert isinstance(malformed, Malformed)
    assert malformed.raw.startswith("{'body': '长长")
    assert len(malformed.raw) < 300


def test_formats_are_found_by_name():
    assert [corpus_format(name, OWN).name for name in FORMATS] == list(FORMATS)
    with pytest.raises(
        UserError, match="wudoa: unknown corpus format; choose one of wudao, wanjuan, skypile, jsonl, csv, parquet"
    ):
        corpus_format("wudoa", OWN)


@pytest.mark.parametrize(
    ("fields", "missing"),
    [
        (FieldNames(), "text"),
        (FieldNames(text="content"), None),
        (FieldNames(text="content", id="number"), None),
        (FieldNames(text="content", id="key"), "key"),
        (FieldNames(text="content", title="content"), None),
        (FieldNames(text="content", source="site"), "site"),
    ],
)
def test_columns_that_a_table_must_have(tmp_path, fields, missing):
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = str(tmp_path / "t.parquet")
    pq.write_table(pa.table({"content": ["文"], "number": [1], "id": ["x"]}), path)
    format = corpus_format("parquet", fields)
    if missing:
        with pytest.raises(UserError, match=f't.parquet: no column "{missing}"; the columns are content, number, id'):
            format.check(path)
    else:
        format.check(path)
        assert [to_document(record, format, path, "t").text for record in islice(format.read(path), 2)] == ["文"]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        (QUESTION, "下列哪一项是哺乳动物？"),
        (QUESTION | CHOICES, "下列哪一项是哺乳动物？\nA. 鲸\nB. 鲨鱼"),
        (QUESTION | {"option_f": "以上都不是"}, "下列哪一项是哺乳动物？\nF. 以上都不是"),
        (
            QUESTION | CHOICES | {"std_ans": "A", "answer_detail": " 鲸用肺呼吸，胎生。 "},
            "下列哪一项是哺乳动物？\nA. 鲸\nB. 鲨鱼\n答案：A\n解析：鲸用肺呼吸，胎生。",
        ),
        (QUESTION | {"std_ans": ["鲸", "海豚"]}, "下列哪一项是哺乳动物？\n答案：鲸；海豚"),
        (QUESTION | {"std_ans": ""}, "下列哪一项是哺乳动物？"),
        (QUESTION | {"std_ans": "", "answer": "鲸。"}, "下列哪一项是哺乳动物？\n答案：鲸。"),
        (QUESTION | {"std_ans": "A", "answer": "A"}, "下列哪一项是哺乳动物？\n答案：A"),
        (
            QUESTION | {"std_ans": None, "answer": ["鲸", ""], "analysis": "胎生。"},
            "下列哪一项是哺乳动物？\n答案：鲸\n解析：胎生。",
        ),
        ({"id": "x1", "std_ans": "A"}, None),
        (QUESTION | {"q_main": " "}, None),
        (QUESTION | {"q_main": 7}, None),
        ({}, None),
    ],
)
def test_exam_text(fields, text):
    assert exam_text(fields) == text
