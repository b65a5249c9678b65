import time

import ftfy
import pytest
from datatrove.data import Document
from ftfy.chardata import CHARMAP_ENCODINGS
from hypothesis import given
from hypothesis import strategies as st

from kun_recipes.corpus.normalisation import FixMojibake, NormaliseText, ToSimplified
from kun_recipes.rules import load_rules

CHINESE = (
    "国务院教育行政部门主管全国教师工作。“好”字——怎么写……3×5＝15，±2℃，§4、№5、①②③，阿·列·托尔斯泰；"
    "重¥30～£40，“x ≥ 2”与‘y ≠ 3’，α、β、γ 三种射线，é、ü、ǖ 的读音，®与™、©，“？”和“！”，×  ÷ 。"
)
MOJIBAKE = FixMojibake()
NORMALISE = NormaliseText(load_rules().format_debris)


def normalise(text):
    return NORMALISE.format(text)


@pytest.mark.parametrize("encoding", ["latin-1", "sloppy-windows-1252", "macroman", "cp437"])
@pytest.mark.parametrize("text", [CHINESE, "中文", "他说：“再见”。\n第二行没有问题。", "漢字とかな", "naïve café"])
def test_utf_8_that_was_read_by_another_table_is_repaired(text, encoding):
    garbled = text.encode().decode(encoding)
    assert MOJIBAKE.format(garbled) == text
    assert MOJIBAKE.format(f"第一行没有问题。\n{garbled}\n") == f"第一行没有问题。\n{text}\n"


@pytest.mark.parametrize(
    "text", [CHINESE, "浣犲ソ锛屼笘鐣岋紒", "锟斤拷锟斤拷", "Ångström 与 Brontë 在 São Paulo。", ""]
)
def test_text_that_ftfy_cannot_repair_is_unchanged(text):
    assert MOJIBAKE.format(text) == text


PIECES = st.one_of(
    st.text(max_size=8),
    st.sampled_from(list("中文，。“”—…·°×±é ü?\n\x1b\x85\x96\ufffd\ud83d\ude00")),
    st.builds(
        lambda text, encoding: text.encode(errors="replace").decode(encoding),
        st.one_of(st.text(max_size=4), st.sampled_from(["中文。", "“é”", "ö", "à la", "😀"])),
        st.sampled_from([*CHARMAP_ENCODINGS]),
    ),
)


@given(st.lists(PIECES, max_size=8).map("".join))
def test_prefilter_does_not_change_what_ftfy_repairs(text):
    assert MOJIBAKE.format(text) == ftfy.fix_text(text, MOJIBAKE.config)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("第一行\r\n第二行\r第三行\x85第四行\u2028第五行", "第一行\n第二行\n第三行\n第四行\n第五行"),
        ("控\x00制\x07字\x7f符\x9f", "控制字符"),
        ("\ufeff零\u200b宽\u2060字\u200d符\u200e与\u202e方\u2066向\xad", "零宽字符与方向"),
        ("一家👨\u200d👩\u200d👧与❤️\u200d🔥", "一家👨\u200d👩\u200d👧与❤️\u200d🔥"),
        ("e\u0301te\u0301", "été"),
        ("ｅ\u0301", "é"),
        ("孤\ud800立", "孤立"),
        ("ＡＢＣ１２３（ａ）：“ｘ”！", "ABC123（a）：“x”！"),
        ("　　段首有两个空格。\n\u3000 第二段。", "段首有两个空格。\n第二段。"),
        ("  段首有两个空格。\n\t第二段。", "段首有两个空格。\n第二段。"),
        ("词\xa0\xa0与　　词   之\u2003间", "词 与 词 之 间"),
        ("姓名 \t 年龄\t\t性别", "姓名\t年龄\t性别"),
        ("行尾有空格。  \n\t\n\n\n下一段。\n\n", "行尾有空格。\n\n下一段。"),
        ("def f(x):\n    return x  + 1\n        # 注释", "def f(x):\n    return x + 1\n        # 注释"),
    ],
)
def test_characters_blanks_and_lines(text, expected):
    assert normalise(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("甲&nbsp;乙&amp;丙&#8220;丁&#x201D;&hellip;", "甲 乙&丙“丁”…"),
        ("甲&amp;amp;乙", "甲&乙"),
        ("日志以换行符结束，写作 ls &gt; a.log。", "日志以换行符结束，写作 ls > a.log。"),
        ("用 printf 打印时误差是&#177;2。", "用 printf 打印时误差是±2。"),
        ("第一行<br>第二行<BR/>第三行", "第一行\n第二行\n第三行"),
        ("<div class='a'><p>第一段</p><p>第二段</p></div>", "第一段\n\n第二段"),
        ("这是<b>重点</b>和<a href='http://a.cn/x'>链接</a>。", "这是重点和链接。"),
        ("正文<script>var x = '<p>';</script>继续<!-- 注释 -->。", "正文继续。"),
        ("甲&amp;lt;br&amp;gt;乙", "甲\n乙"),
        ("<tr><td>1</td><td>2</td></tr><tr><th align=left>3</th><th>4</th></tr>", "1\t2\n\n3\t4"),
        ("甲<p class=x nowrap>乙</p >丙", "甲\n乙\n丙"),
        ("![图片](https://a.cn/b.png)正文![](x/y.jpg)", "正文"),
        ("详见[官方说明](https://a.cn/b_(c).html)一节", "详见官方说明一节"),
        ("[回到顶部](#top)", "回到顶部"),
        ("请**务必注意**这一点，**谢谢。**", "请务必注意这一点，谢谢。"),
        (r"\*注：本表\_不含\_税\[1\]。", "*注：本表_不含_税[1]。"),
    ],
)
def test_markup_is_taken_out(text, expected):
    assert normalise(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "#### 一、概述\n正文在这里。",
        "HTML 用 <p> 和 </p> 表示段落，&nbsp; 表示空格。",
        "标签 <b>…</b> 使文字变粗。",
        "若 x<p 且 y>q，则甲胜；若 i<s 或 s>t，则乙胜。",
        "若 x<p and y>q，则 x<p>q 不成立。",
        "向指定的 <pid> 发送信号，用法是 kill -<signal> <pid>。",
        "联系人 <user@example.org>，参看 <https://example.org/a>。",
        "文法：<table> ::= <name>，若 a<b 且 c>d 则成立；AT&T 与 R&D；a&b;c",
        "字符类有 [:alnum:](字母和数字)、[:alpha:]() 和 systemd-boot[1](引导管理器)，区间 [0,1](左闭)。",
        "2**3**2 代表二的九次方，-2**31 是负数；f(**选项) 与 f(**kw)和**opts 传参数。",
        r"正则表达式里 \* 和 \[ 要转义；路径是 C:\*.txt。",
        r"目录 D:\中文 和 \*。",
        r"行内代码 `<b>x</b>` 与 `**x**`，还有 `a \* b`",
        "```\n<p>&amp;　　ＡＢＣ  **粗体**   \n\n\n\n\tx\n```",
        "姓名\t年龄\n张三\t20",
        CHINESE.replace("×  ÷", "× ÷"),
        "",
    ],
)
def test_near_misses_stay(text):
    assert normalise(text) == text


SIGNS = (
    "< > <p> </p> <b> </b> &amp; &lt; &#60; lt; ** 字 ![ ]( [ ] ) (http://a ` ~~~ \\ * ａ 😀 <br> <script> # HTML 正则"
)
LAYOUT = [
    "```\n",
    "\n```\n",
    "\n```a\n",
    "　",
    "\xa0",
    "  ",
    "\t",
    "\n",
    "\r",
    "\u0301",
    "\u200d",
    "\u2000",
    "\u1fef",
    "\ud800",
]
MARKED = st.one_of(st.text(max_size=6), st.sampled_from([*SIGNS.split(" "), *LAYOUT]))


@given(st.lists(MARKED, max_size=14).map("".join))
def test_normalising_twice_changes_nothing(text):
    once = normalise(text)
    assert normalise(once) == once
    assert once.encode() is not None  # no surrogate is left


def test_documents_that_changed_are_counted():
    documents = [Document("ＡＢＣ", id="1"), Document("ABC", id="2")]
    block = NormaliseText(load_rules().format_debris)
    assert [document.text for document in block.run(documents)] == ["ABC", "ABC"]
    assert (block.stats["total"].total, block.stats["changed"].total) == (2, 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("操作系統的內容與說明", "操作系统的内容与说明"),
        ("乾隆皇帝喝乾一杯茶", "乾隆皇帝喝干一杯茶"),
        ("简体中文不变，“著名”的后果。", "简体中文不变，“著名”的后果。"),
    ],
)
def test_traditional_becomes_simplified(text, expected):
    pytest.importorskip("opencc")
    assert ToSimplified().format(text) == expected


@pytest.mark.parametrize(
    "unit", ["<script>", "<!--", "![", "[a](", "**字", "```a\n", "~~~\n", "&amp;", "<p ", " ", "　", "\\*", "<b>"]
)
def test_time_is_linear_in_the_text(unit):
    text = (unit * 100_000)[:100_000]
    started = time.process_time()
    normalise(text)
    MOJIBAKE.format(text)
    assert time.process_time() - started < 2
