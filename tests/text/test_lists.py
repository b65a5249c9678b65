"""Lines that say something as parts of a list, and links, menus and forms that look like such lists."""

import pytest

from kun_recipes.text.lists import listed_lines
from kun_recipes.text.short_lines import said_share
from kun_recipes.text.views import narrow


def listed(text: str) -> int:
    return len(listed_lines(narrow(text).split("\n")))


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("瓷器名词\n开片：釉面上的裂纹\n窑变：烧成时釉色的变化\n落胎：胎体过薄而塌陷", 3),
        ("漕帮行话\n搭跳板 登岸去办事\n起篷 趁顺风扬帆\n落锚 在此过夜歇息", 3),
        ("泥人——又叫彩塑\n糖人——吹出来的\n面人——过年才捏", 3),
        ("RAM：随机存取存储器\nROM：只读的存储器\nCPU：中央处理器部件", 3),
        ("6:30 起床，整理床铺\n7:10 早操\n7:40 早餐后去教室", 3),
        ("1405年 郑和首次下西洋\n1433年 船队最后一次返航", 0),  # too few
        ("1405年 郑和首次下西洋\n1433年 船队最后返航\n1500年 海禁渐严", 3),
        ("3月2日 开学\n4月5日 扫墓活动\n5月1日 放假五天", 3),
        ("10月 播种小麦\n12月 灌水越冬\n2月 返青追肥\n4月 防治锈病\n6月 开镰收割", 5),  # over the turn of a year
        ("远山含黛色\n近水泛清波\n牧笛声声慢\n归鸦点点多", 4),
    ],
)
def test_lines_of_a_list(text, lines):
    assert listed(text) == lines


@pytest.mark.parametrize(
    "text",
    [
        "首页\n新闻\n体育",
        "热门搜索：紫砂茶壶\n热门搜索：竹编提篮\n热门搜索：蓝印花布",  # one thing
        "苏州 家政服务\n常州 家政服务\n无锡 家政服务",  # the same of each
        "状态：连载中\n点击：八万\n字数：百万",  # values of a form
        "第一章 雪夜访客\n第二章 旧日恩怨\n第三章 石洞遗书",
        "国内：多地发布寒潮预警\n体育：主队客场取胜\n财经：金价连续上涨",
        "江海晚报：渔船平安返港\n新华网：丰收在望\n市电视台：新桥通车",
        "11:20 股指翻红\n11:05 成交放大\n10:50 权重走弱",  # the latest first
        "9:00 开幕\n2003年 建厂\n5月 试产",  # times of different kinds
        "开片：釉面上的裂纹\n窑变：烧成时釉色的变化\n落胎：胎体过薄而塌陷\n更多",
        "王强 男 高级技工\n李芳 女 质检组长\n陈刚 男 班组组长",  # columns
        "东湖公园门票\n西山公园门票\n南岭公园门票\n北坡公园门票",
    ],
)
def test_links_menus_and_forms_are_no_list(text):
    assert listed(text) == 0


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("远看一座桥，近看七色弯（彩虹）", True),  # a riddle with its answer
        ("主队逆转胜，教练很欣慰（图）", True),  # 很
        ("主队逆转胜，教练露笑容（组图）", False),
        ("东边日头，西边雨，彩虹挂在半空", True),
        ("检查门窗", True),
        ("安全检查", False),
        ("借书不超过三册", True),
        ("两角朝上折", True),
        ("飞往上海", False),
    ],
)
def test_a_line_by_itself(line, says):
    assert said_share([narrow(line)]) == says
