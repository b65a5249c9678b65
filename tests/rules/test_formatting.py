import pytest

from kun_recipes.data import schema
from kun_recipes.rules import FormatErrors, load_rules
from kun_recipes.rules.formatting import FormatDebris, FormatLimits, count_unbalanced
from kun_recipes.text.views import narrow

RULES = load_rules()
LIMITS = RULES.format_limits
BLOCKS = {
    kind: FormatErrors(schema.TEXT, RULES.format_debris, getattr(LIMITS, kind))
    for kind in ("segment", "instruction", "answer")
}
FENCE = "```"


@pytest.mark.parametrize(
    ("kinds", "text", "value"),
    [
        ("segment instruction answer", "<p>火山分为三类。</p>", "<p>"),
        ("segment instruction answer", '<div class="content">火山分为三类。', '<div class="content">'),
        ("segment instruction answer", "火山分为三类。<br/>活火山", "<br/>"),
        ("segment instruction answer", '见<a href="x.html">死火山</a>一节', '<a href="x.html">'),
        ("segment instruction answer", "火山&nbsp;&nbsp;分为三类", "&nbsp;"),
        ("segment instruction answer", "第一步\\n第二步", "\\n"),
        ("segment instruction answer", "火山用 printf 打印，&nbsp;以换行符结束", "&nbsp;"),
        ("segment instruction answer", "火山\\u706b\\u5c71", "\\u706b\\u5c71"),
        ("segment instruction answer", "火山[/b]分为[url=x]", "[/b]"),
        ("segment instruction answer", "什么是火山<|im_end|>", "<|im_end|>"),
        ("segment instruction answer", "[INST]什么是火山[/INST]", "[INST]"),
        ("segment instruction answer", "，所以火山会喷发。", ","),
        ("segment instruction answer", ", 所以火山会喷发.", ","),
        ("segment instruction answer", "**注意火山会喷发。", "**注意火山会喷发。"),
        ("segment instruction answer", "![火山](volcano.png)", "![火山]("),
        ("segment instruction answer", f"代码如下：\n{FENCE}python\nprint(1)", "unclosed code fence"),
        ("segment instruction answer", "请回答：{instruction}", "{instruction}"),
        ("segment instruction answer", "（（（（（（（火山", "7 unbalanced"),
        ("instruction answer", "什么是（火山【的喷发？", "2 unbalanced"),
        ("instruction", "什么是（火山？", "1 unbalanced"),
        ("instruction", "什么是“火山？", "1 unbalanced"),
        ("instruction", "指令：介绍火山。", "指令:"),
        ("instruction", "user: 介绍火山。", "user:"),
        ("instruction", "什么是火山？\n答案：火山是一种地貌。", "答案:"),
        ("instruction", "什么是火山？答：火山是一种地貌。", "?答:"),
        ("instruction", "什么是民用地道？什么是民用地道？", "a sentence 2 times"),
        ("instruction", "什么是民用地道？什么是民用地道?", "a sentence 2 times"),
        ("instruction", "什么是独占许可？-> 什么是 什么是", "?->"),
        ("instruction", "什么是      火山？", "6 blanks"),
        ("instruction", "什么是火山？\n火山在哪里？\n火山多高？\n火山几岁？", "4 lines"),
        ("answer", "回答：火山是一种地貌。", "回答:"),
        ("answer", "assistant: 火山是一种地貌。", "assistant:"),
    ],
)
def test_dropped(kinds, text, value):
    for kind in kinds.split():
        assert BLOCKS[kind].find(narrow(text)) == ("format_error", value), kind


@pytest.mark.parametrize(
    ("kinds", "text"),
    [
        ("segment instruction answer", "HTML中的<p>标签表示段落，&nbsp;表示空格。"),
        ("segment instruction answer", "如何用<br>标签换行？"),
        ("segment instruction answer", "C语言用换行符\\n结束一行。"),
        ("segment instruction answer", "a < b 且 c > d 时，头文件是<stdio.h>。"),
        ("segment instruction answer", "区间[0, 1)、(0,1]和f(x, y)都是半开区间。"),
        ("segment instruction answer", "1）先洗手；2）再吃饭；a) 漱口。"),
        ("segment instruction answer", '屏幕有27"和32"两种。'),
        ("segment instruction answer", '什么是"996"工作制？"GPT-4"和"GPT-3"有什么不同？'),
        ("segment instruction answer", "若 x<p 且 y>q，则甲胜。"),
        ("segment instruction answer", "反应式为2H2+O2->2H2O，指针用p->next访问。"),
        ("segment instruction answer", "写成`<div>`和`(`即可。"),
        ("segment instruction answer", "请写成“请**务必**回复”，Python里2**10是1024，**kwargs是参数。"),
        ("segment instruction answer", "《红楼梦》（又名《石头记》）与“金陵十二钗”是什么关系？"),
        ("segment instruction answer", "::before是什么？"),
        ("segment instruction answer", "……然后呢？"),
        ("segment answer", f"代码如下：\n{FENCE}html\n<div>（\n{FENCE}\n以上是一个块。"),
        ("segment answer", "问：什么是火山？\n答：一种地貌。"),
        ("segment answer", "先洗手。\n\n\n\n\n\n再吃饭。\n漱口。\n睡觉。"),
        ("segment answer", "床前明月光，疑是地上霜。床前明月光，疑是地上霜。"),
        ("segment answer", "（见图2-1。"),
        ("instruction", "把“你好”译成英文。\n再译成法文。"),
        ("instruction", "什么是用户？怎样回答用户的问题：请举例。"),
    ],
)
def test_kept(kinds, text):
    for kind in kinds.split():
        assert BLOCKS[kind].find(narrow(text)) is None, kind


def test_null_disables_every_check():
    rule = FormatErrors(
        schema.TEXT, FormatDebris(None, None, None, None, None), FormatLimits(None, None, None, None, None)
    )
    assert rule.find("<p>((((((指令:火山\n\n\n\n\n\n火山 火山。火山。<|im_end|>") is None


@pytest.mark.parametrize(
    ("text", "unbalanced"),
    [
        ("((甲)", 1),
        ("甲)", 1),
        ("(甲]", 0),
        ("《甲", 1),
        ('"甲', 1),
        ('"甲"', 0),
        ('"996"', 0),
        ('"996', 1),
        ("”甲“", 2),
        ("\\(甲", 0),
        ("“(”甲", 0),
        ("1)甲 2)乙", 0),
        ("付款:(一)现金;(二)支票", 0),
        ("难过:( 明天再说", 0),
        ("难过:(", 0),
        ("真好:)", 0),
        ("付款:(一现金", 1),
    ],
)
def test_count_unbalanced(text, unbalanced):
    assert count_unbalanced(text) == unbalanced
