"""One pass over a set of pairs: every statistic that needs no model (Kun §4.2.1, figures 3, 7 and 8)."""

import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datatrove.data import Document

from kun_recipes.corpus.deduplication import NearDuplicateSettings, run_minhash
from kun_recipes.data.pairs import Pair, PairSet, Removed, Sample
from kun_recipes.progress import progress_bar
from kun_recipes.rules.forms import FORMS, FormClassifier, load_forms
from kun_recipes.statistics.measurements import (
    BINS,
    YEARS_SHOWN,
    count_letters,
    distinct_grams,
    length_statistics,
    word_statistics,
    years_in,
)

CountTokens = Callable[[Sequence[str]], list[int]]
ROWS_AT_ONCE = 1024  # tokenizers are fast with many texts
GRAM_CHARACTERS = 100_000  # letters by which sets are compared; fewer where a set's sample has fewer


@dataclass
class Tally:
    """Counts of a set in one pass; their size does not grow with the set.

    Args:
        reference_year: years after it are counted, but no figure shows them.
    """

    reference_year: int
    sample: Sample
    forms: FormClassifier = field(default_factory=load_forms)
    rows: int = 0
    unusable: int = 0
    sources: Counter = field(default_factory=Counter)
    form_rows: Counter = field(default_factory=Counter)
    words: dict[str, Counter] = field(default_factory=lambda: {form: Counter() for form in FORMS})
    years: Counter = field(default_factory=Counter)
    rows_with_year: int = 0
    lengths: dict[str, Counter] = field(default_factory=lambda: {column: Counter() for column in BINS})

    def add(self, pairs: Sequence[Pair], count_tokens: CountTokens) -> None:
        """Count some pairs."""
        self.rows += len(pairs)
        for column, counts in self.lengths.items():
            counts.update(count_tokens([getattr(pair, column) for pair in pairs]))
        for pair in pairs:
            self.sample.add(pair)
            self.sources[pair.source] += 1
            form, word = self.forms.classify(pair.instruction)
            self.form_rows[form] += 1
            if word:
                self.words[form][word] += 1
            years = years_in(pair.instruction) | years_in(pair.output)
            self.years.update(years)
            self.rows_with_year += bool(years)

    def statistics(self, near: dict[str, int], grams: dict[str, Any]) -> dict[str, Any]:
        """Return all statistics of the set, as statistics.json holds them."""
        return {
            "rows": self.rows,
            "unusable": self.unusable,
            "sources": self._shares(dict(self.sources.most_common())),
            "lengths": {column: length_statistics(counts, BINS[column]) for column, counts in self.lengths.items()},
            "years": self._years(),
            "forms": self._shares({form: self.form_rows[form] for form in FORMS}),
            "question_words": word_statistics(self.words["question"], self.form_rows["question"]),
            "first_verbs": word_statistics(self.words["imperative"], self.form_rows["imperative"]),
            "distinct": grams,
            "near_duplicates": {**near, "share": near["rows"] / self.rows},
        }

    def _shares(self, counts: dict[str, int]) -> dict[str, dict[str, float]]:
        return {name: {"rows": rows, "share": rows / self.rows} for name, rows in counts.items()}

    def _years(self) -> dict[str, Any]:
        shown = range(self.reference_year - YEARS_SHOWN + 1, self.reference_year + 1)
        return {
            "rows_with_year": self.rows_with_year,
            "share": self.rows_with_year / self.rows,
            "last_20": {str(year): self.years[year] for year in shown},
            "all": {str(year): self.years[year] for year in sorted(self.years)},
        }


class NearDuplicates:
    """Counts the pairs, instruction and output together, that have a near duplicate in their set.

    Found as the corpus stage finds them among segments.

    Args:
        folder: for signatures, some 600 bytes per pair; emptied before and after.
    """

    def __init__(self, folder: Path, settings: NearDuplicateSettings | None = None):
        self.folder = folder
        self.settings = settings or NearDuplicateSettings()

    def count(self, pairs: Iterable[Pair]) -> dict[str, int]:
        """Return rows with a near duplicate, and the clusters that they form."""
        documents = (Document(f"{pair.instruction}\n{pair.output}", str(n)) for n, pair in enumerate(pairs))
        clusters = run_minhash([documents], self.folder, self.settings)
        shutil.rmtree(self.folder)
        counted = {name: int(clusters.stats[name].total) for name in ("near_duplicates", "clusters")}
        return {"rows": counted["near_duplicates"] + counted["clusters"], "clusters": counted["clusters"]}


def tally_set(pairs: PairSet, tally: Tally, count_tokens: CountTokens, near: NearDuplicates) -> dict[str, int]:
    """Fill the tally in one pass over a set and return its near duplicates."""
    batch: list[Pair] = []

    def usable_pairs() -> Iterator[Pair]:
        with progress_bar(None, pairs.name) as bar:
            for pair in pairs.read():
                bar.update(1)
                if isinstance(pair, Removed):
                    tally.unusable += 1
                    continue
                batch.append(pair)
                if len(batch) == ROWS_AT_ONCE:
                    tally.add(batch, count_tokens)
                    batch.clear()
                yield pair
        tally.add(batch, count_tokens)

    return near.count(usable_pairs())


def compare_grams(samples: dict[str, Sequence[Pair]]) -> dict[str, dict[str, Any]]:
    """Return distinct-n of each set's sample, over the same number of letters: the shortest sample's at most."""
    texts = {
        name: {column: [getattr(pair, column) for pair in pairs] for column in BINS} for name, pairs in samples.items()
    }
    distinct: dict[str, dict[str, Any]] = {name: {} for name in samples}
    for column in BINS:
        characters = min(count_letters(columns[column], GRAM_CHARACTERS) for columns in texts.values())
        for name, columns in texts.items():
            distinct[name][column] = {"characters": characters, **distinct_grams(columns[column], characters)}
    return distinct
