"""Lines that say something as parts of a list only: entries of a glossary, what comes in order, verse of one metre."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

from kun_recipes.text.numerals import value
from kun_recipes.text.views import HAN

ENTRY = re.compile(r"(?P<thing>(?!\d+\b)[^\W_]{1,8})(?P<sign>: ?| ?—{1,2} ?| - |[ \t]+)(?P<said>[^:—]{1,40})\Z")
DASHES = frozenset("—-")
LEAST_SAID = 4  # characters that a glossary says of a thing, and more than the thing has: values of a form are shorter
UNLIKE_THING = re.compile(  # chapters, and the columns and papers before a headline
    r"第[0-9一二三四五六七八九十百]+[章节回集课讲期]|[网报社台]\Z|(?:热点|国内|国际|娱乐|体育|财经|科技|汽车|健康|教育|社会"
    r"|法治|军事|文化|图片|视频|房产|旅游|专题|要闻|时政|民生|评论|公告|通知)\Z"
)
PAGE = re.compile(  # words of links and shops: with one of them the lines are no glossary but a page's
    r"更多|下载|收藏|登录|注册|首页|立即|点击|预订|询价|提交|客服|热线|抢购|购买|购物|加盟|批发|供应|报价|优惠|特价|转发|公司\Z"
)
DATED = re.compile(
    r"(?:(?P<hour>\d{1,2})[:时](?P<minute>\d{2})?|(?P<year>\d{3,4}) ?年"
    r"|(?P<month>\d{1,2}) ?月(?:(?P<day>\d{1,2}) ?[日号])?)"
    r"[分—~-]{0,2}(?:\d{1,2}:\d{2})?[,: ]{0,2}(?P<said>[^\d:,].{2,})\Z"
)
VERSE = re.compile(rf"(?:[{HAN}]{{5}}|[{HAN}]{{7}})\Z")
LEAST_VERSE = 0.75  # of the lines have one length: links and menus rarely do
LEAST_WORDS = 0.6  # of the lines are entries, where any of them may be short: 返工: 上班
FORM_FIELD = re.compile(  # what such an entry of a form, a shop or a page names
    r"(?:[类级]别|[类机户]型|授权|环境|等级|大小|语言|状态|点击|字[数体]|更新|时间|日期|作者|编辑|来源|品牌|型号|规格|[价票单]价|价格|报价|数量"
    r"|库存|电话|手机|传真|邮[箱编]|[地网]址|姓名|性别|民族|学历|专业|单位|职[务称位]|[编学账]号|面积|楼层|朝向|装修|颜色|尺寸|材质|重量|产地|评[分论]"
    r"|热度|标签|排序|内存|年龄|身高|体重|婚姻|薪资|籍贯|星座|血型|关键词|浏览|回复|版本|平台|格式|人数|费用|交通|天气|温度|湿度|风力|权限|密码|主演|导演|[集帧]数|清晰度|年[代份]|地区)\Z"
)
RANKED = re.compile(
    r"(?:第(?P<number>[0-9一二三四五六七八九十百]{1,4})[名世代步层天日周年幕]|(?:周|星期|礼拜)(?P<weekday>[一二三四五六日天]))"
    r"[:,、 ]{1,2}(?P<said>.{2,})\Z"
)
WEEKDAYS = "一二三四五六日"
CALL = re.compile(  # a function or an option, and its description in the same line
    r"(?P<name>-{1,2}[A-Za-z][\w-]*|[A-Za-z_$][\w.$]*\([^()]{0,60}\))(?P<said>.*)\Z"
)
ANSWERED = re.compile(rf".{{2,}}\((?P<answer>[{HAN}]{{1,4}})\)\Z")  # a riddle
TRANSLATED = re.compile(rf"[A-Za-z][A-Za-z ,.;?!'’…-]{{3,}}[ \t:]+[{HAN}]{{2,}}[^A-Za-z\n]*\Z")
OF_A_KIND = re.compile(rf"(?P<thing>[{HAN}]{{1,2}}(?P<kind>[{HAN}])),.{{4,}}\Z")  # 苏绣,以精细雅洁著称
HEADING = re.compile(r"(?:清单|检查表|纪要|公约|守则)\Z")
HEADED = re.compile(r"[^A-Za-z|_/]{6,24}\Z")
LEAST_HEADED = 5  # lines under such a heading
HAN_CHARACTER = re.compile(f"[{HAN}]")
HAN_WORDS = re.compile(rf"[{HAN}]{{2,}}")
FEWEST = 3  # lines that make a list
STEPS_BACK = 1 / 5  # of the months in order: the turn of a year


def listed_lines(lines: Sequence[str]) -> set[int]:
    """Return the places of the narrowed lines that are parts of a list. Links of a page (热门搜索: 茶壶) are not."""
    reference = _reference(lines)  # whose functions may search and submit
    if any(PAGE.search(line) for line in lines):
        return reference
    kinds = (_entries, _things_of_a_kind, _chronology, _ranking, _headed, _riddles, translated_lines, _verse)
    return reference.union(*(kind(lines) for kind in kinds))


def translated_lines(lines: Sequence[str]) -> set[int]:
    """Return the places of phrases of another language, each with its meaning behind it."""
    found = {place for place, line in enumerate(lines) if TRANSLATED.match(line)}
    return found if len(found) >= FEWEST else set()


def _entries(lines: Sequence[str]) -> set[int]:
    """Return lines that name a thing and say what it is, each of another thing, and each something else."""
    found = {place: entry for place, line in enumerate(lines) if (entry := _entry(line))}
    entries = found if _are_words(found, lines) else {place: one for place, one in found.items() if _is_said(one)}
    things = Counter(entry["thing"] for entry in entries.values())
    said = Counter(entry["said"] for entry in entries.values())
    different = {place for place, entry in entries.items() if things[entry["thing"]] == 1 == said[entry["said"]]}
    return different if len(different) >= FEWEST else set()


def _entry(line: str) -> re.Match[str] | None:
    entry = ENTRY.match(line)
    if entry is None or UNLIKE_THING.search(entry["thing"]):
        return None
    if not entry["sign"].strip() and " " in entry["said"]:
        return None  # columns of a table
    return entry


def _is_said(entry: re.Match[str]) -> bool:
    least = FEWEST if entry["sign"].strip(" ")[:1] in DASHES else max(LEAST_SAID, len(entry["thing"]) + 1)
    return len(entry["said"]) >= least


def _are_words(entries: Mapping[int, re.Match[str]], lines: Sequence[str]) -> bool:
    """Return whether the entries are words and their meanings, and no fields of a form."""
    if len(entries) <= FEWEST or len(entries) < LEAST_WORDS * len(lines):
        return False
    if any(FORM_FIELD.search(entry["thing"]) for entry in entries.values()):
        return False
    return all(_is_said(one) or (":" in one["sign"] and HAN_CHARACTER.search(one["said"])) for one in entries.values())


def _reference(lines: Sequence[str]) -> set[int]:
    """Return lines that name a function or an option and say what it does, or whose next line says it."""
    places, names = set[int](), set[str]()
    for place, line in enumerate(lines):
        if not (call := CALL.match(line)):
            continue
        said = place if HAN_WORDS.search(call["said"]) else place + 1
        if said < len(lines) and HAN_WORDS.search(lines[said]):
            places |= {place, said}
            names.add(call["name"])
    return places if len(names) >= FEWEST else set()


def _ranking(lines: Sequence[str]) -> set[int]:
    """Return lines that begin with a place in an order, as results and a week's plan do."""
    ranked = {place: match for place, line in enumerate(lines) if (match := RANKED.match(line))}
    ranks = [value(one["number"]) if one["number"] else WEEKDAYS.find(one["weekday"]) for one in ranked.values()]
    said = {match["said"] for match in ranked.values()}
    is_in_order = ranks == sorted(ranks) and len(set(ranks)) >= FEWEST and len(said) == len(ranked)
    return set(ranked) if is_in_order else set()


def _things_of_a_kind(lines: Sequence[str]) -> set[int]:
    """Return lines on things whose names end alike, each of another."""
    found = {place: match for place, line in enumerate(lines) if (match := OF_A_KIND.match(line))}
    kinds = Counter(match["kind"] for match in found.values())
    things = Counter(match["thing"] for match in found.values())
    return {place for place, one in found.items() if kinds[one["kind"]] >= FEWEST and things[one["thing"]] == 1}


def _headed(lines: Sequence[str]) -> set[int]:
    """Return lines under a heading that says they are to be checked, kept or recorded; links end alike."""
    if len(lines) <= LEAST_HEADED or not HEADING.search(lines[0]):
        return set()
    found = [place for place, line in enumerate(lines) if place and HEADED.match(line)]
    ends = Counter(lines[place][-2:] for place in found)
    return {place for place in found if ends[lines[place][-2:]] == 1}


def _riddles(lines: Sequence[str]) -> set[int]:
    riddles = {place: match["answer"] for place, line in enumerate(lines) if (match := ANSWERED.match(line))}
    return set(riddles) if len(riddles) > FEWEST and len(set(riddles.values())) > len(riddles) / 2 else set()


def _chronology(lines: Sequence[str]) -> set[int]:
    """Return lines with a time that is later in each, as in a programme; the news of a page come latest first."""
    dated = {place: match for place, line in enumerate(lines) if (match := DATED.match(line))}
    times = [_time(match) for match in dated.values()]
    back = sum(one >= other for one, other in pairwise(times))
    is_in_order = len({kind for kind, *_ in times}) == 1 and back <= (times[0][0] == "month") * STEPS_BACK * len(times)
    said = {match["said"] for match in dated.values()}
    return set(dated) if len(dated) >= FEWEST and is_in_order and len(said) == len(dated) else set()


def _time(match: re.Match[str]) -> tuple[str, int, int]:
    for kind, part in (("hour", "minute"), ("year", "year"), ("month", "day")):
        if match[kind]:
            return kind, int(match[kind]), int(match[part] or 0)
    raise AssertionError(match)


def _verse(lines: Sequence[str]) -> set[int]:
    verses = [place for place, line in enumerate(lines) if VERSE.match(line)]
    lengths = Counter(len(lines[place]) for place in verses)
    if not lengths or max(lengths.values()) < LEAST_VERSE * len(lines):
        return set()
    ends = Counter(lines[place][-2:] for place in verses)
    return {place for place in verses if ends[lines[place][-2:]] == 1}
