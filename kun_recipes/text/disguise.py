"""A view of text for matching: what junk hides its words by is taken off. The text itself stays as it is."""

import re
import unicodedata
from functools import lru_cache

import numpy as np

from kun_recipes.text.classes import CODE_POINTS, HAN_CHARACTER, classes, code_points
from kun_recipes.text.phrases import Phrases
from kun_recipes.text.views import HAN, decode, encode

ENCLOSED = "\u2460-\u24ff\u3280-\u32b0\U0001d400-\U0001d7ff\U0001f130-\U0001f189\U0001f238-\U0001f23a"
HAN_DIGITS = dict(zip("〇零一二三四五六七八九壹贰叁肆伍陆柒捌玖", "00123456789123456789", strict=True))
LEAST_DIGITS = 7  # in a row; fewer are a year or a quantity, and 一 is also a word
# Variants of the characters of words that junk is found by. OpenCC has all, and is not always installed.
VARIANTS = dict(
    zip(
        "賭場註冊開戶娛樂網絡遊戲賺錢貸辦證貨價優惠領電話聯繫繋諮詢號碼體驗禮員當紅廣發視頻圖觀載點擊關掃維權買賣額無"
        "盤單歡迎進群羣獎選擇導師課費還約陪麗換龍飛車牛資產裝館處專業務團隊賠內幕鏈個萬億線邊",
        "赌场注册开户娱乐网络游戏赚钱贷办证货价优惠领电话联系系咨询号码体验礼员当红广发视频图观载点击关扫维权买卖额无"
        "盘单欢迎进群群奖选择导师课费还约陪丽换龙飞车牛资产装馆处专业务团队赔内幕链个万亿线边",
        strict=True,
    )
)
SEPARATORS = "*·•.丶_~^-|★☆♥❤●◆※✦×"
WECHAT = Phrases(  # homophones and look-alikes, only where the text next to them gives them away
    [
        "[薇葳溦嶶徾][信亻芯❤]|V[信❤]|微[❤芯亻]|wei ?xin",
        "[徽威徵崴维][信芯](?=[:号同]|[A-Za-z0-9])",
        "(?<=(?<!增)[加+➕])(?:个|我|下|老师|客服)?(?:[薇葳溦嶶徾]|[徽威][信芯])",
        "(?<=[加+➕])(?:个|我|下|老师|客服)?(?:VX?|WX)(?![A-Za-z0-9形型字])",
        "卫星(?=号:)",
    ]
)
QQ = Phrases(["[扣蔻][扣蔻](?=[:号群])|企鹅(?=号|群号)|球球号"])
GAMBLING = Phrases(["菠菜(?=平台|网站|公司|推广|代理)"])
HIDDEN = Phrases([*WECHAT.patterns, *QQ.patterns, *GAMBLING.patterns])

MAPPED, SEPARATOR, BLANK, DIGIT = 1, 2, 4, 8
LEAST_BLANKS = 5  # between single characters
APART = re.compile(rf"(?<=[{HAN}])[{re.escape(SEPARATORS)}]{{1,3}}(?=[{HAN}])")
SPACED = re.compile(rf"[{HAN}](?: +[{HAN},。、!?:;0-9A-Za-z]){{5,}}")
DIGITS = re.compile(rf"[{''.join(HAN_DIGITS)}]{{{LEAST_DIGITS},}}")


@lru_cache(maxsize=2)
def undisguised(text: str) -> str:
    """Return a narrowed text with hidden words as they are usually written; the same text where nothing is hidden.

    Circled and otherwise enclosed letters and digits become plain, telephone numbers in Han digits become digits,
    traditional and other variants of the words of junk become simplified, homophones such as 薇信 become the word, and
    blanks and marks between single Han characters go. Places in it are not those of the text.
    """
    codes = encode(text)
    marks, mapped = _tables()
    found = marks.take(codes)
    kinds = int(np.bitwise_or.reduce(found)) if len(found) else 0
    if kinds & MAPPED:
        text = decode(mapped.take(codes))
    if kinds & BLANK and _between_han(text, found & BLANK) >= LEAST_BLANKS:
        text = SPACED.sub(_without_blanks, text)
    if kinds & SEPARATOR and (len(text) < len(codes) or _between_han(text, found & SEPARATOR)):
        text = APART.sub("", text)
    if HIDDEN.search(text):
        for phrases, word in ((WECHAT, "微信"), (QQ, "QQ"), (GAMBLING, "博彩")):
            text = phrases.sub(word, text)
    if kinds & DIGIT and np.count_nonzero(found & DIGIT) >= LEAST_DIGITS:
        text = DIGITS.sub(lambda run: "".join(map(HAN_DIGITS.__getitem__, run[0])), text)
    return text


def _between_han(text: str, marks: np.ndarray) -> int:
    """Return number of marks behind a Han character, and before one or another mark."""
    is_han = classes(text) == HAN_CHARACTER
    marks = marks != 0
    return int(np.count_nonzero(marks[1:-1] & is_han[:-2] & (is_han[2:] | marks[2:])))


def _without_blanks(run: re.Match[str]) -> str:
    return run[0].replace(" ", "")


@lru_cache(maxsize=1)
def _tables() -> tuple[np.ndarray, np.ndarray]:
    """Return, for each code point, bits for what may be hidden there, and the character that it stands for."""
    marks, mapped = np.zeros(CODE_POINTS, dtype=np.uint8), np.arange(CODE_POINTS, dtype="<u4")
    for code in code_points(ENCLOSED).tolist():
        plain = unicodedata.normalize("NFKC", chr(code)).strip("().")
        if len(plain) == 1 and plain != chr(code):
            marks[code], mapped[code] = MAPPED, ord(plain)
    for first in (0x2776, 0x2780, 0x278A):  # negative and sans-serif circled digits, which NFKC leaves
        for digit in range(1, 10):
            marks[first + digit - 1], mapped[first + digit - 1] = MAPPED, ord(str(digit))
    for variant, plain in VARIANTS.items():
        if variant != plain:
            marks[ord(variant)], mapped[ord(variant)] = MAPPED, ord(plain)
    marks[list(map(ord, SEPARATORS))] |= SEPARATOR
    marks[ord(" ")] = BLANK
    marks[list(map(ord, HAN_DIGITS))] |= DIGIT
    return marks, mapped
