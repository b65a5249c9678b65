import pickle
import re
import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kun_recipes.text.literals import required_words
from kun_recipes.text.phrases import FLAGS, PhraseLists, Phrases


def words(pattern):
    return [set(clause) for clause in required_words(pattern, FLAGS)]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("点击下载", [{"点击下载"}]),
        ("(?:点击|马上)下载", [{"点击下载", "马上下载"}]),
        ("点击(?:这里)?下载", [{"点击下载", "点击这里下载"}]),
        (r"点击[^。]{0,9}下载", [{"点击"}, {"下载"}]),
        ("点击.*(?:大全|全集)", [{"点击"}, {"大全", "全集"}]),
        ("点击|下.载", [{"点击", "下"}]),
        ("点击|.载?", []),
        ("烫{4,}字", [{"烫烫烫烫"}, {"字"}]),
        ("(?:点击|下载)+", [{"点击", "下载"}]),
        ("上[一二]页", [{"上一页", "上二页"}]),
        ("上[^一]页", [{"上"}, {"页"}]),
        (r"上\d页$", [{"上"}, {"页"}]),
        ("(?<!不)点击(?!率)下", [{"点击下"}]),
        ("^(?=.*首页).{4}", [{"首页"}]),
        (r"(点)\1", [{"点"}]),
        ("QQ群", [{"qq群"}]),
        ("微信ID号", [{"微信"}, {"d号"}]),  # İ and ı are forms of i
        ("Ãé", [{"ãé"}]),
        ("Ω号", [{"号"}]),
        (r"\w+", []),
    ],
)
def test_the_words_of_an_expression(pattern, expected):
    assert sorted(map(sorted, words(pattern))) == sorted(map(sorted, expected))


def joined(patterns):
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), FLAGS)


def found(matches):
    return [(match.span(), match[0]) for match in matches]


def agree(patterns, text):
    """Whether Phrases finds in the text what one expression finds, one by one, first and replaced."""
    phrases, expected = Phrases(patterns), joined(patterns)
    assert found(phrases.finditer(text)) == found(expected.finditer(text))
    assert (phrases.search(text) or [None])[0] == (expected.search(text) or [None])[0]
    assert phrases.sub("〇", text) == expected.sub("〇", text)


ATOMS = st.sampled_from(
    ["甲", "乙", "a", "K", "s", "é", "Å", ".", r"\d", "[甲乙]", "[^甲]", "[a-c]", r"\b", "^", "$", r"\A", r"\Z", r"\n"]
)
ASSERTIONS = st.sampled_from(["(?=", "(?!", "(?:", "("])
EXPRESSIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"(?:{'|'.join(parts)})"),
        st.builds("{}{})".format, ASSERTIONS, inner),
        st.builds("(?:{}){}".format, inner, st.sampled_from(["?", "*", "+", "{2}", "{1,3}", "*?", "{0,2}?"])),
    ),
    max_leaves=8,
)
TEXTS = st.text(alphabet="甲乙丙aAbkK\u212asſSéÉåÅ\u212bİı1\n ", max_size=40)


HOPELESS = 99


def power(parsed):
    """The power of a text's length to which the steps of a backtracking search may grow, more or less: random
    expressions such as (?:.{1,3})+b would keep Python's own search busy for hours."""
    return sum(_power(name, value) for name, value in parsed)


def _power(name, value):
    if name in (re._constants.MAX_REPEAT, re._constants.MIN_REPEAT):
        _, most, inner = value
        if most != re._constants.MAXREPEAT:
            return most * power(inner)
        shortest, longest = inner.getwidth()
        alike = shortest == longest and not any(part[0] == re._constants.BRANCH for part in _parts(inner))
        return 1 if alike and power(inner) == 0 else HOPELESS
    return max(map(power, _inside(value)), default=0)


def _inside(value):
    """The sequences inside a part: of a group, an assertion, a choice."""
    if isinstance(value, re._parser.SubPattern):
        return [value]
    return [found for one in value for found in _inside(one)] if isinstance(value, tuple | list) else []


def _parts(parsed):
    for part in parsed:
        yield part
        for inner in _inside(part[1]):
            yield from _parts(inner)


def is_usable(pattern):
    return re._parser.parse(pattern, FLAGS).getwidth()[0] > 0


def within(most):
    """Expressions that match no empty text and can be searched for in reasonable time."""
    return EXPRESSIONS.filter(lambda pattern: is_usable(pattern) and power(re._parser.parse(pattern, FLAGS)) <= most)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("甲乙", 0), ("甲+", 1), ("甲+.*", 2), ("(?:甲.*){1,3}", 3), ("(?=.*甲)", 1), ("甲*|乙+", 1)]
    + [(pattern, HOPELESS) for pattern in ("(?:甲+)+", "(?:.{1,3})+", "(?:.|甲)+", "(?:(?:甲?)乙)*")],
)
def test_the_power_of_an_expression(pattern, expected):
    assert power(re._parser.parse(pattern, FLAGS)) == expected


@given(st.lists(within(3), min_size=1, max_size=3), TEXTS)
def test_search_agrees_with_re(patterns, text):
    agree(patterns, text)


@given(st.lists(within(1), min_size=1, max_size=2), TEXTS, st.integers(0, 300))
def test_search_agrees_with_re_on_long_texts(patterns, text, blanks):
    agree(patterns, ("丙" * blanks).join([text, text[::-1], text, "甲乙a"]))


@pytest.fixture(scope="module")
def lists(repository):
    """Every list of patterns in the data files."""

    def read(value):
        if isinstance(value, dict):
            for child in value.values():
                yield from read(child)
        elif isinstance(value, list) and all(isinstance(item, str) and re.search(r"[(\[|\\]", item) for item in value):
            yield value
        elif isinstance(value, list):
            for child in value:
                yield from read(child)

    files = [repository / "kun_recipes/rules/rules.yaml", repository / "kun_recipes/corpus/quality.yaml"]
    found = [patterns for file in files for patterns in read(yaml.safe_load(file.read_text(encoding="utf-8")))]
    assert len(found) > 20
    return [patterns for patterns in found if all(map(is_usable, patterns))]


def test_the_data_files_find_the_same_in_the_demo_corpus(lists, repository):
    texts = [path.read_text(encoding="utf-8") for path in (repository / "recipes/demo/data/corpus").rglob("*.json*")]
    traps = "点击下载大全。\n首页|登录|注册|论坛\nAs an AI language model</P>&NBSP;上一页 1 2 下一页\n根据上文，QQ\n"
    for patterns in lists:
        for text in [*(text[:20_000] for text in texts), traps * 3]:
            agree(patterns, text)


@pytest.mark.parametrize(("unit", "count"), [("点击", 0), ("点击下载", 100_000), ("a", 0), ("立即x", 25_000)])
def test_linear_in_the_text(unit, count):
    phrases = Phrases(["(?:点击|立即)(?:这里)?下载", "立即[^。]{0,9}x", "a{1,5}b"])
    started = time.process_time()
    assert len(list(phrases.finditer(unit * 100_000))) == count
    assert time.process_time() - started < 5


def test_phrases_compare_by_pattern_and_can_be_pickled():
    phrases = Phrases(["点击", "下载"])
    assert phrases == Phrases(["点击", "下载"]) != Phrases(["点击"])
    assert pickle.loads(pickle.dumps(phrases)).search("请下载")[0] == "下载"


@pytest.mark.parametrize(
    ("text", "possible"),
    [
        ("请下载", [(1, [0])]),
        ("第x章,马上领取,领取", [(0, [1]), (2, [0, 1])]),
        ("点击下载,第x章", [(0, [0]), (1, [0])]),  # of the third list two must match
        ("没有", []),
        ("", []),
    ],
)
def test_lists_are_searched_only_where_the_words_of_one_of_their_phrases_are(text, possible):
    lists = [Phrases(["点击", "马上.{0,3}领取"]), Phrases(["下载"]), Phrases(["第.章", "领取|发放"])]
    assert PhraseLists(lists, [1, 1, 2]).possible(text) == possible


@pytest.mark.parametrize(
    ("text", "possible"), [("第1章", []), ("第1回", [0]), ("卷一章", [0]), ("卷一回", []), ("第1章,卷二回", [0])]
)
def test_an_alternative_needs_all_of_its_own_words(text, possible):
    assert Phrases(["第.{1,3}回|卷.{1,3}章"]).possible(text) == possible
