"""Support: how much more likely an answer is with its segment than without."""

from pathlib import Path

import pytest
from datatrove.data import Document

from kun_recipes.curation.measuring import FitsContext
from kun_recipes.curation.polishing import has_answer
from kun_recipes.curation.support import MeasureSupport, Support, answer_of
from kun_recipes.data import schema
from kun_recipes.models.engines import EngineSettings, load_engine
from kun_recipes.models.prompts import load_prompt
from tests.curation.stage_rows import measured

pytestmark = pytest.mark.slow

ROWS = [("水在一百度沸腾。", "水何时沸腾？", "一百度。"), ("{instruction}", "写诗", "春眠不觉晓")]


@pytest.fixture(scope="module")
def block(settings: EngineSettings, repository: Path) -> MeasureSupport:
    prompts = repository / "recipes" / "prompts"
    with_segment = load_prompt(prompts / "polish.txt", {"segment", "instruction"})
    support = Support(with_segment, load_prompt(prompts / "answer.txt", {"instruction"}))
    return MeasureSupport(settings, support, lambda *_: None)


def answered(*rows: tuple[str, str, str]) -> list[Document]:
    return [
        Document(text=text, id=str(number), metadata={schema.INSTRUCTION: instruction, schema.OUTPUT: output})
        for number, (text, instruction, output) in enumerate(rows)
    ]


def test_support_is_what_the_segment_adds_to_the_answers_log_probability(settings, block):
    engine = load_engine(settings)
    for row, (text, instruction, output) in zip(measured(block, answered(*ROWS)), ROWS, strict=True):
        asked = [f"{text}\n\n请回答：{instruction}", instruction]
        given, prior = (engine.score([[{"role": "user", "content": one}]], [output])[0] for one in asked)
        assert row.metadata[schema.OUTPUT_GIVEN] == pytest.approx(given, abs=1e-4)
        assert row.metadata[schema.OUTPUT_PRIOR] == pytest.approx(prior, abs=1e-4)
        assert row.metadata[schema.SUPPORT] == pytest.approx(given - prior, abs=2e-4) != 0


def test_answer_too_long_for_a_second_reading_is_reported(settings, block):
    rows = answered(ROWS[0], ("水", "何？", "a" * load_engine(settings).context_length))
    assert [FitsContext().filter(row) for row in measured(block, rows)] == [True, (False, "context_length")]


def test_a_row_without_an_answer_is_not_asked_about(settings, block):
    wanted = MeasureSupport(settings, block.support, lambda *_: None, has_answer)
    row = Document(text="水", id="0", metadata={schema.INSTRUCTION: "写诗"})
    assert schema.SUPPORT not in measured(wanted, [row])[0].metadata


def test_support_is_that_of_the_answer_without_its_tail(block):
    tailed = answered((*ROWS[0][:2], ROWS[0][2] + "\n以上内容仅供参考。"))
    plain, with_tail = measured(block, answered(ROWS[0]))[0], measured(block, tailed)[0]
    assert with_tail.metadata[schema.SUPPORT] == plain.metadata[schema.SUPPORT]


def test_answer_of_only_a_tail_is_measured_unchanged():
    assert answer_of(answered(("水", "何？", "以上内容仅供参考。"))[0]) == "以上内容仅供参考。"
