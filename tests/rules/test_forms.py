import pytest

from kun_recipes.errors import UserError
from kun_recipes.rules.forms import WORDS_FILE, load_forms


@pytest.mark.parametrize(
    ("instruction", "form", "word"),
    [
        ("为什么天空是蓝色的？", "question", "为什么"),
        ("四川泡菜的制作过程有哪些注意事项？", "question", "哪些"),
        ("写作业有什么好处？", "question", "什么"),
        ("请问黑洞是什么", "question", "什么"),
        ("你会游泳吗", "question", "吗"),
        ("如何制作泡菜", "question", "如何"),
        ("请解释什么是黑洞？", "imperative", "解释"),
        ("请你简要地介绍护理专业。", "imperative", "介绍"),
        ("写一首关于春天的诗。", "imperative", "写"),
        ("把下面的句子翻译成英文。", "imperative", "翻译"),
        ("用通俗的语言解释大数定律。", "imperative", "解释"),
        ("以“我的家乡”为题写一篇作文", "imperative", "写"),
        ("下面是一段话，请翻译。", "imperative", "翻译"),
        ("给出创建数据透视表的步骤。", "imperative", "给出"),
        ("替公司写一封邮件。", "imperative", "写"),
        ("请安静", "imperative", None),
        ("拟写一份租房合同", "imperative", "拟写"),
        ("分享一次野营的经历", "imperative", "分享"),
        ("泰安一中是一所历史悠久的学校", "other", None),
        ("有几个人来了", "other", None),
        ("话剧《如何是好》今晚首演", "other", None),
    ],
)
def test_forms_and_their_words(instruction, form, word):
    assert load_forms().classify(instruction) == (form, word)


def test_a_list_that_is_missing_is_named(tmp_path):
    text = WORDS_FILE.read_text(encoding="utf-8").replace("weak:", "weeak:")
    file = tmp_path / "forms.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"forms\.yaml: weeak: unknown key; did you mean weak"):
        load_forms(file)
