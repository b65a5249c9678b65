import pytest

from kun_recipes.text.disguise import undisguised
from kun_recipes.text.views import narrow


@pytest.mark.parametrize(
    ("text", "view"),
    [
        ("加薇信进群", "加微信进群"),
        ("新 人 注 册 送 彩 金 ， 免·费", "新人注册送彩金,免费"),
        ("➕V：领资料", "➕微信:领资料"),
        ("加威信咨询", "加微信咨询"),
        ("扣扣号：老张", "QQ号:老张"),
        ("新 葡 京 娱 乐 城 ， 注 册", "新葡京娱乐城,注册"),
        ("免·费领*取彩.金", "免费领取彩金"),
        ("賭場開戶，註冊贈禮", "赌场开户,注册贈礼"),
        ("热线四零零八零零八八八八", "热线4008008888"),
        ("ⓥ信①③❽", "微信138"),
        ("𝟏𝟑𝟖", "138"),
    ],
)
def test_disguises_come_off(text, view):
    assert undisguised(narrow(text)) == view


@pytest.mark.parametrize(
    "text",
    [
        "领导的威信来自公正,增加威信要靠做事。",
        "蔷薇,信是有缘。",
        "一九四九年,四五个人,二三十里路",
        "Python 的 列表",
        "加V形槽的木板",
        "菠菜要焯水,企鹅住在南极",
        "",
    ],
)
def test_plain_text_is_its_own_view(text):
    assert undisguised(text) == text
