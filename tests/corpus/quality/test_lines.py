from dataclasses import replace

import pytest

from kun_recipes.corpus.quality import DocumentLines, load_quality
from kun_recipes.text.views import narrow

LIMITS = load_quality().lines


def find(text, limits=LIMITS):
    return DocumentLines(limits).find(narrow(text))


LINKS = "\n".join(f"{city}今日天气预报及空气质量" for city in ("北京", "上海", "广州", "深圳", "杭州", "成都", "武汉"))
MENU = "首页\n新闻\n体育\n财经\n娱乐\n科技\n汽车\n房产\n游戏\n教育"


@pytest.mark.parametrize(
    ("text", "reason", "value"),
    [
        (LINKS, "few_sentence_ends", "0.00"),
        (MENU, "few_sentence_ends", "0.00"),
        ("1.1. 软件包列表\n1.2. 命令一览\n1.3. 目录用途\n" * 4 + "完。", "few_sentence_ends", "0.08"),
        ("好的。\n绿茶\n红茶\n白茶\n" * 4, "short_lines", "0.33"),
        (
            "红烧肉的家常做法\n糖醋鱼怎么做\n蒸蛋的窍门\n炒青菜怎样不黄\n炖汤放什么\n拌凉菜的方法",
            "few_sentence_ends",
            "0.00",
        ),
        (
            "油价再下调，车主直呼痛快\n暴雨来袭，列车停运\n客队取胜，升至榜首\n3小时前\n附近2公里",
            "few_sentence_ends",
            "0.00",
        ),
        (
            "1. 电脑蓝屏的解决办法\n2. 录屏软件推荐\n3. 手机怎么清理\n4. 打印机驱动下载\n5. 更多",
            "few_sentence_ends",
            "0.00",
        ),
        ("王强 男 技工\n李芳 女 质检\n陈刚 男 组长\n周敏 女 会计\n吴斌 男 司机", "few_sentence_ends", "0.00"),
        (
            "软件类别：系统工具箱\n软件授权：免费版\n运行环境：各种平台\n推荐等级：五星\n普通下载",
            "few_sentence_ends",
            "0.00",
        ),
        ("首页\n产品展示\n用户登录\n加入收藏\n先进技术\n在线留言\n联系我们", "few_sentence_ends", "0.00"),
    ],
)
def test_dropped(text, reason, value):
    fault = find(text)
    assert (fault.reason, fault.value) == (reason, value)


@pytest.mark.parametrize(
    "text",
    [
        "第一条 为了保护森林，制定本法。\n第二条 本法适用于森林的保护。\n第一章\n总则\n附则\n第三条 自即日起施行。",
        '第一条 修改为："国家允许私营经济存在。"\n第二条 修改为："土地不得买卖。"\n' * 3,
        "床前明月光，\n疑是地上霜。\n举头望明月，\n低头思故乡。\n（李白）\n" * 2,
        "选项：\n-a, --all 输出所有文件的磁盘用量，不仅仅是目录，并且把隐藏的文件也计算在内，单位是千字节\n"
        "-b 以字节为单位\n-c 显示总计\n-h 以可读的方式输出\n-s 只显示总计",
        "灯塔\n它站在最远的礁石上\n为每一条船亮着\n潮水来了又去\n带走了沙子\n守塔的人老了\n像数自己的心跳",
        "| 城市 | 气温 |\n| --- | --- |\n| 北京 | 三度 |\n| 武汉 | 九度 |\n| 昆明 | 八度 |\n| 广州 | 十度 |",
        "蒜蓉西兰花\n西兰花 1颗\n大蒜 5瓣\n盐 适量\n西兰花掰开洗净\n水开后焯一分钟\n蒜末小火炒香",
        "更换墨盒\n1. 打开前盖，等墨车停稳\n2. 按下卡扣，取出旧墨盒\n3. 撕去胶带，插入墨盒\n4. 合上前盖\n5. 打印",
        "保养\n每日：擦拭机身，检查油位\n每周：清理铁屑，上紧皮带\n每月：更换滤网，测量电压\n每年：送厂检修",
        "青石板，木板桥\n过年回家路迢迢\n一条狗，一头牛\n门前站到日落山\n点灯笼，放鞭炮",
        "瓷器名词\n开片：釉面上的裂纹\n窑变：烧成时釉色的变化\n落胎：胎体过薄而塌陷\n垫饼：烧窑时垫在器物底下",
        "合唱节日程\n8:30 各队入场\n9:00 低年级比赛\n10:20 高年级比赛\n11:40 颁奖典礼",
        "配料\n面粉\n鸡蛋\n白糖",  # too few lines to judge
        "",
    ],
)
def test_near_misses_are_kept(text):
    assert find(text) is None


def test_null_disables_each_check():
    off = replace(LIMITS, min_sentence_share=None, max_open_lines_per_character=None)
    assert find(MENU, off) is None
    assert find(MENU, replace(off, max_open_lines_per_character=0.11)).reason == "short_lines"
    assert find(LINKS, replace(LIMITS, long_line=10)) is None
    assert find(MENU, replace(LIMITS, min_lines=11)) is None
