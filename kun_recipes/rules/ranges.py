"""Bounds on a measured column, for any stage."""

from datatrove.data import Document
from datatrove.pipeline.filters.base_filter import BaseFilter
from datatrove.pipeline.writers.disk_base import DiskWriter

from kun_recipes.data import schema


class RangeFilter(BaseFilter):
    """Keep rows whose metadata[field] lies within bounds; drop the others with the given reason.

    Args:
        field: name of a number in the metadata.
        reason: why such a row is dropped; also the name of the block.
        lowest, highest: bounds, inclusive; None switches a bound off.
    """

    def __init__(
        self,
        field: str,
        reason: str,
        *,
        lowest: float | None = None,
        highest: float | None = None,
        exclusion_writer: DiskWriter | None = None,
    ):
        self.name = f"📏 {reason}"
        super().__init__(exclusion_writer)
        self.field, self.reason, self.lowest, self.highest = field, reason, lowest, highest

    def keeps(self, doc: Document) -> bool:
        """Tell whether the row is kept, without a trace in it; a row that was not measured is not."""
        value = doc.metadata.get(self.field)
        too_low = self.lowest is not None and (value is None or value < self.lowest)
        too_high = self.highest is not None and (value is None or value > self.highest)
        return not (too_low or too_high)

    def filter(self, doc: Document) -> bool | tuple[bool, str]:
        if self.keeps(doc):
            return True
        if self.field in doc.metadata:
            doc.metadata[schema.VALUE] = doc.metadata[self.field]
        return False, self.reason
