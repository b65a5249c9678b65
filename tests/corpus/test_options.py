"""The corpus stage's pipelines, as its options put them together, on single documents; no stage is run."""

from collections import Counter
from pathlib import Path

import pytest
from datatrove.data import Document
from datatrove.pipeline.base import PipelineStep

from kun_recipes.corpus import losses
from kun_recipes.corpus.config import Benchmark, Corpus, CorpusConfig
from kun_recipes.corpus.corpus import segment, unique
from kun_recipes.corpus.decontamination import Decontaminate
from kun_recipes.corpus.normalisation import ToSimplified
from kun_recipes.corpus.segments.selection import ChooseSegments
from kun_recipes.corpus.sources.readers import CorpusReader
from kun_recipes.errors import UserError
from kun_recipes.execution.counts import Counts
from kun_recipes.rules import Spam

SOUND = (
    "竹子三年成材，砍下以后先晾上半个月。篾匠把竹筒剖成细条，刮去竹节，再一根根过刀，宽窄厚薄都靠手上的分寸。\n"
    "编一只背篓要两天，底要密，口要圆，背带的地方多绕几道。用上十年，篾条磨得发亮，比新的还好看。"
)


FAULTS = (
    *("invalid_json", "invalid_utf8", "wrong_type", "missing_field", "truncated_archive", "corrupt_archive"),
    *("corrupt_file", "broken_row", "wrong_file", "empty_file"),
)


class Removals:
    """An exclusion writer that notes the reasons."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def __enter__(self) -> "Removals":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def write(self, document: Document, rank: int = 0) -> None:
        self.reasons.append(document.metadata["filter_reason"])


@pytest.fixture(scope="module")
def blocks(tiny_model, tmp_path_factory):
    """The blocks of a config's first pipeline, without reading and writing, and what they remove."""

    scratch = tmp_path_factory.mktemp("scratch")

    def build(**options: object) -> tuple[list[PipelineStep], Removals]:
        removals = Removals()
        config = CorpusConfig(
            corpora=[Corpus("web", "jsonl")], output_dir="out", model=str(tiny_model), max_tokens=2000, **options
        )
        return segment(config, scratch, CorpusReader([], None, removals), lambda name: removals)[1:-2], removals

    return build


@pytest.fixture(scope="module")
def plain(blocks):
    return blocks()


def texts_of(blocks: list[PipelineStep], text: str) -> list[str]:
    documents = iter(
        [Document(text, id="1", metadata={"source": "web", "document_id": "1", "file_path": "a", "record": 0})]
    )
    for block in blocks:
        if not isinstance(block, Decontaminate | ToSimplified):
            documents = block.run(documents)
    return [document.text for document in documents]


@pytest.mark.parametrize(
    ("text", "kept", "reasons"),
    [
        (SOUND, SOUND, []),
        (f"{SOUND}\n责任编辑：王某", SOUND, []),  # page lines
        (f"{SOUND}\n扫码关注我们，领取优惠券！", SOUND, []),  # cut lines
        (f"总之，{SOUND}", SOUND, []),
        (SOUND.replace("\n", "<br>"), SOUND, []),  # markup
        (SOUND.encode().decode("latin-1"), SOUND, []),  # mojibake
        ("首页\n新闻\n体育\n财经\n娱乐\n科技\n汽车\n房产\n" * 8, None, ["few_sentence_ends"]),  # rules on documents
        (f"第二种是竹席。{SOUND}", None, ["points_back"]),  # context
        (f"很抱歉，作为一个人工智能语言模型，我无法提供这个答案。{SOUND}", None, ["refusal"]),  # rules on segments
        (
            "佛山门窗、佛山门窗价格、佛山门窗厂家、佛山门窗批发、" * 2
            + "佛山门窗多少钱，佛山门窗哪家好，认准佛山门窗。",
            None,
            ["seo"],
        ),
        (f"{SOUND}有事拨打13812345678。", f"{SOUND}有事拨打[手机号]。", []),  # masks
    ],
)
def test_each_block_is_in_the_pipeline(plain, text, kept, reasons):
    pipeline, removals = plain
    removals.reasons.clear()
    assert texts_of(pipeline, text) == ([] if kept is None else [kept])
    assert removals.reasons == reasons


@pytest.mark.parametrize("name", ["rules", "quality", "context", "privacy"])
def test_files_named_in_the_config_are_read(blocks, tmp_path, name):
    path = tmp_path / f"{name}.yaml"
    path.write_text("no_such_key: 1\n")
    with pytest.raises(UserError, match=f"{path}: no_such_key: unknown key"):
        blocks(**{name: str(path)})


@pytest.mark.parametrize(
    ("option", "value", "block"),
    [
        ("max_spam", 0.5, Spam),
        ("to_simplified", True, ToSimplified),
        ("benchmarks", [Benchmark("questions", "prompts")], Decontaminate),
    ],
)
def test_an_option_puts_its_block_in(blocks, plain, monkeypatch, option, value, block):
    monkeypatch.setattr("kun_recipes.corpus.normalisation.blocks.find_spec", lambda name: object())
    with_option, _ = blocks(**{option: value})
    assert [any(isinstance(one, block) for one in pipeline) for pipeline in (plain[0], with_option)] == [False, True]


def test_max_segments_reaches_its_block(blocks, plain):
    chosen = [
        [one.max_segments for one in given if isinstance(one, ChooseSegments)]
        for given in (plain[0], blocks(max_segments=3)[0])
    ]
    assert chosen == [[None], [3]]


@pytest.mark.parametrize("near", [True, False])
def test_near_duplicates_are_dropped_if_they_were_looked_for(tmp_path, near):
    config = CorpusConfig(corpora=[Corpus("web", "jsonl")], output_dir="out", model="m", near_duplicates=near)
    reasons = [one.reason for one in unique(config, tmp_path)[1:]]
    assert reasons == ["duplicate", "near_duplicate"][: 1 + near]


@pytest.mark.parametrize(("lost", "fails"), [(4, False), (5, False), (6, True)])
@pytest.mark.parametrize("reason", FAULTS)
def test_losses_above_max_share_fail_the_stage(monkeypatch, reason, lost, fails):
    monkeypatch.setattr(losses, "read_counts", lambda logs, ranks: Counts(read=10, removed=Counter({reason: lost})))
    first = {"file_path": "web/a.jsonl", "line": 3, "value": "what was found"}
    monkeypatch.setattr(losses, "_first", lambda *one: first)
    corpora = [("web", [0])]
    if not fails:
        losses.check_readable(corpora, Path(), Path(), 0.5)
        return
    with pytest.raises(UserError, match=rf"web: 6 of 10 records cannot be read \({reason}\).*web/a.jsonl:3: what was"):
        losses.check_readable(corpora, Path(), Path(), 0.5)


@pytest.mark.parametrize("kept", [0, 1])
def test_a_corpus_of_which_nothing_is_kept_is_an_error(monkeypatch, kept):
    counts = Counts(read=9, rows_out=kept, removed=Counter({"not_chinese": 9}))
    monkeypatch.setattr(losses, "read_counts", lambda logs, ranks: counts)
    if kept:
        losses.check_kept([("web", [0])], Path(), Path("report.html"))
        return
    with pytest.raises(UserError, match=r"web: none of its 9 records is kept \(removed: not_chinese 9\); report"):
        losses.check_kept([("web", [0])], Path(), Path("report.html"))
