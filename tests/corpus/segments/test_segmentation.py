import hashlib
import pickle
import re
from itertools import pairwise

import pytest
from datatrove.data import Document
from hypothesis import example, given
from hypothesis import strategies as st

from kun_recipes.corpus.segments.lines import parse_lines
from kun_recipes.corpus.segments.segmentation import Segmenter, split_segments
from kun_recipes.corpus.segments.sentences import split_sentences


def characters(texts) -> list[int]:
    return [len(text) for text in texts]


def dearer_together(texts) -> list[int]:
    """A tokenizer whose segments have more tokens than their sentences add up to."""
    return [len(text) * (6 if text.count("。") > 1 else 5) // 5 for text in texts]


def cheaper_together(texts) -> list[int]:
    """A tokenizer whose segments have fewer tokens than their sentences add up to."""
    return [len(text) + 2 for text in texts]


def segments(text: str, max_tokens: int) -> list[str]:
    return [text[start:end] for start, end, _ in split_segments(text, characters, max_tokens)]


def sentence(length: int, mark: str = "。") -> str:
    return "字" * (length - 1) + mark


def paragraph(*lengths: int) -> str:
    return "".join(map(sentence, lengths))


WORDS = ["今天下雨", "路滑", "他说：", "3.14", "e.g.", "第一章", "标题", "（一）", "1.", "-", "😀", "𠮷", "\x00"]
MARKS = ["。", "！", "？", "；", "……", "…", "，", "、", "“", "”", "（", "）", "《", "》", ".", "!", "?", ";", ":", '"']
SPACES = [" ", "\u3000", "\t", "\n", "\r\n", "\n\n", "\u2028", "\x85"]
chinese_text = st.lists(st.sampled_from(WORDS + MARKS + SPACES), max_size=80).map("".join)


@given(text=st.one_of(chinese_text, st.text(max_size=200)), max_tokens=st.integers(1, 60))
@pytest.mark.parametrize("count_tokens", [characters, dearer_together, cheaper_together])
def test_properties(count_tokens, text, max_tokens):
    spans = split_segments(text, count_tokens, max_tokens)
    sentences = [
        (line.start + start, line.start + end)
        for line in parse_lines(text)
        for start, end in split_sentences(text[line.start : line.end])
    ]
    outside, position = "", 0
    for start, end, tokens in spans:
        assert position <= start < end <= len(text)  # ordered and disjoint
        assert text[start:end] == text[start:end].strip()
        assert [tokens] == count_tokens([text[start:end]])
        assert tokens <= max_tokens or (start, end) in sentences  # only a single sentence exceeds the budget
        outside, position = outside + text[position:start], end
    assert not (outside + text[position:]).strip()  # nothing is lost
    assert {start for start, _, _ in spans} <= {start for start, _ in sentences}  # no sentence is cut
    assert {end for _, end, _ in spans} <= {end for _, end in sentences}


@given(text=chinese_text, max_tokens=st.integers(1, 60))
def test_cuts_stand_behind_a_line_or_an_end_mark(text, max_tokens):
    spans = split_segments(text, characters, max_tokens)
    for (_, end, _), (start, _, _) in pairwise(spans):
        if len(text[end - 1 : start + 1].splitlines()) == 1:
            assert text[end - 1] in '。！？；….!?;”）》"'
            assert text[start] not in "，、：。！？；…”）》,:.!?;"
            assert not re.fullmatch(r"\d\.\d", text[end - 2 : start + 1])


@given(text=chinese_text)
@example(text="  一段。\n二段。 ")
def test_text_within_the_budget_is_one_segment(text):
    assert segments(text, len(text) + 1) == ([text.strip()] if text.strip() else [])


@pytest.mark.parametrize(
    ("parts", "max_tokens"),
    [
        # whole paragraphs, as many as fit
        ([f"{paragraph(20, 20)}\n{paragraph(30)}\n", f"{paragraph(40)}\n{paragraph(20)}"], 80),
        # no small remainder at the end: 40 40 10 is 40 | 40 10
        ([f"{paragraph(40)}\n", f"{paragraph(40)}\n{paragraph(10)}"], 85),
        # a paragraph over the budget is cut between sentences, evenly
        ([paragraph(30, 30), paragraph(30, 30)], 100),
        # rather behind a full stop than behind a semicolon
        ([sentence(30), sentence(36, "；") + sentence(30)], 80),
        # a sentence over the budget stands alone and whole
        ([f"{paragraph(20)}\n", paragraph(150), paragraph(20)], 100),
        # a heading goes with the text under it, also at the price of an uneven cut
        ([f"{paragraph(60)}\n", f"第二章 方法\n{paragraph(60)}"], 100),
        ([f"{paragraph(30)}\n", f"第二章 方法\n第一节 材料\n{paragraph(60)}\n{paragraph(10)}"], 92),
        # sections stay whole where paragraphs would fill the segments better
        ([f"一、起源\n{paragraph(30)}\n{paragraph(30)}\n", f"二、发展\n{paragraph(20)}\n{paragraph(20)}"], 100),
        # a list stays with the line that introduces it
        ([f"{paragraph(30)}\n", "所需材料如下：\n1. 面粉。\n2. 白糖。\n3. 鸡蛋。\n4. 牛奶。"], 50),
        (["所需材料如下：\n- 面粉；\n- 白糖；\n", paragraph(30)], 40),
        # a list over the budget is cut between items
        ([f"材料如下：\n（一）{sentence(20)}\n", f"（二）{sentence(20)}\n（三）{sentence(10)}"], 42),
        # marks of both widths end sentences; numbers and quotes are not cut
        (["圆周率约为3.14159. ", "他说：“是吗？你再算算。”", "我又算了一遍!"], 16),
        (["他想……", "“走吧！”", "于是走了。"], 6),
    ],
)
def test_where_cuts_fall(parts, max_tokens):
    assert segments("".join(parts), max_tokens) == [part.strip() for part in parts]


ARTICLE = "第{}条 " + paragraph(20)
CODE = "```python\ntotal = 0\nfor n in range(9):\n    total += n\nprint(total)\n```"


@pytest.mark.parametrize(
    ("parts", "max_tokens"),
    [
        # short articles share a segment under their chapter's heading
        (
            [f"第一章 总则\n{ARTICLE.format('一')}\n{ARTICLE.format('二')}\n", f"第二章 附则\n{ARTICLE.format('三')}"],
            64,
        ),
        # an article begins a new segment rather than being cut
        ([f"{ARTICLE.format('一')}\n", f"{ARTICLE.format('二')}\n{paragraph(20)}\n{paragraph(20)}"], 75),
        ([f"{ARTICLE.format('一')}\n", "第二条 有下列情形之一的：\n（一）死亡；\n（二）受刑事处罚。"], 45),
        # a question stays with its answer, and the answer whole
        (["问：怎样养花？\n答：多晒太阳。\n勤浇水。\n", f"问：怎样养鱼？\n答：{paragraph(10)}"], 28),
        ([f"1、怎样养花？\n{paragraph(20)}\n{paragraph(9)}\n", f"2、怎样养鱼？\n{paragraph(15)}"], 42),
        # code that fits is not cut, and stays with the text above it
        ([f"{paragraph(40)}\n", f"例如：\n{CODE}\n", paragraph(40)], 85),
        # a table is cut between paragraphs before it is cut between its rows
        ([f"{paragraph(30)}\n", "| 名称 | 数量 |\n| --- | --- |\n| 铅笔 | 12 |\n| 橡皮 | 6 |"], 60),
    ],
)
def test_structure_stays_together(parts, max_tokens):
    assert segments("".join(parts), max_tokens) == [part.strip() for part in parts]


headings = st.sampled_from(["第一章 总则", "## 方法", "1.2. 材料", "二、适用范围", "怎样养花？"])
bodies = st.lists(st.integers(5, 20).map(sentence), min_size=1, max_size=8).map("".join)


@given(sections=st.lists(st.tuples(headings, bodies), min_size=1, max_size=8), max_tokens=st.integers(40, 200))
def test_a_heading_is_never_last(sections, max_tokens):
    text = "\n".join(f"{heading}\n{body}" for heading, body in sections)
    assert all(segment.endswith("。") for segment in segments(text, max_tokens))


@given(before=bodies, after=bodies, lines=st.integers(1, 6), max_tokens=st.integers(80, 200))
def test_code_that_fits_is_never_cut(before, after, lines, max_tokens):
    code = "\n".join(["```", *["total += 1;"] * lines, "```"])
    assert sum(code in segment for segment in segments(f"{before}\n{code}\n{after}", max_tokens)) == 1


@pytest.fixture
def document() -> Document:
    metadata = {"source": "wudao", "document_id": "d1", "title": "雨", "file_path": "part.json"}
    return Document(f"  {paragraph(30)}\n\n{paragraph(30, 20)}\n{paragraph(90)}\n", id="wudao/d1", metadata=metadata)


def test_block(tiny_model, document):
    segmenter = Segmenter(str(tiny_model), max_tokens=200)  # of a byte-level tokenizer: three tokens per character
    rows = list(segmenter.run([document]))
    assert [row.metadata["tokens"] for row in rows] == [90, 150, 270]
    for row in rows:
        start, end = row.metadata["span_start"], row.metadata["span_end"]
        assert document.text[start:end] == row.text
        assert row.metadata.items() >= document.metadata.items()
        assert row.id == hashlib.sha256(f"wudao\x1fd1\x1f{start}\x1f{end}\x1f{row.text}".encode()).hexdigest()[:24]
    assert len({row.id for row in rows}) == 3
    assert segmenter.stats["documents"].total == 1
    assert segmenter.stats["segments"].total == 3
    assert segmenter.stats["over_budget"].total == 1
    assert "span_start" not in document.metadata


def test_block_can_be_pickled(tiny_model, document):
    segmenter = Segmenter(str(tiny_model), max_tokens=200)
    rows = list(segmenter.run([document]))
    assert list(pickle.loads(pickle.dumps(segmenter)).run([document])) == rows
    assert len(pickle.dumps(segmenter)) < 10_000  # the tokenizer does not travel
