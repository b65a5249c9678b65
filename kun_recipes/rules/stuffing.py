"""Texts written for search engines: one word said again and again, or a chain of things to search for."""

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
from datatrove.pipeline.writers.disk_base import DiskWriter

from kun_recipes.config.types import Count, Share
from kun_recipes.rules.rule import Fault, Rule
from kun_recipes.text.classes import count_solid
from kun_recipes.text.disguise import undisguised
from kun_recipes.text.grams import gram_hashes, letter_codes
from kun_recipes.text.phrases import Phrases
from kun_recipes.text.views import HAN, decode

PIECE = re.compile(r"[^,，;；|｜/\s。!?·_]+")
SENTENCE_END = re.compile(r"[。!?]")
MIN_ASKED = 2
HAN_WORD = re.compile(rf"[{HAN}]{{2,}}")


@dataclass(frozen=True)
class StuffingSettings:
    """Limits on words said for search engines. None switches a check off.

    Attributes:
        max_characters: longest text that is looked at; a longer one is not of this kind.
        ngram: characters of the word whose share is measured.
        min_times: times that it must be said.
        max_share: highest share of the text's letters that it makes up.
        asked: what people ask search engines; a text without two different ones of them (a chain: one) is left alone.
        min_pieces: fewest pieces between commas, blanks and bars that are a chain.
        max_piece: most characters of a piece, in the mean.
        max_chained: highest share of the pieces that have two characters of their beginning or end in common.
    """

    max_characters: Count
    ngram: Count
    min_times: Count
    max_share: Share | None
    asked: Phrases
    min_pieces: Count
    max_piece: Count
    max_chained: Share | None


class KeywordStuffing(Rule):
    """Drop texts that say one word again and again, or chain what people search for (Kun A.2, fifth rule).

    Reads the text `field` names. Reason: "seo"; the value is the share and the word.

    Args:
        field: which text is read.
        settings: how much of a word is too much.
    """

    name = "🕸 keyword stuffing"

    def __init__(self, field: str, settings: StuffingSettings, exclusion_writer: DiskWriter | None = None):
        super().__init__(field, exclusion_writer)
        self.settings = settings

    def find(self, text: str) -> Fault | None:
        if count_solid(text) > self.settings.max_characters:
            return None
        view = undisguised(text)
        found = (
            self._said_again(view) or self._chain(view) or (self._chain(text) if view != text else None)
        )  # A|B|C is a disguise, too
        return Fault("seo", found) if found else None

    def _said_again(self, text: str) -> str | None:
        settings = self.settings
        if settings.max_share is None or len({match[0] for match in settings.asked.finditer(text)}) < MIN_ASKED:
            return None
        codes = letter_codes(text)
        if len(codes) < settings.ngram:
            return None
        _, starts, counts = np.unique(gram_hashes(codes, settings.ngram), return_index=True, return_counts=True)
        times = int(counts.max())
        share = times * settings.ngram / len(codes)
        if times < settings.min_times or share <= settings.max_share:
            return None
        start = int(starts[counts == times].min())
        word = decode(codes[start : start + settings.ngram])
        return f"{share:.2f} is {word}" if HAN_WORD.fullmatch(word) else None

    def _chain(self, text: str) -> str | None:
        """Return a share of the pieces, all of them short, begins or ends with the same word."""
        settings = self.settings
        if settings.max_chained is None or "《" in text or text.count("。") > 1 or not settings.asked.search(text):
            return None  # prose, or an enumeration
        pieces = PIECE.findall(text)
        if len(pieces) < settings.min_pieces or len(SENTENCE_END.findall(text)) > 1:
            return None
        if sum(map(len, pieces)) > settings.max_piece * len(pieces):
            return None
        words = [word for piece in pieces if len(piece) > 2 for word in {("b", piece[:2]), ("e", piece[-2:])}]
        if not words:
            return None
        (_, word), times = Counter(words).most_common(1)[0]
        share = times / len(pieces)
        return f"{share:.2f} with {word}" if share > settings.max_chained and HAN_WORD.fullmatch(word) else None
