"""Junk as the web has it: offers, chains of search words, templates, misread bytes, chat markers."""

import pytest
from datatrove.data import Document

from kun_recipes.data import schema
from kun_recipes.rules import FormatErrors, TooShort, load_rules, segment_rules
from kun_recipes.rules.characters import MeaninglessCharacters
from kun_recipes.text.views import narrow

RULES = load_rules()
BLOCKS = [block for block in segment_rules(RULES, lambda name: None) if not isinstance(block, TooShort)]


def reason(text):
    for block in BLOCKS:
        verdict = block.filter(Document(text, id="0"))
        if verdict is not True:
            return verdict[1]
    return None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "杭州保洁公司电话，杭州保洁公司价格，杭州保洁公司排名，杭州专业保洁公司，杭州西边保洁公司，杭州东边保洁公司，"
            "杭州哪家保洁公司好，杭州保洁公司推荐。",
            "seo",
        ),
        ("北京开锁 上海开锁 广州开锁 天津开锁 重庆开锁 成都开锁 武汉开锁 西安开锁 长沙开锁 济南开锁。", "seo"),
        (
            "按摩椅怎么用，按摩椅多少钱一台？很多人都买过按摩椅，可是对按摩椅并不了解。今天小编就为大家介绍按摩椅，"
            "希望对想买按摩椅的朋友有所帮助。",
            "seo",
        ),
        (
            "服务范围：北京、上海、广州、深圳、天津、重庆、成都、武汉、西安，以上城市当天上门，另有夜间专线，节假日照常。",
            "spam",
        ),
        (
            "征信黑、有逾期、刚毕业的都可以做，额度五万起，当天出结果，资料只要一张身份证，需要的朋友联系我，名额不多了。",
            "spam",
        ),
        (
            "我喝了这个茶，一个月瘦了十八斤，不节食也不反弹，同事都来打听。想要的姐妹加我薇信，备注瘦身，送你一周的体验装。",
            "spam",
        ),
        (
            "原价三百，活动价只要九十九，现在下单还送小样两支。用过的都说好，全国包邮，仅限今明两天，卖完就恢复原价了。",
            "spam",
        ),
        (
            "传奇发布网每天更新，新开区爆率高，上线送满级，散人也能打到神器，晚上八点准时开放，等着兄弟们一起来攻沙。",
            "spam",
        ),
        (
            "您的信用卡积分今晚过期，请登陆网址，填写卡号、密码和验证码兑换话费，逾期清零，退订回复字母。过时不再受理。",
            "spam",
        ),
        (
            "很遗憾，您要访问的页面不存在，也许已经改名。请检查网址，或者回到首页从栏目里寻找，也可以给管理员写信说明。",
            "template",
        ),
        (
            "本站所有资源均来自网友分享，只作交流之用，若损害了您的权益请来信，我们会尽快处理，站长在此先行谢过各位。",
            "template",
        ),
        (
            "软件大小：二十兆，软件语言：中文，更新时间：上周，软件授权：共享，运行环境：各种系统，推荐等级：三颗星。",
            "template",
        ),
        (
            "普洱茶分生茶和熟茶两种，生茶味道浓烈，熟茶醇和，存放的时间越长，滋味就越是厚重，价格也会……[查看全文]",
            "template",
        ),
        (
            "威 尼 斯 人 娱 乐 城 ， 注 册 送 彩 金 ， 存 款 秒 到 ， 龙 虎 斗 样 样 有 ， 客 服 全 天 在 线 。",
            "gambling",
        ),
        (
            "時時彩計劃天天更新，跟著导师走，跟着老师下注，昨天一位学员赢了两万多，进群免费跟三期，满意了再交会费。",
            "gambling",
        ),
        (
            "附近的妹子上门，白领、少妇都有，见面付款，服务项目齐全，地点你定，懂的来，全天都可以安排，保密方便。",
            "adult",
        ),
        (
            "开一家包子铺加盟费全免，总部包选址装修，四个月回本，席位仅剩三个，先付一千定金，有意向的朋友快来咨询。",
            "spam",
        ),
        (
            "高价回收旧表和金饰，免费上门，当场付现，比同行多出一成，绝对保密，一个电话就到，城里城外都可以。",
            "spam",
        ),
        (
            "看片软件新版上线，永久免费，海量片源每天更新，旧网址已经被封，请记住发布页，打开就能看。",
            "adult",
        ),
        (
            "CQ9电子今天又爆大奖，新人注册送二十八，出款只要两分钟，签到还领红包，会员都说稳。",
            "gambling",
        ),
        (
            "水位高，盘口全，滚球随便玩，大额出款不拖欠，十元起投，会员昨晚又提走九万多，客服全天在线。",
            "gambling",
        ),
        (
            "净水器哪家好？相信很多朋友都想知道。小编为大家整理了净水器的选法，希望能对您有帮助，更多内容请收藏本站。",
            "low_quality_keyword",
        ),
        (
            "北京防水补漏|上海防水补漏|广州防水补漏|天津防水补漏|重庆防水补漏|成都防水补漏|武汉防水补漏|西安防水补漏",
            "seo",
        ),
        (
            "很抱歉，您要查看的商品已经下架，页面三秒以后返回首页，也可以搜索别的商品，或者找在线客服，为您推荐相似的商品。",
            "template",
        ),
    ],
)
def test_junk_is_dropped(text, expected):
    assert reason(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "警方提醒，“无抵押、当天放款”的广告多半是骗局，骗子会以保证金为名要求受害人先转账，遇到时应当报警。",
        "助学贷款由财政贴息，最高可以申请两万元，学生都可以办理，毕业以后开始还款，期限一般为十五年左右。",
        "状态码404表示要访问的页面不在服务器上，站长应当把旧地址转到新地址，再检查页面里的链接是否写错。",
        "长三角的城市有上海、南京、杭州、苏州、宁波、无锡、常州、合肥、南通、扬州，彼此由高铁相连，来往方便。",
        "勾股定理有几百种证明。勾股定理说，直角三角形两条直角边的平方和等于斜边的平方，勾股定理的逆定理也成立。",
        "朋友们都说他变了，他只是笑。后来他打电话找我，说自从离开那座城市，夜里再也没有睡不着，心里反而踏实。",
        "有的人喜欢春天，有的人喜欢夏天，有的人喜欢秋天，有的人喜欢冬天，有的人什么季节都喜欢，像我的外婆那样。",
        "消费者应当警惕“原价九百九，现价九十九”的虚假宣传，“现在下单送大礼”往往只是抬价以后再打折的老办法。",
        "技师学院的学生毕业以后，多数进了附近的工厂，少数人自己开店，服务周到，街坊都愿意来，生意一年比一年好。",
        "志愿队为附近的老人上门服务，服务项目有量血压、理发和打扫，服务周到，想参加的学生可以在社区登记。",
        "出现404时，说明你请求的页面不存在，检查地址以后刷新即可，三秒后自动跳转的页面则不必理会，等着就行。",
        "那家小厂的流水线改造以后，产量翻了两倍，质检的准确率达到98%，工人的劳动强度也低了，大家都很高兴。",
        "去年开店的连锁品牌有四百万会员，复购率超过六成，贷款额度最高三百万，无抵押无担保，利润稳步增长。",
        "我用了这只水壶两年，原价一百二，现价八十，同事都说好用，倒水不漏，外壳也不烫手，颜色有三种可选。",
        "参加联赛的有东海大学，南岭大学，西山大学，北湖大学，江城大学，河洛大学，云岭大学，滨海大学，青原大学。",
        "入选的医院有东海医院、南岭医院、西山医院、北湖医院、江城医院、河洛医院、云岭医院、滨海医院、青原医院。",
        "需要换货的顾客联系我们说明原因，商品寄回以后七个工作日内退款，账户出现异常请立即登录修改登录密码。",
        "首次绑定设备时，用手机扫一扫屏幕上的二维码，再点确认登录，以后打开软件就会自动连上，不用再输密码。",
        "连锁店的总部负责选址装修，回本大约要两年，签约以前要看清退出的条款，交了定金也可能退不回来，要想好。",
        "旧家电交给回收点，工作人员上门估价，当场付现金，交出去以前先退出账号，恢复出厂设置，取出存储卡。",
        "软件永久免费，源代码谁都可以看。网址更换以后，旧链接会自动转到新地址，已经安装的用户不受影响。",
        "赛马的赔率高低由投注的金额决定，买的人越多赔率越低，冷门马跑进第一只是概率很小的事，不必当真。",
        "青铜器上的锟铻、玻璃、琉璃、瑾瑜、琵琶、榛栗、檀楠、柠檬、枇杷、橄榄这些名字，孩子们一时记不住也不要紧。",
    ],
)
def test_texts_about_such_things_stay(text):
    assert reason(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "今天的会议取消了。"
        + "明天上午九点在会议室里再开。".encode().decode("gb18030", "replace")
        + "请大家互相转告。",
        "浣犲ソ锛屾杩庝娇鐢ㄦ湰绯荤粺锛岃鍏堥槄璇昏鏄庝功銆�",
        "第一步打开电源，锟叫癸拷锟斤拷，第二步按下开关。",
        "ÄãºÃ£¬»¶Ó­Ê¹ÓÃ±¾ÏµÍ³¡£",
    ],
)
def test_a_sentence_of_misread_bytes_drops_the_text(text):
    rule = MeaninglessCharacters(schema.TEXT, RULES.meaningless_characters)
    assert rule.find(narrow(text)).reason == "meaningless_characters"


MARKERS = [
    "[gMASK]<sop>鸡蛋怎么保存？",
    "[Round 1]\n\n问：鸡蛋怎么保存？",
    "<reserved_106>鸡蛋怎么保存？<reserved_107>放冰箱。",
    "<｜begin▁of▁sentence｜><｜User｜>鸡蛋怎么保存？<｜Assistant｜>放冰箱。",
    "鸡蛋要冷藏。<｜end▁of▁sentence｜>",
    "### Instruction:\n鸡蛋怎么保存？\n\n### Response:\n放冰箱。",
    "### 指令：\n鸡蛋怎么保存？\n### 回答：\n放冰箱。",
    "Below is an instruction that describes a task. Write a response.",
    "<|start_header_id|>user<|end_header_id|>鸡蛋怎么保存？<|eot_id|>",
    "<start_of_turn>user\n鸡蛋怎么保存？<end_of_turn>",
    "鸡蛋怎么保存？<eoh>放冰箱。<eoa>",
    "[UNUSED_TOKEN_146]user\n鸡蛋怎么保存？[UNUSED_TOKEN_145]",
    "USER: 鸡蛋怎么保存？\nASSISTANT: 放冰箱。",
    "<|startoftext|>鸡蛋怎么保存？",
    "<s>鸡蛋怎么保存？</s>",
]


@pytest.mark.parametrize("kind", ["segment", "instruction", "answer"])
@pytest.mark.parametrize("text", MARKERS)
def test_chat_markers_drop_any_text(text, kind):
    rule = FormatErrors(schema.TEXT, RULES.format_debris, RULES.format_limits.of(kind))
    assert rule.find(narrow(text)).reason == "format_error"


@pytest.mark.parametrize(
    "text",
    [
        "在F#里，a <| b 和 a |> b 是两种管道写法。",
        "<p|q> 是内积的记号。",
        "### 输入格式：\n第一行一个整数。",
        "分词器的[SEP]，",
    ],
)
def test_marks_of_other_kinds_stay(text):
    assert not RULES.format_debris.chat_markers.search(narrow(text))
