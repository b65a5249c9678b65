"""All detectors together: find the private items of a text, and mask them or drop its segment."""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import NamedTuple

from datatrove.data import Document
from datatrove.pipeline.filters.base_filter import BaseFilter
from datatrove.pipeline.writers.disk_base import DiskWriter

from kun_recipes.data import schema
from kun_recipes.privacy import network, numbers, places
from kun_recipes.privacy.digits import DISGUISED, close_digits, plain_digits
from kun_recipes.privacy.names import find_names
from kun_recipes.privacy.settings import PrivacySettings, PrivacyWords, Spans
from kun_recipes.text.views import narrow

Detector = Callable[[str, PrivacyWords], Spans]
DETECTORS: dict[str, Detector] = {  # of two that claim the same characters the first has them
    "url": network.find_private_urls,
    "email": network.find_emails,
    "ip": network.find_ips,
    "id_card": numbers.find_identity_cards,
    "mobile": numbers.find_mobiles,
    "landline": numbers.find_landlines,
    "bank_card": numbers.find_bank_cards,
    "passport": numbers.find_passports,
    "qq": numbers.find_qq_numbers,
    "wechat": network.find_wechat_ids,
    "plate": places.find_plates,
    "address": places.find_addresses,
}
BLANK = "\n"
ASCII = re.compile("[0-9A-Za-z]")
BY_LONG_NUMBER = frozenset(["id_card", "mobile", "landline", "bank_card", "passport", "qq"])
WITHOUT_LONG_NUMBER = {kind: find for kind, find in DETECTORS.items() if kind not in BY_LONG_NUMBER}
IN_HAN: dict[str, Detector] = {"address": places.find_addresses}  # 和平里八号三单元
"""Detectors for texts without long numbers, and for texts without Latin letters or digits."""


class Finding(NamedTuple):
    """A private item: its kind, a key of `DETECTORS`, and its characters."""

    kind: str
    start: int
    end: int


def find_private(text: str, settings: PrivacySettings) -> list[Finding]:
    """Return the private items of a text that the settings do not keep, in order and without overlap.

    Items that show only after a neighbour is masked are found too, so that masking all of them leaves nothing;
    but for texts that already hold more than the settings allow.
    """
    text = settings.placeholder_pattern.sub(_blank, narrow(text))  # a placeholder is neither private nor a context
    findings = more = detect(text, settings.words, settings.kinds)
    while more and not (settings.max_masked is not None and len(findings) > settings.max_masked):
        text = _blanked(text, more)
        more = detect(text, settings.words, settings.kinds)
        findings = sorted([*findings, *more], key=attrgetter("start"))
    return findings


def detect(text: str, words: PrivacyWords, kinds: frozenset[str]) -> list[Finding]:
    """Return the items of the given kinds in a narrowed text, in order and without overlap."""
    digits = close_digits(text)
    if digits == DISGUISED:
        text = plain_digits(text)
    findings = [
        Finding(kind, start, end)
        for kind, find in _detectors(text, digits).items()
        if kind in kinds
        for start, end in find(text, words)
    ]
    return without_overlap(findings) if len(findings) > 1 else findings


def mask(text: str, findings: list[Finding], settings: PrivacySettings) -> str:
    """Return the text with a placeholder in the place of every finding."""
    return _replaced(text, findings, [settings.placeholders[finding.kind] for finding in findings])


def without_overlap(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings, in the order of the text, that share no character with an earlier one of the list."""
    kept: list[Finding] = []
    for finding in findings:
        place = bisect_left(kept, finding.end, key=attrgetter("start"))
        if place == 0 or kept[place - 1].end <= finding.start:
            kept.insert(place, finding)
    return kept


class MaskPrivateData(BaseFilter):
    """Put a placeholder such as [手机号] in the place of everything in a segment that leads to a person (Kun §6).

    Metadata out: masked; and names, their number, where the settings count likely personal names. The title, which is
    published with the row, is masked alike. Counts `masked_<kind>` and `names`. Lengths measured before stay what they
    were.

    Drops with the kind as reason where the settings say "remove" (value: the item), and with "private_data" a segment
    that holds so many items, or so little else, that it is a list of contacts (value: as in `masked`).

    Args:
        settings: treatment of each kind, bounds, and the words that detectors go by; see privacy.yaml.
    """

    name = "🎭 private data"

    def __init__(self, settings: PrivacySettings, exclusion_writer: DiskWriter | None = None):
        super().__init__(exclusion_writer)
        self.settings = settings

    def filter(self, doc: Document) -> bool | tuple[bool, str]:
        if title := doc.metadata.get(schema.TITLE):
            doc.metadata[schema.TITLE] = mask(title, find_private(title, self.settings), self.settings)
        self._count_names(doc)
        findings = find_private(doc.text, self.settings)
        if not findings:
            return True
        for kind, start, end in findings:
            if kind in self.settings.removed:
                doc.metadata[schema.VALUE] = doc.text[start:end]
                return False, kind
        counts = Counter(finding.kind for finding in findings)
        summary = " ".join(f"{kind}:{count}" for kind, count in sorted(counts.items()))
        if self._is_list_of_contacts(doc.text, findings):
            doc.metadata[schema.VALUE] = summary
            return False, "private_data"
        doc.text = mask(doc.text, findings, self.settings)
        doc.metadata[schema.MASKED] = summary
        for kind, count in counts.items():
            self.stat_update(f"masked_{kind}", value=count)
        return True

    def _count_names(self, doc: Document) -> None:
        if self.settings.names.count and (names := find_names(narrow(doc.text), self.settings.names)):
            doc.metadata[schema.NAMES] = len(names)
            self.stat_update("names", value=len(names))

    def _is_list_of_contacts(self, text: str, findings: list[Finding]) -> bool:
        most, share = self.settings.max_masked, self.settings.max_masked_share
        private = sum(finding.end - finding.start for finding in findings)
        return (most is not None and len(findings) > most) or (share is not None and private > share * len(text))


def _detectors(text: str, digits: int) -> dict[str, Detector]:
    if not ASCII.search(text):
        return IN_HAN
    return DETECTORS if digits and numbers.LONG_NUMBER.search(text) else WITHOUT_LONG_NUMBER


def _blanked(text: str, findings: list[Finding]) -> str:
    """Return the text with line breaks in the place of every finding: nothing is found, or looks, across one."""
    return _replaced(text, findings, [BLANK * (finding.end - finding.start) for finding in findings])


def _replaced(text: str, findings: list[Finding], replacements: list[str]) -> str:
    pieces, end = [], 0
    for finding, replacement in zip(findings, replacements, strict=True):
        pieces += [text[end : finding.start], replacement]
        end = finding.end
    return "".join([*pieces, text[end:]])


def _blank(match: re.Match[str]) -> str:
    return BLANK * len(match[0])
