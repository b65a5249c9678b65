"""Quantities in a text: a number and its unit, so that 三百二十千米, 320公里 and 320 km are one."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.resources import files

from kun_recipes.config.settings import load_typed
from kun_recipes.text.numerals import ABOUT, NUMERAL, SCALES, VAGUE, about, bounds, scale, value
from kun_recipes.text.phrases import Phrases
from kun_recipes.text.views import HAN

SHORT_YEARS = range(50, 100)  # 98年 is 1998年
FULL_YEARS = range(1950, 2000)


@dataclass(frozen=True)
class DetailWords:
    """The words by which details are read: details.yaml explains each."""

    units: dict[str, dict[str, float]]
    currency_signs: dict[str, str]
    classifiers: str
    states_nothing: Phrases
    latin: list[str]


WORDS = load_typed(files("kun_recipes.curation") / "details.yaml", DetailWords)
_EXACT = {unit: (line, factor) for line, units in WORDS.units.items() for unit, factor in units.items()}
_LOWER = {unit.lower(): known for unit, known in _EXACT.items() if len(unit) > 1}


def unit_of(word: str) -> tuple[str, float] | None:
    """Return the line of a unit and its size in it; letters are read in any case where there are several."""
    return _EXACT.get(word) or _LOWER.get(word.lower())


def _any_unit() -> str:
    """Return an expression for every unit, the longest first; one of letters ends where the letters do."""
    parts = []
    for unit in sorted(_EXACT, key=len, reverse=True):
        spelled = re.escape(unit) if len(unit) == 1 else f"(?i:{re.escape(unit)})"
        if unit[-1].isascii() and unit[-1].isalpha():
            spelled += "(?![A-Za-z])"
        elif unit in ("星期", "礼拜"):
            spelled += "(?![一二三四五六日天])"
        parts.append(spelled)
    return f"(?:{'|'.join(parts)})"


_UNIT = _any_unit()
_PIECE = "(?:个(?=月|多?小时|多?钟头|世纪|星期|礼拜|百分点|工作日|晚|夜))"
_HAN_DIGIT = "一二三四五六七八九"
_DATE = (
    r"(?<![0-9.])(?P<year>[0-9]{4})(?P<dash>[-/.])(?P<month>1[0-2]|0?[1-9])(?P=dash)"
    r"(?P<day>3[01]|[12][0-9]|0?[1-9])(?![0-9])"
)
_CLOCK = (
    r"(?<![0-9:])(?P<hour>2[0-4]|1[0-9]|0?[0-9]):(?P<minute>[0-5][0-9])(?![0-9])"
    rf"|(?P<at>{NUMERAL})[点时](?P<past>{NUMERAL})分(?!钟|之)"
)
_RATIO = (
    rf"(?P<base>[百千万]|{NUMERAL})分之(?P<part>{NUMERAL}|几)"
    r"|(?<![0-9/])(?P<over>[0-9]+)/(?P<under>[0-9]+)(?![0-9/])"
)
_WEEKDAY = (
    r"(?:(?:星期|礼拜)|(?<![每一二两三四五六七八九十0-9个])周)(?P<weekday>[一二三四五六日天1-6])"
    r"(?![次天个回遍小年岁期月种人类节元块])"
)
_VERSION = r"(?<![0-9.])(?P<version>[0-9]+(?:\.[0-9]+){2,})"
_HALF = rf"(?P<half>一半|半数|半(?=个?{_UNIT})){_PIECE}?(?P<half_unit>{_UNIT}?)"
_NUMBER = (
    rf"(?:(?P<ordinal>第)|(?P<sign>[{''.join(WORDS.currency_signs)}]) ?)?(?<![A-Za-z0-9.])"
    rf"(?:(?P<number>{NUMERAL})(?:(?<=[十百千万亿0])(?P<about>{ABOUT})(?P<more>[万亿]?))?|{VAGUE})"
    rf"(?P<half_more>个半)?(?: ?{_PIECE})?(?:多(?=个?{_UNIT}))? ?(?P<unit>{_UNIT}?)"
    rf"(?P<and_half>半(?![夜路天年月日个]))?(?P<tenth>(?<=块)[1-9{_HAN_DIGIT}](?![0-9十百千万个]))?"
)
_QUANTITY = re.compile("|".join((_DATE, _VERSION, _WEEKDAY, _CLOCK, _RATIO, _HALF, _NUMBER)))
_TO = "-~—–至到"
_RANGE = re.compile(rf" ?(?:[{_TO}]|——) ?")
_THINGS = re.compile(rf"[{HAN}](?<![左右以上下至到和与或之内比多余约的为是])")
_ONE_CHARACTER = re.compile(r"[一二两三四五六七八九十〇零]+")


@dataclass(frozen=True)
class Quantity:
    """A number in its place.

    Attributes:
        start, end: place in the text, unit included.
        low, high: the number, twice; the bounds of 十几 and 七八.
        line: what its unit measures; None for counted things and bare numbers.
        factor: size of the unit in its line.
        unit: the unit as written; without a unit, the character behind the number.
        counts_things: True if things are counted by a word that is not a unit: 三名, 30文.
    """

    start: int
    end: int
    low: float
    high: float
    line: str | None = None
    factor: float = 1
    unit: str = ""
    counts_things: bool = False

    def supports(self, claim: "Quantity") -> bool:
        """Return whether a text with this quantity states the claim."""
        if self.line == claim.line == "clock":
            return _same(self.low % 12, claim.low % 12)
        if self.line == claim.line == "decade":
            return _same(self.low % 100, claim.low % 100)
        if self.line == claim.line == "months" and self.unit == claim.unit == "年" and _same_year(self.low, claim.low):
            return True
        if None in (self.line, claim.line):
            # a price is also said without its unit: 花了四十九
            if claim.line != "money" and (self.counts_things if claim.line else claim.counts_things and self.line):
                return False
            return self._covers(claim, 1, 1) or self._covers(claim, self.factor, claim.factor)
        return self.line == claim.line and self._covers(claim, self.factor, claim.factor)

    def _covers(self, claim: "Quantity", factor: float, other: float) -> bool:
        low, high, least, most = self.low * factor, self.high * factor, claim.low * other, claim.high * other
        if _same(least, most):
            return _same(low, least) or _same(high, least)
        return low <= most and least <= high


def quantities(text: str) -> list[Quantity]:
    """Return the quantities of a narrowed text in its order; the first of a range has the unit of the second."""
    found = [quantity for match in _QUANTITY.finditer(text) for quantity in _read(match, text)]
    for place in range(len(found) - 2, -1, -1):
        one, next_one = found[place], found[place + 1]
        if one.line is None and next_one.line and _RANGE.fullmatch(text, one.end, next_one.start):
            found[place] = replace(one, line=next_one.line, factor=next_one.factor, unit=next_one.unit)
    return [one for one in found if one.unit not in _TO or not _ONE_CHARACTER.fullmatch(text, one.start, one.end)]


def _read(match: re.Match[str], text: str) -> Iterator[Quantity]:
    start, end = match.span()
    if match["year"]:
        yield Quantity(*match.span("year"), *_twice(float(match["year"])), "months", 12, "年")
        yield Quantity(*match.span("month"), *_twice(float(match["month"])), "month", 1, "月")
        yield Quantity(*match.span("day"), *_twice(float(match["day"])), "time", 86400, "日")
    elif match["version"]:
        return  # a name, not a number: the words of a text hold it
    elif match["weekday"]:
        day = 7.0 if match["weekday"] in "日天" else value(match["weekday"])
        yield Quantity(start, end, *_twice(day), "weekday", 1, "星期")
    elif match["hour"] or match["at"]:
        hour, minute = value(match["hour"] or match["at"]), value(match["minute"] or match["past"])
        yield Quantity(start, end, *_twice(hour + minute / 60), "clock")
    elif match["base"] or match["over"]:
        yield from _ratio(match)
    elif match["half"]:
        line, factor = unit_of(match["half_unit"]) or ("share", 1)
        yield Quantity(start, end, *_twice(0.5), line, factor, match["half_unit"])
    else:
        yield from _number(match, text)


def _ratio(match: re.Match[str]) -> Iterator[Quantity]:
    if match["part"] == "几":
        return
    base, part = match["base"] or match["under"], value(match["part"] or match["over"])
    whole = SCALES.get(base) or value(base)
    if match["over"] and part >= whole:  # a pair such as 140/90
        yield Quantity(*match.span("over"), *_twice(part))
        yield Quantity(*match.span("under"), *_twice(whole))
    elif whole:
        yield Quantity(*match.span(), *_twice(part / whole), "share", 1, "分之")


def _number(match: re.Match[str], text: str) -> Iterator[Quantity]:
    start, end = match.span()
    unit = match["unit"]
    line, factor = unit_of(unit) or (None, 1.0)
    if unit == "月" and "个" not in match[0]:
        line = "month"
    if match["ordinal"] and line is None:
        line = "ordinal"
    if match["sign"]:
        line, factor = WORDS.currency_signs[match["sign"]], 1.0
    after = unit or text[end : end + 1] or " "
    counted = after in WORDS.classifiers and not unit
    things = line is None and bool(_THINGS.match(after))
    if match["scale"]:
        least = scale(match["scale"])
        yield Quantity(start, end + counted, least, 10 * least - 1, line, factor, after, things)
        return
    if len(match["number"]) == 1 and _ONE_CHARACTER.fullmatch(match["number"]) and not _is_counted(match, after):
        return
    low, high = bounds(match["number"])
    if match["about"]:
        high = about(low)
        low, high = low * scale(match["more"]), high * scale(match["more"])
    if match["half_more"] or match["and_half"]:
        low, high = low + 0.5, high + 0.5
    if match["tenth"]:
        low = high = low + value(match["tenth"]) / 10
    yield Quantity(start, end + counted, low, high, line, factor, after, things)


def _is_counted(match: re.Match[str], after: str) -> bool:
    """Return whether a single Chinese digit is a number: 三名 and 第三 hold one, 三峡 does not."""
    marked = match["unit"] or match["ordinal"] or match["about"] or match["half_more"]
    return bool(marked) or after in WORDS.classifiers or after in _TO or after == "比"


def _same(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-6)


def _same_year(one: float, other: float) -> bool:
    short, full = sorted((one, other))
    return short in SHORT_YEARS and full in FULL_YEARS and full % 100 == short


def _twice(number: float) -> tuple[float, float]:
    return number, number
