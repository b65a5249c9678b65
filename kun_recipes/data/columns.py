"""The columns of what is published: their order, types and meanings, as the cards print them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pyarrow

from kun_recipes.data import schema

SEGMENT = "segment"
"""Published name of a row's `text`, the segment that its answer was polished from, or is, or was asked without."""

LICENSE = "license"
"""The licence of the row's source; the Hub's own word and spelling."""

_TEXT, _WHOLE, _REAL = pyarrow.string(), pyarrow.int64(), pyarrow.float64()


class Column(NamedTuple):
    """A published column.

    Attributes:
        meaning: a phrase for the card; log-probabilities are in nats.
    """

    name: str
    type: pyarrow.DataType
    meaning: str


_INSTRUCTION = Column(schema.INSTRUCTION, _TEXT, "the instruction that the label model wrote for the segment")
_SOURCE = Column(schema.SOURCE, _TEXT, "the corpus; also the name of the split")
_SEGMENT = (
    Column(schema.ID, _TEXT, "row id: hash of source, document, span and text"),
    Column(SEGMENT, _TEXT, "the passage of web text that the row comes from, private data masked"),
    Column(schema.DOCUMENT_ID, _TEXT, "the document in its corpus, without local folders and private data"),
    Column(schema.TITLE, _TEXT, "the document's title, if its corpus has one"),
    Column(schema.SPAN_START, _WHOLE, "position of the segment's first character in the normalised document"),
    Column(schema.SPAN_END, _WHOLE, "position after its last character"),
    Column(schema.TOKENS, _WHOLE, "length of the segment in tokens"),
    Column(schema.MASKED, _TEXT, "private data replaced by placeholders, such as `mobile:1`; null: none"),
)
_LABEL = (
    Column(schema.INSTRUCTION_TOKENS, _WHOLE, "length of the instruction in tokens"),
    Column(schema.INSTRUCTION_LOGPROB, _REAL, "mean log p(instruction given segment) per token"),
    Column(schema.INSTRUCTION_PRIOR, _REAL, "mean log p(instruction) per token, without the segment"),
    Column(schema.PERPLEXITY, _REAL, "perplexity of the instruction given the segment, by the label model"),
    Column(schema.FIT, _REAL, "how much the segment explains the instruction: the difference between the two means"),
)
_VERDICTS = (
    Column(schema.FILTER_LOGODDS, _REAL, "log-odds of 是 against 否: is the text an instruction?"),
    Column(schema.FILTER_CALIBRATED, _REAL, "the same, minus the log-odds on empty input"),
    Column(schema.FILTER_PROBABILITY, _REAL, "P(是): these log-odds, calibrated on labelled items"),
    Column(schema.SCORE_LOGODDS, _REAL, "log-odds of 好 against 差: is it a good one?"),
    Column(schema.SCORE_CALIBRATED, _REAL, "the same, minus the log-odds on empty input"),
    Column(schema.SCORE_PROBABILITY, _REAL, "P(好): these log-odds, calibrated on labelled items"),
    Column(
        schema.ANSWER_LOGODDS, _REAL, "log-odds of 好 against 差 for the answer, given the segment; null: not asked"
    ),
    Column(schema.ANSWER_CALIBRATED, _REAL, "the same, minus the log-odds on empty input"),
    Column(schema.ANSWER_PROBABILITY, _REAL, "P(好) of the answer: these log-odds, calibrated on labelled items"),
    Column(schema.SUPPORT, _REAL, "how much the segment explains the answer, in nats per token; null: not measured"),
    Column(schema.MISSING_DETAILS, pyarrow.list_(_TEXT), "words that are not in the segment; null: not checked"),
    Column(schema.RAW_OUTPUT, _TEXT, "the original answer, if closing courtesies were removed from it"),
    Column(schema.OUTPUT_TOKENS, _WHOLE, "length of the answer in tokens; null: the answer is the segment"),
    Column(schema.OUTPUT_LOGPROB, _REAL, "mean log-probability of the answer per token, by the chat model"),
)
_LABELLER = (
    Column(schema.LABEL_MODEL, _TEXT, "label model: name and hash of its weights"),
    Column(schema.LABEL_PROMPT, _TEXT, "fingerprint of the label prompt"),
)
_WRITER = (
    Column(schema.CHAT_MODEL, _TEXT, "primary chat model: name and hash of its weights"),
    Column(schema.POLISH_PROMPT, _TEXT, "fingerprint of the polish prompt; null: the answer is the segment"),
)

PAIRS = (
    _INSTRUCTION,
    Column(schema.OUTPUT, _TEXT, "the answer"),
    _SOURCE,
    *_SEGMENT,
    *_LABEL,
    *_VERDICTS,
    *_LABELLER,
    *_WRITER,
)
"""Refined pairs: the pair and its source first, as in COIG-Kun, then every number that decided about the row."""

SEGMENTS = (_SEGMENT[1], _SOURCE, _SEGMENT[0], *_SEGMENT[2:])
"""Segments, as the corpus stage leaves them."""

CANDIDATES = (_INSTRUCTION, _SEGMENT[1], _SOURCE, _SEGMENT[0], *_SEGMENT[2:], *_LABEL, *_LABELLER)
"""Labelled candidates: the instruction and the segment that it was written for, before any verdict."""


def with_round(columns: tuple[Column, ...], first: Mapping[str, Any] | None) -> tuple[Column, ...]:
    """Return the columns with the number of the round at their end, if the first of the rows has one."""
    is_of_round = first is not None and first.get(schema.ROUND) is not None
    return (*columns, Column(schema.ROUND, _WHOLE, "the round that labelled the segment")) if is_of_round else columns


_TURNS = pyarrow.list_(pyarrow.struct({"role": _TEXT, "content": _TEXT}))

PREFERENCE = (
    Column("prompt", _TURNS, "the instruction, as a conversation"),
    Column("chosen", _TURNS, "the answer of the row"),
    Column("rejected", _TURNS, "a worse answer"),
    Column("score_chosen", _REAL, "support of the answer, in nats per token; null: not measured"),
    Column("score_rejected", _REAL, "the same for the worse answer; not measured for a raw segment"),
    Column("judge_chosen", _REAL, "P(好) of the answer, by the judge of answers; null: not asked"),
    Column("judge_rejected", _REAL, "the same for the worse answer"),
    Column("rejected_from", _TEXT, "turned_down: an answer that failed a check; segment: the raw segment"),
    Column("reason", _TEXT, "the check that it failed; not_polished for a raw segment"),
    _SOURCE._replace(meaning="the corpus"),
    Column(schema.ID, _TEXT, "row id, as in the other configs"),
)
"""Preference pairs in TRL's conversational form."""


def with_license(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    """Return the columns with the licence of the row's source behind its source."""
    behind = next(number for number, column in enumerate(columns, 1) if column.name == schema.SOURCE)
    return (*columns[:behind], Column(LICENSE, _TEXT, "licence of the source: see Licences"), *columns[behind:])


def arrow_schema(columns: tuple[Column, ...]) -> pyarrow.Schema:
    return pyarrow.schema({column.name: column.type for column in columns})
