"""Telephone numbers, identity cards, bank cards, passports and QQ numbers: private items known by their digits.

Every function reads narrowed text and yields the spans of the numbers alone, without the words before them.
"""

import re

from kun_recipes.privacy.settings import PrivacyWords, Spans, stands_after, stands_before

LONG_NUMBER = re.compile(  # [0-9]{3} would be searched at half the speed
    r"[0-9](?:[0-9][0-9](?:[0-9][0-9]|[-–—. ·_,)]{1,3}[0-9]{2})|(?:[-–—. ·_,]{1,3}[0-9]){4})"
)
"""None of the numbers of this module is without one."""

# The text before a number is checked after its first digit: a pattern that opens with a look back is tried at
# every character, one that opens with a character skips to where that character stands.
AREA_CODE = r"(?:10|2[0-9]|[3-9][0-9]{2})"
LOCAL = r"[2-9][0-9]{2,3}[- ]?[0-9]{4}"
MORE = r"(?:(?:[/、]|或) ?[2-9][0-9]{6,7}(?![0-9A-Za-z_]))*"  # 010-62780000/62780001
PREFIX_REACH = 8  # +86 and what it stands on

MOBILE_FOLLOWS = r"(?=[-. ]1[3-9][0-9][-. ]?[0-9]{4})"
MOBILE = re.compile(
    rf"1[3-9][0-9](?:[0-9]{{8}}(?:(?![-.][0-9])|{MOBILE_FOLLOWS})"
    r"|(?:([-–—. ·])(?:[0-9]{4}\1[0-9]{4}|(?<!\.)(?!(?:19|20)[0-9]{2}[01][0-9][0-3][0-9])[0-9]{8})"
    r"|[0-9]{4}[- ][0-9]{4})"
    rf"(?:(?![-. ][0-9])|{MOBILE_FOLLOWS}))(?![0-9A-Za-z_])"
)
CALLED_MOBILE = re.compile(  # in any groups, and without a gap before the next one; only after a word
    r"1[-–—. ·_,]{0,3}[3-9](?:[-–—. ·_,()]{0,3}[0-9]){9}(?:(?![0-9A-Za-z_])|(?=1[3-9][0-9]{9}(?![0-9])))"
)
DIGIT_GROUP = re.compile("[0-9]+")
FEW_GROUPS, MOST_GROUPS = 3, 5  # 1381 234 5678, 138 12 34 56 78
BEFORE_MOBILE = re.compile(
    r"(?:\((?:\+|00)?86\)|\+86|(?<![0-9])0086|(?<![0-9A-Za-z_.-])86)[- ]?\Z"
    r"|(?<![0-9A-Za-z_])(?<![0-9][-.])\Z|(?<=tel)\Z",
    re.IGNORECASE,
)
MOBILE_DIGITS = 11
IN_TABLE = re.compile(r"[0-9] \Z")  # before 138 0000 1111: the three are numbers among others
LANDLINE = re.compile(rf"0{AREA_CODE}(?:\) ?|[- ]|[–—]{{1,2}}){LOCAL}(?![0-9A-Za-z_]|\.[0-9]| [0-9]{{4}}){MORE}")
BEFORE_LANDLINE = re.compile(
    r"(?:(?:\+|(?<![0-9A-Za-z_.-]))86[- ]?|(?<![0-9A-Za-z_.])(?<![0-9][- ]))(?P<bracket>\(?)\Z"
)
ABROAD = re.compile(  # Hong Kong, Macau and Taiwan; and the mainland, as it is called from there
    rf"[+8](?:(?:(?<=\+)86[- ]?|(?<![0-9A-Za-z_.+-]8)6-){AREA_CODE}[- ]{LOCAL}"
    r"|(?<=\+)(?:852|853|886)[- ]?[0-9]{0,2}[- ]?[2-9][0-9]{3}[- ]?[0-9]{4})(?![0-9])"
)
BARE_LANDLINE = (
    re.compile(  # only after a word; the second has no area code, and is no date, no 2022-2023 and no 95588
        r"[02-9](?<![0-9][0-9])(?<![0-9][.-][0-9])"
        rf"(?:(?<=0){AREA_CODE}[2-9][0-9]{{6,7}}"
        r"|(?<!0)(?!(?<=9)[56]|(?<=2)0[0-9]{2}[- ]?(?:0[1-9]|1[0-2])[0-3][0-9]|(?<=2)0[0-9]{2}[- ](?:19|20)[0-9]{2})"
        r"[0-9]{2,3}[- ]?[0-9]{4})"
        rf"(?![0-9A-Za-z_]|\.[0-9]){MORE}"
    )
)
IDENTITY_CARD = re.compile(
    r"[1-9](?<![0-9A-Za-z_.][1-9])[0-9]{5}(?:18|19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
    r"[0-9]{3}[0-9Xx](?![0-9A-Za-z_])"
)
OLD_IDENTITY_CARD = re.compile(
    r"[1-9](?<![0-9A-Za-z_.][1-9])[0-9]{7}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}(?![0-9A-Za-z_])"
)
IN_GROUPS = r"(?:[-–—. ]{0,3}[0-9])"
IDENTITY_DIGITS = re.compile(  # 110105 19491231 002X
    rf"[1-9](?<![0-9A-Za-z_.][1-9])(?:{IN_GROUPS}{{16}}[-–—. ]{{0,3}}[0-9Xx]|{IN_GROUPS}{{14}})(?![0-9A-Za-z_])"
)
BETWEEN_GROUPS = re.compile(r"[-–—. ]")
BANK_CARD = re.compile(
    r"[34569](?<![0-9A-Za-z_./=#][3-9])(?<![0-9][ -][3-9])"
    r"(?:[0-9]{15,18}|[0-9]{3}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{4}(?:\1[0-9]{1,3})?)"
    r"(?![0-9A-Za-z_]|\.[0-9]|[ -][0-9])"
)
CARD_RANGES = (
    "62",
    "4",
    "51",
    "52",
    "53",
    "54",
    "55",
    "35",
    "60",
    "95",
)  # UnionPay, Visa, Mastercard, JCB, older ones
PASSPORT = re.compile(r"[A-Z1](?<![0-9A-Za-z_].)(?:(?<!1)[A-Z]?\.?[0-9]{7,8}|(?<=1)[45][0-9]{7})(?![0-9A-Za-z_])")
QQ_NUMBER = re.compile(r"[1-9](?<![0-9.][1-9])[0-9]{4,10}(?![0-9])")
CHECK_WEIGHTS = [2 ** (17 - place) % 11 for place in range(17)]  # GB 11643
CHECK_CHARACTERS = "10X98765432"


def find_mobiles(text: str, words: PrivacyWords) -> Spans:
    """Return numbers of eleven digits from 13 to 19, with or without 86."""
    for match in MOBILE.finditer(text):
        before = BEFORE_MOBILE.search(text[max(0, match.start() - PREFIX_REACH) : match.start()])
        if before is None or _counts_something(text, match, words):
            continue
        in_groups = match.end() - match.start() > MOBILE_DIGITS
        if before[0] or not in_groups or not IN_TABLE.search(before.string):
            yield match.start() - len(before[0]), match.end()
    for match in CALLED_MOBILE.finditer(text):
        if _is_called_mobile(text, match, words) and not _counts_something(text, match, words):
            yield match.span()


def find_landlines(text: str, words: PrivacyWords) -> Spans:
    """Return numbers with an area code, and any of seven or eight digits that a word calls a telephone number.

    Emergency and service numbers (110, 12345, 95588, 400-…) have neither.
    """
    for match in LANDLINE.finditer(text):
        before = BEFORE_LANDLINE.search(text[max(0, match.start() - PREFIX_REACH) : match.start()])
        closes = ")" in match[0]  # (0755)26780000; the bracket of (0755-26780000) is no part of the number
        if before is None or (closes and not before["bracket"]):
            continue
        if not stands_before(words.serial_before, text, match.start()):
            yield match.start() - (len(before[0]) if closes or not before["bracket"] else 0), match.end()
    for match in ABROAD.finditer(text):
        yield match.span()
    for match in BARE_LANDLINE.finditer(text):
        is_called_so = stands_before(words.telephone_before, text, match.start())
        if is_called_so and not _counts_something(text, match, words):
            yield match.span()


def find_identity_cards(text: str, words: PrivacyWords) -> Spans:
    """Return eighteen characters with a date and a right check character, in any groups.

    Where a word says what they are, a wrong check character (a slip of the pen) and fifteen digits do, too.
    """
    for match in IDENTITY_DIGITS.finditer(text):
        number = BETWEEN_GROUPS.sub("", match[0])
        is_called_so = stands_before(words.identity_before, text, match.start())
        is_new = IDENTITY_CARD.fullmatch(number) and (is_called_so or is_identity_number(number))
        if is_new or (is_called_so and OLD_IDENTITY_CARD.fullmatch(number)):
            yield match.span()


def find_bank_cards(text: str, words: PrivacyWords) -> Spans:
    """Return 16 to 19 digits in the ranges of bank cards with a right check digit."""
    for match in BANK_CARD.finditer(text):
        is_card = match[0].startswith(CARD_RANGES) and passes_luhn(match[0])
        if is_card and not _counts_something(text, match, words):
            yield match.span()


def find_passports(text: str, words: PrivacyWords) -> Spans:
    """Return a letter or two and seven or eight digits, if a word calls them a passport number.

    Their shape alone is not evidence.
    """
    for match in PASSPORT.finditer(text):
        is_called_so = stands_before(words.passport_before, text, match.start())
        if is_called_so or stands_after(words.passport_after, text, match.end()):
            yield match.span()


def find_qq_numbers(text: str, words: PrivacyWords) -> Spans:
    """Return five to eleven digits after QQ."""
    for match in QQ_NUMBER.finditer(text):
        if stands_before(words.qq_before, text, match.start()) and not _counts_something(text, match, words):
            yield match.span()


def is_identity_number(number: str) -> bool:
    """Return whether an 18-character number has the check character of a resident identity card (GB 11643)."""
    total = sum(weight * int(digit) for weight, digit in zip(CHECK_WEIGHTS, number, strict=False))
    return CHECK_CHARACTERS[total % 11] == number[17].upper()


def passes_luhn(number: str) -> bool:
    """Return whether the digits of a number, separators aside, pass the Luhn check of bank cards (ISO/IEC 7812)."""
    digits = [int(digit) for digit in reversed(number) if digit.isdigit()]
    doubled = [2 * digit - 9 * (digit > 4) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _is_called_mobile(text: str, match: re.Match[str], words: PrivacyWords) -> bool:
    """Return whether a word calls a number a mobile number, in groups that one is written in.

    A list of figures has groups of all lengths (1 3 5 11 13), or one word more before it (手机销量 1 8 9 3 …).
    """
    groups = [len(group) for group in DIGIT_GROUP.findall(match[0])]
    if len(groups) == MOBILE_DIGITS:
        return stands_before(words.spelled_before, text, match.start())
    in_pairs = groups[0] > 2 and len(groups) <= MOST_GROUPS and min(groups) > 1
    is_in_groups = len(groups) <= FEW_GROUPS or in_pairs
    return is_in_groups and stands_before(words.mobile_before, text, match.start())


def _counts_something(text: str, match: re.Match[str], words: PrivacyWords) -> bool:
    """Return whether the words around a number make it a serial number or an amount."""
    before = (words.serial_before, words.figures_before)
    counts = any(stands_before(pattern, text, match.start()) for pattern in before)
    return counts or stands_after(words.quantity_after, text, match.end())
