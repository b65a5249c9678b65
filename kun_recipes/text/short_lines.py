"""Short lines without marks that are text all the same: free verse, songs, dialogue, ingredients, steps."""

import re
from collections.abc import Sequence

from kun_recipes.text.lists import listed_lines

SMALL_WORD = re.compile("[的了着过我你他她它没也把被像却是很哟啊呀谁]")
WORD_OF_VERSE = re.compile(r"(?=[^ ]{2,6}\Z).*(?:不(?![限动锈孕良变])|都(?!市|会|城)|只(?=[把能有在要]))")
SIGN_OF_LINK = re.compile("[0-9A-Za-z|_/]")
ASKED = re.compile("怎[么样]|如何|什么")  # by the title of a text about it, as is what ends with
TITLE = re.compile("(?:做法|窍门|方法|技巧|大全|推荐|下载|教程)$")
NUMBER = re.compile(r"\s*[(【]?(?:\d{1,2}|[一二三四五六七八九十]{1,2})(?:[、.)】]|\s)\s*")
HANDLED = re.compile(  # a step says what is done
    "[先切煮炒炸蒸炖焯拌倒撒捞泡揉搅腌浇拧旋拔擦洗剥涂抹晾晒]|[多少][吃喝]|不(?:[要能加放带在得准]|超过)|再(?:[加放倒打盖]|下(?![调降]))"
    "|[向往朝](?:[上下左右前后里外](?!海)|中[线间心])"
)
TOLD = re.compile(  # an instruction to the reader, or an item to tick off, begins with it
    r"[□☐☑]|(?:上联|下联|横批) ?:|(?:[-*•·] ?|\A|,)(?:检查|登记|保持|保管|关[闭掉好窗门]|锁[门好]|带[好上齐]|戴[好上]"
    "|按时|避免|禁止|严禁|切勿|请勿|交[回给还]|服从|遵守|爱护)"
)
ANSWER = re.compile(r"\((?![组多]?图|视频)[^()]{1,6}\)\Z")  # of a riddle; (图) is a link
QUANTITY = re.compile(
    r"(?:\d|[一二三四五六七八九十半])\s?(?:[千毫]?克|公?斤|[毫厘千]?米|毫?升|[大小汤茶]?[勺匙]|[个只根片块颗瓣滴杯碗]"
    r"|英寸|速|分钟|小时)(?![前后以]|左右|内)|适量|少许"
)
DESCRIBED = re.compile(r"[^:,。]{1,8}: ?[^:]+,[^:]+\Z")  # a thing, and more than one word about it
EQUATION = re.compile(
    r"(?:解?得|即|则|故|∴)?(?:[A-Za-z]|[^=:/?&|\u4e00-\u9fff]*[0-9)²³][^=:/?&|\u4e00-\u9fff]*)=[^=:/?&|\u4e00-\u9fff]+\Z"
)
COUPLET = re.compile(r"([^,]{3,7}),([^,]{3,7})\Z")
TRIPLET = re.compile(r"(?:[^,]{3,7},){2,}[^,]{3,7}\Z")


def said_share(lines: Sequence[str]) -> float:
    """Return the share of the narrowed lines that say something.

    Links, menus and titles only name something.
    """
    listed = listed_lines(lines)
    return sum(place in listed or _says(line) for place, line in enumerate(lines)) / max(len(lines), 1)


def _says(line: str) -> bool:
    if TITLE.search(line):
        return False
    if (
        EQUATION.match(line)
        or QUANTITY.search(line)
        or WORD_OF_VERSE.match(line)
        or (SMALL_WORD.search(line) and not SIGN_OF_LINK.search(line))
    ):
        return True
    number = NUMBER.match(line)
    said = line[number.end() :] if number else line
    if ASKED.search(said) or SIGN_OF_LINK.search(said):
        return False
    if HANDLED.search(said) or TOLD.search(said) or DESCRIBED.match(said) or (number and "," in said):
        return True
    said = ANSWER.sub("", said)
    couplet = COUPLET.match(said)
    return bool(TRIPLET.match(said)) or (couplet is not None and len(couplet[1]) == len(couplet[2]))
