"""Sensitive information: telephone numbers, identity and bank cards, addresses (Kun A.2, §6)."""

import re
from dataclasses import dataclass
from itertools import chain

from datatrove.pipeline.writers.disk_base import DiskWriter

from kun_recipes.curation.rules.base import Fault, Rule

LONG_NUMBER = re.compile(r"\d{3}[- ]?\d{4}")  # none of the numbers below is without one
MOBILE = re.compile(
    r"(?:\+|(?<!\d)00)86[- ]?1[3-9]\d(?:\d{8}|([- ])\d{4}\1\d{4})(?!\d)"
    r"|(?:(?<![0-9A-Za-z_])|(?<=tel))(?<!\d[-.])1[3-9]\d(?:\d{8}(?![-.]\d)|(?<!\d \d{3})([- ])\d{4}\2\d{4}(?![- ]\d))"
    r"(?![0-9A-Za-z_])",
    re.IGNORECASE,
)
AREA_CODE = r"0(?:10|2\d|[3-9]\d\d)"
LANDLINE = re.compile(
    rf"(?<![0-9A-Za-z_.])(?<!\d-)(?:\({AREA_CODE}\) ?|{AREA_CODE}[- ])[2-9]\d{{2,3}}[- ]?\d{{4}}(?![0-9A-Za-z_]|\.\d)"
)
IDENTITY_CARD = re.compile(
    r"(?<![0-9A-Za-z_.])[1-9]\d{5}(?:18|19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?![0-9A-Za-z_])"
)
BANK_CARD = re.compile(  # the number ranges of UnionPay, Visa, Mastercard, JCB and the older domestic cards
    r"(?<![0-9A-Za-z_.])(?<!\d[ -])(?=62|4|5[1-5]|35|60|95)"
    r"(?:\d{16,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{4}(?:\1\d{1,3})?)(?![0-9A-Za-z_]|[ -]\d)"
)
EMAIL = re.compile(
    r"(?<=[A-Za-z0-9_%+-])@((?:[A-Za-z0-9-]{1,63}\.){1,5}"
    r"(?:com|net|org|edu|gov|mil|info|biz|name|top|vip|xyz|club|site|online|[a-z]{2}))(?![A-Za-z0-9-]|\.[A-Za-z])",
    re.IGNORECASE,
)
LOCAL_PART = re.compile(r"[\w.%+-]{1,64}\Z", re.ASCII)
CONTACT_ID = re.compile(
    r"(?:QQ|扣扣)(?:号码?|群号?|咨询|客服)?[ :是为]{0,3}[1-9]\d{4,10}(?!\d)"
    r"|(?:微信号|微信ID|加微信|加[Vv薇]|薇信|(?<![A-Za-z])vx)[ :是为]{0,3}[A-Za-z0-9][A-Za-z0-9_-]{5,19}"
    r"|微信:[ ]?(?=[A-Za-z_-]{0,19}\d)[A-Za-z0-9_-]{6,20}",
    re.IGNORECASE,
)
NUMBER = r"[\dA-Z一二三四五六七八九十百零〇]{1,6}"
HOME_ADDRESS = re.compile(
    rf"(?:路|街|巷|弄|胡同|道|里) ?{NUMBER} ?号[^,。;!?\n]{{0,16}}?{NUMBER} ?(?:单元|室(?!内|外|温))"
    rf"|(?:路|街|巷|弄|胡同|道) ?{NUMBER} ?号(?:院)? ?{NUMBER} ?(?:栋|幢|号楼)"
    rf"|(?:小区|花园|公寓|家园|新村|苑) ?{NUMBER} ?(?:号楼|栋|幢|座|号)"
    r"[^,。;!?\n]{0,6}?\d{2,4} ?(?:室(?!内|外|温)|户|房)"
)
CHECK_WEIGHTS = [2 ** (17 - place) % 11 for place in range(17)]  # GB 11643
CHECK_CHARACTERS = "10X98765432"


@dataclass(frozen=True)
class SensitiveSettings:
    """Words that decide what a number is.

    Attributes:
        telephone_words: before a bare number of 7 or 8 digits they make it a landline.
        number_words: before a number they make it an order or catalogue number, which nobody can be called by.
        placeholder_emails: ends of addresses that stand for an address (RFC 2606) or belong to a service.
    """

    telephone_words: re.Pattern[str] | None
    number_words: re.Pattern[str] | None
    placeholder_emails: tuple[str, ...]


class SensitiveInformation(Rule):
    """Drop texts that name a way to reach or identify a person (Kun A.2, first rule).

    Reads the text `field` names. Reasons: "phone_number", "id_number", "email", "bank_card", "contact_id",
    "home_address". Emergency and service numbers (110, 12345, 400-…) and addresses without a room number stay.

    Args:
        field: which text is read.
        settings: context words.
    """

    name = "🔒 sensitive information"

    def __init__(self, field: str, settings: SensitiveSettings, exclusion_writer: DiskWriter | None = None):
        super().__init__(field, exclusion_writer)
        self.settings = settings

    def find(self, text: str) -> Fault | None:
        if LONG_NUMBER.search(text) and (fault := self._find_number(text)):
            return fault
        for match in EMAIL.finditer(text):
            address = LOCAL_PART.search(text[max(0, match.start() - 64) : match.start()])[0] + match[0]
            if not address.lower().endswith(self.settings.placeholder_emails):
                return Fault("email", address)
        if match := CONTACT_ID.search(text):
            return Fault("contact_id", match[0])
        if match := HOME_ADDRESS.search(text):
            return Fault("home_address", match[0])
        return None

    def _find_number(self, text: str) -> Fault | None:
        for match in IDENTITY_CARD.finditer(text):
            if is_identity_number(match[0]):
                return Fault("id_number", match[0])
        for match in chain(MOBILE.finditer(text), LANDLINE.finditer(text)):
            if not self._is_serial_number(text, match.start()):
                return Fault("phone_number", match[0])
        if self.settings.telephone_words and (match := self.settings.telephone_words.search(text)):
            return Fault("phone_number", match[0])
        for match in BANK_CARD.finditer(text):
            if passes_luhn(match[0]) and not self._is_serial_number(text, match.start()):
                return Fault("bank_card", match[0])
        return None

    def _is_serial_number(self, text: str, start: int) -> bool:
        words = self.settings.number_words
        return words is not None and words.search(text[max(0, start - 12) : start]) is not None


def is_identity_number(number: str) -> bool:
    """Whether an 18-character number has the check character of a resident identity card (GB 11643)."""
    total = sum(weight * int(digit) for weight, digit in zip(CHECK_WEIGHTS, number, strict=False))
    return CHECK_CHARACTERS[total % 11] == number[17].upper()


def passes_luhn(number: str) -> bool:
    """Whether the digits of a number, separators aside, pass the Luhn check of bank cards (ISO/IEC 7812)."""
    digits = [int(digit) for digit in reversed(number) if digit.isdigit()]
    doubled = [2 * digit - 9 * (digit > 4) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0
