from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kun_recipes.privacy import KINDS, Finding, detect, find_private, load_privacy, mask
from kun_recipes.privacy.detectors import DETECTORS, without_overlap

SETTINGS = load_privacy()
PRIVATE = {  # one of each kind; a word that it needs is part of it
    "mobile": ["13800001111", "+86 138-0000-1111", "199 0000 1111"],
    "landline": ["010-62780000", "(0755)26780000", "0571-8790 0000"],
    "id_card": ["11010519491231002X"],
    "bank_card": ["6222 0212 3456 7890 128", "4111111111111111"],
    "email": ["zhang.san@mail.test.cn", "12345678@qq.com"],
    "ip": ["61.135.169.121", "2409:8a00::12"],
    "url": ["https://a.cn/x?phone=13800001111", "ftp://zhang:s3cret@ftp.firma.cn/x"],
    "plate": ["京A·12345", "粤B·D12345"],
}
HARMLESS = (
    """
第1034条|2023年10月15日|2023-10-15|12:30:45|国发〔2019〕12号|GB 11643-1999|ISBN 978-7-111-12345-6|ISSN 1000-1234
59.00元|3.14159265358979|39.9087202,116.3974799|1,234,567|110|12345|400-810-1234|95588|订单号13800001111
版本1.2.3.4|6.7.2.1|192.168.1.100|255.255.255.0|2001:db8::1|std::string|00:1a:2b:3c:4d:5e|@2x.png|E12345678
d41d8cd98f00b204e9800998ecf8427e|550e8400-e29b-41d4-a716-446655440000|user@example.com|https://a.cn/x?id=12345
中山路100号|QQ2010|微信公众号|新A10086型
""".strip()
    .replace("\n", "|")
    .split("|")
)
PARTS = (
    """
电话|QQ:|QQ群|微信号|加V|护照号|身份证号|住在|幸福路|小区|8号|3单元|502室|号楼|车牌|IP|编号|元|京A|A12345|[手机号]|[车牌号]
-|/|、|.|@|(|)|[|]| |:|://|www.|?token=|abc12345|+86|86-|0|1|13|010-|62780000
""".strip()
    .replace("\n", "|")
    .split("|")
)
FRAGMENTS = [item for items in PRIVATE.values() for item in items] + HARMLESS + PARTS
HAN = st.text(
    "的一是了我不人有他这个们中来上大为和国以要时出会可也你对生能而子那得于着下自之年", max_size=8
)  # no 号路室
PUNCTUATION = st.sampled_from("，。；！？\n")
WIDE = str.maketrans({chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F)} | {" ": "　"})


def wide(text):
    return text.translate(WIDE)


@st.composite
def texts_with_items(draw):
    """A text, and the kind and characters of each private item in it."""
    text, items = "", []
    for _ in range(draw(st.integers(0, 6))):
        text += draw(HAN) + draw(PUNCTUATION)
        kind = draw(st.sampled_from(["harmless", *PRIVATE]))
        item = draw(st.sampled_from(HARMLESS if kind == "harmless" else PRIVATE[kind]))
        if kind != "harmless":
            items.append(Finding(kind, len(text), len(text) + len(item)))
        text += item + draw(PUNCTUATION)
    return text + draw(HAN), items


@given(texts_with_items(), st.booleans())
def test_exactly_the_private_items_are_found(text_and_items, in_wide):
    text, items = text_and_items
    assert find_private(wide(text) if in_wide else text, SETTINGS) == items


@given(
    st.lists(st.sampled_from(FRAGMENTS), max_size=12).map("".join)
    | st.text("0123456789-. @:/?=QQ微信号路室京A[]元", max_size=60)
)
def test_masking_leaves_nothing_and_touches_nothing_else(text):
    findings = find_private(text, SETTINGS)
    masked = mask(text, findings, SETTINGS)
    assert find_private(masked, SETTINGS) == []
    rest = masked
    for place, finding in enumerate(findings):
        outside = text[findings[place - 1].end if place else 0 : finding.start]
        placeholder = SETTINGS.placeholders[finding.kind]
        assert finding.start < finding.end
        assert rest.startswith(outside + placeholder)
        rest = rest[len(outside) + len(placeholder) :]
    assert rest == text[findings[-1].end if findings else 0 :]


@given(st.text(max_size=60))
def test_any_text_can_be_read(text):
    findings = find_private(text, SETTINGS)
    assert [item for item in findings if not text[item.start : item.end].strip()] == []


def test_every_kind_has_a_detector():
    assert sorted(DETECTORS) == sorted(KINDS)


@pytest.mark.parametrize("kind", sorted(PRIVATE))
def test_a_kind_that_is_kept_is_not_looked_for(kind):
    treatment = replace(SETTINGS.treatment, **{kind: replace(SETTINGS.treatment.mobile, action="keep")})
    settings = replace(SETTINGS, treatment=treatment)
    for item in PRIVATE[kind]:
        assert kind in {found.kind for found in find_private(item, SETTINGS)}
        assert kind not in {found.kind for found in find_private(item, settings)}


def test_null_disables_a_word_list():
    words = type(SETTINGS.words)(
        **{field.name: None for field in fields(SETTINGS.words)} | {"public_ips": (), "wechat_signs": ()}
    )
    texts = {
        "电话62780000": [],
        "订单号13800001111": ["mobile"],
        "13800001111元": ["mobile"],
        "身份证110105491231002": [],
        "护照号E12345678": [],
        "QQ：12345678": [],
        "微信号abc_123": [],
        "user@example.com": ["email"],
        "IP为6.7.2.1": [],
        "版本61.135.169.121": ["ip"],
        "114.114.114.114": ["ip"],
        "https://a.cn/?token=abcdefgh": [],
        "http://user:password@a.cn/": ["url"],
        "驾驶京A12345": [],
        "住在幸福路88号": [],
        "他住在幸福路8号3单元": ["address"],
        "书店位于幸福路8号3单元": ["address"],
        "浏览量达13800001111": ["mobile"],
        "鲁B·12345次": ["plate"],
    }
    assert {text: [item.kind for item in detect(text, words, frozenset(KINDS))] for text in texts} == texts


def test_first_listed_of_overlapping_findings_is_kept():
    first, second, third = Finding("url", 5, 9), Finding("mobile", 2, 6), Finding("ip", 0, 5)
    assert without_overlap([first, second, third]) == [third, first]
    assert without_overlap([second, first, third]) == [second]
