import json
import pickle
import random

import numpy as np
import pytest
from datatrove.data import Document
from datatrove.pipeline.decont.n_grams import NGramsDecontConfig, NGramsDecontFilter, NGramsDecontIndexer
from datatrove.pipeline.writers.jsonl import JsonlWriter
from datatrove.utils.word_tokenizers import WordTokenizer

from kun_recipes.corpus.decontamination import DecontaminationSettings, Question

SHIP = "一艘轮船从长江驶入东海，忽略船上货物与燃料的变化，它受到的浮力和排开水的体积将会怎样变化"
BEFORE = "物理课上老师喜欢从生活里找例子，学生们听得很认真，也常常提出自己的看法。"
BEHIND = "这样的讨论往往要持续到下课，大家才依依不舍地收拾书包回家。"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (SHIP + "？", "ceval/val/physics/0 1.00"),
        (BEFORE + SHIP + "？" + BEHIND, "ceval/val/physics/0 1.00"),
        (SHIP.replace("，", " ").replace("的", "的\n"), "ceval/val/physics/0 1.00"),
        (" ".join(SHIP), "ceval/val/physics/0 1.00"),
        ("【" + SHIP.replace("，", "——") + "】（　　）", "ceval/val/physics/0 1.00"),
        (SHIP.replace("轮船", "货轮"), "ceval/val/physics/0 0.90"),  # two letters of 42, and the two before
        (SHIP[8:], "ceval/val/physics/0 0.81"),
        (SHIP[:18], None),  # under half of it
        ("轮船驶入大海以后浮力不变，因为它的重量没有变；海水的密度比江水大，所以排开的水少了。", None),
        # options without the stem, with and without their letters
        (
            "A.按照人丁与土地的多少征收 B.取消一切徭役以及杂税 C.只在江南的州县推行过 D.由藩镇自己决定税额高低",
            "ceval/val/history/0 1.00",
        ),
        (
            "（Ａ）按照人丁与土地的多少征收；（Ｂ）取消一切徭役以及杂税；（Ｃ）只在江南的州县推行过",
            "ceval/val/history/0 0.74",
        ),
        (
            "按照人丁与土地的多少征收、取消一切徭役以及杂税、只在江南的州县推行过、由藩镇自己决定税额高低",
            "ceval/val/history/0 1.00",
        ),
        ("两税法取消一切徭役以及杂税，百姓的负担起初有所减轻。", None),  # one option of four
        # a traditional letter among simplified ones
        ("甲向乙借款五万元並约定一年后归还，到期后甲拒不还钱，乙最迟应当在何时向法院起诉", "cmmlu/test/law/7 0.97"),
        # a stem that is a phrase of any text, but for its options
        ("我国最长的河流是长江，它发源于青藏高原，流经十一个省级行政区，注入东海。", None),
        ("我国最长的河流是：Ａ、黄河　Ｂ、长江　Ｃ、珠江　Ｄ、淮河", "ceval/val/geography/0 1.00"),
        ("我国最长的河流是（黄河、长江、珠江、淮河）", "ceval/val/geography/0 1.00"),
        # that stem by itself
        ("我国最长的河流是（　　）。", "ceval/val/geography/0 1.00"),
        (BEFORE + "问：我国最长的河流是？\n答：长江。" + BEHIND, "ceval/val/geography/0 1.00"),
        ("老师说我国最长的河流是（　　）。", None),
        ("我国最长的河流：长江。", None),
        # single option words, and how questions are put
        ("纬度位置、海陆位置、地形起伏都影响一个地方的气温。", None),
        ("下列关于宋代交子的说法中，正确的是哪一项，请同学们想一想。", None),
        # prompts
        ("请以一只流浪猫的口吻写一封寄给收养它的小女孩的感谢信", "prompts/1 0.81"),
        ("问：介绍一下景德镇的瓷器。答：景德镇在江西。", "prompts/2 1.00"),
        ("介绍一下景德镇的瓷器", "prompts/2 1.00"),
        ("下面我们来介绍一下景德镇的瓷器发展的历史。", None),  # short, and not by itself
        ("介绍一下景德镇的青花瓷器", None),
        ("讲个笑话", None),  # shorter than an n-gram
        ("", None),
        ("……", None),
    ],
)
def test_quotes_and_near_misses(block, found, text, value):
    assert found(block(), text) == value


def test_a_quote_in_another_case_and_width(block, found):
    question = Question("prompts/9", "用Python写一个函数，输入一个列表，返回其中第二大的数")
    assert found(block([question]), "用ＰＹＴＨＯＮ写一个函数 输入一个列表 返回其中第二大的数") == "prompts/9 1.00"


class Words(WordTokenizer):
    """Words as datatrove parts them in English once it has made punctuation blanks."""

    def word_tokenize(self, text: str) -> list[str]:
        return text.split()

    sent_tokenize = span_tokenize = word_tokenize


WORDS = Words()
ENGLISH = "A ship sails from the river into the sea, how do the buoyancy and the water that it displaces change?"


@pytest.fixture
def word_filter(tmp_path) -> NGramsDecontFilter:
    """datatrove's filter with an index of 12-grams of words, its default, of the ship question in two languages."""
    stock = NGramsDecontFilter(str(tmp_path), NGramsDecontConfig(find_query_ngrams=True), language=WORDS)
    label = "浮力不变，体积变小"
    hashes = [value for stem in (SHIP, ENGLISH) for value in NGramsDecontIndexer.compute_hashes(stock, label, stem)]
    np.array(hashes, dtype=np.uint64).tofile(tmp_path / "ship.index.hashes")
    return stock


def test_word_n_grams_do_not_match_chinese(block, found, word_filter):
    english = Document(f"It was asked in class: {ENGLISH.lower()} Nobody knew.", "id")
    assert word_filter.filter(english) == (False, "contaminated")
    for quote in (SHIP, SHIP.replace("，", "；"), SHIP.replace("，", "")):
        chinese = BEFORE + quote + "？" + BEHIND
        assert word_filter.filter(Document(chinese, "id")) is True
        assert found(block(), chinese) == "ceval/val/physics/0 1.00"


def test_phrases_of_many_questions_do_not_count(block, found):
    frame = "根据我国现行法律的有关规定，下列各项表述当中不正确的一项是"
    many = [Question(f"ceval/val/law/{n}", f"{frame}：第{n}号", ("甲", "乙", "丙", "丁")) for n in range(11)]
    text = frame + "什么，考生应当认真思考。"
    assert found(block(many[:10]), text) == "ceval/val/law/0 0.90"
    assert found(block(many), text) is None


def prose_of(seed: int, characters: int) -> str:
    return "".join(chr(code) for code in random.Random(seed).choices(range(0x4E00, 0x4E00 + 3000), k=characters))


def test_a_long_quote_out_of_a_longer_stem(block, found):
    question = Question("ceval/val/law/0", prose_of(0, 200), ("甲", "乙", "丙", "丁"))
    assert (
        found(block([question]), prose_of(1, 80) + question.stem[60:110] + prose_of(2, 80)) == "ceval/val/law/0 0.25"
    )
    assert found(block([question]), prose_of(1, 80) + question.stem[60:109] + prose_of(2, 80)) is None


def test_quote_split_over_two_rows_is_not_found(block):
    rows = [Document(SHIP[:20], "a"), Document(SHIP[20:], "b")]
    assert list(block().run(iter(rows))) == rows


def test_question_with_the_largest_quoted_share_is_named(block, found):
    questions = [Question("prompts/1", SHIP[:40]), Question("prompts/2", SHIP[2:])]
    assert found(block(questions), SHIP[2:]) == "prompts/2 1.00"
    assert found(block(questions), SHIP[:40]) == "prompts/1 1.00"


def test_rows_are_dropped_and_counted_by_benchmark(block, tmp_path):
    decontaminate = block(writer=JsonlWriter(str(tmp_path / "removed"), compression=None))
    texts = [BEFORE, SHIP, BEHIND, "介绍一下景德镇的瓷器。"] + [BEFORE] * 60 + ["，".join([BEFORE, SHIP])]
    rows = [Document(text, f"n{number}") for number, text in enumerate(texts)]
    kept = [row.id for row in decontaminate.run(iter(rows))]
    assert kept == [f"n{number}" for number in range(65) if number not in (1, 3, 64)]
    removed = [json.loads(row) for row in (tmp_path / "removed" / "00000.jsonl").open(encoding="utf-8")]
    assert [(row["id"], row["metadata"]["filter_reason"], row["metadata"]["value"]) for row in removed] == [
        ("n1", "contaminated", "ceval/val/physics/0 1.00"),
        ("n3", "contaminated", "prompts/2 1.00"),
        ("n64", "contaminated", "ceval/val/physics/0 1.00"),
    ]
    stats = decontaminate.stats
    assert (stats["contaminated_ceval"].total, stats["contaminated_prompts"].total) == (2, 1)
    assert (stats["total"].total, stats["dropped_contaminated"].total) == (65, 3)


def test_block_can_be_pickled(block, found):
    assert found(pickle.loads(pickle.dumps(block())), SHIP) == "ceval/val/physics/0 1.00"


def test_rewritten_index_is_reloaded(block, found):
    assert found(block([Question("prompts/1", SHIP)]), SHIP) == "prompts/1 1.00"
    assert found(block([Question("prompts/22", SHIP)]), SHIP) == "prompts/22 1.00"


def test_settings_are_stored_in_the_index(block, found):
    strict = DecontaminationSettings(ngram=4, share=1.0, min_letters=4, quote_letters=1000)
    assert found(block(settings=strict), SHIP[1:]) is None
    assert found(block(settings=strict), "他讲个笑话给大家听") == "prompts/3 1.00"


def test_index_of_too_short_questions_finds_nothing(block, found):
    assert found(block([Question("prompts/1", "短")]), SHIP) is None
