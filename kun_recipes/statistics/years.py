"""Years that a text mentions, as Chinese text writes them (Kun §4.2.1, figure 8)."""

import re

from kun_recipes.text.views import narrow

DIGITS = dict(zip("零〇○Ｏ一二三四五六七八九", "0000123456789", strict=True)) | {"O": "0"}
YEARS_SHOWN = 20  # Kun figure 8: the last twenty

_YEAR = r"(?:19|20)\d\d"
_NOT_INSIDE = r"(?<![\dA-Za-z¥$€#])(?<!\d[.,:-])"  # of a phone number, price, version or identifier
_NOT_LONG = r"(?!多|余|的?历史|之久|左右的历史)"  # 2000年的历史 is a duration
_WITH_UNIT = re.compile(rf"{_NOT_INSIDE}({_YEAR})(?:\s*年?\s*(?:[-–—~～、]|至|到|和)+\s*({_YEAR}))?\s*年{_NOT_LONG}")
_DATE = re.compile(rf"{_NOT_INSIDE}({_YEAR})([-/.])(?:0?[1-9]|1[0-2])\2(?:3[01]|[12]\d|0?[1-9])(?![\d.-])")
_SPELT = re.compile(r"(?<![零〇○一二三四五六七八九十百千])((?:一九|二[零〇○O])[零〇○O一二三四五六七八九]{2})年")


def years_in(text: str) -> set[int]:
    """The years 1900 to 2099 that the text mentions: 2021年, 2019—2021年, 2021-05-03, 二〇二一年.

    A number alone is none, so that telephone numbers, prices and identifiers are not counted.
    """
    text = narrow(text)
    found = {int(year) for match in _WITH_UNIT.finditer(text) for year in match.groups() if year}
    found |= {int(match[1]) for match in _DATE.finditer(text)}
    spelt = ("".join(DIGITS[digit] for digit in match[1]) for match in _SPELT.finditer(text))
    return found | {int(year) for year in spelt}
