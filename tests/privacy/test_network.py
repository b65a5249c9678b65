import pytest

from kun_recipes.privacy import find_private, load_privacy

SETTINGS = load_privacy()


def found(text):
    return [(item.kind, text[item.start : item.end]) for item in find_private(text, SETTINGS)]


@pytest.mark.parametrize(
    ("text", "kind", "item"),
    [
        ("稿件请寄zhang.san@mail.test.cn。", "email", "zhang.san@mail.test.cn"),
        ("稿件请寄zhangsan＠163.com。", "email", "zhangsan＠163.com"),
        ("稿件请寄ｚｈａｎｇ＠１６３．ｃｏｍ", "email", "ｚｈａｎｇ＠１６３．ｃｏｍ"),
        ("<Li.Si+news@Mail.Company.COM>", "email", "Li.Si+news@Mail.Company.COM"),
        ("邮箱：13800001111@139.com", "email", "13800001111@139.com"),
        ("QQ：123456789@qq.com", "email", "123456789@qq.com"),
        ("mailto:zhang@firma.cn?subject=x", "email", "zhang@firma.cn"),
        ("...zhang@firma.cn.", "email", "zhang@firma.cn"),
        ("来自61.135.169.121的请求。", "ip", "61.135.169.121"),
        ("他的IP是1.2.3.5，", "ip", "1.2.3.5"),
        ("收到144.1.209.2 > 的包", "ip", "144.1.209.2"),
        ("访问http://47.95.164.12:8080/管理", "ip", "47.95.164.12"),
        ("服务器 121.40.10.3/24", "ip", "121.40.10.3"),
        ("６１．１３５．１６９．１２１上线", "ip", "６１．１３５．１６９．１２１"),
        ("地址2409:8a00:1234:5678:9abc:def0:1234:5678。", "ip", "2409:8a00:1234:5678:9abc:def0:1234:5678"),
        ("[2409:8a00::12]", "ip", "2409:8a00::12"),
        ("ftp://zhang:s3cret@ftp.firma.cn/file。", "url", "ftp://zhang:s3cret@ftp.firma.cn/file"),
        ("见https://a.cn/x?id=1&phone=13800001111。", "url", "https://a.cn/x?id=1&phone=13800001111"),
        ("https://a.cn/x?email=zhang%40163.com&y=2，", "url", "https://a.cn/x?email=zhang%40163.com&y=2"),
        ("https://a.cn/cb?access_token=ab12cd34ef#top", "url", "https://a.cn/cb?access_token=ab12cd34ef#top"),
        ("https://a.cn/login;jsessionid=0A1B2C3D4E", "url", "https://a.cn/login;jsessionid=0A1B2C3D4E"),
        ("https://bbs.cn/space.php?uid=123456", "url", "https://bbs.cn/space.php?uid=123456"),
        ("www.bbs.cn/space.php?uid=123456。", "url", "www.bbs.cn/space.php?uid=123456"),
        ("mysql://root:hunter22@47.95.164.12/db", "url", "mysql://root:hunter22@47.95.164.12/db"),
        ("微信号abc_12345。", "wechat", "abc_12345"),
        ("微信：abc12345", "wechat", "abc12345"),
        ("加微信 zhangsanfeng 进群", "wechat", "zhangsanfeng"),
        ("加V：zhang2023，VX：li_si_99", "wechat", "zhang2023"),
        ("加薇13800001111", "mobile", "13800001111"),
        ("加VX：zhangsanfeng", "wechat", "zhangsanfeng"),
        ("加微信sanfeng_2012进群", "wechat", "sanfeng_2012"),
        ("zhang_san [at] firma [dot] cn", "email", "zhang_san [at] firma [dot] cn"),
    ],
)
def test_items_are_found(text, kind, item):
    assert found(text)[0] == (kind, item)


@pytest.mark.parametrize(
    "text",
    [
        "信箱写作user@example.com或user@host.example.org。",
        "从git@github.com:owner/name.git克隆，git clone git@gitee.com:a/b.git。",
        "启动getty@tty1.service服务，图片名为logo@2x.png，@author 张三。",
        "算法chacha20-poly1305@openssh.com与curve25519-sha256@libssh.org。",
        "写作your_name@company.com，或you@email.com，xxx@163.com。",
        "请订阅debian-user@lists.debian.org，缺陷报给submit@bugs.debian.org或bug-sed@gnu.org。",
        "scp file user@host:/tmp，微博@人民日报.中国",
        "版本1.2.3.4，版本号：121.0.163.129，v61.135.169.121，Version 61.135.169.121。",
        "见第6.7.2.1节，6.7.2.1 概述，14.13.12.11条。",
        "192.168.1.100、10.0.0.8、172.16.3.4、127.0.0.1、169.254.10.10、100.64.0.100。",
        "192.0.2.123、198.51.100.123、203.0.113.123是文档用的地址。",
        "掩码255.255.255.0，广播255.255.255.255，组播239.255.255.250，网络123.125.114.0/24。",
        "解析器为IP 8.8.8.8、114.114.114.114和2001:4860:4860::8888。",
        "121.114.163.129.in-addr.arpa，对象标识1.3.6.1.4.1.311，61.135.169.121.5",
        "61.135.169.256，061.135.169.121，61.135.169.1213",
        "2001:db8::1、fe80::1、::1、fd00::12、ff02::1、2000::/3、2409:8a00::/32。",
        "00:1a:2b:3c:4d:5e，12:30:45，2023:10:15，std::string，3000::vector，20:30:40:50:60:70:80:90。",
        "https://zh.wikipedia.org/wiki/Token?action=edit&section=3",
        "https://a.cn/x?id=12345&page=2&sort=tel&session=",
        "https://api.example.com/v1?token=ab12cd34ef，http://localhost:8080/?token=abcdefgh",
        "https://a.cn/api?token=YOUR_TOKEN&key=1，https://a.cn/?access_token=<token>，https://a.cn/?token=$TOKEN",
        "设为http://user:password@proxy.firma.cn:3128/，",
        "http://a.cn:8080/@zhang/123，https://a.cn/wiki/Talk:Main@x",
        "http://a.cn/s?token=短",
        "微信小程序和微信WeChat支付，加微信好友的方法，微信公众号Python编程。",
        "微信：关注公众号；微信:WeChat，加Vue框架",
        "添加Vitamin_B12，安装VxWorks653和vxlan-tools，加Version2.0，加微信OpenAPI，加微信SDK2021",
        "uid=1000,gid=1000，session=abcdef，mount -o uid=zhang",
        "",
    ],
)
def test_near_misses_are_kept(text):
    assert found(text) == []


def test_items_inside_a_url_belong_to_the_url():
    assert found("https://a.cn/?phone=13800001111&email=zhang@163.com") == [
        ("url", "https://a.cn/?phone=13800001111&email=zhang@163.com")
    ]
