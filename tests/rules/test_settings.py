import pytest
import yaml

from kun_recipes.errors import UserError
from kun_recipes.rules import load_rules
from kun_recipes.rules.settings import Rules


@pytest.fixture
def content(repository):
    return yaml.safe_load((repository / "kun_recipes/rules/rules.yaml").read_text(encoding="utf-8"))


def write(path, content):
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return path


def test_the_package_brings_its_rules(content, tmp_path):
    rules = load_rules()
    assert isinstance(rules, Rules)
    assert (rules.too_short.segment, rules.too_short.instruction, rules.too_short.answer) == (50, 5, 20)
    assert rules == load_rules(write(tmp_path / "copy.yaml", content))


def test_null_switches_a_check_off(content, tmp_path):
    content["refusal"] = content["too_short"]["answer"] = content["repetition"]["max_ngram_share"] = None
    rules = load_rules(write(tmp_path / "rules.yaml", content))
    assert rules.refusal is rules.too_short.answer is rules.repetition.max_ngram_share is None


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (["repetitoin"], {}, "repetitoin: unknown key, did you mean 'repetition'?"),
        (["repetition", "ngrams"], 5, "repetition.ngrams: unknown key, did you mean 'ngram'?"),
        (["repetition", "ngram"], "12", "repetition.ngram: '12' is not of type int"),
        (["repetition", "ngram"], None, "repetition.ngram: None is not of type int"),
        (["repetition", "ngram"], True, "repetition.ngram: True is not of type int"),
        (["repetition", "max_ngram_share"], 60, "repetition.max_ngram_share: 60 is out of range"),
        (["too_short", "answer"], -1, "too_short.answer: -1 is out of range"),
        (["too_short"], 5, "too_short: not a section of keys"),
        (["refusal"], "抱歉", "refusal: '抱歉' is not a list"),
        (["refusal"], [], "refusal: an empty list"),
        (["refusal"], ["(抱歉"], "refusal[0]: missing ), unterminated subpattern at position 0 in '(抱歉'"),
        (["refusal"], ["抱歉", "我*"], "refusal[1]: matches where nothing stands in '我*'"),
        (["refusal"], ["抱歉，我"], "refusal[0]: '，' can never match, rules read ',' in its place"),
        (["keywords", "answer", 0, "min_hits"], 0.5, "keywords.answer[0].min_hits: 0.5 is not of type int"),
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


def test_a_missing_key_is_named(content, tmp_path):
    del content["format_limits"]["answer"]["max_lines"]
    with pytest.raises(UserError, match=r"format_limits\.answer\.max_lines: missing"):
        load_rules(write(tmp_path / "rules.yaml", content))


def test_no_file_and_no_yaml(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        load_rules(tmp_path / "none.yaml")
    (tmp_path / "broken.yaml").write_text("refusal: [", encoding="utf-8")
    with pytest.raises(UserError, match=r"broken\.yaml: not YAML: .*line 1"):
        load_rules(tmp_path / "broken.yaml")
    (tmp_path / "empty.yaml").write_text("", encoding="utf-8")
    with pytest.raises(UserError, match="the file: not a section of keys"):
        load_rules(tmp_path / "empty.yaml")
