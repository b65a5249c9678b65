"""What all blocks that ask a model share: no prompt that does not fit, and seeds by row."""

import pytest
from datatrove.data import Document

from kun_recipes.data import schema
from kun_recipes.models.asking import ROWS_A_CALL, AskModel, row_seed
from kun_recipes.models.engines import EngineSettings, load_engine

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


def test_vllm_gets_whole_shards_at_once():
    for engine in ("transformers", "vllm"):
        assert Echo(EngineSettings(engine, "m"), new_tokens=1).batch_size == ROWS_A_CALL[engine]
    assert ROWS_A_CALL["vllm"] >= 4096  # rows_per_shard of the paper's recipes


def test_a_row_seed_is_the_same_in_every_process_and_release():
    assert row_seed(0, "wudao/1") == 1562966386828742167
    assert row_seed(0, "") != row_seed(0, "0")


def test_row_seeds_are_distinct_and_fit_a_signed_word():
    seeds = {row_seed(seed, f"wudao/{number}") for seed in range(10) for number in range(200)}
    assert len(seeds) == 2000
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert row_seed(1, "1:2") != row_seed(11, ":2")
