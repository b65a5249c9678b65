"""Documents full of advertising, gambling, adult, boilerplate or script phrases."""

from collections.abc import Sequence

from datatrove.pipeline.writers.disk_base import DiskWriter

from kun_recipes.corpus.quality.settings import KeywordDensity
from kun_recipes.data import schema
from kun_recipes.rules.rule import Fault, Rule
from kun_recipes.text.classes import count_solid


class DocumentKeywords(Rule):
    """Drop documents that are full of certain phrases; one phrase, or a few in a long text, drop nothing.

    Reads the text. Reasons are those of the lists, in quality.yaml "advertising", "gambling", "adult", "boilerplate"
    and "page_code"; the value is the phrases found. Texts about the matter stay: news about raids, articles of a law,
    medicine.

    Args:
        lists: phrases by reason, tried in order.
    """

    name = "🗑 document keywords"

    def __init__(self, lists: Sequence[KeywordDensity], exclusion_writer: DiskWriter | None = None):
        super().__init__(schema.TEXT, exclusion_writer)
        self.lists = tuple(lists)

    def find(self, text: str) -> Fault | None:
        for keywords in self.lists:
            found = [match[0].strip() for match in keywords.patterns.finditer(text)]
            different = list(dict.fromkeys(found))
            is_dense = 1000 * len(found) >= keywords.min_per_thousand * count_solid(text)
            if len(different) >= keywords.min_different and is_dense and not _is_spared(text, keywords):
                return Fault(keywords.reason, " / ".join(different))
        return None


def _is_spared(text: str, keywords: KeywordDensity) -> bool:
    if keywords.spared_by is None:
        return False
    return len({match[0] for match in keywords.spared_by.finditer(text)}) >= keywords.min_sparing
