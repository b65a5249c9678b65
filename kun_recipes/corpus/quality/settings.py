"""The quality file: YAML in, frozen dataclasses out. The file says where each number comes from."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from kun_recipes.config.settings import load_typed
from kun_recipes.config.types import Amount, Count, Share
from kun_recipes.corpus.quality.cutting import CutLimits
from kun_recipes.text.phrases import Phrases

DEFAULT_QUALITY = "quality.yaml"


@dataclass(frozen=True)
class CharacterLimits:
    """Limits on the characters of a document. None switches a check off.

    Attributes:
        min_characters: fewest characters, whitespace not counted.
        max_characters: most of them.
        min_han_share: lowest share of Han characters among letters, digits and Han characters.
        function_words: words that hardly any text does without.
        min_function_words: fewest different ones of them that a document has.
        min_measured: characters under which neither they nor the shares below are looked at.
        min_punctuation_share: lowest share of punctuation, of all characters that are no whitespace.
        max_punctuation_share: highest share of it.
        max_digit_share: highest share of digits.
        max_symbol_share: highest share of other symbols and of characters that are not in use.
    """

    min_characters: Count | None
    max_characters: Count | None
    min_han_share: Share | None
    function_words: tuple[str, ...]
    min_function_words: Count | None
    min_measured: Count
    min_punctuation_share: Share | None
    max_punctuation_share: Share | None
    max_digit_share: Share | None
    max_symbol_share: Share | None


@dataclass(frozen=True)
class RepetitionLimits:
    """Limits on the repetition in a document. None switches a check off.

    Attributes:
        max_duplicate_line_share: highest share of the lines that stand in the document before.
        max_duplicate_line_characters_share: highest share of the characters that stand in such lines.
        max_duplicate_paragraph_share: highest share of the paragraphs that stand in the document before.
        window: characters at the start, in the middle and at the end in which n-grams are counted.
        min_measured: characters under which n-grams are not counted.
        top_ngram: n of the n-gram whose share is measured.
        max_top_ngram_share: highest share of a window that the most frequent n-gram makes up.
        ngram: n of the n-grams that are looked for again.
        max_ngram_share: highest share of a window that stands in n-grams that occurred before.
        min_names: fewest names of a reference of functions or options, which stays; as in rules/rules.yaml.
    """

    max_duplicate_line_share: Share | None
    max_duplicate_line_characters_share: Share | None
    max_duplicate_paragraph_share: Share | None
    window: Count
    min_measured: Count
    top_ngram: Count
    max_top_ngram_share: Share | None
    ngram: Count
    max_ngram_share: Share | None
    min_names: Count | None = None


@dataclass(frozen=True)
class LineLimits:
    """Limits on the lines of a document. None switches a check off.

    Attributes:
        min_sentence_share: lowest share of the lines that are sentences.
        long_line: characters from which a line is taken for a sentence without an end mark.
        max_open_lines_per_character: most lines that are not sentences, per non-whitespace character.
        min_lines: fewest lines of a document for which these shares are measured.
        min_said_share: lowest share of lines that say something (text/short_lines.py) in verse and recipes that stay.
    """

    min_sentence_share: Share | None
    long_line: Count
    max_open_lines_per_character: Amount | None
    min_lines: Count
    min_said_share: Share | None


@dataclass(frozen=True)
class KeywordDensity:
    """Phrases that make a document junk when it is full of them.

    Attributes:
        reason: name under which the document is dropped.
        min_different: different phrases that must be found.
        min_per_thousand: phrases that must be found for each thousand characters.
        patterns: the phrases.
        spared_by: words of texts about the matter; a document with `min_sparing` different ones of them stays.
        min_sparing: see there.
    """

    reason: str
    min_different: Count
    min_per_thousand: Amount
    patterns: Phrases
    spared_by: Phrases | None
    min_sparing: Count


@dataclass(frozen=True)
class QualitySettings:
    """The quality file; `page_lines` are lines of the page and not of its text, None leaves them."""

    characters: CharacterLimits
    repetition: RepetitionLimits
    lines: LineLimits
    keywords: tuple[KeywordDensity, ...]
    page_lines: Phrases | None
    cut_lines: CutLimits


def load_quality(path: str | Path | None = None) -> QualitySettings:
    """Read a quality file; None reads the package's own. Raises UserError, naming the file and the key."""
    source = files("kun_recipes.corpus") / DEFAULT_QUALITY if path is None else Path(path)
    return load_typed(source, QualitySettings)
