import pytest
from datatrove.data import Document

from kun_recipes.data import schema
from kun_recipes.rules import CutOff, load_rules
from kun_recipes.text.views import narrow

RULES = load_rules()
BLOCKS = {
    kind: CutOff(schema.TEXT, getattr(RULES.max_open_length, kind), RULES.closing_lines)
    for kind in ("segment", "instruction", "answer")
}


@pytest.mark.parametrize(
    ("kinds", "text", "value"),
    [
        (
            "segment answer",
            "工蜂主要依靠触角的接触和空气的振动来感受舞蹈，然后根据这些信息飞向",
            "然后根据这些信息飞向",
        ),
        ("segment answer instruction", "准备以下材料：", "准备以下材料:"),
        ("segment answer instruction", "准备以下材料:", "准备以下材料:"),
        ("segment answer instruction", "首先要洗手，", "首先要洗手,"),
        ("segment answer instruction", "首先要洗手、", "首先要洗手、"),
        ("segment answer instruction", "首先要洗手（", "首先要洗手("),
        ("segment answer instruction", "这座城市的历史悠久，文化和", "文化和"),
        (
            "segment answer",
            "停水通知\n各位业主：\n因供水主管道检修，本小区将于本周六上午九时至下午五时暂停供水，涉及",
            "暂停供水,涉及",
        ),
        ("segment answer", "步骤如下：\n1. 先洗手。\n2. 再吃饭。\n3. 饭后要", "3. 饭后要"),
        ("segment answer", "The three parts are of different sizes and the", "different sizes and the"),
    ],
)
def test_cut_off(kinds, text, value):
    for kind in kinds.split():
        fault = BLOCKS[kind].find(narrow(text))
        assert fault.reason == "cut_off", kind
        assert fault.value.endswith(value[-12:])


@pytest.mark.parametrize(
    ("kinds", "text"),
    [
        ("segment answer instruction", "先洗手，再吃饭。"),
        ("segment answer instruction", "先洗手,再吃饭."),
        ("segment answer instruction", "你吃饭了吗？\n"),
        ("segment answer instruction", "他说：“吃过了。”"),
        ("segment answer instruction", "太阳系有八颗行星（冥王星不在其中）"),
        ("segment answer instruction", "（一）先洗手；\n（二）再吃饭；"),
        ("segment answer instruction", "Water boils at 100 degrees."),
        ("segment answer instruction", "后来呢……"),
        ("segment answer instruction", "加油！😊"),
        ("segment answer", "需要准备：\n- 番茄\n- 鸡蛋\n- 食用油"),
        ("segment answer", "需要准备：\n1、番茄\n2、鸡蛋\n3、食用油"),
        ("segment answer", "春眠不觉晓\n处处闻啼鸟\n夜来风雨声\n花落知多少"),
        ("segment answer", "各位同事：\n请节约用电。\n行政部"),
        ("segment answer", "各位业主：\n明日停水，敬请谅解。\n2024年1月1日"),
        ("segment answer", "各地税额如下。\n单位为元。\n按平方米计算。\n上海 | 45\n北京 | 40\n西藏、甘肃 | 12.5"),
        ("segment answer", "此致\n敬礼"),
        ("segment answer", "把数代入公式，得到\nx = 5"),
        ("segment answer", "代码如下：\n```\nprint(1)\n```"),
        ("segment answer", "北京是中国的首都"),
        ("segment", "面汤熬了一夜，喝到最后也不腻。唯一的缺点是座位太少，夏天没有空调"),
        ("segment", "两国之间最要紧的是共和"),
        ("instruction", "介绍北京的四合院"),
        ("segment answer instruction", ""),
    ],
)
def test_finished(kinds, text):
    for kind in kinds.split():
        assert BLOCKS[kind].find(narrow(text)) is None, kind


@pytest.mark.parametrize(("finish", "expected"), [("length", (False, "truncated")), ("stop", True)])
def test_truncated_by_the_token_limit(finish, expected):
    rule = CutOff(schema.OUTPUT, 30, None, finish_reason=schema.OUTPUT_FINISH)
    doc = Document(text="", id="1", metadata={schema.OUTPUT: "先洗手。", schema.OUTPUT_FINISH: finish})
    assert rule.filter(doc) == expected
    assert doc.metadata.get(schema.VALUE) == (None if finish == "stop" else "length")
