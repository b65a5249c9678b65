"""Lines that say something as parts of a list only: entries of a glossary, a chronology, verse of one metre."""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from kun_recipes.text.views import HAN

ENTRY = re.compile(r"(?P<thing>(?!\d+\b)[^\W_]{1,8})(?P<sign>: ?| ?—{1,2} ?| - |[ \t]+)(?P<said>[^:—]{3,40})\Z")
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
FEWEST = 3  # lines that make a list
STEPS_BACK = 1 / 5  # of the months in order: the turn of a year


def listed_lines(lines: Sequence[str]) -> set[int]:
    """Return the places of the narrowed lines that are parts of a list. Links of a page (热门搜索: 茶壶) are not."""
    if any(PAGE.search(line) for line in lines):
        return set()
    return _entries(lines) | _chronology(lines) | _verse(lines)


def _entries(lines: Sequence[str]) -> set[int]:
    """Lines that name a thing and say what it is, each of another thing, and each something else."""
    entries = {place: entry for place, line in enumerate(lines) if (entry := _entry(line))}
    things = Counter(entry["thing"] for entry in entries.values())
    said = Counter(entry["said"] for entry in entries.values())
    different = {place for place, entry in entries.items() if things[entry["thing"]] == 1 == said[entry["said"]]}
    return different if len(different) >= FEWEST else set()


def _entry(line: str) -> re.Match[str] | None:
    entry = ENTRY.match(line)
    if entry is None or UNLIKE_THING.search(entry["thing"]):
        return None
    if entry["sign"].strip(" ")[:1] in DASHES:
        return entry
    if not entry["sign"].strip() and " " in entry["said"]:
        return None  # columns of a table
    is_said = len(entry["said"]) >= LEAST_SAID and len(entry["said"]) > len(entry["thing"])
    return entry if is_said else None


def _chronology(lines: Sequence[str]) -> set[int]:
    """Lines with a time that is later in each, as in a programme; the news of a page come latest first."""
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
