"""Street addresses down to a door, and vehicle plates."""

import re

from kun_recipes.privacy.settings import PrivacyWords, Span, Spans, stands_after, stands_before
from kun_recipes.text.views import HAN

NUMBER = r"[0-9A-Z一二三四五六七八九十百零〇]{1,6}"
GAP = r"[^,。;!?\n\[\]]"  # a masked item is no part of an address
ROOM = rf"{NUMBER} ?(?:单元|室(?!内|外|温))"
DOORS = (  # 502室, 2楼5号, 1201
    rf"(?: ?{NUMBER} ?(?:单元|室(?!内|外|温)|号楼|号|栋|幢|座|层|楼|户|房))*"
    r"(?:(?<![室户房号]) ?[0-9]{3,4}(?![0-9年月日]))?"
)
HOUSE_SIGN = "号"
BEFORE_HOUSE_SIGN = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ一二三四五六七八九十百零〇 ")
STREET = re.compile(rf"(?:路|街|巷|弄|胡同|道|里) ?{NUMBER} ?\Z")
VILLAGE = re.compile(rf"(?:村|屯|庄|寨|组|队|社区) ?{NUMBER} ?\Z")
STREET_REACH = 10
DOOR = re.compile(rf"号(?:{GAP}{{0,16}}?{ROOM}|院? ?{NUMBER} ?(?:栋|幢|号楼)){DOORS}")
IN_ESTATE = re.compile(
    rf"[区园寓村苑](?<=小区|花园|公寓|家园|新村|.苑) ?{NUMBER} ?(?:号楼|栋|幢|座|号){GAP}{{0,6}}?"
    r"[0-9]{2,4} ?(?:室(?!内|外|温)|户|房)"
)
UNIT = re.compile(  # 302楼5单元601室, wherever it stands
    rf"(?:{NUMBER}区 ?)?{NUMBER} ?(?:号院|号楼|楼|栋|幢|座) ?{NUMBER} ?(?:单元|门|梯) ?"
    r"(?:[0-9]{3,4}|[一二三四五六七八九零〇]{3,4}) ?[室号户房]?"
)
DASHED = re.compile(
    r"[区园寓村苑](?<=小区|花园|公寓|家园|新村|.苑) ?[0-9A-Z]{1,3}-(?:[0-9]{1,2}-)?[0-9]{3,4}(?![0-9-])"
)
BY_SIGN = ((re.compile("[单门梯](?<=[0-9A-Z一二三四五六七八九十百零〇 ].)"), UNIT), (re.compile("-"), DASHED))
"""Patterns that are slow to look for, each with what no match is without."""
NAME = re.compile(rf"[{HAN}A-Za-z0-9 ]*\Z")
NAME_REACH = 30  # province, city, district, street
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
    """Vehicle plates: with a dot, or with a word for a vehicle near by; 新A10086 may be a product."""
    for match in PLATE.finditer(text):
        has_digits = sum(map(str.isdigit, match[0])) >= PLATE_DIGITS
        if has_digits and (match[1] in DOTS or _beside_vehicle(text, match.span(), words)):
            yield match.span()


def find_addresses(text: str, words: PrivacyWords) -> Spans:
    """Addresses with a door (路88号3单元502室), and with a house number where a word makes it somebody's home.

    A span begins where the address does, as far as that can be told: its province, or the word behind 住在.
    """
    place = text.find(HOUSE_SIGN)
    while place >= 0:
        span = _house_span(text, place, words) if text[place - 1] in BEFORE_HOUSE_SIGN else None
        if span:
            yield span
        place = text.find(HOUSE_SIGN, span[1] if span else place + 1)
    if "室" in text or "户" in text or "房" in text:
        for match in IN_ESTATE.finditer(text):
            yield _name_start(text, match.start(), words), match.end()
    for sign, pattern in BY_SIGN:
        for match in pattern.finditer(text) if sign.search(text) else ():
            yield _name_start(text, match.start(), words), match.end()


def _house_span(text: str, place: int, words: PrivacyWords) -> Span | None:
    """The address whose house number ends before `place`."""
    before = text[max(0, place - STREET_REACH) : place]
    street = STREET.search(before)
    house = street or VILLAGE.search(before)
    if house is None:
        return None
    start = _name_start(text, place - len(before) + house.start(), words)
    if street and (door := DOOR.match(text, place)):
        return start, door.end()
    return (start, place + 1) if stands_before(words.home_before, text, start) else None


def _name_start(text: str, end: int, words: PrivacyWords) -> int:
    """Where the names of province, city, street begin that stand before `end`."""
    match = NAME.search(text[max(0, end - NAME_REACH) : end])
    assert match  # no name matches too
    name = match[0]
    openings = words.address_start.finditer(name + text[end : end + 1]) if words.address_start else ()  # 家园 is no 家
    opened = max((match.end() for match in openings if match.end() <= len(name)), default=0)
    return end - len(name[opened:].lstrip(" "))


def _beside_vehicle(text: str, span: Span, words: PrivacyWords) -> bool:
    return stands_before(words.vehicle_near, text, span[0]) or stands_after(words.vehicle_near, text, span[1])
