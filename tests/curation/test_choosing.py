"""The choice among several candidates: the order of what speaks for one, and the count of the others."""

from typing import Any

import pytest
from datatrove.data import Document

from kun_recipes.curation.choosing import KeepBest, instruction_merits
from kun_recipes.data import schema
from kun_recipes.rules.ranges import RangeFilter
from kun_recipes.rules.rule import Fault, Rule

SEGMENT = "黄山在安徽省南部，主峰莲花峰海拔1864米。"
ASKS, ORDERS, STATES = "黄山的主峰有多高？", "请介绍黄山的主峰。", "黄山的主峰"
INVENTS = "海拔1900米的黄山在哪里？"


def candidate(instruction: str, fit: float | None = 1.0, perplexity: float = 2.0, **more: Any) -> dict[str, Any]:
    fits = {} if fit is None else {schema.FIT: fit}
    return {schema.INSTRUCTION: instruction, schema.PERPLEXITY: perplexity, **fits, **more}


LIKELY = RangeFilter(schema.PERPLEXITY, "perplexity", highest=3)


def choose(*rows: list[dict[str, Any]], checks=(LIKELY,)):
    """Return the best candidate of each row, and the number of the others."""
    docs = [Document(SEGMENT, str(row), metadata=one) for row, several in enumerate(rows) for one in several]
    block = KeepBest(checks, instruction_merits)
    kept = [doc.metadata for doc in block.run(iter(docs))]
    return kept, block.stats["not_best"].total


ORDER = {
    "what a check drops is worse than a statement": (candidate(ASKS, perplexity=4), candidate(STATES)),
    "what a check drops is worse than a detail that is missing": (candidate(ASKS, perplexity=4), candidate(INVENTS)),
    "a statement is worse than a question": (candidate(STATES, 9.0), candidate(ASKS)),
    "a statement is worse than an order": (candidate(STATES, 9.0), candidate(ORDERS)),
    "a statement is worse than a detail that is missing": (candidate(STATES), candidate(INVENTS)),
    "a missing detail is worse than a low fit": (candidate(INVENTS, 9.0), candidate(ASKS)),
    "the lower fit is worse": (candidate(ASKS, 1.0), candidate(ORDERS, 1.5)),
    "without a fit": (candidate("", None), candidate(STATES, -9.0)),
    "of two that a check drops, a statement": (candidate(STATES, 9.0, 4), candidate(ASKS, 1.0, 4)),
    "equals: the later one": (candidate(ASKS, number=2), candidate(ASKS, number=1)),
}


@pytest.mark.parametrize(("worse", "better"), ORDER.values(), ids=ORDER)
def test_the_better_candidate_is_the_row(worse, better):
    orders = [[better, worse]] if "number" in better else [[better, worse], [worse, better]]
    for several in orders:
        assert choose(several) == ([better], 1)


def test_each_row_keeps_one_and_a_candidate_alone_is_kept_as_it_is():
    first, second = [candidate(STATES, perplexity=9)], [candidate(STATES), candidate(INVENTS), candidate(ASKS)]
    assert choose(first, second, first) == ([*first, second[2], *first], 2)


class Strip(Rule):
    """A block that changes the row before it drops one."""

    def __init__(self):
        super().__init__(schema.INSTRUCTION)

    def filter(self, doc):
        doc.metadata[schema.INSTRUCTION] = doc.metadata[schema.INSTRUCTION].removesuffix("坏")
        return super().filter(doc)

    def find(self, text):
        return Fault("bad", text) if "坏" in text else None


def test_a_check_sees_what_those_before_it_left_and_leaves_no_trace():
    both = [candidate("坏" + ASKS), candidate(ASKS + "坏", 0.5)]
    assert choose(both, checks=[Strip()]) == ([candidate(ASKS + "坏", 0.5)], 1)
