import pytest

from kun_recipes.corpus.segments.sentences import split_sentences


@pytest.mark.parametrize(
    "sentences",
    [
        # 。！？；… and what closes behind them
        ["今天下雨。", "路很滑！", "你去吗？", "他去；", "我不去……", "算了。"],
        ["“今天下雨。”", "他说。"],
        ["「真的吗？」", "她问。"],
        ["（详见附录。）", "下面是正文。"],
        ["他说：“走吧！”", "大家就走了。"],
        ["这怎么可能？！", "谁也不信！！！", "真的。"],
        ["没有句号的最后一句"],
        ["先看这里。 ", "再看那里。"],
        # the sentence continues
        ["“好吗？”，他问。", "没人答。"],
        ["他说：“走吧！ ”她点头。 。", "再没回来。"],
        ["电影《出发！》上映了。", "票很贵。"],
        ["他写了《呐喊！》。", "后来又写了。"],
        ["他迟疑了……，又走了。", "再没回来。"],
        # half-width marks
        ["圆周率约为3.14159，比3.1大。", "版本是1.2.3。"],
        ["长度用 len 指定. ", "太长则返回错误. ", "默认值为 0.5 秒."],
        ["数据传送完毕.", "返回零.", "出错则返回负一."],
        ["真的吗?", "他不信!", "走了."],
        ["打开 a.txt 和 b.conf 两个文件。"],
        ["It rains. ", "He stays at home. ", "So do I."],
        ["See e.g. the manual of J. Smith. ", "It is short."],
        ["1. 打开盖子。", "2. 倒水。"],
        ["一. 概述"],
        ["for (i = 0; i < n; i++) { run(); }"],
        ['他说:"今天下雨."', "然后走了."],
        ["这是第一句。", '"第二句"在引号里。'],
        ["等等... ", "好了。"],
    ],
)
def test_sentences(sentences):
    line = "".join(sentences)
    assert [line[start:end] for start, end in split_sentences(line)] == [sentence.strip() for sentence in sentences]


def test_blank_line_has_no_sentence():
    assert list(split_sentences(" \u3000")) == []
