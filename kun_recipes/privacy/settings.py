"""The privacy file: which kinds of private data are masked, and the words around a number that decide what it is."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from importlib.resources import files
from pathlib import Path

from kun_recipes.config.settings import load_typed
from kun_recipes.config.types import Count, Share
from kun_recipes.errors import ConfigError
from kun_recipes.text.views import narrow

DEFAULT_PRIVACY = "privacy.yaml"
MASK, REMOVE, KEEP = ACTIONS = ("mask", "remove", "keep")
Span = tuple[int, int]
Spans = Iterator[Span]

REACH = 24
"""Characters of the same line looked at on either side; what makes a number a telephone number stands next to it."""


@dataclass(frozen=True)
class Treatment:
    """Treatment of one kind: an action (mask, remove the row, keep), and the placeholder of a masked item."""

    action: str
    placeholder: str


@dataclass(frozen=True)
class Treatments:
    """One treatment for each kind of private data."""

    mobile: Treatment
    landline: Treatment
    id_card: Treatment
    bank_card: Treatment
    email: Treatment
    ip: Treatment
    url: Treatment
    qq: Treatment
    wechat: Treatment
    address: Treatment
    plate: Treatment
    passport: Treatment

    def __post_init__(self) -> None:
        for kind in KINDS:
            treatment = getattr(self, kind)
            if treatment.action not in ACTIONS:
                raise ConfigError(f"{kind}.action", f"must be one of {', '.join(ACTIONS)}, not {treatment.action!r}")
            if not treatment.placeholder:
                raise ConfigError(f"{kind}.placeholder", "is empty; give a text that marks what was removed")


KINDS = tuple(field.name for field in fields(Treatments))


@dataclass(frozen=True)
class PrivacyWords:
    r"""Words that decide what a number is. Those `before` and `after` it are anchored by \Z and \A.

    Attributes:
        mobile_before: make eleven digits in any groups a mobile number.
        spelled_before: make eleven single digits a mobile number.
        telephone_before: make a number of 7 or 8 digits a landline.
        serial_before: make a number an order or catalogue number, not a phone number.
        quantity_after: make a number an amount.
        figures_before: make a number one of a list of figures, or their sum.
        identity_before: make 15 digits an identity card of before 1999, which has no check character.
        passport_before, passport_after: make a letter and 7 or 8 digits a passport.
        qq_before: make 5 to 11 digits a QQ number.
        wechat_signs: a text that holds none of these names no WeChat id; saves the time to look. [] looks everywhere.
        wechat: what stands before a WeChat id.
        wechat_weak: what stands before a WeChat id that has a digit, or before any other word.
        wechat_not: what touches a sign and is no WeChat id.
        email_before: make `li at mail.cn` and `li#mail.cn` an address.
        public_emails: addresses that stand for an address, or belong to no person.
        ip_before: make four numbers an IP address, however small they are.
        version_before: make four numbers a version or a section.
        version_after: the same, behind them.
        public_ips: addresses of public services, as they are written.
        private_parameters: parts of a URL that identify a user or grant access.
        sample_urls: URLs that stand for a URL.
        vehicle_near: what makes a plate of letters and digits that have no dot.
        no_plate_after: what makes a plate a train or a document.
        home_before: make a street and a house number a person's home.
        public_near: mark an address as that of a shop, company or museum, which is not private data.
        home_near: make it a home all the same.
        address_start: words before an address that are not part of it.
    """

    mobile_before: re.Pattern[str] | None
    spelled_before: re.Pattern[str] | None
    telephone_before: re.Pattern[str] | None
    serial_before: re.Pattern[str] | None
    quantity_after: re.Pattern[str] | None
    figures_before: re.Pattern[str] | None
    identity_before: re.Pattern[str] | None
    passport_before: re.Pattern[str] | None
    passport_after: re.Pattern[str] | None
    qq_before: re.Pattern[str] | None
    wechat_signs: tuple[str, ...]
    wechat: re.Pattern[str] | None
    wechat_weak: re.Pattern[str] | None
    wechat_not: re.Pattern[str] | None
    email_before: re.Pattern[str] | None
    public_emails: re.Pattern[str] | None
    ip_before: re.Pattern[str] | None
    version_before: re.Pattern[str] | None
    version_after: re.Pattern[str] | None
    public_ips: tuple[str, ...]
    private_parameters: re.Pattern[str] | None
    sample_urls: re.Pattern[str] | None
    vehicle_near: re.Pattern[str] | None
    no_plate_after: re.Pattern[str] | None
    home_before: re.Pattern[str] | None
    public_near: re.Pattern[str] | None
    home_near: re.Pattern[str] | None
    address_start: re.Pattern[str] | None


@dataclass(frozen=True)
class NameWords:
    r"""Words that likely personal names are counted by; those `before` and `after` are anchored by \Z and \A.

    Attributes:
        count: count names in every segment.
        surnames: what a name begins with; null finds none.
        no_names: words that begin as a name does.
        title_after: makes what stands before it a name.
        role_before: makes what stands behind it a name, if the sentence continues there.
        verb_after: makes what stands before it a name, if a role stands before that or a clause begins with it.
    """

    count: bool
    surnames: re.Pattern[str] | None
    no_names: re.Pattern[str] | None
    title_after: re.Pattern[str] | None
    role_before: re.Pattern[str] | None
    verb_after: re.Pattern[str] | None


@dataclass(frozen=True)
class PrivacySettings:
    """The privacy file. Its comments explain every key."""

    treatment: Treatments
    max_masked: Count | None
    max_masked_share: Share | None
    words: PrivacyWords
    names: NameWords

    @cached_property
    def kinds(self) -> frozenset[str]:
        """The kinds that are looked for."""
        return frozenset(kind for kind in KINDS if getattr(self.treatment, kind).action != KEEP)

    @cached_property
    def removed(self) -> frozenset[str]:
        """Kinds of private data for which a row is removed."""
        return frozenset(kind for kind in KINDS if getattr(self.treatment, kind).action == REMOVE)

    @cached_property
    def placeholders(self) -> dict[str, str]:
        return {kind: getattr(self.treatment, kind).placeholder for kind in KINDS}

    @cached_property
    def placeholder_pattern(self) -> re.Pattern[str]:
        """Any placeholder, in narrowed text."""
        return re.compile("|".join(re.escape(narrow(text)) for text in self.placeholders.values()))


def load_privacy(path: str | Path | None = None) -> PrivacySettings:
    """Read a privacy file; None reads the package's own. Raises UserError, naming the file and the key."""
    return load_typed(files("kun_recipes.privacy") / DEFAULT_PRIVACY if path is None else Path(path), PrivacySettings)


def stands_before(pattern: re.Pattern[str] | None, text: str, start: int) -> bool:
    r"""Return whether a pattern, anchored by \Z where it must touch, matches in the characters before `start`."""
    if pattern is None:
        return False
    return pattern.search(text[max(0, start - REACH) : start].rpartition("\n")[2]) is not None


def stands_after(pattern: re.Pattern[str] | None, text: str, end: int) -> bool:
    r"""Return whether a pattern, anchored by \A where it must touch, matches in the characters from `end`."""
    return pattern is not None and pattern.search(text[end : end + REACH].partition("\n")[0]) is not None
