import pickle
import time
from dataclasses import replace

import pytest
from datatrove.data import Document
from datatrove.pipeline.writers.jsonl import JsonlWriter

from kun_recipes.data import schema
from kun_recipes.privacy import MaskPrivateData, load_privacy

SETTINGS = load_privacy()
FILLER = "茶叶在采摘之后要经过萎凋、揉捻、发酵和干燥等工序，工序不同则茶汤的颜色与香气也不同。" * 3


def row(text):
    return Document(text=text, id="1")


def treated(kind, action):
    treatment = replace(getattr(SETTINGS.treatment, kind), action=action)
    return replace(SETTINGS, treatment=replace(SETTINGS.treatment, **{kind: treatment}))


@pytest.mark.parametrize(
    ("text", "masked", "summary"),
    [
        ("请拨13800001111。", "请拨[手机号]。", "mobile:1"),
        ("电话：６２７８００００，", "电话：[固定电话]，", "landline:1"),
        ("身份证号11010519491231002X。", "身份证号[身份证号]。", "id_card:1"),
        ("卡号4111111111111111。", "卡号[银行卡号]。", "bank_card:1"),
        ("寄zhang@firma.cn或li@firma.cn，电话13800001111", "寄[邮箱]或[邮箱]，电话[手机号]", "email:2 mobile:1"),
        ("来自61.135.169.121。", "来自[IP地址]。", "ip:1"),
        ("见https://a.cn/x?uid=123456。", "见[网址]。", "url:1"),
        ("加QQ：123456789", "加QQ：[QQ号]", "qq:1"),
        ("微信号abc_12345", "微信号[微信号]", "wechat:1"),
        ("他住在幸福路88号3单元502室。", "他住在[地址]。", "address:1"),
        ("京A·12345违章", "[车牌号]违章", "plate:1"),
        ("护照号E12345678", "护照号[护照号]", "passport:1"),
    ],
)
def test_items_are_masked_and_counted(text, masked, summary):
    block, doc = MaskPrivateData(SETTINGS), row(text + FILLER)
    assert block.filter(doc) is True
    assert doc.text == masked + FILLER
    assert doc.metadata == {schema.MASKED: summary}
    counts = {f"masked_{kind}": int(count) for kind, count in (pair.split(":") for pair in summary.split())}
    assert {name: block.stats.stats[name].total for name in counts} == counts
    assert block.filter(doc) is True
    assert doc.text == masked + FILLER


def test_title_is_masked():
    doc = row(FILLER)
    doc.metadata[schema.TITLE] = "张先生13800001111转让店铺"
    assert MaskPrivateData(SETTINGS).filter(doc) is True
    assert doc.metadata == {schema.TITLE: "张先生[手机号]转让店铺"}


def test_row_without_private_data_is_unchanged():
    doc = row(FILLER)
    assert MaskPrivateData(SETTINGS).filter(doc) is True
    assert (doc.text, doc.metadata) == (FILLER, {})


def test_kind_treated_by_remove_drops_the_row():
    doc = row("护照号E12345678，电话13800001111。" + FILLER)
    text = doc.text
    assert MaskPrivateData(treated("passport", "remove")).filter(doc) == (False, "passport")
    assert (doc.text, doc.metadata) == (text, {schema.VALUE: "E12345678"})


def test_a_kind_can_be_kept():
    doc = row("护照号E12345678，电话13800001111。" + FILLER)
    assert MaskPrivateData(treated("passport", "keep")).filter(doc) is True
    assert doc.text == "护照号E12345678，电话[手机号]。" + FILLER


def test_a_list_of_contacts_is_dropped():
    block = MaskPrivateData(SETTINGS)
    contacts = "".join(f"{name}师傅1380000111{digit}，" for digit, name in enumerate("赵钱孙李周吴"))
    assert block.filter(row(FILLER + contacts[: contacts.index("吴")])) is True
    doc = row(FILLER + contacts)
    assert block.filter(doc) == (False, "private_data")
    assert (doc.text, doc.metadata) == (FILLER + contacts, {schema.VALUE: "mobile:6"})


def test_row_that_is_mostly_private_data_is_dropped():
    doc = row("联系人陈师傅，电话13800001111，zhangsan@firma.cn")
    assert MaskPrivateData(SETTINGS).filter(doc) == (False, "private_data")
    assert doc.metadata[schema.VALUE] == "email:1 mobile:1"
    assert MaskPrivateData(replace(SETTINGS, max_masked_share=None)).filter(doc) is True


def test_null_disables_the_limits():
    settings = replace(SETTINGS, max_masked=None, max_masked_share=None)
    doc = row("13800001111，" * 100)
    assert MaskPrivateData(settings).filter(doc) is True
    assert doc.text == "[手机号]，" * 100


def test_dropped_rows_are_written_with_reason_and_value(tmp_path):
    block = MaskPrivateData(treated("mobile", "remove"), JsonlWriter(str(tmp_path), compression=None))
    kept = list(
        pickle.loads(pickle.dumps(block)).run(iter([row("拨13800001111" + FILLER), row("QQ12345678" + FILLER)]))
    )
    assert [doc.text for doc in kept] == ["QQ[QQ号]" + FILLER]
    written = (tmp_path / "00000.jsonl").read_text(encoding="utf-8")
    assert '"filter_reason":"mobile"' in written
    assert '"value":"13800001111"' in written


UNITS = (
    """
a|1| |啊|@|.|:|号|8号|路8号|小区8号|13800|13800001111|13800001111-|010-62780000-|010-|a@b.cn|a@|://|://a|a:b@|www.|?uid=
a at |a#|a[at]|8号楼2门|一三八|住在路8号|1.1.1.|61.135.169.121 |2409:|微信|加V|京A|QQ|京A·12345
""".strip("\n")
    .replace("\n", "|")
    .split("|")
)


@pytest.mark.parametrize("unit", UNITS)
def test_time_is_linear_in_the_text(unit):
    started = time.process_time()
    MaskPrivateData(SETTINGS).filter(row((unit * 100_000)[:100_000]))
    assert time.process_time() - started < 2
