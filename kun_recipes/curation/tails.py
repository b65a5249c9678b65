"""Disclaimers and courtesies at the end of an answer, which say nothing about what was asked."""

import re
from dataclasses import dataclass
from importlib.resources import files

from datatrove.data import Document
from datatrove.pipeline.filters.base_filter import BaseFilter
from datatrove.pipeline.writers.disk_base import DiskWriter

from kun_recipes.config.settings import load_typed
from kun_recipes.data import schema
from kun_recipes.rules.rule import Fault, Verdict, verdict
from kun_recipes.text.classes import CLOSING_MARKS
from kun_recipes.text.views import letters, narrow

SENTENCE = re.compile(rf"[^。!?…\n]*(?:[。!?…~]+[{re.escape(CLOSING_MARKS)}]*(?:[*_]+(?=\s|\Z))?|\n|\Z)\s*")
END = re.compile(rf"[哦呀哟啦]?[\s。!?…~.;,{re.escape(CLOSING_MARKS)}*_\U0001f300-\U0001faff☺-☻]+\Z")
LABEL_ONLY = re.compile(r"(?:\A|(?<=\n))[^\S\n]*(?:[-*_=#>~—]*[^\S\n]*)(?:[^\n。!?,;]{0,8}[::][*_]*)?\s*\Z")
MOST_LABELS = 4
CLAUSE_MARKS = ",;"
LONGEST = 200  # characters of a sentence in which its clauses are looked at


@dataclass(frozen=True)
class Tails:
    """The words by which tails are known: tails.yaml explains each."""

    labels: re.Pattern[str]
    sentences: re.Pattern[str] | None
    clauses: re.Pattern[str] | None
    after_a_tail: re.Pattern[str] | None


TAILS = load_typed(files("kun_recipes.curation") / "tails.yaml", Tails)


def without_tail(text: str) -> tuple[str, str]:
    """Return a text without the sentences at its end that say nothing, and these; both are stripped of blanks."""
    view = narrow(text)
    end = keep = len(view)
    for start in reversed([match.start() for match in SENTENCE.finditer(view) if match[0]]):
        sentence = view[start:end]
        if _is_tail(sentence):
            keep = start
        elif not _is(TAILS.after_a_tail, sentence):
            if letters(sentence):
                keep = _clause(sentence, start, keep)
                break
        elif keep == end < len(view):
            keep = start
        end = start
    if keep == len(view):
        return text, ""
    if view[keep] in CLAUSE_MARKS:
        return text[:keep] + "。", text[keep + 1 :].strip()
    if label := LABEL_ONLY.search(view, 0, keep):
        keep = label.start()
    return text[:keep].rstrip(), text[keep:].strip()


class StripTail(BaseFilter):
    """Strip from an answer the disclaimers and courtesies at its end.

    Reads the output. Where there is such a tail, output becomes what is left; adds tail, and raw_output, the answer as
    the model wrote it. Drops with reason "only_a_tail" an answer of nothing else; the value is the tail.
    """

    name = "🪥 tail"

    def __init__(self, exclusion_writer: DiskWriter | None = None):
        super().__init__(exclusion_writer)

    def filter(self, doc: Document) -> Verdict:
        raw = doc.metadata[schema.OUTPUT]
        kept, tail = without_tail(raw)
        if not tail:
            return True
        if not kept:
            return verdict(doc, Fault("only_a_tail", tail))
        doc.metadata |= {schema.RAW_OUTPUT: raw, schema.TAIL: tail, schema.OUTPUT: kept}
        return True


def _is(pattern: re.Pattern[str] | None, sentence: str) -> bool:
    """Return whether a sentence, with or without the labels before it, is one of the pattern's as a whole."""
    if pattern is None:
        return False
    plain = END.sub("", sentence).lstrip()
    for _ in range(MOST_LABELS):
        if pattern.fullmatch(plain):
            return True
        label = TAILS.labels.match(plain)
        if not label or not label[0]:
            return False
        plain = plain[label.end() :]
    return False


def _is_tail(sentence: str) -> bool:
    """Return whether a sentence is a tail, or two of them joined by a mark."""
    if _is(TAILS.sentences, sentence) or _is(TAILS.clauses, sentence):
        return True
    for mark in re.finditer(f"[{CLAUSE_MARKS}]", sentence[:LONGEST]):
        first, second = sentence[: mark.start()] + "。", sentence[mark.end() :]
        if _is(TAILS.clauses, first) and (_is(TAILS.clauses, second) or _is(TAILS.after_a_tail, second)):
            return True
    return False


def _clause(sentence: str, start: int, keep: int) -> int:
    """Return where the tail begins: at a mark within the sentence, or where it began before."""
    last = sentence[-LONGEST:]
    for mark in re.finditer(f"[{CLAUSE_MARKS}]", last):
        if _is(TAILS.clauses, last[mark.end() :]):
            return start + len(sentence) - len(last) + mark.start()
    return keep
