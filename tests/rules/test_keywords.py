import pytest

from kun_recipes.data import schema
from kun_recipes.rules import LowQualityKeywords, Refusal, load_rules
from kun_recipes.rules.keywords import KeywordList
from kun_recipes.text.phrases import Phrases
from kun_recipes.text.views import narrow

RULES = load_rules()
SEGMENT = LowQualityKeywords(schema.TEXT, RULES.keywords.segment)
INSTRUCTION = LowQualityKeywords(schema.INSTRUCTION, RULES.keywords.instruction)
ANSWER = LowQualityKeywords(schema.OUTPUT, RULES.keywords.answer)
REFUSAL = Refusal(schema.OUTPUT, RULES.refusal)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("点击下载高清壁纸大全，海量图片天天更新。", "low_quality_keyword"),
        ("扫码关注公众号，回复“壁纸”即可。", "low_quality_keyword"),
        ("加微信进入会员交流群，每天还有红包。", "low_quality_keyword"),
        ("本站所有图片版权所有，未经授权禁止转载。", "low_quality_keyword"),
        ("本站图片版权所有,未经授权,禁止转载.", "low_quality_keyword"),
        ("文章到此为止。转载请注明出处。", "low_quality_keyword"),
        ("他推开门，外面正下着雪。（未完待续）", "low_quality_keyword"),
        ("现在领取新人优惠券，名额有限！", "low_quality_keyword"),
        ("注册送彩金，百家乐玩法多样，提款秒到账。", "gambling"),
        ("澳门新葡京娱乐城官网，值得信赖。", "gambling"),
        ("百家乐平台推荐，新手也能上手。", "gambling"),
        ("今晚一肖中特，跟上节奏。", "gambling"),
        ("成人视频免费观看，无需注册。", "adult"),
        ("在线观看高清无码影片，每日更新。", "adult"),
        ("同城约炮加微信，随时上门。", "adult"),
        ("首页 | 新闻 | 论坛 | 博客 | 图库", "navigation"),
        ("首页｜新闻｜论坛｜博客｜图库", "navigation"),
        ("您现在的位置：首页 > 生活频道 > 列表", "navigation"),
        ("正文结束。\n上一页 1 2 3 4 5 下一页", "navigation"),
        ("正文结束。\n关于我们 | 联系我们 | 网站地图", "navigation"),
    ],
)
def test_segments_dropped(text, reason):
    assert SEGMENT.find(narrow(text)).reason == reason


@pytest.mark.parametrize(
    "text",
    [
        "点击“下载”按钮以后，浏览器会询问保存的位置。",
        "商家发放优惠券是价格歧视的一种形式，消费者领取优惠券要付出时间。",
        "版权所有者可以许可他人使用作品；版权所有人去世以后，权利由继承人享有。",
        "微信支付和支付宝都能扫码付款，加微信好友要经过对方同意。",
        "著作权法规定，未经著作权人许可，不得复制其作品。",
        "| 姓名 | 年龄 | 性别 | 城市 |",
        "yes | no | auto | never | always",
        "新闻的五个要素是时间、地点、人物、起因和结果，图片可以作为补充。",
        "这本书有上下两册，上一章讲了结构，这一章讲方法。",
        "当前位置由全球定位系统给出，误差约为五米。",
        "以营利为目的，聚众赌博或者以赌博为业的，处三年以下有期徒刑、拘役或者管制，并处罚金。",
        "警方捣毁一个网络赌场，该平台以百家乐、老虎机等方式吸引参赌人员，涉案金额过亿元。",
        "澳门的葡京酒店和金沙酒店都在半岛上，威尼斯人在路氹。",
        "福利彩票的双色球由红球和蓝球组成，中奖号码由摇奖产生。",
        "新用户开户要带身份证，充值以后可以在网上缴费。",
        "传播淫秽的书刊、影片、音像、图片的，处二年以下有期徒刑。网络直播平台不得传播色情视频。",
        "成人图片书的读者越来越多，成人教育的招生也在扩大。",
        "乳腺癌患者在手术以后应当定期复查，性教育要从小开始。",
        "民警查处一起招嫖案，涉案人员在网上约炮后实施敲诈。",
    ],
)
def test_segments_kept(text):
    assert SEGMENT.find(narrow(text)) is None


@pytest.mark.parametrize(
    "text",
    [
        "根据上文，都江堰由哪三部分组成？",
        "根据以上材料，概括昆曲的特点。",
        "请根据上述内容回答问题。",
        "以上文章的主要观点是什么？",
        "文中提到的三种方法是什么？",
        "请问文中的主人公是谁？",
        "本文的中心思想是什么？",
        "概括本文的主要内容。",
        "这段文字主要讲了什么？",
        "这篇文章介绍了哪些方法？",
        "该文章的作者是谁？",
        "如图所示，求阴影部分的面积。",
        "下图中的阴影部分面积是多少？",
        "请描述这张图片。",
        "根据给定的资料，说明昆曲的起源。",
        "根据提供的信息，回答问题。",
        "请阅读材料，回答下列问题。",
        "请将以下句子翻译成英文。",
        "请将下面这段话改写得更简洁。",
        "请概括以下文章的大意：",
        "如何评价本文作者的观点？",
        "本文引用了哪些文献？",
        "该论文采用了什么研究方法？",
        "作者在论文中提出的观点，本文是否同意？",
        "写出这首诗的主旨。",
        "请写出本文的三个分论点，该文章的结论是什么？",
        "根据图表写一段话。",
    ],
)
def test_instructions_lean_on_a_missing_context(text):
    assert INSTRUCTION.find(narrow(text)).reason == "missing_context"


@pytest.mark.parametrize(
    "text",
    [
        "新闻稿怎么写？",
        "如何制作图片水印？",
        "摘要和关键词应该怎样写？",
        "请将以下句子翻译成英文：我爱北京天安门。",
        "请将以下句子翻译成英文:我爱北京天安门.",
        "根据下列关键词写一首诗：春天、花朵、细雨。",
        "请以“春天”为题写一篇文章。",
        "日本文化有哪些特点？",
        "怎样用Python读取文本文件？",
        "日本文学的代表作家有哪些？",
        "60分以上信息技术专业的学生可以报考哪些岗位？",
        "3年以上内容运营经验应该怎样写进简历？",
        "论文中如何引用文献？",
        "如何利用搜索引擎查找资料？",
        "应该文明养犬的理由有哪些？",
        "《静夜思》这首诗表达了怎样的感情？",
        "“但愿人长久”这句诗是什么意思？",
        "如何根据材料选择焊条？",
        "阅读文章的技巧有哪些？",
        "天下图书馆的分类法有几种？",
        "地图中的比例尺有什么用？",
        "根据市场需求，企业应当如何定价？",
        "小明有五个苹果，吃掉两个，又买来三个，送给妹妹一个。根据以上信息，他还剩几个？",
        "请给出三条提高写作水平的建议。",
        "怎样为客户提供信息服务？",
        "写一封感谢信，内容包括以下几点：感谢帮助、说明近况、表达祝愿。",
        "在论文中如何引用本文作者的观点？",
        "写论文时“本文”和“笔者”哪个更合适？",
        "毕业论文摘要里可以写“本文认为”吗？",
        "怎样在Word里插入“如图1所示”这样的交叉引用？",
        "文中夹注和脚注有什么区别？",
        "请写一首诗，这首诗要写春天的江南。",
        "编一则寓言，该故事要说明团结的重要。",
        "怎样教孩子根据图片写作文？",
        "如何根据图表描述趋势？",
        "怎样在网页上实现左图右文的布局？",
    ],
)
def test_instructions_that_stand_alone(text):
    assert INSTRUCTION.find(narrow(text)) is None


@pytest.mark.parametrize(
    "text",
    [
        "根据提供的资料，都江堰由鱼嘴、飞沙堰和宝瓶口组成。",
        "根据您提供的信息，这种症状可能是感冒。",
        "根据以上背景资料，都江堰有三个部分。",
        "上文提到，昆曲起源于江苏昆山一带。",
        "根据材料，昆曲起源于江苏昆山一带。",
        "基于这段文本的描述，昆曲起源于江苏昆山一带。",
        "这篇文章主要介绍了三种清洗空调的方法。",
        "感冒应当多喝水、多休息。以上信息可能过时，请咨询医生。",
        "感冒应当多喝水、多休息。以上内容仅供参考，具体请遵医嘱。",
        "先拔掉电源，再清洗滤网。希望以上回答对您有帮助！",
        "先拔掉电源，再清洗滤网。希望这些建议能帮助你!",
        "先拔掉电源，再清洗滤网。如果您还有其他问题，请随时告诉我。",
        "作为一个AI语言模型，我建议先拔掉电源。",
        "作为人工智能助手,我认为应当先拔掉电源。",
    ],
)
def test_answers_talk_about_themselves(text):
    assert ANSWER.find(narrow(text)).reason == "meta_talk"


@pytest.mark.parametrize(
    "text",
    [
        "论文开头要说明研究的问题，结论部分再回到上文提到的假设，说明它是否成立。",
        "根据材料的厚度选择焊条，薄板用细焊条。",
        "焊条要根据材料，焊缝位置和电流来选。",
        "银行会根据您提供的资料审核贷款申请，一般需要五个工作日。",
        "作为一个AI产品经理，我每天要和工程师沟通。",
        "人工智能作为一门学科，我国起步于二十世纪七十年代。",
        "尊敬的客户：\n给您带来不便，敬请谅解。如有任何疑问，请随时联系物业服务中心。",
        "统计年鉴的数据仅供参考时，应当注明口径，以免误读。正式决策要查原始报表。",
        "希望的田野上，人们正在收割。这些建议来自农民，值得采纳。",
        "新闻应当准确，图片要注明来源，文章要有标题；2023年以后的规定更严。",
    ],
)
def test_answers_kept(text):
    assert ANSWER.find(narrow(text)) is None


@pytest.mark.parametrize(
    "text",
    [
        "抱歉，我无法回答这个问题。",
        "很抱歉，作为一个人工智能语言模型，我不能提供医疗建议。",
        "对不起,我不能提供该信息。",
        "对不起，您的问题不够具体，我不清楚您的意思。",
        "作为一个人工智能语言模型，我不能浏览互联网。",
        "鱼可以清蒸。不过作为AI，我没有味觉。",
        "我无法回答这个问题，因为它涉及个人隐私。",
        "根据提供的资料，文中没有提到作者的姓名。",
        "由于缺乏足够的信息，我无法给出答案。",
        "I'm sorry, but I cannot help with that.",
    ],
)
def test_refusals(text):
    assert REFUSAL.find(narrow(text)).reason == "refusal"


@pytest.mark.parametrize(
    "text",
    [
        "尊敬的顾客：\n很抱歉，由于库存不足，我们无法按时发货，将为您办理退款。",
        "向客户道歉时，可以先说“很抱歉给您带来不便”，再说明原因和补救的办法。",
        "许多聊天机器人会回答“作为一个人工智能语言模型，我不能提供法律意见”，这是一种安全设计。",
        "他低下头说：“对不起，我不能答应你。”说完转身走了。",
        "由此给各位带来不便，物业服务中心深表歉意，敬请谅解。",
        "抱歉的意思是心中不安、过意不去，多用于书面和客套的场合。",
        "抗生素不能治疗病毒感染，因为病毒没有细胞壁。",
    ],
)
def test_apologies_are_not_refusals(text):
    assert REFUSAL.find(narrow(text)) is None


def test_value_lists_the_phrases_and_an_empty_list_keeps_all():
    assert SEGMENT.find("领取优惠券,先到先得!").value == "领取优惠券 / 先到先得"
    assert LowQualityKeywords(schema.TEXT, ()).find("点击下载高清壁纸大全") is None
    assert Refusal(schema.TEXT, None).find("抱歉,我无法回答这个问题。") is None


@pytest.mark.parametrize(
    "text",
    [
        "警方提醒，所谓注册送彩金只是诱饵，参与赌博属于违法行为。",
        "被告人代理时时彩开户，抽取佣金，法院判处有期徒刑三年。",
        "接到电话让你加微信进群领取红包的，都是诈骗。",
        "打开“扫一扫”，对准商家的二维码。",
        "轻点右侧翻到下一页，轻点左侧则回到上一页，到了上一章或者下一章的开头。",
    ],
)
def test_texts_about_an_offer_are_kept(text):
    assert SEGMENT.find(narrow(text)) is None


@pytest.mark.parametrize("text", ["注册送彩金，时时彩开户！", "时时彩开户，温馨提醒：先到先得", "加微信进群领取红包"])
def test_offers_are_dropped(text):
    assert SEGMENT.find(narrow(text)) is not None


OFFER, SOUND, SIGN = Phrases(["送[米面油]", "打[七八]折"]), Phrases(["警惕"]), Phrases(["联系", "电话"])
TWO_OF = KeywordList("trade", 2, OFFER, SOUND, 1, SIGN)


@pytest.mark.parametrize(
    ("text", "falls"),
    [
        ("送米,打八折,联系老王", True),
        ("送米,送面,送油,联系老王", False),  # one pattern in several words
        ("送米,打八折,街坊都去了", False),  # the reader is not asked for anything
        ("警惕送米,打八折,联系老王", False),
    ],
)
def test_hits_are_different_patterns_beside_a_sign_of_an_offer(text, falls):
    assert (LowQualityKeywords(schema.TEXT, [TWO_OF]).find(text) is not None) == falls
