"""Blocks that measure: every row passes, no prompt that does not fit is asked, and nothing is asked twice."""

from types import SimpleNamespace

import pytest
from datatrove.data import Document

from kun_recipes.curation import measuring
from kun_recipes.curation.measuring import MeasureRows, RecallRows, WriteText
from kun_recipes.data import schema
from kun_recipes.data.rows import row_writer
from kun_recipes.models.engines import EngineSettings, load_engine
from kun_recipes.models.engines.base import Completion, Sampling
from kun_recipes.models.prompts import PromptTemplate
from tests.curation.stage_rows import measured

pytestmark = pytest.mark.slow

PROMPT = PromptTemplate((), "{output}", frozenset({"output"}), "fingerprint")


class Write(WriteText):
    name = "write"
    column = "written"

    def prompt_for(self, doc):
        return self.prompt.render(output=doc.text)

    def columns(self, completion: Completion):
        return {"written": completion}


def docs(*texts: str) -> list[Document]:
    return [Document(text=text, id=str(number)) for number, text in enumerate(texts)]


class Count(MeasureRows):
    """Notes how many rows each call is about."""

    name = "count"
    column = "counted"
    calls: list[int]

    def prompt_for(self, doc):
        return [{"role": "user", "content": doc.text}]

    def measure(self, engine, docs, prompts):
        self.calls.append(len(docs))


@pytest.mark.parametrize(("engine", "calls"), [("vllm", [5000]), ("transformers", [1024] * 4 + [904])])
def test_vllm_is_asked_about_a_whole_shard_at_once(engine, calls, monkeypatch):
    silent = SimpleNamespace(take_worked=lambda: 0)
    monkeypatch.setattr(measuring, "engine_of", lambda block, settings: silent)
    monkeypatch.setattr(measuring, "too_long", lambda engine, prompts, rooms: {})
    block = Count(EngineSettings(engine, "m"), new_tokens=1)
    block.calls = []
    assert len(list(block.run(iter(docs(*"水" * 5000))))) == 5000
    assert block.calls == calls


def test_greedy_text_is_the_engines_own(settings):
    sampling = Sampling(max_new_tokens=6)
    rows = measured(Write(settings, "tiny", PROMPT, sampling, seed=0), docs("水", "火"))
    prompts = [[{"role": "user", "content": row.text}] for row in rows]
    assert [row.metadata["written"] for row in rows] == load_engine(settings).generate(prompts, sampling)


def test_a_sampled_text_depends_on_the_run_seed_and_the_row_alone(settings):
    sampling = Sampling(max_new_tokens=8, temperature=1.0)

    def write(rows: list[Document], seed: int) -> dict[str, Completion]:
        measured(Write(settings, "tiny", PROMPT, sampling, seed), rows)
        return {row.id: row.metadata["written"].text for row in rows}

    together = write(docs("水", "水", "水", "火"), seed=1)
    assert len({together["0"], together["1"], together["2"]}) == 3
    assert write(docs("水", "水", "水", "火")[2:], seed=1) == {id: together[id] for id in ("2", "3")}
    assert write(docs("水", "水", "水", "火"), seed=2) != together


def test_room_is_kept_for_the_whole_answer(settings):
    engine = load_engine(settings)
    frame = engine.count_tokens([[{"role": "user", "content": ""}]])[0]
    rows = docs("a" * (engine.context_length - frame - 99), "水")
    measured(Write(settings, "tiny", PROMPT, Sampling(max_new_tokens=100), seed=0), rows)
    assert rows[0].metadata == {schema.PROMPT_TOKENS: engine.context_length - 99}
    assert rows[1].metadata["written"].tokens <= 100


def test_only_rows_that_are_wanted_and_not_measured_are_asked_about(settings):
    rows = docs("水", "火", "土", "木")
    rows[1].metadata["written"] = "known"
    rows[3].metadata[schema.PROMPT_TOKENS] = 9000  # an earlier block's prompt left no room
    block = Write(settings, "tiny", PROMPT, Sampling(max_new_tokens=3), 0, wanted=lambda doc: doc.text != "土")
    measured(block, rows)
    assert isinstance(rows[0].metadata["written"], Completion)
    assert rows[1].metadata == {"written": "known"}
    assert rows[2].metadata == {}
    assert rows[3].metadata == {schema.PROMPT_TOKENS: 9000}


def test_rows_are_recalled_by_id_text_and_what_was_read(tmp_path):
    for name, columns in (("00000", {"x": 1, "y": 1}), ("00001", {"x": 1, "y": 2, "z": 3})):
        with row_writer(tmp_path / name) as writer:
            writer.write(Document("水", "0", metadata=columns), 0)
            writer.write(Document("火", "1", metadata=columns), 0)
    rows = [Document("水", "0", metadata={"x": 1}), Document("土", "1", metadata={"x": 1}), Document("火", "1")]
    measured(RecallRows(tmp_path, "number", same=["x"]), rows)
    assert [row.metadata for row in rows] == [{"x": 1, "y": 2, "z": 3}, {"x": 1}, {}]
    assert list(rows[0].metadata) == ["x", "y", "z"]


def test_nothing_is_recalled_where_nothing_was_measured(tmp_path):
    assert measured(RecallRows(tmp_path / "none", "number"), docs("水"))[0].metadata == {}
