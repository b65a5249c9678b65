"""Cut documents into self-contained segments within a token budget (Kun §3.1).

Sentences are the units and are never cut. Where to cut between them is a shortest path, as lines are broken in
paragraphs by Knuth and Plass (1981): every cut has a cost by what it parts (lines.py), every segment one that grows
the further it stays below the budget. So cuts fall between sections and paragraphs where that is possible, headings
stay above their text and lists below their introduction, and no small remainder is left at the end of a document.
"""

import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

from datatrove.data import Document, DocumentsPipeline
from datatrove.pipeline.base import PipelineStep
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from kun_recipes import schema
from kun_recipes.corpus.lines import BETWEEN_CLAUSES, BETWEEN_SENTENCES, cut_cost, parse_lines
from kun_recipes.corpus.sentences import split_sentences
from kun_recipes.errors import UserError

CountTokens = Callable[[Sequence[str]], list[int]]

REMNANT = 1 / 8  # a segment below this part of the budget is hardly an answer; it costs REMNANT_COST more
REMNANT_COST = 2.0


class Span(NamedTuple):
    """Characters start to end of a document, and their number of tokens."""

    start: int
    end: int
    tokens: int


class Unit(NamedTuple):
    """A sentence of a document, and the cost of a cut before it."""

    start: int
    end: int
    cut_cost: float


class Segmenter(PipelineStep):
    """Cut each document into segments of at most `max_tokens`, nothing left out, nothing truncated.

    Metadata out: the document's, span_start, span_end and tokens. document.text[span_start:span_end] is the segment.
    A single sentence over the budget is left whole, as a segment whose tokens exceed it: for a length filter to drop.

    Args:
        tokenizer_path: folder or Hub id of the model that will read the segments.
        max_tokens: the paper's 512 (§3.2).
    """

    name = "segments"
    type = "✂️ - SEGMENTER"

    def __init__(self, tokenizer_path: str, max_tokens: int = 512):
        super().__init__()
        self.tokenizer_path = tokenizer_path
        self.max_tokens = max_tokens

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        for document in data:
            self.stat_update("documents")
            with self.track_time():
                spans = split_segments(document.text, self.count_tokens, self.max_tokens)
            for span in spans:
                self.stat_update("segments", "over_budget" if span.tokens > self.max_tokens else "within_budget")
                yield _segment(document, span)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Number of tokens of each text, without special tokens."""
        if not texts:
            return []
        tokenizer = load_tokenizer(self.tokenizer_path)  # once a process: it does not travel with the block
        encoded = tokenizer(list(texts), add_special_tokens=False, return_attention_mask=False, verbose=False)
        return [len(ids) for ids in encoded["input_ids"]]


def split_segments(text: str, count_tokens: CountTokens, max_tokens: int) -> list[Span]:
    """The segments of a text, in order; only whitespace lies outside them.

    A text that fits the budget is one segment. Every segment has at most `max_tokens`, unless it is one sentence.
    """
    units = _read_units(text)
    unit_tokens = _count_units(text, units, count_tokens)
    budget = max_tokens
    while True:
        packed = _pack(units, unit_tokens, budget)
        bounds = [(units[first].start, units[last].end) for first, last in packed]
        counts = count_tokens([text[start:end] for start, end in bounds])
        excess = [count - max_tokens for (first, last), count in zip(packed, counts, strict=True) if first < last]
        if max(excess, default=0) <= 0:
            return [Span(start, end, count) for (start, end), count in zip(bounds, counts, strict=True)]
        budget -= max(excess)  # the tokens of the sentences do not quite add up to those of their segment


@lru_cache(maxsize=1)
def load_tokenizer(path: str) -> PreTrainedTokenizerBase:
    """The tokenizer of a model folder or Hub id. Raises UserError when there is none."""
    try:
        return AutoTokenizer.from_pretrained(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: no tokenizer can be loaded from there: {str(error).splitlines()[0]}") from error


def _read_units(text: str) -> list[Unit]:
    units: list[Unit] = []
    previous = None
    for line in parse_lines(text):
        cost = cut_cost(previous, line) if previous else 0.0
        for start, end in split_sentences(line.text):
            units.append(Unit(line.start + start, line.start + end, cost))
            mark = line.text[end - 1]
            cost = BETWEEN_CLAUSES if mark in "；;…" else BETWEEN_SENTENCES
        previous = line
    return units


def _count_units(text: str, units: list[Unit], count_tokens: CountTokens) -> list[int]:
    """Tokens of each sentence with the whitespace behind it, so that their sum is near the tokens of a segment."""
    ends = [unit.start for unit in units[1:]] + [unit.end for unit in units[-1:]]
    return count_tokens([text[unit.start : end] for unit, end in zip(units, ends, strict=True)])


def _pack(units: list[Unit], unit_tokens: list[int], budget: int) -> list[tuple[int, int]]:
    """First and last unit of each segment on the cheapest way to cut the text."""
    best, first_of = [0.0], []  # of the first n units: the least cost, and where their last segment begins
    for last in range(len(units)):
        tokens, cheapest, cheapest_first = 0, float("inf"), last
        for first in range(last, -1, -1):
            tokens += unit_tokens[first]
            if tokens > budget and first < last:
                break
            cost = best[first] + units[first].cut_cost + _segment_cost(tokens, budget)
            if cost < cheapest:
                cheapest, cheapest_first = cost, first
        best.append(cheapest)
        first_of.append(cheapest_first)
    packed, last = [], len(units) - 1
    while last >= 0:
        packed.append((first_of[last], last))
        last = first_of[last] - 1
    return packed[::-1]


def _segment_cost(tokens: int, budget: int) -> float:
    """0 for a full segment, up to 1 for a short one, more for a remnant."""
    cost = (max(budget - tokens, 0) / max(budget, 1)) ** 2
    return cost + REMNANT_COST if tokens < REMNANT * budget else cost


def _segment(document: Document, span: Span) -> Document:
    origin = (document.metadata[schema.SOURCE], document.metadata[schema.DOCUMENT_ID], str(span.start), str(span.end))
    metadata = document.metadata | {
        schema.SPAN_START: span.start,
        schema.SPAN_END: span.end,
        schema.TOKENS: span.tokens,
    }
    segment_id = hashlib.sha256("\x1f".join(origin).encode()).hexdigest()[:24]
    return Document(document.text[span.start : span.end], id=segment_id, metadata=metadata)
