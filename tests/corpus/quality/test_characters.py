from dataclasses import fields, replace

import pytest
from datatrove.data import Document

from kun_recipes.corpus.quality import DocumentCharacters, load_quality
from kun_recipes.data import schema
from kun_recipes.text.views import narrow

LIMITS = load_quality().characters
SOUND = (
    "茶叶按制作工艺分为六类。绿茶在加工时先用高温杀青，使鲜叶中的酶失去活性，因此叶色翠绿，滋味鲜爽；红茶则让揉捻"
    "后的茶叶充分氧化，茶汤呈红色，香气甜醇。青茶介于两者之间，白茶和黄茶的工艺较少，黑茶要经过渥堆。"
)
DOCUMENT = SOUND + "保存茶叶时应当避光、防潮、远离异味，绿茶最好放在冰箱里，黑茶可以在通风的地方放上许多年。" * 3
OFF = replace(LIMITS, **{field.name: None for field in fields(LIMITS) if field.name.startswith(("min_", "max_"))})


def find(text, limits=LIMITS):
    return DocumentCharacters(limits).find(narrow(text))


@pytest.mark.parametrize(
    ("text", "reason", "value"),
    [
        (SOUND[:49], "too_short", "49"),
        ("", "too_short", "0"),
        ("字" * 2_000_001, "too_long", "2000001"),
        ("The quick brown fox jumps over the lazy dog and runs away. " * 3, "not_chinese", "0.00"),
        ("這是中文" + "これはにほんごのぶんしょうです。ひらがながおおい。" * 4, "not_chinese", "0.04"),
        ("张伟李娜王芳刘洋陈静杨磊赵敏黄勇周杰吴霞" * 10, "few_function_words", "0"),
        ("苹果香蕉橘子葡萄西瓜草莓的是" + "苹果香蕉橘子葡萄西瓜草莓" * 20, "punctuation_share", "0.000"),
        ("的，是。在！" * 40, "punctuation_share", "0.500"),
        ("表中的数字是：" + "十二和345，一百和90。" * 30, "digit_share", "0.378"),
        ("价格=￥，数量+|在~折扣%，编号#*的。" * 20, "symbol_share", "0.381"),
    ],
)
def test_dropped(text, reason, value):
    fault = find(text)
    assert fault.reason == reason
    assert value is None or fault.value == value


@pytest.mark.parametrize(
    "text",
    [
        DOCUMENT,
        SOUND[:60],  # a short document need not have function words or punctuation
        "选择警报声音，计算机将播放简短响铃音，提醒当前消息或事件，可选择不同声音主题，单独设置警报音量，或禁用提醒声音。",
        "用 apt-get install 安装软件包，用 apt-get remove 删除它；配置文件在 /etc/apt 目录里，修改以后要更新。" * 4,
        DOCUMENT + "\n" + "-" * 400 + "\n" + "=" * 300 + "\n" + "…" * 200,
        "2020年全国粮食总产量为66949万吨，比上年增加565万吨，增长0.9%；其中稻谷产量为21186万吨，同比增长1.1%。" * 4,
        "第一条 为了保护消费者的合法权益，维护社会经济秩序，制定本法。\n" * 4,
    ],
)
def test_near_misses_are_kept(text):
    assert find(text) is None


def test_null_disables_each_check():
    everything = ["", "字" * 2_000_001, "plain English" * 30, "张伟李娜" * 90, "的，是。在！" * 40, "1" + "2 3" * 200]
    off = replace(OFF, min_measured=1)
    assert all(find(text, off) is None for text in everything)
    for name in ("max_punctuation_share", "max_digit_share", "max_symbol_share"):
        assert find(DOCUMENT + "，9+", replace(off, **{name: 0.0})) is not None
    assert find(DOCUMENT, replace(off, min_han_share=1.0)) is None
    assert find(DOCUMENT, replace(off, min_punctuation_share=0.5)).reason == "punctuation_share"


def test_measured_values_are_stored():
    document = Document("太短。", id="1")
    assert DocumentCharacters(LIMITS).filter(document) == (False, "too_short")
    assert document.metadata[schema.VALUE] == "3"
