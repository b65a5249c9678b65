"""Each formula against an example multiplied by hand, with the numbers of conftest.py."""

import math
from dataclasses import replace

import pytest

from kun_recipes.chain.plan.assumptions import Assumption
from kun_recipes.chain.plan.work import Flow, Rows
from kun_recipes.chain.stages.corpus import CORPUS
from kun_recipes.chain.stages.label import LABEL
from kun_recipes.chain.stages.refine import REFINE
from kun_recipes.corpus.config import Corpus

TWO = {"corpora": [Corpus("a", "wudao"), Corpus("b", "skypile")]}
PARTS = {"corpora": [Corpus("a", "wudao"), Corpus("b", "wudao")]}
UNKNOWN = {"corpora": [Corpus("a", "wudao"), Corpus("b", "wanjuan")]}


@pytest.mark.parametrize(
    ("options", "segments", "kept", "seconds"),
    [
        # 1,000 documents, 2 segments each, half of them kept; 2 MB of text at 1,000 bytes per second
        ({}, 2000, 1000, 2000),
        (TWO, 8000, 4000, 5000),
        # a hundred documents of each path: a tenth of WuDao's bytes, a thirtieth of SkyPile's
        ({**TWO, "max_documents": 100}, 400, 200, 300),
        # two paths of one corpus
        ({**PARTS, "max_documents": 100}, 400, 200, 400),
        ({"max_documents": 5000}, 2000, 1000, 2000),
        ({"sample_documents": 0.25}, 500, 250, 500),
        ({"sample_rows": 600}, 2000, 600, 2000),
        ({"sample_rows": 6000}, 2000, 1000, 2000),
        # WanJuan's size is unknown
        (UNKNOWN, math.nan, math.nan, math.nan),
        ({**UNKNOWN, "sample_rows": 600}, math.nan, 600, math.nan),
        ({**UNKNOWN, "max_documents": 100}, 400, 200, math.nan),
        # plan.yaml has no such corpus
        ({"corpora": [Corpus("a", "jsonl")]}, math.nan, math.nan, math.nan),
    ],
)
def test_corpus(make, known, options, segments, kept, seconds):
    flow = Flow(known)
    work = CORPUS.work(make.corpus(**options), known, flow, devices=1)
    assert work.rows_in == pytest.approx(segments, nan_ok=True)
    assert work.rows_out == pytest.approx(kept, nan_ok=True)
    assert work.tokens_written == pytest.approx(kept * 200, nan_ok=True)
    assert work.device_seconds == pytest.approx(seconds, nan_ok=True)
    assert work.disk_bytes == pytest.approx(segments * 300, nan_ok=True)
    assert flow.read("out/corpus/rows").count == pytest.approx(kept, nan_ok=True)


@pytest.fixture
def flow(known) -> Flow:
    """1,000 segments of 200 tokens."""
    flow = Flow(known)
    flow.write("out/corpus", Rows(1000, 200))
    return flow


@pytest.mark.parametrize(
    ("options", "read", "written", "rows_on_disk"),
    [
        # 20 + 200 + 20 + 10 tokens read, 10 written, of each segment
        ({}, 250_000, 10_000, 2),
        ({"max_new_tokens": 4}, 244_000, 4_000, 2),
        ({"max_new_tokens": 400}, 250_000, 10_000, 2),
        # 20 + 200 + 3 x (20 + 10) read
        ({"candidates": 3}, 310_000, 30_000, 4),
    ],
)
def test_label(make, known, flow, options, read, written, rows_on_disk):
    work = LABEL.work(make.label(**options), known, flow, devices=1)
    assert (work.rows_in, work.rows_out) == (1000, 800)
    assert (work.tokens_read, work.tokens_written) == (read, written)
    assert work.device_seconds == (read + written) / 100
    assert work.disk_bytes == rows_on_disk * 1000 * 300
    assert flow.read("out/label/rows") == Rows(800, 200)


@pytest.mark.parametrize(
    ("options", "read", "written", "pair"),
    [
        # of 800: 800 + 400 judged with 5 + 10 tokens, 160 answered with 10 + 10 + 200 read and 60 written
        ({}, 1200 * 15 + 160 * 220, 160 * 60, 10 + 60),
        ({"max_new_tokens": 50}, 1200 * 15 + 160 * 220, 160 * 50, 10 + 50),
        # the second judge reads the segment too
        ({"score_target": "pair"}, 1200 * 15 + 400 * 200 + 160 * 220, 160 * 60, 10 + 60),
        # each answer is read twice with its segment and by the judge, and once alone; then three answers
        ({"verify": True}, 1200 * 15 + 160 * (220 + 2 * 270 + 5 + 70), 160 * 60, 10 + 60),
        (
            {"verify": True, "answer_candidates": 3},
            1200 * 15 + 160 * (220 + 3 * (2 * 270 + 5 + 70)),
            3 * 160 * 60,
            10 + 60,
        ),
        # the segment is the answer
        ({"answers": "raw"}, 1200 * 15, 0, 10 + 200),
    ],
)
def test_refine(make, known, flow, options, read, written, pair):
    flow.write("out/label", Rows(800, 200))
    work = REFINE.work(make.refine(**options), known, flow, devices=1)
    assert (work.rows_in, work.rows_out) == (800, 40)
    assert (work.tokens_read, work.tokens_written) == (read, written)
    assert work.device_seconds == (read + written) / 50
    assert work.disk_bytes == (800 + 40) * 300
    assert flow.read("out/dataset") == Rows(40, pair)
    assert flow.read("out/refine/rows") == Rows(40, pair)


def test_result_of_an_unknown_number_is_unknown(make, known, flow):
    label = replace(known.label, kept_share=known.corpora[2].documents)
    unknown = replace(known, sections={**known.sections, "label": label})
    work = LABEL.work(make.label(), unknown, flow, devices=1)
    assert work.tokens_read == 250_000
    assert math.isnan(work.rows_out)


def test_rows_from_outside_the_recipe_come_from_the_plan(flow):
    assert flow.read("owner/other") == Rows(30, 80)
    assert math.isnan(flow.read("owner/unheard-of").count)


@pytest.mark.parametrize(
    ("speeds", "seconds"),
    [
        # 18,000 tokens judged, 44,800 to write answers
        ({"judge": 100.0, "polish": 50.0}, 180 + 896),
        ({"judge": 100.0}, math.nan),
        ({"judge": 100.0, "polish": 50.0, "refine": 200.0}, 314),
    ],
)
def test_refine_is_as_fast_as_its_parts(make, known, flow, speeds, seconds):
    measured = replace(known, speeds={name: Assumption(value, "a test") for name, value in speeds.items()})
    flow.write("out/label", Rows(800, 200))
    work = REFINE.work(make.refine(), measured, flow, devices=1)
    assert work.device_seconds == pytest.approx(seconds, nan_ok=True)
    assert (work.speed.value is None) == math.isnan(seconds)
