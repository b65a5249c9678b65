import pickle

import pytest
from datatrove.data import Document

from kun_recipes.corpus.quality import DocumentKeywords, document_rules, load_quality
from kun_recipes.text.views import narrow

RULE = DocumentKeywords(load_quality().keywords)
FILLER = "茶叶按制作工艺分为六类，绿茶在加工时先用高温杀青，使鲜叶中的酶失去活性，因此叶色翠绿，滋味鲜爽。"


def find(text):
    return RULE.find(narrow(text))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (FILLER + "厂家直销，欢迎来电咨询，全国热线24小时开通，立即订购享好礼！", "advertising"),
        (FILLER + "扫描下方二维码关注我们，名额有限，马上报名，还可领取优惠券。", "advertising"),
        ("真人百家乐平台推荐，注册送彩金，澳门新葡京娱乐城官网，返水高达1.2%，投注平台信誉好。", "gambling"),
        (FILLER + "一肖中特，稳赚不赔计划，时时彩投注技巧，北京赛车开户。", "gambling"),
        ("成人视频在线观看，国产自拍偷拍，欧美无码在线播放，免费观看高清无码，人妻熟女。", "adult"),
        (
            "设为首页 加入收藏\n热门推荐\n相关阅读\n上一篇：绿茶\n下一篇：红茶\n发表评论\n登录 | 注册\n京ICP备0号",
            "boilerplate",
        ),
        ("var _hmt = _hmt || []; window.location.href = '/m'; jQuery(function(){ show(); }); 茶叶。", "page_code"),
        ("标题\nLorem ipsum dolor sit amet, consectetur adipiscing elit.", "page_code"),
    ],
)
def test_dropped(text, reason):
    fault = find(text)
    assert fault.reason == reason
    assert fault.value


@pytest.mark.parametrize(
    "text",
    [
        FILLER * 20 + "厂家直销，欢迎来电咨询，全国热线24小时开通，立即订购享好礼！",  # a line of a long text
        FILLER + "立即报名，立即报名，立即报名！",  # one phrase
        "商家常用限时优惠、买一送一等手段促销。消费者领取优惠券要付出时间。" + FILLER,
        "警方打掉一个网络赌博团伙：该团伙以“注册送彩金”为诱饵，开设真人百家乐投注平台，返水高达1%，涉案金额过亿，"
        "主犯因开设赌场罪被判处有期徒刑五年。公安机关提醒：参与网络赌博是违法行为。",
        "第三百零三条 以营利为目的，聚众赌博或者以赌博为业的，处三年以下有期徒刑；开设赌场的，处五年以下有期徒刑。",
        "扫黄打非办公室查处一批传播色情视频在线观看的网站：这些网站以国产自拍偷拍、欧美无码为名牟利，构成传播淫秽物品"
        "牟利罪，公安机关已抓获犯罪嫌疑人。",
        "乳腺增生的患者应当定期检查，医生会根据症状决定是否手术；性教育应当从小开始。",
        FILLER * 10 + "\n相关阅读\n上一篇：绿茶\n下一篇：红茶\n发表评论\n版权所有",
        "在网页里嵌入脚本：var x = 1; document.write(x); 函数 function f(a) { return a; } 的语法见教程示例。",
        "排版时常用 Lorem ipsum 作为占位的文字，它出自西塞罗的著作。",
        "",
    ],
)
def test_near_misses_are_kept(text):
    assert find(text) is None


def test_document_rules_in_order():
    names = []
    blocks = document_rules(load_quality(), lambda name: names.append(name))
    assert names == ["document_characters", "document_lines", "document_repetition", "document_keywords"]
    documents = iter([Document(FILLER * 3, id="1"), Document("短。", id="2")])
    for block in pickle.loads(pickle.dumps(blocks)):
        documents = block.run(documents)
    assert [document.id for document in documents] == ["1"]
