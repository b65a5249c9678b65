import json
import shutil

import pytest
from datatrove.data import Document
from tokenizers import Tokenizer
from transformers import ByT5Tokenizer

from kun_recipes.corpus.segments import tokens
from kun_recipes.corpus.segments.tokens import RecountMasked, count_tokens
from kun_recipes.errors import UserError


@pytest.mark.parametrize(
    ("texts", "counts"),
    [
        ([], []),
        (["字", "字a", ""], [3, 4, 0]),  # three bytes a Han character
        (["<|im_end|>"], [1]),
        (["字"] * 3, [3, 3, 3]),
    ],
)
def test_exact_count(tiny_model, monkeypatch, texts, counts):
    monkeypatch.setattr(tokens, "TEXTS_AT_ONCE", 2)
    assert count_tokens(str(tiny_model), texts) == counts


def test_limits_of_the_tokenizer_file_are_not_heeded(tiny_model, tmp_path):
    shutil.copytree(tiny_model, tmp_path / "model")
    file = tmp_path / "model" / "tokenizer.json"
    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=8)
    tokenizer.save(str(file))
    assert count_tokens(str(tmp_path / "model"), ["字字", "a"]) == [6, 1]


def test_special_tokens_are_not_added(tiny_model, tmp_path):
    shutil.copytree(tiny_model, tmp_path / "model")
    file = tmp_path / "model" / "tokenizer.json"
    settings = json.loads(file.read_text(encoding="utf-8"))
    end = {"id": "<|im_end|>", "type_id": 0}
    template = [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": end}]
    ids = [token["id"] for token in settings["added_tokens"] if token["content"] == end["id"]]
    settings["post_processor"] = {
        "type": "TemplateProcessing",
        "single": template,
        "pair": [*template, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {end["id"]: {"id": end["id"], "ids": ids, "tokens": [end["id"]]}},
    }
    file.write_text(json.dumps(settings), encoding="utf-8")
    assert count_tokens(str(tmp_path / "model"), ["字"]) == [3]


def test_no_tokenizer(tmp_path):
    with pytest.raises(UserError, match="no tokenizer can be loaded"):
        count_tokens(str(tmp_path), ["字"])


def test_a_tokenizer_written_in_python(tmp_path):
    ByT5Tokenizer().save_pretrained(tmp_path)
    assert count_tokens(str(tmp_path), ["字", "ab", ""]) == [3, 2, 0]


@pytest.mark.parametrize(
    ("text", "masked", "kept", "counted"),
    [
        ("电话[手机号]。", "mobile:1", True, 20),
        ("电话[手机号]。", None, True, 24),  # nothing masked: the segmenter's count stays
        ("电话[手机号]，邮箱[邮箱]。", "email:1 mobile:1", False, 37),
    ],
)
def test_masked_segments_are_counted_anew(tiny_model, text, masked, kept, counted):
    metadata = {"tokens": 24} | ({"masked": masked} if masked else {})
    document = Document(text, id="a", metadata=metadata)
    verdict = RecountMasked(str(tiny_model), max_tokens=30).filter(document)
    assert verdict is True if kept else verdict == (False, "too_long")
    assert document.metadata["tokens"] == counted
