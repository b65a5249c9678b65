"""Private data in segments: masked, or the segment removed (Kun §6, A.2)."""

from collections import Counter

from datatrove.data import Document
from datatrove.pipeline.filters.base_filter import BaseFilter
from datatrove.pipeline.writers.disk_base import DiskWriter

from kun_recipes.data import schema
from kun_recipes.privacy.detectors import Finding, find_private, mask
from kun_recipes.privacy.settings import PrivacySettings


class MaskPrivateData(BaseFilter):
    """Put a placeholder such as [手机号] in the place of everything in a segment that leads to a person (Kun §6).

    Metadata out: masked. The title, which is published with the row, is masked alike. Counts `masked_<kind>`. Lengths
    measured before stay what they were.

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

    def _is_list_of_contacts(self, text: str, findings: list[Finding]) -> bool:
        most, share = self.settings.max_masked, self.settings.max_masked_share
        private = sum(finding.end - finding.start for finding in findings)
        return (most is not None and len(findings) > most) or (share is not None and private > share * len(text))
