"""Numbers in Chinese text, however they are written: 320, 3.2万, 1,200, 三百二十, 二〇〇八, 三百五, 十几, 七八."""

import re

from kun_recipes.text.disguise import HAN_DIGITS

DIGITS = {character: int(digit) for character, digit in HAN_DIGITS.items()} | {"两": 2}
SCALES = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000, "万": 10**4, "亿": 10**8}
MYRIAD = 10**4

ARABIC = r"(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?"
_DIGIT = "".join(HAN_DIGITS)
_SCALE = "".join(SCALES)
_SCALES = set(SCALES)
_STEP = "(?:[十拾佰仟万亿]|百(?!分[之点])|千(?![米克瓦卡帕焦赫伏字]))"  # 千米 and 百分点 are units
_HAN = rf"[{_DIGIT}两十拾](?:[{_DIGIT}]|{_STEP}|两(?=[百千]))*"
_MIXED = rf"{ARABIC}(?:{_STEP}+(?:{ARABIC}{_STEP}+|[0-9](?![0-9.]))*)?"
NUMERAL = rf"(?:{_MIXED}|{_HAN}(?:点[{_DIGIT}]+[百千万亿]*(?![{_DIGIT}十分]))?)"
"""A number in narrowed text; it begins with a digit or 十, so that 百姓 and 千万 hold none."""

ABOUT = "[多余来几]"
"""Signs after a number that is only the beginning of one: 三百多, 十几, 20余."""
VAGUE = rf"(?:好?几|数|[上成](?!十))(?P<scale>[十百千万亿]+)(?![分足字{_DIGIT}])"
"""Numbers that give only a scale: 几十, 数百, 上千."""

_TOKEN = re.compile(rf"{ARABIC}|[{_DIGIT}两]|[{_SCALE}点]")
_NEIGHBOURS = re.compile(rf"(?<![{_DIGIT}两])([一二两三四五六七八])([二三四五六七八九])(?![{_DIGIT}])")


def bounds(numeral: str) -> tuple[float, float]:
    """Return the least and the greatest number meant, mostly the same: 7 and 8 for 七八, 30 and 40 for 三四十."""
    near = _NEIGHBOURS.search(numeral)
    if near and DIGITS[near[2]] == DIGITS[near[1]] + 1 and (len(numeral) == 2 or not _SCALES.isdisjoint(numeral)):
        before, after = numeral[: near.start()], numeral[near.end() :]
        return value(before + near[1] + after), value(before + near[2] + after)
    return (number := value(numeral)), number


def about(number: float) -> float:
    """Return the most that 多 behind a number may mean: just under 400 for 三百多, 20 for 十几, 6 for 5多."""
    step = 1
    while number and number % (10 * step) == 0:
        step *= 10
    return number + 0.99 * step


def value(numeral: str) -> float:
    """Return the number that a numeral names."""
    whole, _, decimals = numeral.partition("点")
    if decimals:
        digits = decimals.rstrip(_SCALE)
        fraction = value(whole) + float("0." + "".join(str(DIGITS[digit]) for digit in digits))
        return fraction * scale(decimals[len(digits) :])
    tokens = _TOKEN.findall(numeral)
    if len(tokens) > 1 and all(token in DIGITS for token in tokens):
        return float("".join(str(DIGITS[token]) for token in tokens))
    return _sum(tokens)


def scale(characters: str) -> float:
    """Return the product of scales: 10^5 for 十万, 1 for none."""
    product = 1.0
    for character in characters:
        product *= SCALES[character]
    return product


def _sum(tokens: list[str]) -> float:
    total, section, digits = 0.0, 0.0, ""
    last = 1.0  # the scale that a digit behind it continues: 三百五 is 350
    for token in tokens:
        if token not in SCALES:
            digits += str(DIGITS[token]) if token in DIGITS else token.replace(",", "")
            last = 1.0 if token in ("零", "〇") else last
            continue
        unit = last = float(SCALES[token])
        if unit < MYRIAD:
            section += float(digits or 1) * unit
        elif not section and not digits:
            total = (total or 1.0) * unit  # 三万万
        else:
            section += float(digits or 0)
            total = total + section * unit if unit == MYRIAD else (total + section) * unit
            section = 0.0
        digits = ""
    rest = float(digits or 0)
    return total + section + (rest * last / 10 if last >= 100 and len(digits) == 1 else rest)
