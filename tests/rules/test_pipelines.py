import json
import pickle
import time

import pytest
import yaml
from datatrove.data import Document
from datatrove.pipeline.writers.jsonl import JsonlWriter

from kun_recipes.data import schema
from kun_recipes.errors import UserError
from kun_recipes.rules import answer_rules, instruction_rules, load_rules, segment_rules
from kun_recipes.rules.pipelines import Rules

RULES = load_rules()
BUILDERS = [segment_rules, instruction_rules, answer_rules]
SOUND = "绿茶在加工时先用高温杀青，使鲜叶中的酶失去活性，因此叶色翠绿。红茶则让揉捻后的茶叶充分氧化，茶汤呈红色。"


def nowhere(name):
    return None


def row(text=SOUND, instruction="绿茶和红茶有什么区别？", output=SOUND, finish="stop"):
    return Document(
        text=text,
        id="1",
        metadata={
            schema.INSTRUCTION: instruction,
            schema.INSTRUCTION_FINISH: finish,
            schema.OUTPUT: output,
            schema.OUTPUT_FINISH: finish,
        },
    )


def run(blocks, doc):
    """Reason for which the pipeline drops the row; None when it comes out at the end."""
    rows = iter([doc])
    for block in blocks:
        rows = block.run(rows)
    if list(rows):
        return None
    return doc.metadata.get("filter_reason")


@pytest.mark.parametrize("build", BUILDERS)
def test_sound_rows_pass(build):
    assert run(build(RULES, nowhere), row()) is None


@pytest.mark.parametrize("build", BUILDERS)
def test_every_block_asks_for_its_own_writer(build):
    asked = []
    blocks = build(RULES, lambda name: asked.append(name) or name)
    assert [block.exclusion_writer for block in blocks] == asked
    assert len(set(asked)) == len(blocks)


@pytest.mark.parametrize(
    ("build", "faulty", "reason"),
    [
        (answer_rules, {"output": SOUND + "联系电话13800001111。"}, "phone_number"),
        (segment_rules, {"text": (SOUND + "\n") * 3}, "repetition"),
        (segment_rules, {"text": SOUND[:40]}, "too_short"),
        (segment_rules, {"text": SOUND + "锟斤拷"}, "meaningless_characters"),
        (segment_rules, {"text": "Green tea and black tea differ in the oxidation of their leaves."}, "not_chinese"),
        (segment_rules, {"text": SOUND + "点击下载高清壁纸大全。"}, "low_quality_keyword"),
        (segment_rules, {"text": "抱歉，我无法回答您的问题。" + SOUND}, "refusal"),
        (segment_rules, {"text": "<p>" + SOUND}, "format_error"),
        (segment_rules, {"text": SOUND + "青茶的氧化程度介于"}, "cut_off"),
        (instruction_rules, {"instruction": "喝茶？"}, "too_short"),
        (instruction_rules, {"instruction": "根据上文，什么是绿茶？"}, "missing_context"),
        (instruction_rules, {"instruction": "什么是绿茶？什么是绿茶？"}, "format_error"),
        (instruction_rules, {"instruction": "介绍绿茶的制作步骤：", "finish": "stop"}, "cut_off"),
        (instruction_rules, {"finish": "length"}, "truncated"),
        (answer_rules, {"output": "绿茶不经氧化。"}, "too_short"),
        (answer_rules, {"output": "根据提供的资料，" + SOUND}, "meta_talk"),
        (answer_rules, {"output": "抱歉，我无法回答这个问题，请您咨询专业人士，谢谢理解。"}, "refusal"),
        (answer_rules, {"finish": "length"}, "truncated"),
        (answer_rules, {"instruction": SOUND, "output": SOUND}, "echo"),
    ],
)
def test_each_rule_reads_the_text_it_is_meant_for(build, faulty, reason):
    doc = row(**faulty)
    dropped = [verdict[1] for block in build(RULES, nowhere) if (verdict := block.filter(doc)) is not True]
    assert dropped[0] == reason
    assert doc.metadata[schema.VALUE]


def test_raw_answers_pass_and_fail_by_the_same_rules():
    def raw(**faulty):
        doc = row(**faulty)
        del doc.metadata[schema.OUTPUT_FINISH]  # no model wrote it
        blocks = answer_rules(RULES, nowhere, polished=False)
        return [verdict[1] for block in blocks if (verdict := block.filter(doc)) is not True]

    assert raw(text=SOUND, output=SOUND) == []
    assert raw(output=SOUND + "联系电话13800001111。") == ["phone_number"]
    assert raw(output="绿茶不经氧化。") == ["too_short"]


@pytest.mark.slow
@pytest.mark.parametrize("file", ["seeds.jsonl", "seeds_more.jsonl"])
def test_every_seed_pair_passes_every_rule(repository, file):
    seeds = (repository / "recipes/demo/data" / file).read_text(encoding="utf-8").splitlines()
    for seed in map(json.loads, seeds):
        doc = row(seed["output"], seed["instruction"], seed["output"])
        for build in BUILDERS:
            assert all(block.filter(doc) is True for block in build(RULES, nowhere)), doc.metadata


def test_dropped_rows_are_written_with_reason_and_value(tmp_path):
    blocks = segment_rules(RULES, lambda name: JsonlWriter(str(tmp_path / name), compression=None))
    assert run(blocks, row(text=SOUND + "转载请注明出处。")) == "low_quality_keyword"
    written = json.loads((tmp_path / "low_quality_keywords/00000.jsonl").read_text(encoding="utf-8"))
    assert written["metadata"][schema.VALUE] == "转载请注明出处"
    assert written["text"].startswith(SOUND)


@pytest.mark.parametrize("build", BUILDERS)
def test_blocks_can_be_pickled(build):
    assert run(pickle.loads(pickle.dumps(build(RULES, nowhere))), row()) is None


@pytest.mark.parametrize(
    "unit", ["a", "1", " ", "啊", "(", "@", ".", "\n", "以上材料", "微信", "*", "\\n", "13800", "根据", "<p "]
)
def test_rules_are_linear_in_the_text(unit):
    text = (unit * 100_000)[:100_000]
    doc = row(text, text, text)
    for build in BUILDERS:
        for block in build(RULES, nowhere):
            started = time.process_time()
            block.filter(doc)
            assert time.process_time() - started < 1, f"{block.name} on {unit!r}"


@pytest.fixture
def content(repository):
    return yaml.safe_load((repository / "kun_recipes/rules/rules.yaml").read_text(encoding="utf-8"))


def write(path, content):
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return path


def test_package_contains_its_rules(content, tmp_path):
    rules = load_rules()
    assert isinstance(rules, Rules)
    assert (rules.too_short.segment, rules.too_short.instruction, rules.too_short.answer) == (50, 5, 20)
    assert rules == load_rules(write(tmp_path / "copy.yaml", content))


def test_null_disables_a_check(content, tmp_path):
    content["refusal"] = content["too_short"]["answer"] = content["repetition"]["max_ngram_share"] = None
    rules = load_rules(write(tmp_path / "rules.yaml", content))
    assert rules.refusal is rules.too_short.answer is rules.repetition.max_ngram_share is None


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (["repetitoin"], {}, "repetitoin: unknown key; did you mean repetition?"),
        (["repetition", "ngrams"], 5, "repetition.ngrams: unknown key; did you mean ngram?"),
        (["repetition", "ngram"], "12", "repetition.ngram: must be a whole number, not '12'"),
        (["repetition", "ngram"], None, "repetition.ngram: must be a whole number, not None"),
        (["repetition", "ngram"], True, "repetition.ngram: must be a whole number, not True"),
        (["repetition", "max_ngram_share"], 60, "repetition.max_ngram_share: must be at most 1, not 60"),
        (["too_short", "answer"], -1, "too_short.answer: must be at least 0, not -1"),
        (["too_short"], 5, "too_short: must be a mapping, `key: value` per line, not 5"),
        (["refusal"], "抱歉", "refusal: must be a list of regular expressions"),
        (["refusal"], [], "refusal: is an empty list"),
        (["refusal"], ["(抱歉"], "refusal[0]: "),
        (["refusal"], ["抱歉", "我*"], "refusal[1]: matches empty text in '我*'"),
        (["refusal"], ["抱歉，我"], "refusal[0]: '，' can never match; rules read ',' instead"),
        (["keywords", "answer", 0, "min_hits"], 0.5, "keywords.answer[0].min_hits: must be a whole number, not 0.5"),
        (["keywords", "answer", 0, "word"], "好", "keywords.answer[0].word: unknown key"),
    ],
)
def test_mistakes_name_file_and_key(content, tmp_path, keys, value, message):
    *parents, last = keys
    section = content
    for key in parents:
        section = section[key]
    section[last] = value
    path = write(tmp_path / "rules.yaml", content)
    with pytest.raises(UserError) as error:
        load_rules(path)
    assert str(error.value).startswith(f"{path}: {message}")
    assert "\n" not in str(error.value)


def test_a_privacy_file_that_rules_name_is_read_with_them(content, tmp_path):
    content["sensitive_information"]["detectors"] = str(tmp_path / "mine.yaml")
    path = write(tmp_path / "rules.yaml", content)
    with pytest.raises(UserError, match=r"mine\.yaml: no such file"):
        load_rules(path)


def test_a_missing_key_is_named(content, tmp_path):
    del content["format_limits"]["answer"]["max_lines"]
    with pytest.raises(UserError, match=r"format_limits\.answer\.max_lines: is missing"):
        load_rules(write(tmp_path / "rules.yaml", content))


def test_missing_file_and_invalid_yaml_are_errors(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        load_rules(tmp_path / "none.yaml")
    (tmp_path / "broken.yaml").write_text("refusal: [", encoding="utf-8")
    with pytest.raises(UserError, match=r"broken\.yaml: not YAML: .*line 1"):
        load_rules(tmp_path / "broken.yaml")
    (tmp_path / "empty.yaml").write_text("", encoding="utf-8")
    with pytest.raises(UserError, match=r"empty\.yaml: must contain one `key: value` per line"):
        load_rules(tmp_path / "empty.yaml")
