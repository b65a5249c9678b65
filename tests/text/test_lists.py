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
        ("客家话\n食朝：早饭\n目睡：困\n落水：下雨\n月光：月亮", 4),
        ("open(path)\n打开文件，交回句柄\nclose(f)\n关上\nseek(f, n) 移到第n个字节", 5),
        ("--all 列出全部\n-r 倒着排\n-n 只看前几行\n排序时不分大小写", 3),
        ("第一名 江小川 9.8分\n第二名 何田 9.5分\n第二名 杜鹃 9.4分\n第四名 卢森 9.1分", 4),
        ("周一 擦窗\n周三 浇花\n周日 大扫除", 3),
        ("千里相逢（重）\n一人在内（肉）\n半个朋友（月）\n十张口（古）", 4),
        ("Good night. 晚安\nSee you soon! 回头见\nTake your time. 慢慢来", 3),
        ("湖笔，尖圆齐健\n宣笔，选毫很严\n侯笔，刚柔相济", 3),
        ("班级公约\n上课铃响前坐好\n同学说话时要听完\n借来的书按时送回\n走廊里靠着右边走\n午休时间保持安静", 5),
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
        "片名：夜雨\n主演：王某\n集数：全\n清晰度：高\n年代：去年",  # a form, by one of its fields
        "getName()\nsetName()\ntoString()\nhashCode()",  # without descriptions
        "-a 复制\n-a 复制\n-a 复制",
        "第三名 何田\n第一名 杜鹃\n第二名 卢森",  # in no order
        "第一周 教案\n第二周 教案\n第三周 教案",  # the same of each
        "海边日出（图）\n山里人家（图）\n老街夜色（图）\n秋天胡杨（图）",
        "东城店，营业中\n西城店，营业中",  # too few
        "资料清单\n初一语文课件打包\n初一数学课件打包\n初一英语课件打包\n初一生物课件打包\n初一历史课件打包",
        "Home 首页\nNews centre 新闻\nAbout us 关于",
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
        ("上联：风送花香红满地", True),
        ("都不识字", True),
        ("专家不建议空腹喝茶", False),  # a headline
        ("北行 一年期 不变", False),
        ("加把劲哟", True),
        ("解得2x+1=9", True),
        ("5a-5b=100", True),
        ("sort=desc", False),
        ("http://a.cn/b?id=5", False),
        ("安全检查", False),
        ("借书不超过三册", True),
        ("两角朝上折", True),
        ("飞往上海", False),
    ],
)
def test_a_line_by_itself(line, says):
    assert said_share([narrow(line)]) == says
