"""At most n segments per document, so that no long document outweighs the others (Kun §3.1)."""

import contextlib
import re
from collections.abc import Iterable, Iterator
from itertools import groupby, pairwise
from typing import NamedTuple

from datatrove.data import Document, DocumentsPipeline
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.writers.disk_base import DiskWriter
from datatrove.utils.typeshelper import StatHints

from kun_recipes.corpus.segments.lines import HEADING_CHARACTERS, LINE_ENDS
from kun_recipes.data import schema
from kun_recipes.data.rows import RECORD
from kun_recipes.text.classes import CLOSING_MARKS

FULL_STOPS = LINE_ENDS - {"｡"}
CLOSERS = "".join(mark for mark in CLOSING_MARKS if mark not in "］｝")  # with these or ｡ other rows would be chosen
ASCII_ALNUM = re.compile("[0-9A-Za-z]+")
NAMES_ITSELF = re.compile(
    r"(?:第\s*[0-9一二三四五六七八九十百千零〇]+\s*[条章节]|#+ |《|[^，。；：？！\n]{2,16}(?:是指|，是|是一|指的是))"
)
SHARE_STEP = 0.1  # of letters and digits: shares that differ by less are alike


class Quality(NamedTuple):
    """Quality of a segment; of two, the first field that differs decides, and the greater value is better."""

    names_subject: bool
    is_finished: bool
    length: int
    chinese: int


class ChooseSegments(PipelineStep):
    """Keep at most `max_segments` of each document, spread over it, and drop the others.

    The document's segments, in order, are parted into `max_segments` runs of nearly equal number, and of each run the
    best is kept. The better of two, by the first of these that differs:

    1. it names its subject: it begins under a heading, as an article of a law, or with a definition;
    2. it ends with a full stop;
    3. its length is near the middle of the budget (in quarters of it away);
    4. it has fewer Latin letters and digits (in tenths of its characters);
    5. it comes first.

    Reads the text and metadata file_path, record and tokens; the rows of a document follow each other, and only
    one document's are held. Reason: "surplus"; the value is the row's place in the quality order of its run.

    Args:
        max_segments: most segments of a document; None keeps all.
        exclusion_writer: where dropped rows go.
        max_tokens: the budget of the segmenter.
    """

    name = "🎯 choose segments"
    type = "🔻 - FILTER"

    def __init__(self, max_segments: int | None, exclusion_writer: DiskWriter | None = None, max_tokens: int = 512):
        super().__init__()
        self.max_segments = max_segments
        self.max_tokens = max_tokens
        self.exclusion_writer = exclusion_writer

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        with self.exclusion_writer if self.exclusion_writer else contextlib.nullcontext() as writer:
            for _, rows in groupby(data, key=_document):
                for row, place in self._judge(rows):
                    self.stat_update(StatHints.total)
                    if place == 0:
                        self.stat_update(StatHints.forwarded)
                        self.update_doc_stats(row)
                        yield row
                        continue
                    self.stat_update(StatHints.dropped, "dropped_surplus")
                    if writer:
                        row.metadata |= {"filter_reason": "surplus", schema.VALUE: str(place + 1)}
                        writer.write(row, rank)

    def _judge(self, rows: Iterable[Document]) -> Iterator[tuple[Document, int]]:
        """Yield the rows of a document in order, each with its place in its run; the first place is kept."""
        if self.max_segments is None:
            yield from ((row, 0) for row in rows)
            return
        held = list(rows)
        with self.track_time():
            runs = list(part(held, self.max_segments))
            places = [self._places(run) for run in runs]
        for run, run_places in zip(runs, places, strict=True):
            yield from zip(run, run_places, strict=True)

    def _places(self, rows: list[Document]) -> list[int]:
        if len(rows) == 1:
            return [0]
        qualities = [self.quality(row) for row in rows]
        order = sorted(range(len(rows)), key=lambda index: qualities[index], reverse=True)  # stable: the first wins
        places = [0] * len(rows)
        for place, index in enumerate(order):
            places[index] = place
        return places

    def quality(self, row: Document) -> Quality:
        """Return the quality by which the row is kept or dropped; see the class."""
        text = row.text
        middle = self.max_tokens / 2
        ascii_share = sum(map(len, ASCII_ALNUM.findall(text))) / max(len(text), 1)
        return Quality(
            names_subject=_under_heading(text) or NAMES_ITSELF.match(text) is not None,
            is_finished=text.rstrip(CLOSERS)[-1:] in FULL_STOPS,
            length=-int(abs(row.metadata[schema.TOKENS] - middle) / self.max_tokens * 4),
            chinese=-int(ascii_share / SHARE_STEP),
        )


def part(rows: list[Document], runs: int) -> Iterator[list[Document]]:
    """Yield the rows in at most so many runs, whose numbers of rows differ by one at most."""
    runs = min(runs, len(rows))
    bounds = [len(rows) * place // runs for place in range(runs + 1)]
    for first, last in pairwise(bounds):
        yield rows[first:last]


def _document(row: Document) -> tuple[str, int]:
    return row.metadata[schema.FILE_PATH], row.metadata[RECORD]


def _under_heading(text: str) -> bool:
    """Return whether the first line is short, without an end mark, and has text under it."""
    first, line_break, _ = text.partition("\n")
    first = first.rstrip()
    return bool(line_break) and len(first) <= HEADING_CHARACTERS and first[-1:] not in "。，；：、,;:"
