"""Sensitive information: telephone numbers, identity and bank cards, addresses (Kun A.2, §6)."""

from dataclasses import dataclass

from datatrove.pipeline.writers.disk_base import DiskWriter

from kun_recipes.errors import ConfigError
from kun_recipes.privacy import KINDS, detect, load_privacy
from kun_recipes.rules.rule import Fault, Rule

REASONS = {
    "mobile": "phone_number",
    "landline": "phone_number",
    "id_card": "id_number",
    "bank_card": "bank_card",
    "email": "email",
    "ip": "ip_address",
    "url": "private_url",
    "qq": "contact_id",
    "wechat": "contact_id",
    "address": "home_address",
    "plate": "plate_number",
    "passport": "passport_number",
}


@dataclass(frozen=True)
class SensitiveSettings:
    """Private data that no instruction or answer may hold.

    Attributes:
        detectors: a privacy file whose words the detectors go by; None: the package's, as for segments.
        kinds: which of its kinds drop a text.
    """

    detectors: str | None
    kinds: tuple[str, ...]

    def __post_init__(self) -> None:
        for kind in self.kinds:
            if kind not in KINDS:
                raise ConfigError("kinds", f"must contain only {', '.join(KINDS)}, not {kind!r}")


class SensitiveInformation(Rule):
    """Drop texts that name a way to reach or identify a person (Kun A.2, first rule).

    Reads the text `field` names. Reasons: "phone_number", "id_number", "email", "bank_card", "contact_id",
    "home_address", "plate_number", "passport_number", "private_url", "ip_address". The
    detectors are those that mask segments; kun_recipes/privacy says what they find and what they do not.

    Args:
        field: which text is read.
        settings: what is looked for.
    """

    name = "🔒 sensitive information"

    def __init__(self, field: str, settings: SensitiveSettings, exclusion_writer: DiskWriter | None = None):
        super().__init__(field, exclusion_writer)
        self.words = load_privacy(settings.detectors).words
        self.kinds = frozenset(settings.kinds)

    def find(self, text: str) -> Fault | None:
        for kind, start, end in detect(text, self.words, self.kinds):
            return Fault(REASONS[kind], text[start:end])
        return None
