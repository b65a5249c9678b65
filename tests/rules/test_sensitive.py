import pytest

from kun_recipes.data import schema
from kun_recipes.errors import UserError
from kun_recipes.privacy import KINDS
from kun_recipes.rules import SensitiveInformation, answer_rules, instruction_rules, load_rules
from kun_recipes.rules.sensitive import REASONS, SensitiveSettings
from kun_recipes.text.views import narrow

RULE = SensitiveInformation(schema.TEXT, load_rules().sensitive_information)


@pytest.mark.parametrize(
    ("text", "reason", "value"),
    [
        ("联系电话13800001111，找陈师傅即可。", "phone_number", "13800001111"),
        ("联系电话１３８００００１１１１，找陈师傅。", "phone_number", "13800001111"),
        ("手机：138 0000 1111。", "phone_number", "138 0000 1111"),
        ("请拨+86 138-0000-1111。", "phone_number", "+86 138-0000-1111"),
        ("Tel13800001111", "phone_number", "13800001111"),
        ("13800001111 13900002222", "phone_number", "13800001111"),
        ("办公室010-62780000，周一到周五有人接听。", "phone_number", "010-62780000"),
        ("办公室（０７５５）２６７８００００。", "phone_number", "(0755)26780000"),
        ("电话：62780000", "phone_number", "62780000"),
        ("传真号码是075526780000。", "phone_number", "075526780000"),
        ("身份证号是11010519491231002X。", "id_number", "11010519491231002X"),
        ("身份证号是11010519491231002x，请核对。", "id_number", "11010519491231002x"),
        ("稿件请寄zhang.san@mail.test.cn。", "email", "zhang.san@mail.test.cn"),
        ("稿件请寄zhangsan＠163.com。", "email", "zhangsan@163.com"),
        ("卡号6222 0212 3456 7890 128，开户行为工商银行。", "bank_card", "6222 0212 3456 7890 128"),
        ("请汇到4111111111111111。", "bank_card", "4111111111111111"),
        ("加QQ：123456789了解详情。", "contact_id", "123456789"),
        ("ＱＱ群１２３４５６７８９", "contact_id", "123456789"),
        ("微信号abc_12345。", "contact_id", "abc_12345"),
        ("微信：abc12345", "contact_id", "abc12345"),
        ("他家住幸福路88号3单元502室。", "home_address", "幸福路88号3单元502室"),
        ("寄到和平里八号三单元。", "home_address", "和平里八号三单元"),
        ("他住在阳光小区3号楼502室。", "home_address", "阳光小区3号楼502室"),
        ("车辆京A·12345违章。", "plate_number", "京A·12345"),
        ("护照号码：E12345678。", "passport_number", "E12345678"),
        ("见https://a.cn/x?phone=13800001111", "private_url", "https://a.cn/x?phone=13800001111"),
    ],
)
def test_dropped(text, reason, value):
    assert RULE.find(narrow(text)) == (reason, value)


@pytest.mark.parametrize(
    "text",
    [
        "订单号13800001111已经发货。",
        "流水号：4111111111111111，请保存。",
        "圆周率约为3.13800001111111。",
        "商品编码A13800001111B。",
        "编号2023-13800001111-05。",
        "号码12800001111不是手机号。",  # 11 digits that do not open with 13 to 19
        "人口为13800001111222人。",  # 14 digits
        "火警拨打119，报警拨打110，急救拨打120，市民热线12345。",
        "客服热线400-810-1234，电话银行95588，售票电话95105105。",
        "2023年10月15日至2024年1月1日，会议电话20231015",
        "电话会议于20231015召开。",
        "书号ISBN 978-7-111-12345-6，定价59.00元。",
        "第一千二百六十条 本法自2021年1月1日起施行。",
        "110105194912310021",  # an identity number's shape, a wrong check character
        "4111111111111112",  # a card's shape, a wrong check digit
        "信箱写作user@example.com或user@host.example.org。",
        "从git@github.com:owner/name.git克隆。",
        "启动getty@tty1.service服务，图片名为logo@2x.png。",
        "QQ用户超过100000000人，QQ2010版早已停用。",
        "微信小程序和微信WeChat支付，加微信好友的方法。",
        "博物馆位于中山路100号，地铁2号线可达。",
        "3号楼和5号楼之间有一条小路，室内外温差很大，人民路1号机组室内温度偏高。",
        "",
    ],
)
def test_kept(text):
    assert RULE.find(narrow(text)) is None


def test_kinds_select_what_is_detected():
    text = narrow("从61.135.169.121来，电话13800001111。")
    assert RULE.find(text) == ("phone_number", "13800001111")  # an address of a machine is knowledge
    rule = SensitiveInformation(schema.TEXT, SensitiveSettings(None, ("ip", "email")))
    assert rule.find(text) == ("ip_address", "61.135.169.121")


def test_every_kind_has_a_reason():
    assert tuple(sorted(REASONS)) == tuple(sorted(KINDS))


def test_an_unknown_kind_is_named(repository, tmp_path):
    rules = (repository / "kun_recipes/rules/rules.yaml").read_text(encoding="utf-8")
    path = tmp_path / "rules.yaml"
    path.write_text(rules.replace("kinds: [mobile", "kinds: [cellphone"), encoding="utf-8")
    with pytest.raises(
        UserError, match=r"sensitive_information\.kinds: must contain only mobile, landline, .*, not 'cellphone'"
    ):
        load_rules(path)


def test_settings_file_can_be_replaced(repository, tmp_path):
    privacy = (repository / "kun_recipes/privacy/privacy.yaml").read_text(encoding="utf-8")
    path = tmp_path / "privacy.yaml"
    path.write_text(privacy.replace("编号|单号", "暗号|单号"), encoding="utf-8")
    rule = SensitiveInformation(schema.TEXT, SensitiveSettings(str(path), KINDS))
    assert rule.find("编号13800001111") == ("phone_number", "13800001111")
    assert rule.find("暗号13800001111") is None


@pytest.mark.parametrize("rules", [instruction_rules, answer_rules])
def test_instructions_and_answers_are_held_to_it(rules):
    assert [isinstance(one, SensitiveInformation) for one in rules(load_rules(), lambda _: None)].count(True) == 1
