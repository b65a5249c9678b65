"""Signs of comparison and tokens look like tags: what is taken out of a page's text, and what stays."""

import pytest

from kun_recipes.corpus.normalisation import NormaliseText
from kun_recipes.rules import load_rules

NORMALISE = NormaliseText(load_rules().format_debris)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("第一段<p>第二段", "第一段\n第二段"),
        ("第一段</p>第二段<P>第三段", "第一段\n第二段\n第三段"),
        ("word<p>Next one", "word\nNext one"),
        ("1. 甲<p>2. 乙", "1. 甲\n2. 乙"),
        ("选 A<p>B. 乙", "选 A\nB. 乙"),
        ("<p>0<p>1<p>2", "0\n1\n2"),
        ("x<br>y", "x\ny"),
        ("<ul><li>a<li>b</ul>", "a\nb"),
        ("<td>1<td>2", "12"),
        ("<tr><td>v</td><td>0</td></tr>", "v\t0"),
        ("H<sub>2</sub>O", "H2O"),
        ("x<sup>2</sup>+1", "x2+1"),
        ("a<b>c</b>d", "acd"),
        ("第 A<b>1</b> 号", "第 A1 号"),
        ("面积<i>S</i>等于", "面积S等于"),
        ("见<a href='x'>1</a>", "见1"),
        ("甲<u>乙</u>丙", "甲乙丙"),
        ("旧价<s>100</s>元", "旧价100元"),
        ("<s>删除的话</s>", "删除的话"),
        ("<s>\n删除的话\n</s>", "删除的话"),
        ("这是 <b> 重点 </b> 内容", "这是 重点 内容"),
        ("后半</b>句", "后半句"),
        ("若 0<p>0，则<b>无解</b>。", "若 0<p>0，则无解。"),
        ("<div>若 x<p>y，<b>甲</b></div>", "若 x<p>y，甲"),
        ("x&lt;p&gt;q 时<br>成立", "x<p>q 时\n成立"),
    ],
)
def test_tags_of_pages_go(text, expected):
    assert NORMALISE.format(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "i<s>t 与 </s>",
        "0<p>0 时",
        "若 0<p>0时结论不变",
        "若x<p>y，则无解",
        "x<p >y",
        "取 α<p>β 的情形",
        "设 f(x)<p>g(x) 恒成立",
        "令 x1<p>x2，x₁<p>x₂",
        "有 0.5<p>0.9，2<p>3%",
        "则 -1<p>-2 不可能",
        "x<p>y.",
        "如果 a<b>c，那么 </b> 不出现",
        "若 a<b>c 且 d<b>e，则 b 居中",
        "当 m<u>n 与 </u> 并列",
        "n<i>k，而 </i> 是结束标记",
        "λ<s>μ，</s> 为结束符",
        "由 t<tr>s 知上升时间",
        "当 v<th>0 时触发",
        "序列以 <s> 开头、以 </s> 结尾。",
        "句子写成 <s> 今天 天气 好 </s> 再分词",
        "断<b>开",
        "for (i=0;i<p;i++) 与 if (a>b)",
        "std::map<int,vector<int>> 与 a<b,c>d",
        "if (i<a && b>j) { k }",
        "cat <in.txt >out.txt",
        "1<a<2 且 3>b>2，P(a<X<b)=0.95",
    ],
)
def test_comparisons_and_tokens_stay(text):
    assert NORMALISE.format(text) == text
