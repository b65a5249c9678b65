from dataclasses import replace

import pytest

from kun_recipes.data import schema
from kun_recipes.rules import MeaninglessCharacters, NotChinese, TooShort, load_rules
from kun_recipes.text.views import narrow

SETTINGS = load_rules().meaningless_characters
MEANINGLESS = MeaninglessCharacters(schema.TEXT, SETTINGS)


@pytest.mark.parametrize(
    ("text", "value"),
    [("暂无。", "3"), (" 暂 无\n 。 ", "3"), ("什么是？", "4"), ("\u3000\u200b\ufeff", "0"), ("什么是光？", None)],
)
def test_too_short(text, value):
    fault = TooShort(schema.TEXT, 5).find(narrow(text))
    assert fault == (None if value is None else ("too_short", value))


def test_minimum_length_can_be_changed_or_disabled():
    assert TooShort(schema.TEXT, 20).find("字" * 19) == ("too_short", "19")
    assert TooShort(schema.TEXT, 20).find("字" * 20) is None
    assert TooShort(schema.TEXT, None).find("字") is None


@pytest.mark.parametrize("least", [None, 0, 1])
@pytest.mark.parametrize("text", ["", " \n", "\u200b\u2060", "\x01\x08", "\u3164"])
def test_invisible_text_is_too_short(text, least):
    assert TooShort(schema.TEXT, least).find(text) is not None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("竹编是手工艺，锟斤拷锟斤拷，编织之前要选竹。", "锟斤拷"),
        ("调试器里全是烫烫烫烫和屯屯屯屯。", "烫烫烫烫"),
        ("ï¼Œå¦‚æžœç²—ç»†", "ï¼Œå¦‚"),
        ("CafÃ©在法语里是咖啡馆。", "Ã©"),
        ("竹编要经过多道工序，\ufffd\ufffd每一道都要紧。", "2 lost"),
        ("竹编要经过多道工序，\ue5e5每一道都要紧。", "1 lost"),
        ("■□◆◇★☆■□◆◇★☆匠人选择编法", "0.67 unusual"),
        ("竹□编□\n□□要过许多工序", "0.33 unusual"),
        ("@#￥%……&*@#￥%……&*@#￥%……&*竹篾的宽窄必须均匀", "0.70 symbols"),
    ],
)
def test_meaningless(text, value):
    assert MEANINGLESS.find(narrow(text)) == ("meaningless_characters", value)


@pytest.mark.parametrize(
    "text",
    [
        "“你好！”他说，“今天（星期三）真冷……”——然后走了。",
        '"你好!"他说,"今天(星期三)真冷..."--然后走了.',
        "当 x² + y² ≤ 1 时，∫f(x)dx = π/4，α、β 均为常数，温度为 25℃。",
        "```python\nfor i in range(10):\n    print(i ** 2, end=', ')\n```\n上面的循环打印平方数。",
        "│ 名称 │ 数值 │\n├──────┼──────┤\n│ 甲的名称 │ 一百二十 │",
        "火锅太烫烫烫了，他连忙喝水。",
        "café、naïve、Müller 和 São Paulo 都带有附加符号，日文写作こんにちは。",
        "★ 重点：先洗手，再吃饭，饭后漱口。",
        "□ 雨伞\n□ 水壶\n☐ 毛巾\n☑ 地图",
        "",
    ],
)
def test_meaningful(text):
    assert MEANINGLESS.find(narrow(text)) is None


def test_meaningless_checks_can_be_disabled():
    off = replace(SETTINGS, max_unusual_share=None, max_symbol_share=None, max_lost_characters=None, mojibake=None)
    assert MeaninglessCharacters(schema.TEXT, off).find("锟斤拷\ufffd■■■■■@@@@@@@@@@") is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Density of common materials at room temperature. 附录三完。", "0.09"),
        ("これはにほんごのぶんしょうです。", "0.00"),
        ("在Python中，list是可变的，tuple是不可变的，两者都能用下标访问元素。", None),
        ("由 f(x)=ax²+bx+c 得 f'(x)=2ax+b，令其为零，解得 x=-b/(2a)，这就是顶点的横坐标。", None),
        ("……！？", "0.00"),
        ("旅行英语\nHow much is this? 多少钱\nI am just looking. 随便看看\nKeep the change. 不用找", None),
        ("Home page 首页\nprintf(x) 输出\nfor i in range(9): 循环\nimport numpy as np 导入", "0.16"),
    ],
)
def test_not_chinese(text, value):
    fault = NotChinese(schema.TEXT, 0.3).find(narrow(text))
    assert fault == (None if value is None else ("not_chinese", value))


def test_null_disables_not_chinese():
    assert NotChinese(schema.TEXT, None).find("English") is None
