"""Cut documents into self-contained segments within a token budget (Kun §3.1).

Structure first, then sentences: lines are the units, those of more than a quarter of the budget are split into
their sentences, and sentences are never cut. Where to cut between units is a shortest path, as lines are broken in
paragraphs by Knuth and Plass (1981): every cut has a cost by what it parts (lines.py), every segment one that grows
the further it stays below the budget. So cuts fall between sections and paragraphs where that is possible, headings
stay above their text, lists below their introduction, an article or an answer in one piece, and no small remainder is
left at the end.

The tokenizer counts the tokens of the units, by which they are packed, and then those of each segment: where units
meet, a segment may have a token more or less than they add up to.
"""

import hashlib
from functools import partial
from itertools import accumulate, pairwise
from typing import NamedTuple

from datatrove.data import Document, DocumentsPipeline
from datatrove.pipeline.base import PipelineStep

from kun_recipes.corpus.segments.lines import BETWEEN_CLAUSES, BETWEEN_SENTENCES, cut_cost, parse_lines
from kun_recipes.corpus.segments.sentences import split_sentences
from kun_recipes.corpus.segments.tokens import CountTokens, count_tokens
from kun_recipes.data import schema

REMNANT = 1 / 8  # a segment below this part of the budget is hardly an answer; it costs REMNANT_COST more
REMNANT_COST = 2.0
LONG_LINE = 1 / 4  # characters of a line, as a part of the budget, above which its sentences are units
LIKELY_WHOLE = 1.5  # characters of a text per token of the budget, up to which it most likely fits as a whole
CLAUSE_ENDS = "；;…"


class Span(NamedTuple):
    """Characters start to end of a document, and their number of tokens."""

    start: int
    end: int
    tokens: int


class Units(NamedTuple):
    """The lines and sentences of a document that segments are made of, and the cost of a cut before each."""

    starts: list[int]
    ends: list[int]
    cut_costs: list[float]


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
            with self.track_time():
                spans = split_segments(document.text, partial(count_tokens, self.tokenizer_path), self.max_tokens)
                over = sum(span.tokens > self.max_tokens for span in spans)
                self.stat_update("documents")
                self.stat_update("segments", value=len(spans))
                self.stat_update("over_budget", value=over)
                segments = [_segment(document, span) for span in spans]
            yield from segments


def split_segments(text: str, count_tokens: CountTokens, max_tokens: int) -> list[Span]:
    """Return the segments of a text, in order; only whitespace lies outside them.

    A text that fits the budget is one segment. Every segment has at most `max_tokens`, unless it is one sentence.
    """
    if whole := _whole(text, count_tokens, max_tokens):
        return [whole]
    units = _read_units(text, max_tokens)
    if not units.starts:
        return []
    pieces = [text[start:following] for start, following in pairwise([*units.starts, units.ends[-1]])]
    tokens = [0, *accumulate(count_tokens(pieces))]
    parts = _pack(units.cut_costs, tokens, max_tokens)
    return _count_parts(text, units, tokens, parts, count_tokens, max_tokens)


def _whole(text: str, count_tokens: CountTokens, max_tokens: int) -> Span | None:
    """Return a text that is not long as one segment, if it is not empty and fits."""
    stripped = text.strip()
    if not stripped or len(stripped) > LIKELY_WHOLE * max_tokens:
        return None
    (tokens,) = count_tokens([stripped])
    start = len(text) - len(text.lstrip())
    return Span(start, start + len(stripped), tokens) if tokens <= max_tokens else None


def _count_parts(
    text: str,
    units: Units,
    tokens: list[int],
    parts: list[tuple[int, int]],
    count_tokens: CountTokens,
    max_tokens: int,
) -> list[Span]:
    """Return the segments that parts make, given by their first and last unit.

    A part that does not fit, though the tokens of its units do, is cut once more.
    """
    counts = count_tokens([text[units.starts[first] : units.ends[last]] for first, last in parts])
    spans = []
    for (first, last), count in zip(parts, counts, strict=True):
        if count <= max_tokens or first == last:
            spans.append(Span(units.starts[first], units.ends[last], count))
            continue
        inside = [token - tokens[first] for token in tokens[first : last + 2]]
        smaller = [
            (first + one, first + other)
            for one, other in _pack(units.cut_costs[first : last + 1], inside, inside[-1] - 1)
        ]
        spans += _count_parts(text, units, tokens, smaller, count_tokens, max_tokens)
    return spans


def _read_units(text: str, max_tokens: int) -> Units:
    units = Units([], [], [])
    previous = None
    for line in parse_lines(text):
        cost = cut_cost(previous, line) if previous else 0.0
        previous = line
        is_long = line.end - line.start > LONG_LINE * max_tokens
        spans = split_sentences(text[line.start : line.end]) if is_long else [(0, line.end - line.start)]
        for start, end in spans:
            units.starts.append(line.start + start)
            units.ends.append(line.start + end)
            units.cut_costs.append(cost)
            cost = BETWEEN_CLAUSES if text[line.start + end - 1] in CLAUSE_ENDS else BETWEEN_SENTENCES
    return units


def _pack(cut_costs: list[float], tokens: list[int], budget: int) -> list[tuple[int, int]]:
    """Return first and last unit of each segment on the cheapest way to cut the text.

    `tokens` has those of the first n units; `cut_costs` what a cut before each unit costs.
    """
    open_costs: list[float] = []  # the least cost of a way on which a segment begins at each unit
    first_of: list[int] = []  # where the last segment begins on the best way that ends with each unit
    cheapest, low, remnant = 0.0, 0, REMNANT * budget
    for last, cost_before in enumerate(cut_costs):
        open_costs.append(cheapest + cost_before)
        end = tokens[last + 1]
        while end - tokens[low] > budget and low < last:
            low += 1
        cheapest, first = float("inf"), last
        for candidate, cost in enumerate(open_costs[low:], low):  # the longest first: few of the others come near it
            if cost <= cheapest:
                length = end - tokens[candidate]
                if length < budget:
                    cost += (1 - length / budget) ** 2 + (REMNANT_COST if length < remnant else 0)
                if cost <= cheapest:
                    cheapest, first = cost, candidate
        first_of.append(first)
    packed, last = [], len(cut_costs) - 1
    while last >= 0:
        packed.append((first_of[last], last))
        last = first_of[last] - 1
    return packed[::-1]


def _segment(document: Document, span: Span) -> Document:
    """Return a segment. Its id depends on its text, too: corpora give several documents the same id."""
    text = document.text[span.start : span.end]
    origin = (document.metadata[schema.SOURCE], document.metadata[schema.DOCUMENT_ID], str(span.start), str(span.end))
    metadata = document.metadata | {
        schema.SPAN_START: span.start,
        schema.SPAN_END: span.end,
        schema.TOKENS: span.tokens,
    }
    segment_id = hashlib.sha256("\x1f".join((*origin, text)).encode()).hexdigest()[:24]
    return Document(text, id=segment_id, metadata=metadata)
