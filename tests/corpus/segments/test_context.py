import pickle
from dataclasses import fields, replace

import pytest
from datatrove.data import Document

from kun_recipes.corpus.quality import load_quality
from kun_recipes.corpus.segments.context import LeansOnContext, load_context
from kun_recipes.errors import UserError

BODY = "把种子埋进土里，浇足水，放在向阳的窗台上，大约一周以后就会发芽。"
SETTINGS = load_context()
LINES = load_quality().lines


def judge(text: str, settings=SETTINGS, lines=LINES) -> tuple[str, str] | None:
    """Reason and value of a drop; None for a kept segment."""
    row = Document(text, id="1", metadata={})
    verdict = LeansOnContext(settings, lines).filter(row)
    return None if verdict is True else (verdict[1], row.metadata["value"])


@pytest.mark.parametrize(
    ("opening", "matched"),
    [
        ("因此，", "因此"),
        ("所以说，", "所以"),
        ("但是，", "但是"),
        ("但它怕冷，", "但"),
        ("然而", "然而"),
        ("此外，", "此外"),
        ("  此外，", "此外"),
        ("另外，", "另外"),
        ("同时，", "同时"),
        ("同时还要施肥，", "同时"),
        ("其次，", "其次"),
        ("最后，", "最后"),
        ("该方法简单，", "该"),
        ("这种花好养，", "这"),
        ("这是最好养的花，", "这"),
        ("这样做的好处很多，", "这样"),
        ("那么，", "那么,"),
        ("其叶呈心形，", "其"),
        ("其中，", "其中"),
        ("它喜欢阳光，", "它"),
        ("他们先挖坑，", "他"),
        ("她走进院子，", "她"),
        ("此时，", "此"),
        ("后者更耐寒，", "后者"),
        ("上述方法简单，", "上述"),
        ("如前所述，", "如前所述"),
        ("如上所述，", "如上"),
        ("综上，", "综上"),
        ("以上两种方法，", "以上"),
        ("例如，", "例如"),
        ("不过，", "不过"),
        ("也可以扦插，", "也"),
        ("还可以扦插，", "还"),
        ("本章介绍养花，", "本章"),
        ("前款规定的情形，", "前款"),
        ("违反前款规定的，", "违反前款"),
        ("有前条所列行为之一的，", "有前条"),
        ("第一百零三条 有前条所列行为之一的，", "第一百零三条 有前条"),
        ("本条规定的期限，", "本条"),
        ("因为这些花怕冷，冬天要搬进屋。", "因为这"),
        ("第二种是水培。", "第二种"),
    ],
)
def test_points_back(opening, matched):
    assert judge(opening + BODY) == ("points_back", matched)


@pytest.mark.parametrize(
    "opening",
    [
        "春天播种，因此要选好种子。",  # within the text
        "该如何养花？",
        "该怎么养花呢？",
        "该不该施肥？",
        "这样做饭又快又好：",
        "这几年流行养花，",
        "但丁写过花园，",
        "但凡养花的人，",
        "最后一公里的配送，",
        "最后的晚餐是一幅画，",
        "同时性是荣格的概念，",
        "同时满足下列条件的，",
        "其他植物也这样养，",
        "其实养花不难，",
        "他叫李明，",
        "他是李明，一位花农，",
        "她名叫小芳，",
        "他人之物，",
        "他山之石，可以攻玉，",
        "此起彼伏的花香，",
        "以上海为例，",
        "于是非曲直，",
        "不过期的种子，",
        "即使下雨，",
        "而立之年，",
        "还原反应，",
        "也许你没有养过花，",
        "也门的花，",
        "另外一种花，名叫茉莉，",
        "那曲的花期短，",
        "本章程自通过之日起生效，",
        "本条例所称花卉，",
        "本法所称花卉，",
        "第十二条 花卉的种植应当登记。",
        "第十二条 违反本法规定的，",
        "第四条 本法所称花农，",
        "它是如何长大的？先长根，后长叶。",
        "这里有一个育苗的例子，从选种说起。",
        "第二次世界大战结束以后，这个品种传到各地。",
        "因为光照不足，叶子会发黄。",
        "其中滋味，只有种花的人知道。",
        "由此门进去，是一片梅林。",
    ],
)
def test_does_not_point_back(opening):
    assert judge(opening + BODY) is None


@pytest.mark.parametrize(
    ("sentence", "matched"),
    [
        ("如下图，先挖坑。", "如下图"),
        ("如图3所示，先挖坑。", "如图"),
        ("如图所示，先挖坑。", "如图"),
        ("步骤如右图。", "如右图"),
        ("用量见表3。", "见表"),
        ("用量见下表。", "见下表"),
        ("用量如表2所示。", "如表2"),
        ("上图中的花是茉莉。", "上图中的"),
        ("下表列出了用量。", "下表列出"),
        ("做法见第5页。", "见第5页"),
        ("做法参见第 3.2 节。", "见第 3.2 节"),
        ("做法见下节。", "见下节"),
        ("做法参见附录。", "见附录"),
        ("做法参考上一章。", "参考上一章"),
        ("点击下图放大。", "点击下图"),
        ("全部过程请参阅。", "参阅。"),
        ("\n表 9.27. 虚拟化工具列表\n", "表 9.27."),
        ("\n图2、花的结构\n", "图2、"),
        ("\n例 11.11. 创建私钥\n", "例 11.11."),
    ],
)
@pytest.mark.parametrize("place", ["{}{}", "{1}{0}", "{1}\n{0}{1}"])
def test_points_elsewhere(sentence, matched, place):
    assert judge(place.format(sentence, BODY)) == ("points_elsewhere", matched)


@pytest.mark.parametrize(
    "sentence",
    [
        "更多信息请参阅。",
        "优先级有五种。参见第 7.7 节“什么是必要的”。",
        "\n请参见附录。\n",
        "\n例1 小明有三个苹果。\n",
        "\n图书3本。\n",
        "关于安装的详情，请参见第 5.1.6 节“图形安装”。",
        "它接受三种格式（见附录）。",
        "根在春天长得最快(见图3，数据来自同一年)。",
        "如果想自己动手，见第 4 章。",
        "正如图灵所说，机器能思考。",
        "譬如图书馆里的花。",
        "看地图上图例的说明。",
        "可见表面有一层蜡。",
        "由此可见图案的来历。",
        "人的意见表达出来。",
        "上海的图书馆里有花。",
        "填写下列表格。",
        "请参见表哥的做法。",
        "花期如下：春季和秋季。",
        "以上图书仅供参考。",
        "点击按钮即可保存。",
    ],
)
def test_does_not_point_elsewhere(sentence):
    assert judge(BODY + sentence + BODY) is None


def test_reference_to_a_table_in_the_segment_is_kept():
    table = "\n| 花 | 用量 |\n| --- | --- |\n| 茉莉 | 2克 |"
    assert judge(f"{BODY}用量见下表。{table}") is None
    assert judge(f"{BODY}用量见下图。{table}") == ("points_elsewhere", "见下图")


def test_references_above_and_below_are_dropped_near_the_segment_ends():
    assert judge(f"按上面介绍的方法挖坑。{BODY * 3}") == ("points_elsewhere", "上面介绍")
    assert judge(f"{BODY * 3}按上面介绍的方法挖坑。") is None
    assert judge(f"{BODY * 3}施肥的方法见下文。") == ("points_elsewhere", "见下文")
    assert judge(f"施肥的方法见下文。{BODY * 3}") is None


def test_ends_in_an_introduction():
    assert judge(f"{BODY}具体步骤如下。") == ("points_elsewhere", "如下。")


@pytest.mark.parametrize(
    ("opening", "matched"),
    [
        ("，", ","),
        ("。", "。"),
        ("、茉莉、", "、"),
        ("）", ")"),
        ("》", "》"),
        ("：", ":"),
        ("and then to the ", "and then to t"),
        ("3. 打开盖子，倒水。", "3. 打开盖子,倒水。"),
        ("（二）受刑事处罚；\n", "(二)受刑事处罚;"),
        ("② 打开盖子，倒水。", "② 打开盖子,倒水。"),
        ("2）打开盖子，倒水。", "2)打开盖子,倒水。"),
        ("第二，浇水。", "第二,"),
        ("--help 显示帮助。", "--help "),
    ],
)
def test_cut_beginning(opening, matched):
    reason, value = judge(opening + BODY)
    assert reason == "cut_beginning"
    assert value.startswith(matched)


@pytest.mark.parametrize(
    "opening",
    [
        "1. 打开盖子，倒水。",
        "（一）死亡；\n",
        "① 打开盖子，倒水。",
        "第一，浇水。",
        "第十二条 ",
        "3. 施肥\n",  # a heading
        "三、施肥\n",
        "3.2. 施肥，浇水和除草\n",
        "3.5 克种子，",
        "2024年，",
        "“你好，”他说，",
        "《花经》说，",
        "（本文写于春天）",
        "git clone 命令复制仓库，",
        "namespace delete 名字 删除名字空间，",
        ": [参数] 什么也不做，",
        "-5℃时，",
        "…… ",
    ],
)
def test_does_not_begin_cut(opening):
    assert judge(opening + BODY) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("首页\n新闻\n论坛\n下载", "no_text"),
        ("第一章 总则\n第二章 种植\n第三章 附则", "no_text"),
        ("1.1. 怎样养花？\n1.2. 怎样养鱼？", "no_text"),
        ("3.5. 在没有阳光的房间里种植喜阴的观叶植物时最常用的肥料和水的用量的列表", "no_text"),
        ("花的种类\n茉莉\n水仙\n把种子埋进土里。", None),
        ("静夜思\n床前明月光，疑是地上霜。", None),
        ("种花的步骤\n先把买来的种子埋进土里再浇足水然后放在向阳的窗台上大约一周以后就会发芽", None),
        ("Install\nThis package is installed by default.", None),
    ],
)
def test_no_text(text, reason):
    verdict = judge(text)
    assert (verdict and verdict[0]) == reason
    if reason:
        assert verdict[1] == str(text.count("\n") + 1)


@pytest.mark.parametrize(
    ("check", "text"),
    [
        ("points_back", f"因此，{BODY}"),
        ("points_elsewhere", f"如下图，{BODY}"),
        ("points_up", f"按上面介绍的方法挖坑。{BODY * 3}"),
        ("points_down", f"{BODY * 3}施肥的方法见下文。"),
        ("cut_beginning", f"，{BODY}"),
        ("max_heading", "首页\n新闻\n论坛"),
    ],
)
def test_each_check_can_be_switched_off(check, text):
    assert judge(text) is not None
    assert judge(text, replace(SETTINGS, **{check: None})) is None
    assert check in {field.name for field in fields(SETTINGS)}


def test_settings_file_can_be_replaced(tmp_path):
    path = tmp_path / "context.yaml"
    path.write_text(
        "points_back: ['从前']\nopens: null\npoints_elsewhere: null\npoints_up: null\npoints_down: null\n"
        "in_passing: null\ncut_beginning: null\nmax_heading: null\n",
        encoding="utf-8",
    )
    assert judge("从前有座山。", load_context(path)) == ("points_back", "从前")
    path.write_text("points_bakc: null\n", encoding="utf-8")
    with pytest.raises(UserError, match="points_bakc: unknown key; did you mean points_back\?"):
        load_context(path)


def test_block_can_be_pickled():
    block = pickle.loads(pickle.dumps(LeansOnContext(SETTINGS, LINES)))
    assert block.filter(Document(f"因此，{BODY}", id="1", metadata={})) == (False, "points_back")


@pytest.mark.parametrize(
    "text",
    ["这种方法最省水。", "这样的例子很多。", "该条款自始无效。", "此法最省水。", "上面的方法最省水。", "两者都怕冷。"],
)
def test_an_argument_or_a_list_is_behind_what_a_document_opens_with(text):
    row = Document(text + BODY, id="1", metadata={"span_start": 0})
    assert LeansOnContext(SETTINGS, LINES).filter(row) == (False, "points_back")


@pytest.mark.parametrize("start", [0, 40])
@pytest.mark.parametrize(
    "text",
    [
        "这家店开在菜市场后面，牛肉面的汤是头天晚上熬的。",
        "他点开那封邮件，屏幕上只有一行字。",
        "它的叶子背面有一层细毛，摸上去像绒布。",
        "这里的冬天很长，十月就下雪了。",
        "这是一个真实的故事，发生在我外婆的村子里。",
        "那时候，河水涨到了桥面上。",
        "然而花终究是要谢的。",
        "不过我还是喜欢老房子。",
        "这些年，镇上的染坊一家家关了门。",
        "该校的食堂从今年起改为自选称重。",
        "此刻，灯塔亮了。",
        "还有三天就是冬至了。",
        "也是在那个车站，我第一次见到雪。",
        "最后我还是退掉了那双鞋。",
        "所以说，养狗之前要想清楚。",
        "这车我开了三年，没进过修理厂。",
        "这种米酒只有镇上的老人会酿。",
        "这样的夜晚适合听收音机。",
        "该机的键盘偏软。",
        "此地多竹。",
        "其人瘦高，戴一副旧眼镜。",
        "上面写着“内有恶犬”，推开门却只有一只猫。",
    ],
)
def test_opening_of_a_document_does_not_point_back(text, start):
    row = Document(text, id="1", metadata={"span_start": start})
    assert (LeansOnContext(SETTINGS, LINES).filter(row) is True) == (start == 0)


@pytest.mark.parametrize(
    "text",
    [
        "该方法简单易行，适合初学者。",
        "还有一种办法是水培。",
        "所以该反应放热。",
        "此法简便。",
        "它是一种多年生草本植物，花期五月。",
        "这种分歧有历史原因，说来话长。",
        "此外，还要注意防潮。",
        "因此，这项工程提前完工。",
        "上述条约的修改，比照缔结的程序办理。",
        "但上述情形除外，具体办法另行制定。",
        "第二种是水培，换水要勤。",
    ],
)
def test_other_openings_point_back(text):
    row = Document(text, id="1", metadata={"span_start": 0})
    assert LeansOnContext(SETTINGS, LINES).filter(row) == (False, "points_back")


@pytest.mark.parametrize(
    "text",
    [
        "如果打印机没有反应，请参见第 5.4 节。",
        "有关字段的细节，请阅读手册，参见第 12 节。",
        "日志的格式还请参见附录。",
    ],
)
def test_pointers_in_passing_stay(text):
    assert judge(BODY + text) is None


@pytest.mark.parametrize(
    "text", ["’97那年，香港回归祖国。", "点击此处的“提交”，系统就会生成编号。", "点击下图标打开。"]
)
def test_years_and_buttons_stay(text):
    assert judge(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "灯塔\n它站在礁石上\n为船亮着\n潮水来了又去\n守塔的人老了",
        "| 城 | 气温 |\n| --- | --- |\n| 京 | 三度 |\n| 沪 | 九度 |",
    ],
)
def test_verse_and_tables_are_text(text):
    assert judge(text) is None


VERSE = "灯塔\n它站在礁石上\n为船亮着\n潮水来了又去\n守塔的人老了"  # four of five lines have a small word


@pytest.mark.parametrize(
    ("limits", "kept"),
    [
        ({}, True),
        ({"min_lines": 6}, False),
        ({"min_lines": 5}, True),
        ({"min_said_share": 0.81}, False),
        ({"min_said_share": 0.8}, True),
        ({"min_said_share": None}, False),
    ],
)
def test_verse_is_defined_by_the_quality_file(limits, kept):
    assert judge(VERSE, lines=replace(LINES, **limits)) == (None if kept else ("no_text", "5"))
