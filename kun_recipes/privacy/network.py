"""E-mail addresses, IP addresses, URLs with user data and WeChat ids: private items that a sign gives away."""

import ipaddress
import re
from collections.abc import Iterator

from kun_recipes.privacy.settings import PrivacyWords, Spans, stands_after, stands_before

EMAIL = re.compile(  # opens with its sign: the search for one character is the fastest there is
    r"@(?<=[A-Za-z0-9_%+-]@)(?:[A-Za-z0-9-]{1,63}\.){1,5}"
    r"[a-z]{2,24}(?![A-Za-z0-9-]|\.[A-Za-z])",
    re.IGNORECASE,
)
IN_BRACKETS = re.compile(r"[(\[{<【] ?(?:at|@) ?[)\]}>】] ?", re.IGNORECASE)
IN_BRACKETS_SIGNS = ("@", "at", "At", "AT", "aT")
AT_SIGNS = ("@ ", " @", "#", " at ", " AT ")  # li.ming at 163.com, li.ming#163.com; only after a word
DISGUISED_DOMAIN = re.compile(
    r" ?((?:[A-Za-z0-9-]{1,63}(?:\.| ?[(\[{<【] ?dot ?[)\]}>】] ?| dot )){1,5}[a-z]{2,24})(?![A-Za-z0-9-]|\.[A-Za-z])",
    re.IGNORECASE,
)
DISGUISED_DOT = re.compile(r"\W*dot\W*", re.IGNORECASE)
LOCAL_PART = re.compile(r"[A-Za-z0-9_][\w.%+-]{0,63}\Z", re.ASCII)
THREE_POINTS = re.compile(r"\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]")
IPV4 = re.compile(
    r"[0-9](?<![0-9A-Za-z_][0-9])(?<![0-9A-Za-z][.-][0-9])[0-9]{0,2}(?:\.[0-9]{1,3}){3}(?![0-9A-Za-z_]|[.-][0-9A-Za-z])"
)
CLEAR_IPV4_DIGITS = 9  # 47.95.164.12 is an address wherever it stands, 6.7.2.1 and 14.13.12.11 may be sections
CLEAR_LONG_NUMBERS = 2  # and so is 144.1.209.2, by its numbers of three digits
IPV6 = re.compile(  # global unicast, 2000::/3
    r"[23](?<![0-9A-Za-z_.][23])[0-9a-f]{3}:(?:[0-9a-f]{0,4}:){1,6}(?:[0-9a-f]{1,4})?(?![0-9A-Za-z_:])", re.IGNORECASE
)
PART_OF_IPV6 = re.compile(r"(?:[0-9A-Za-z_:]|\A):\Z")
URL_CHARACTER = (  # ASCII but for what ends sentences; narrowed text does not tell ; and ? from ； and ？
    r"(?:[\x23-\x27\x2a\x2b\x2d-\x3a\x3d\x40-\x5b\x5d\x5f\x61-\x7a\x7e]|[;?](?=[A-Za-z_][A-Za-z0-9_.%-]{0,40}=))"
)
URL = re.compile(rf"://{URL_CHARACTER}{{4,2000}}")
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,15}\Z")
BARE_URL = re.compile(rf"www\.{URL_CHARACTER}{{4,2000}}")
CREDENTIALS = re.compile(r"[^/?#@:]{1,64}:[^/?#@]{1,64}@(?=[0-9A-Za-z])")
CLOSING = ".,:;!?'"
WXID = re.compile(r"wxid_(?<![A-Za-z0-9_]wxid_)[A-Za-z0-9_-]{4,24}")  # given by WeChat itself
TOUCHES = re.compile(r"[信微薇VvXx]\Z")  # 加Vitamin, 加微信OpenAPI
NO_WORD = re.compile(r"[0-9_-]")
WECHAT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{5,19}(?![A-Za-z0-9_-])")


def find_emails(text: str, words: PrivacyWords) -> Spans:
    """Yield e-mail addresses, except for samples, mailing lists and service accounts."""
    for match in EMAIL.finditer(text) if "@" in text else ():
        if local := LOCAL_PART.search(text[max(0, match.start() - 64) : match.start()]):
            start = match.start() - len(local[0])
            if not (words.public_emails and words.public_emails.search(text[start : match.end()])):
                yield start, match.end()
    for place, end, is_clear in _disguised_at_signs(text):
        local = LOCAL_PART.search(text[max(0, place - 64) : place])
        domain = DISGUISED_DOMAIN.match(text, end) if local else None
        if local and domain:
            start = place - len(local[0])
            address = f"{local[0]}@{DISGUISED_DOT.sub('.', domain[1])}"
            is_public = words.public_emails is not None and words.public_emails.search(address)
            if not is_public and (is_clear or stands_before(words.email_before, text, start)):
                yield start, domain.end()


def find_ips(text: str, words: PrivacyWords) -> Spans:
    """Return addresses of machines on the public internet: not of private, sample, multicast or whole networks."""
    if text.count(".") > 2 and THREE_POINTS.search(text):
        for match in IPV4.finditer(text):
            if _is_ipv4_address(text, match, words) and _is_public(match[0], words):
                yield match.span()
    if text.count(":") > 2:
        for match in IPV6.finditer(text):
            if not _goes_on_before(text, match.start(), words) and _is_public(match[0], words):
                yield match.span()


def find_private_urls(text: str, words: PrivacyWords) -> Spans:
    """Return URLs with a password before the host, or a telephone number, token or session as parameter."""
    end = 0
    if "://" in text:
        for match in URL.finditer(text):
            if _is_private_url(match[0][3:], words) and (scheme := SCHEME.search(text[end : match.start()][-16:])):
                end = match.start() + len(match[0].rstrip(CLOSING))
                yield match.start() - len(scheme[0]), end
    for match in BARE_URL.finditer(text) if "www." in text else ():
        has_scheme = match.start() < end or text.startswith("://", match.start() - 3)
        if not has_scheme and _is_private_url(match[0], words):
            yield match.start(), match.start() + len(match[0].rstrip(CLOSING))


def find_wechat_ids(text: str, words: PrivacyWords) -> Spans:
    """Return ids behind 微信号 and its kin, and wxid_… anywhere.

    After a mere 微信: an id must hold a digit.
    """
    for match in WXID.finditer(text) if "wxid_" in text else ():
        yield match.span()
    if words.wechat_signs and not any(sign[0] in text and sign in text for sign in words.wechat_signs):
        return
    for pattern, is_weak in ((words.wechat, False), (words.wechat_weak, True)):
        for match in pattern.finditer(text) if pattern else ():
            name = WECHAT_ID.match(text, match.end())
            if name and _is_wechat_id(name[0], match[0], is_weak, words):
                yield name.span()


def _disguised_at_signs(text: str) -> Iterator[tuple[int, int, bool]]:
    """Yield the span of each disguised @, and whether it is clear by itself: (at), [at]."""
    for match in IN_BRACKETS.finditer(text) if any(map(text.__contains__, IN_BRACKETS_SIGNS)) else ():
        yield match.start() - (text[match.start() - 1 : match.start()] == " "), match.end(), True
    for sign in AT_SIGNS:
        place = text.find(sign)
        while place >= 0:
            yield place, place + len(sign), False
            place = text.find(sign, place + 1)


def _is_wechat_id(name: str, sign: str, is_weak: bool, words: PrivacyWords) -> bool:
    """Return whether a name behind a sign is an id: a digit tells it from a word where no more than the sign does."""
    if is_weak:
        return any(map(str.isdigit, name))
    if not TOUCHES.search(sign):
        return True
    is_word = words.wechat_not is not None and words.wechat_not.search(name) is not None
    return not is_word and NO_WORD.search(name) is not None


def _is_ipv4_address(text: str, match: re.Match[str], words: PrivacyWords) -> bool:
    """Return whether four numbers are an address, and no version and no section."""
    if stands_before(words.ip_before, text, match.start()):
        return True
    is_version = stands_before(words.version_before, text, match.start())
    is_section = stands_after(words.version_after, text, match.end())
    parts = [len(part) for part in match[0].split(".")]
    is_clear = sum(parts) >= CLEAR_IPV4_DIGITS or parts.count(3) >= CLEAR_LONG_NUMBERS
    return is_clear and not is_version and not is_section


def _goes_on_before(text: str, start: int, words: PrivacyWords) -> bool:
    """Return whether the colon before an IPv6 address is one of its own, not one behind a word."""
    in_number = PART_OF_IPV6.search(text[max(0, start - 2) : start])
    return in_number is not None and not stands_before(words.ip_before, text, start)


def _is_public(number: str, words: PrivacyWords) -> bool:
    if number in words.public_ips or number.endswith((".0", ".255", "::")):
        return False
    try:
        address = ipaddress.ip_address(number)
    except ValueError:
        return False
    return address.is_global and not address.is_multicast


def _is_private_url(rest: str, words: PrivacyWords) -> bool:
    """Return whether a URL, without its scheme, tells a user."""
    if words.sample_urls and words.sample_urls.search(rest):
        return False
    if "@" in rest and CREDENTIALS.match(rest):
        return True
    return "=" in rest and words.private_parameters is not None and bool(words.private_parameters.search(rest))
