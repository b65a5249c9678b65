import numpy as np
import pytest
from datatrove.data import Document

from kun_recipes.corpus.config import Corpus, CorpusConfig
from kun_recipes.corpus.corpus import segment
from kun_recipes.corpus.sources.readers import CorpusReader
from kun_recipes.data import schema
from kun_recipes.rules import Spam
from kun_recipes.rules.spam import spam_features, spam_score

JUNK = [
    "手里没钱又着急的朋友看这里，正规渠道，当天放款，凭身份证就能办，不看征信，通过率高，名额有限，先到先得。",
    "真人荷官在线发牌，注册就送彩金，充值秒到账，代理返佣日结，今晚继续带大家上车，名额只剩最后几个。",
]
SOUND = [
    "水稻在分蘖期要浅水勤灌，到了抽穗前后再保持水层，收割前一周断水，让田面变硬，机器才好下去。",
    "祖父把旧收音机拆开，擦去灰尘，换了一只电容，又慢慢装回去。屋里忽然有了声音，他笑得像个孩子。",
]


@pytest.mark.parametrize("text", JUNK)
def test_junk_scores_high_however_it_is_set(text):
    score = spam_score(text)
    assert score > 0.5
    assert spam_score(" ".join(text)) == pytest.approx(score)


@pytest.mark.parametrize("text", SOUND)
def test_sound_text_scores_low(text):
    assert spam_score(text) < 0.5


def test_dropped_above_the_limit_with_the_score():
    row = Document(JUNK[0], id="0")
    assert Spam(schema.TEXT, 0.5).filter(row) == (False, "spam")
    assert float(row.metadata[schema.VALUE]) > 0.5
    assert Spam(schema.TEXT, 1.0).filter(row) is True
    assert Spam(schema.TEXT, None).filter(row) is True


def test_features_are_hashes_of_letters():
    assert np.array_equal(spam_features("加，我 Ａ"), spam_features("加我a"))
    assert len(spam_features("加我a")) == 6


@pytest.mark.parametrize(("limit", "times"), [(None, 0), (0.5, 1)])
def test_corpus_stage_classifies_spam_on_request_only(tiny_model, tmp_path, limit, times):
    config = CorpusConfig(
        corpora=[Corpus("x", "jsonl")], output_dir=str(tmp_path), model=str(tiny_model), max_spam=limit
    )
    blocks = segment(config, tmp_path, CorpusReader([], None, None), lambda name: None)
    assert sum(isinstance(block, Spam) for block in blocks) == times
