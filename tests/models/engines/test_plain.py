"""Plain prompts, for base models: no template, and choices whose tokens reach over the prompt's end."""

import shutil

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from kun_recipes.models import engines
from kun_recipes.models.engines import EngineSettings, load_engine, release_engines
from kun_recipes.models.engines.base import Sampling
from kun_recipes.models.engines.chats import ChatTokenizer

pytestmark = pytest.mark.slow

TOLERANCE = 1e-4


def ask(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


@pytest.fixture
def merging() -> ChatTokenizer:
    """A tokenizer to which a blank and a letter behind it are one token, as to most."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate([*alphabet, "ĠA", "ĠB", "ĠC"])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[("Ġ", letter) for letter in "ABC"]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    return ChatTokenizer(PreTrainedTokenizerFast(tokenizer_object=tokenizer), 100, frozenset(), plain=True)


def test_a_token_over_the_seam_belongs_to_the_choices(merging):
    rows, choices = merging.encode_choices([ask("x: "), ask("yz: ")], ["A", "B"])
    assert [merging.decode(row) for row in rows] == ["x:", "yz:"]
    assert [merging.decode(choice) for choice in choices] == [" A", " B"]
    assert [len(choice) for choice in choices] == [1, 1]


def test_common_beginning_of_the_choices_moves_to_the_prompt(merging):
    rows, choices = merging.encode_choices([ask("x\n"), ask("yz\n")], ["is: A", "is: B", "is: C"])
    assert [merging.decode(row) for row in rows] == ["x\nis:", "yz\nis:"]
    assert [merging.decode(choice) for choice in choices] == [" A", " B", " C"]


def test_choices_start_at_the_same_token_if_only_some_merge(merging):
    rows, choices = merging.encode_choices([ask("x: ")], ["A", "D"])
    assert [merging.decode(row + choice) for row in rows for choice in choices] == ["x: A", "x: D"]
    assert [len(choice) for choice in choices] == [1, 2]


def test_prompts_with_different_endings_are_refused(merging):
    with pytest.raises(ValueError, match="the prompts do not have the same ending"):
        merging.encode_choices([ask("x: "), ask("x:")], ["A", "B"])


def test_plain_prompts_are_their_text(tiny_model, brute_force):
    plain = load_engine(EngineSettings("transformers", str(tiny_model), "float32", plain=True))
    chat = load_engine(EngineSettings("transformers", str(tiny_model), "float32"))
    rendered = chat.chats.tokenizer.apply_chat_template(ask("你好"), tokenize=False, add_generation_prompt=True)
    assert plain.generate([ask(rendered)], Sampling(8)) == chat.generate([ask("你好")], Sampling(8))
    assert plain.count_tokens([[*ask("你"), *ask("好")]]) == [6]
    scores = plain.score([ask(rendered)], ["好的"])
    assert scores[0] == pytest.approx(sum(brute_force(ask("你好"), "好的")) / 6, abs=TOLERANCE)


def test_target_after_an_empty_prompt_is_refused(tiny_model):
    plain = load_engine(EngineSettings("transformers", str(tiny_model), "float32", plain=True))
    with pytest.raises(ValueError, match="prompt 1 has no token before its target, so the target cannot be scored"):
        plain.score([ask("你"), ask("")], ["好", "好"])


def test_a_base_model_needs_no_template(tiny_model, tmp_path):
    folder = tmp_path / "base"
    shutil.copytree(tiny_model, folder)
    (folder / "chat_template.jinja").unlink()
    engine = load_engine(EngineSettings("transformers", str(folder), "float32", plain=True))
    assert len(engine.choose([ask("答案: \n")], ["A", "B", "C", "D"])[0]) == 4


def test_released_engines_are_loaded_again(tiny_model, monkeypatch):
    monkeypatch.setattr(engines, "_loaded", {})  # what other tests have loaded stays
    settings = EngineSettings("transformers", str(tiny_model), "float32", max_batch_tokens=4096)
    engine = load_engine(settings)
    release_engines()
    assert not hasattr(engine, "model")
    assert load_engine(settings) is not engine
    assert load_engine(settings).count_tokens([ask("好")])[0] > 0
