import json
import pickle
import time

import pytest
from datatrove.data import Document
from datatrove.pipeline.writers.jsonl import JsonlWriter

from kun_recipes.data import schema
from kun_recipes.rules import answer_rules, instruction_rules, load_rules, segment_rules

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
def test_every_seed_pair_passes_every_rule(repository):
    seeds = (repository / "recipes/demo/data/seeds.jsonl").read_text(encoding="utf-8").splitlines()
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
