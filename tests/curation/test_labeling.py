"""Labelling: the candidate instruction, its perplexity and its fit, and the bounds by which rows are kept."""

import math
from pathlib import Path

import pytest
from datatrove.data import Document

from kun_recipes.curation.labeling import EmptyInstruction, LabelInstructions, MeasureFit
from kun_recipes.curation.measuring import FitsContext
from kun_recipes.data import schema
from kun_recipes.models.engines import load_engine
from kun_recipes.models.engines.base import Completion, Sampling
from kun_recipes.models.prompts import PromptTemplate, load_prompt
from kun_recipes.rules.ranges import RangeFilter
from tests.curation.stage_rows import measured

pytestmark = pytest.mark.slow

SAMPLING = Sampling(max_new_tokens=12)


@pytest.fixture(scope="module")
def prompt(repository: Path) -> PromptTemplate:
    return load_prompt(repository / "recipes" / "prompts" / "label.txt", {"segment"})


def segments(*texts: str) -> list[Document]:
    return [Document(text=text, id=str(number), metadata={"source": "wudao"}) for number, text in enumerate(texts)]


def test_a_label_is_the_models_answer_with_its_perplexity(settings, prompt):
    rows = segments("水在一百度沸腾。", "{segment}\n第二行")
    block = LabelInstructions(settings, "tiny@abc", prompt, SAMPLING, seed=0)
    measured(block, rows)
    prompts = [prompt.render(segment=text) for text in ("水在一百度沸腾。", "{segment}\n第二行")]
    for row, completion in zip(rows, load_engine(settings).generate(prompts, SAMPLING), strict=True):
        assert row.metadata == {
            "source": "wudao",
            schema.INSTRUCTION: completion.text.strip(),
            schema.INSTRUCTION_TOKENS: completion.tokens,
            schema.INSTRUCTION_FINISH: completion.finish_reason,
            schema.INSTRUCTION_LOGPROB: completion.logprob,
            schema.PERPLEXITY: pytest.approx(math.exp(-completion.logprob)),
            schema.LABEL_MODEL: "tiny@abc",
            schema.LABEL_PROMPT: prompt.fingerprint,
        }
        assert row.metadata[schema.PERPLEXITY] > 1
    assert [row.text for row in rows] == ["水在一百度沸腾。", "{segment}\n第二行"]


def test_segment_over_context_is_reported_and_others_are_labelled(settings, prompt):
    engine = load_engine(settings)
    frame = engine.count_tokens([prompt.render(segment="")])[0]
    long = "a" * (engine.context_length - frame - SAMPLING.max_new_tokens + 1)
    rows, alone = segments("水", long, "火"), segments("水")
    block = LabelInstructions(settings, "tiny", prompt, SAMPLING, seed=0)
    measured(block, rows)
    assert rows[1].metadata == {"source": "wudao", schema.PROMPT_TOKENS: frame + len(long)}
    assert [FitsContext().filter(row) for row in rows] == [True, (False, "context_length"), True]
    assert rows[1].metadata[schema.VALUE] == frame + len(long)
    measured(block, alone)
    assert rows[0].metadata[schema.INSTRUCTION] == alone[0].metadata[schema.INSTRUCTION]
    assert schema.INSTRUCTION in rows[2].metadata


def test_blanks_around_an_instruction_are_no_part_of_it(settings, prompt):
    block = LabelInstructions(settings, "tiny", prompt, SAMPLING, seed=0)
    columns = block.columns(Completion(" 写诗。\n", 3, "stop", -0.5))
    assert columns[schema.INSTRUCTION] == "写诗。"
    assert columns[schema.PERPLEXITY] == pytest.approx(math.exp(0.5))


def labelled(*instructions: str, logprob: float = -1.25) -> list[Document]:
    return [
        Document(
            text="段落",
            id=str(number),
            metadata={schema.INSTRUCTION: instruction, schema.INSTRUCTION_LOGPROB: logprob},
        )
        for number, instruction in enumerate(instructions)
    ]


def test_fit_is_what_the_segment_adds_to_the_instructions_log_probability(settings, prompt):
    rows = labelled("水的沸点是多少？", "写诗")
    measured(MeasureFit(settings, prompt), rows)
    without = prompt.render(segment="")
    priors = load_engine(settings).score([without, without], ["水的沸点是多少？", "写诗"])
    for row, prior in zip(rows, priors, strict=True):
        assert prior < 0
        assert row.metadata[schema.INSTRUCTION_PRIOR] == pytest.approx(prior)
        assert row.metadata[schema.FIT] == pytest.approx(-1.25 - prior)


def test_fit_of_an_empty_segment_is_zero(settings, prompt):
    """With an empty segment both terms are the same probability, unless decoding changed the text."""
    instruction = "什么？"
    row = labelled(instruction, logprob=load_engine(settings).score([prompt.render(segment="")], [instruction])[0])
    measured(MeasureFit(settings, prompt), row)
    assert row[0].metadata[schema.FIT] == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(
    "instructions",
    [("",), ("写诗", "", "什么？"), ("\u200b", "写诗", "\x01\x7f")],
    ids=["alone", "among others", "not to be seen"],
)
def test_an_empty_instruction_is_dropped(settings, prompt, instructions):
    rows = labelled(*instructions)
    for row in measured(MeasureFit(settings, prompt), rows):
        written = row.metadata[schema.INSTRUCTION] in ("写诗", "什么？")
        assert EmptyInstruction().filter(row) == (True if written else (False, "empty_instruction"))
        assert (schema.FIT in row.metadata) is written


BOUNDS = {
    "at the lowest": (1.0, {"lowest": 1.0}, True),
    "below the lowest": (0.999, {"lowest": 1.0}, False),
    "at the highest": (4, {"highest": 4.0}, True),
    "over the highest": (4.001, {"highest": 4.0}, False),
    "between": (2, {"lowest": 1, "highest": 4}, True),
    "no bounds": (1e9, {}, True),
    "lowest is switched off": (-1e9, {"lowest": None, "highest": 0}, True),
    "a bound of zero": (-0.1, {"lowest": 0}, False),
    "zero over zero": (0.1, {"highest": 0}, False),
}


@pytest.mark.parametrize(("value", "bounds", "kept"), BOUNDS.values(), ids=BOUNDS)
def test_range_includes_its_bounds(value, bounds, kept):
    row = Document(text="段落", id="1", metadata={"fit": value})
    block = RangeFilter("fit", "poor_fit", **bounds)
    assert block.filter(row) == (True if kept else (False, "poor_fit"))
    assert row.metadata == ({"fit": value} if kept else {"fit": value, schema.VALUE: value})
    assert block.name == "📏 poor_fit"


def test_range_drops_a_row_that_was_not_measured_and_has_no_value_for_it():
    row = Document(text="段落", id="1", metadata={})
    assert RangeFilter("fit", "poor_fit", lowest=-100).filter(row) == (False, "poor_fit")
    assert row.metadata == {}
