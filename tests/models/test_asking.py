"""What all blocks that ask a model share: no prompt that does not fit, and seeds by row."""

import pytest
from datatrove.data import Document

from kun_recipes.data import schema
from kun_recipes.models.asking import ROWS_A_CALL, AskModel, WriteText, row_seed
from kun_recipes.models.engines import EngineSettings, load_engine
from kun_recipes.models.engines.base import Completion, Sampling
from kun_recipes.models.prompts import PromptTemplate

pytestmark = pytest.mark.slow


class Echo(AskModel):
    """Asks nothing; notes the rows that it was given and drops those that say so."""

    name = "echo"

    def __init__(self, engine: EngineSettings, new_tokens: int):
        super().__init__(engine, new_tokens)
        self.asked: list[list[str]] = []

    def prompt_for(self, doc):
        return [{"role": "user", "content": doc.text}]

    def ask(self, engine, docs, prompts):
        assert [prompt[0]["content"] for prompt in prompts] == [doc.text for doc in docs]
        self.asked.append([doc.id for doc in docs])
        return [(False, "dropped") if "drop" in doc.text else True for doc in docs]


PROMPT = PromptTemplate((), "{output}", frozenset({"output"}), "fingerprint")


class Write(WriteText):
    name = "write"

    def prompt_for(self, doc):
        return self.prompt.render(output=doc.text)

    def columns(self, completion: Completion):
        return {"written": completion}


def settings(tiny_model, **more) -> EngineSettings:
    return EngineSettings("transformers", str(tiny_model), "float32", **more)


@pytest.fixture
def context(tiny_model) -> int:
    """Tokens that the tiny model can hold."""
    return load_engine(settings(tiny_model)).context_length


@pytest.fixture
def frame(tiny_model) -> int:
    """Tokens of the chat template around a lone user turn. The tiny model's other tokens are bytes."""
    return load_engine(settings(tiny_model)).count_tokens([[{"role": "user", "content": ""}]])[0]


def docs(*texts: str) -> list[Document]:
    return [Document(text=text, id=str(number)) for number, text in enumerate(texts)]


def test_a_prompt_must_leave_room_for_the_answer(tiny_model, context, frame):
    block = Echo(settings(tiny_model), new_tokens=10)
    room = context - 10 - frame
    rows = docs("a" * room, "a" * (room + 1), "drop", "b", "é" * room)
    verdicts = block.filter_batch(rows)
    assert verdicts == [True, (False, "context_length"), (False, "dropped"), True, (False, "context_length")]
    assert block.asked == [["0", "2", "3"]]
    assert [row.metadata.get(schema.VALUE) for row in rows] == [None, context - 9, None, None, frame + 2 * room]


def test_batch_without_a_fitting_row_asks_nothing(tiny_model, context):
    block = Echo(settings(tiny_model), new_tokens=context)
    assert block.filter_batch(docs("a")) == [(False, "context_length")]


def test_rows_are_asked_in_batches_or_one_by_one(tiny_model):
    block = Echo(settings(tiny_model), new_tokens=1)
    assert list(block.run(iter(docs("a", "drop", "b")))) == [Document("a", "0"), Document("b", "2")]
    assert block.asked == [["0", "1", "2"]]
    assert block.filter(docs("drop")[0]) == (False, "dropped")
    assert block.batch_size == ROWS_A_CALL


def test_a_row_seed_is_the_same_in_every_process_and_release():
    assert row_seed(0, "wudao/1") == 1562966386828742167
    assert row_seed(0, "") != row_seed(0, "0")


def test_row_seeds_are_distinct_and_fit_a_signed_word():
    seeds = {row_seed(seed, f"wudao/{number}") for seed in range(10) for number in range(200)}
    assert len(seeds) == 2000
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert row_seed(1, "1:2") != row_seed(11, ":2")


def test_greedy_text_is_the_engines_own(tiny_model):
    sampling = Sampling(max_new_tokens=6)
    rows = docs("水", "火")
    assert Write(settings(tiny_model), "tiny", PROMPT, sampling, seed=0).filter_batch(rows) == [True, True]
    prompts = [[{"role": "user", "content": row.text}] for row in rows]
    assert [row.metadata["written"] for row in rows] == load_engine(settings(tiny_model)).generate(prompts, sampling)


def test_a_sampled_text_depends_on_the_run_seed_and_the_row_alone(tiny_model):
    sampling = Sampling(max_new_tokens=8, temperature=1.0)

    def write(rows: list[Document], seed: int) -> dict[str, Completion]:
        Write(settings(tiny_model), "tiny", PROMPT, sampling, seed).filter_batch(rows)
        return {row.id: row.metadata["written"].text for row in rows}

    together = write(docs("水", "水", "水", "火"), seed=1)
    assert len({together["0"], together["1"], together["2"]}) == 3
    assert write(docs("水", "水", "水", "火")[2:], seed=1) == {id: together[id] for id in ("2", "3")}
    assert write(docs("水", "水", "水", "火"), seed=2) != together


def test_room_is_kept_for_the_whole_answer(tiny_model, context, frame):
    block = Write(settings(tiny_model), "tiny", PROMPT, Sampling(max_new_tokens=100), seed=0)
    rows = docs("a" * (context - frame - 99), "水")
    assert block.filter_batch(rows) == [(False, "context_length"), True]
    assert rows[0].metadata == {schema.VALUE: context - 99}
    assert rows[1].metadata["written"].tokens <= 100
