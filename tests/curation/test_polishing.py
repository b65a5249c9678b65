"""Polishing: the answer is written again, with the segment before the instruction, and the segment stays."""

from pathlib import Path

import pytest
from datatrove.data import Document

from kun_recipes.curation.measuring import FitsContext
from kun_recipes.curation.polishing import AnswerWithSegment, PolishAnswer, has_answer
from kun_recipes.data import schema
from kun_recipes.models.engines import load_engine
from kun_recipes.models.engines.base import Completion, Sampling
from kun_recipes.models.prompts import PromptTemplate, load_prompt
from tests.curation.stage_rows import measured

pytestmark = pytest.mark.slow

SAMPLING = Sampling(max_new_tokens=10)


@pytest.fixture(scope="module")
def prompt(repository: Path) -> PromptTemplate:
    return load_prompt(repository / "recipes" / "prompts" / "polish.txt", {"instruction", "segment"})


def candidates(*pairs: tuple[str, str]) -> list[Document]:
    return [
        Document(text=text, id=str(number), metadata={schema.INSTRUCTION: instruction, schema.FIT: 0.5})
        for number, (text, instruction) in enumerate(pairs)
    ]


def test_the_answer_is_the_models_and_the_segment_stays(settings, prompt):
    pairs = [("水在一百度沸腾。", "水何时沸腾？"), ("{instruction}", "写诗")]
    rows = candidates(*pairs)
    measured(PolishAnswer(settings, "chat@abc", prompt, SAMPLING, seed=0), rows)
    prompts = [[{"role": "user", "content": f"{text}\n\n请回答：{instruction}"}] for text, instruction in pairs]
    completions = load_engine(settings).generate(prompts, SAMPLING)
    for row, pair, completion in zip(rows, pairs, completions, strict=True):
        assert row.text == pair[0]
        assert row.metadata == {
            schema.INSTRUCTION: pair[1],
            schema.FIT: 0.5,
            schema.OUTPUT: completion.text.strip(),
            schema.OUTPUT_TOKENS: completion.tokens,
            schema.OUTPUT_FINISH: completion.finish_reason,
            schema.OUTPUT_LOGPROB: completion.logprob,
            schema.CHAT_MODEL: "chat@abc",
            schema.POLISH_PROMPT: prompt.fingerprint,
        }
        assert row.metadata[schema.OUTPUT_LOGPROB] < 0


def test_segment_instruction_and_answer_must_fit_together(settings, prompt):
    engine = load_engine(settings)
    frame = engine.count_tokens([prompt.render(segment="", instruction="")])[0]
    room = engine.context_length - frame - SAMPLING.max_new_tokens
    rows = candidates(("a" * 100, "b" * (room - 99)), ("水", "何？"))
    measured(PolishAnswer(settings, "chat", prompt, SAMPLING, seed=0), rows)
    assert [FitsContext().filter(row) for row in rows] == [(False, "context_length"), True]
    assert rows[0].metadata[schema.VALUE] == frame + room + 1
    assert schema.OUTPUT not in rows[0].metadata
    assert rows[1].metadata[schema.OUTPUT_TOKENS] <= 10


@pytest.mark.parametrize("text", ["答", " 答\n", "\n\n答。 "])
def test_blanks_around_an_answer_are_no_part_of_it(settings, prompt, text):
    block = PolishAnswer(settings, "chat", prompt, SAMPLING, seed=0)
    assert block.columns(Completion(text, 3, "stop", -1.0))[schema.OUTPUT] == text.strip()


def test_another_row_seed_writes_another_answer(settings, prompt):
    sampling = Sampling(max_new_tokens=10, temperature=1.0)

    def answers(seed: int) -> list[str]:
        rows = candidates(("水", "何？"), ("水", "何？"))
        measured(PolishAnswer(settings, "chat", prompt, sampling, seed), rows)
        return [row.metadata[schema.OUTPUT] for row in rows]

    assert answers(0) == answers(0)
    assert len({*answers(0), *answers(1)}) == 4


def test_raw_answer_is_the_segment_with_its_judge():
    rows = candidates(("水在一百度沸腾。", "水何时沸腾？"))
    assert list(AnswerWithSegment("chat@abc").run(iter(rows))) == rows
    assert rows[0].text == "水在一百度沸腾。"
    assert rows[0].metadata == {
        schema.INSTRUCTION: "水何时沸腾？",
        schema.FIT: 0.5,
        schema.OUTPUT: "水在一百度沸腾。",
        schema.CHAT_MODEL: "chat@abc",
    }


@pytest.mark.parametrize(
    ("columns", "seen"), [({}, False), ({"output": "\u200b \n"}, False), ({"output": "答"}, True)]
)
def test_an_answer_is_one_if_something_of_it_can_be_seen(columns, seen):
    assert has_answer(Document("水", "0", metadata=columns)) is seen
