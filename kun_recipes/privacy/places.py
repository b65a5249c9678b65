"""Street addresses down to a door, and vehicle plates."""

import re

from kun_recipes.privacy.settings import REACH, PrivacyWords, Span, Spans, stands_after, stands_before
from kun_recipes.text.views import HAN

NUMBER = r"[0-9A-Z一二三四五六七八九十百零〇]{1,6}"
GAP = r"[^,。;!?\n\[\]]"  # a masked item is not part of an address
ROOM_SIGN = "室(?!内|外|温|[0-9一二两三四]厅)"  # no 三室两厅
HOUSEHOLD = rf"户(?:(?![{HAN}])|(?=[的门内住收]))"  # no 120户居民
ROOM = rf"{NUMBER} ?(?:单元|{ROOM_SIGN})"
DOORS = (  # 502室, 2楼5号, 1201
    rf"(?: ?{NUMBER} ?(?:单元|{ROOM_SIGN}|号楼|号|栋|幢|座|层|楼|{HOUSEHOLD}|房))*"
    r"(?P<bare>(?<![室户房号]) ?[0-9]{3,4}(?![0-9年月日]))?"
)
HOUSE_SIGN = "号"
BEFORE_HOUSE_SIGN = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ一二三四五六七八九十百零〇 ")
STREET = re.compile(rf"(?:路|街|巷|弄|胡同|道|里) ?{NUMBER} ?\Z")
VILLAGE = re.compile(rf"(?:村|屯|庄|寨|组|队|社区) ?{NUMBER} ?\Z")
STREET_REACH = 10
DOOR = re.compile(rf"号(?:{GAP}{{0,16}}?{ROOM}|院? ?{NUMBER} ?(?:栋|幢|号楼)){DOORS}")
IN_ESTATE = re.compile(
    rf"[区园寓村苑](?<=小区|花园|公寓|家园|新村|.苑) ?{NUMBER} ?(?:号楼|栋|幢|座|号)"
    rf"(?:(?![共有约近计达总]){GAP}){{0,6}}?[0-9]{{2,4}} ?(?:{ROOM_SIGN}|{HOUSEHOLD}|房)"
)
BARE_ROOM = r"(?:[0-9]{3,4}|[一二三四五六七八九零〇]{3,4})"
WITH_SIGN = rf" ?(?:{ROOM_SIGN}|{HOUSEHOLD}|[号房])"
UNIT = re.compile(  # 302楼5单元601室, wherever it stands; a car has 5座5门, a cinema 5楼3门
    rf"(?:{NUMBER}区 ?)?{NUMBER} ?(?:[楼座] ?{NUMBER} ?(?:单元|[门梯](?= ?{BARE_ROOM}{WITH_SIGN}))"
    rf"|(?:号院|号楼|栋|幢|(?<=[A-Z])座) ?{NUMBER} ?(?:单元|门|梯)) ?{BARE_ROOM}(?:{WITH_SIGN})?"
)
DASHED = re.compile(
    r"[区园寓村苑](?<=小区|花园|公寓|家园|新村|.苑) ?[0-9A-Z]{1,3}-(?:[0-9]{1,2}-)?[0-9]{3,4}(?![0-9-])"
)
UNIT_SIGN = re.compile("[单门梯](?<=[0-9A-Z一二三四五六七八九十百零〇 ].)")
ESTATE_SIGNS = "区园寓村苑"
ROOM_SIGNS = "室户房"
NAME = re.compile(rf"[{HAN}A-Za-z0-9 ]*\Z")
NAME_REACH = 30  # province, city, district, street
COUNTED = frozenset("共有计达约近")  # 共3栋2单元120户
REST_OF_NUMBER = re.compile("[0-9.]+")
SENTENCE_END = re.compile(r"[。!?;\n]")
CLAUSE_END = re.compile(r"[,。!?;\n]|对面|旁|附近|隔壁|楼下")
PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
LETTER = "A-HJ-NP-Z"  # I and O look like digits
PLATE = re.compile(  # GA 36-2018: new energy has a character more
    rf"[{PROVINCES}][{LETTER}]([·•・]?|[ .-])"
    rf"(?:[A-HJK][{LETTER}0-9][0-9]{{4}}|[0-9]{{5}}[A-HJK]|[{LETTER}0-9]{{4}}[{LETTER}0-9挂学警港澳])"
    r"(?![0-9A-Za-z_-])"
)
DOTS = tuple("·•・")
PLATE_DIGITS = 3  # at least; GA 36-2018 allows two letters


def find_plates(text: str, words: PrivacyWords) -> Spans:
    """Return vehicle plates: with a dot, or with a word for a vehicle near by.

    新A10086 may be a product.
    """
    for match in PLATE.finditer(text):
        is_plate = sum(map(str.isdigit, match[0])) >= PLATE_DIGITS
        is_plate &= not stands_after(words.no_plate_after, text, match.end())
        if is_plate and (match[1] in DOTS or _beside_vehicle(text, match.span(), words)):
            yield match.span()


def find_addresses(text: str, words: PrivacyWords) -> Spans:
    """Return addresses with a door (路88号3单元502室), or with a house number if a word makes it a home.

    A span begins where the address does, as far as that is clear: its province, or the word behind 住在. Addresses
    of shops, companies and museums are excluded, as far as the sentence shows.
    """
    place = text.find(HOUSE_SIGN)
    while place >= 0:
        span = _house_span(text, place, words) if text[place - 1] in BEFORE_HOUSE_SIGN else None
        if span:
            yield span
        place = text.find(HOUSE_SIGN, span[1] if span else place + 1)
    if any(map(text.__contains__, ESTATE_SIGNS)):  # the patterns are slow to look for
        if any(map(text.__contains__, ROOM_SIGNS)):
            yield from _homes(text, IN_ESTATE, words)
        if "-" in text:
            yield from _homes(text, DASHED, words)
    if ("单元" in text or "门" in text or "梯" in text) and UNIT_SIGN.search(text):
        yield from _homes(text, UNIT, words)


def _homes(text: str, pattern: re.Pattern[str], words: PrivacyWords) -> Spans:
    """Return the addresses of a pattern that are a person's home and not an amount."""
    for match in pattern.finditer(text):
        start = _name_start(text, match.start(), words)
        is_bare = match[0][-1] in BEFORE_HOUSE_SIGN
        is_amount = (is_bare and _is_amount(text, match.end(), words)) or text[
            match.start() - 1 : match.start()
        ] in COUNTED
        if not is_amount and not _is_public(text, start, match.start(), match.end(), words):
            yield start, match.end()


def _house_span(text: str, place: int, words: PrivacyWords) -> Span | None:
    """Return the address whose house number ends before `place`."""
    before = text[max(0, place - STREET_REACH) : place]
    street = STREET.search(before)
    house = street or VILLAGE.search(before)
    if house is None:
        return None
    start = _name_start(text, place - len(before) + house.start(), words)
    if street and (door := DOOR.match(text, place)):
        is_amount = door["bare"] and _is_amount(text, door.end(), words)
        end = door.start("bare") if is_amount else door.end()
        return None if _is_public(text, start, place, end, words) else (start, end)
    return (start, place + 1) if stands_before(words.home_before, text, start) else None


def _name_start(text: str, end: int, words: PrivacyWords) -> int:
    """Return where the names of province, city and street that end at `end` begin."""
    match = NAME.search(text[max(0, end - NAME_REACH) : end])
    assert match  # no name matches too
    name = match[0]
    openings = words.address_start.finditer(name + text[end : end + 1]) if words.address_start else ()  # 家园 is no 家
    opened = max((match.end() for match in openings if match.end() <= len(name)), default=0)
    return end - len(name[opened:].lstrip(" "))


def _is_amount(text: str, end: int, words: PrivacyWords) -> bool:
    """Return whether a number of which some digits end at `end` is an amount: 3门1200平方米, 3门12000平方米."""
    rest = REST_OF_NUMBER.match(text, end)
    return stands_after(words.quantity_after, text, rest.end() if rest else end)


def _is_public(text: str, start: int, house: int, end: int, words: PrivacyWords) -> bool:
    """Return whether the words before the house number, or right behind the address, make it no home."""
    before = SENTENCE_END.split(text[max(0, start - REACH) : house])[-1]
    after = text[end : end + REACH]
    if words.public_near is None:
        return False
    clause = CLAUSE_END.split(after, maxsplit=1)[0]
    if not words.public_near.search(before) and not words.public_near.search(clause):
        return False
    sentence = before + SENTENCE_END.split(after, maxsplit=1)[0]
    return words.home_near is None or not words.home_near.search(sentence)


def _beside_vehicle(text: str, span: Span, words: PrivacyWords) -> bool:
    return stands_before(words.vehicle_near, text, span[0]) or stands_after(words.vehicle_near, text, span[1])
