"""Digits in disguise: Han, circled and mathematical ones, read as 0 to 9 where several stand in a row."""

import re
import unicodedata

HAN_DIGITS = dict(zip("零〇一二三四五六七八九壹贰叁肆伍陆柒捌玖幺", "00123456789" + "123456789" + "1", strict=True))
BLOCKS = (range(0x00B2, 0x00BA), range(0x2070, 0x208A), range(0x2460, 0x2800), range(0x1D7CE, 0x1D800))
OTHER_DIGITS = {
    chr(code): str(value)
    for block in BLOCKS
    for code in block
    if (value := unicodedata.digit(chr(code), None)) is not None
}
DISGUISES = HAN_DIGITS | OTHER_DIGITS
TABLE = str.maketrans(DISGUISES)
ANY_DISGUISE = f"[{''.join(DISGUISES)}]"
ANY_DIGIT = f"[0-9{''.join(DISGUISES)}]"
SEPARATORS = r"[-–—. ·_]{0,3}"
RUN = re.compile(rf"{ANY_DIGIT}(?:{SEPARATORS}{ANY_DIGIT}){{4,}}")
"""Five digits or more: 二〇二三 is a year and ①②③ are items, but 一三八零零零零一一一一 is a number."""
OPENS = re.compile(rf"{ANY_DISGUISE}{SEPARATORS}{ANY_DIGIT}")
CLOSES = re.compile(rf"[0-9]{SEPARATORS}{ANY_DISGUISE}")
"""No run with a disguise is without one of the two, which are faster to look for."""


def plain_digits(text: str) -> str:
    """Return the text with the digits of every long run as 0 to 9, character for character."""
    if not (OPENS.search(text) or CLOSES.search(text)):
        return text
    return RUN.sub(lambda match: match[0].translate(TABLE), text)
