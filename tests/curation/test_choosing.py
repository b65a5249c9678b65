"""The choice among several candidates: the order of what speaks for one, and the count of the others."""

from typing import Any

import pytest
from datatrove.data import Document

from kun_recipes.curation.choosing import KeepBest, instruction_merits
from kun_recipes.curation.config import RefineConfig
from kun_recipes.curation.verification import Verification
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


def test_best_candidate_is_kept_and_a_single_one_is_unchanged():
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


def test_check_reads_the_result_of_earlier_checks_and_changes_nothing():
    both = [candidate("坏" + ASKS), candidate(ASKS + "坏", 0.5)]
    assert choose(both, checks=[Strip()]) == ([candidate(ASKS + "坏", 0.5)], 1)


TRUE, LONGER, INVENTED = "莲花峰。", "主峰是莲花峰，海拔1864米。", "莲花峰，海拔1900米。"
TAIL = "如需了解更多信息，建议您访问官方网站。"


def answer(output: str, support: float | None = 1.0, judge: float | None = 1.0, **more: Any) -> dict[str, Any]:
    measured = {schema.SUPPORT: support, schema.ANSWER_CALIBRATED: judge}
    known = {column: value for column, value in measured.items() if value is not None}
    return {schema.INSTRUCTION: ASKS, schema.OUTPUT: output, **known, **more}


class Known:
    """Calibrations by which support counts twice as much as the judge; both keep what is not below 0."""

    def __init__(self, calibration):
        self.of = {name: calibration(name, slope=slope) for name, slope in (("support", 2.0), ("answer", 1.0))}

    def measured(self):
        return self.of

    def keeps(self, *signals):
        return lambda doc: all(doc.metadata[signal.calibrated] >= 0 for signal in signals)


ANSWERS = {
    "what a check drops is worse than a missing detail": (answer(TRUE, tokens=9), answer(INVENTED, tokens=1)),
    "a missing detail is worse than a verdict": (answer(INVENTED, 9.0, 9.0), answer(TRUE, -1.0, -1.0)),
    "a detail of the tail counts for nothing": (answer(TRUE), answer(LONGER + TAIL, 2.0)),
    "what support drops": (answer(TRUE, -0.1, 9.0), answer(LONGER, 0.1, 0.1)),
    "what the judge drops": (answer(TRUE, 9.0, -0.1), answer(LONGER, 0.1, 0.1)),
    "of two kept the lower support": (answer(TRUE, 1.0), answer(LONGER, 1.1)),
    "of two kept the lower verdict": (answer(TRUE, judge=1.0), answer(LONGER, judge=1.1)),
    "support weighs more where it tells more": (answer(TRUE, 1.0, 2.9), answer(LONGER, 2.0, 1.0)),
    "of two dropped the lower support": (answer(TRUE, -2.0), answer(LONGER, -1.9)),
    "what was not measured is worse than what is dropped": (answer(TRUE, None, None), answer(LONGER, -9.0, -9.0)),
    "measured by one alone": (answer(TRUE, 9.0, None), answer(LONGER, -9.0, -9.0)),
    "equals: the later one": (answer(TRUE, number=2), answer(TRUE, number=1)),
}


@pytest.mark.parametrize(("worse", "better"), ANSWERS.values(), ids=ANSWERS)
def test_the_better_answer_is_the_rows(worse, better, calibration, in_repository):
    config = RefineConfig(candidates="", output_dir="", dataset_dir="", judge_data=[], model="")
    merits = Verification(config).merits(Known(calibration))
    for several in [[better, worse]] if "number" in better else [[better, worse], [worse, better]]:
        short = RangeFilter("tokens", "long", highest=5) if "tokens" in better else RangeFilter(schema.SUPPORT, "none")
        docs = [Document(SEGMENT, "0", metadata=one) for one in several]
        assert [doc.metadata for doc in KeepBest([short], merits).run(iter(docs))] == [better]
