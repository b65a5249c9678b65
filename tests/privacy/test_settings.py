import pytest
import yaml

from kun_recipes.errors import UserError
from kun_recipes.privacy import KINDS, load_privacy


@pytest.fixture
def content(repository):
    return yaml.safe_load((repository / "kun_recipes/privacy/privacy.yaml").read_text(encoding="utf-8"))


def write(path, content):
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return path


def test_package_contains_its_settings(content, tmp_path):
    settings = load_privacy()
    assert settings == load_privacy(write(tmp_path / "copy.yaml", content))
    assert settings.kinds == frozenset(KINDS)
    assert settings.removed == frozenset()
    assert settings.placeholders["mobile"] == "[手机号]"


def test_treatment_decides_which_kinds_are_detected(content, tmp_path):
    content["treatment"]["ip"]["action"] = "keep"
    content["treatment"]["id_card"]["action"] = "remove"
    settings = load_privacy(write(tmp_path / "privacy.yaml", content))
    assert settings.kinds == frozenset(KINDS) - {"ip"}
    assert settings.removed == {"id_card"}


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (["treatment", "ip", "action"], "hide", "treatment.ip.action: must be one of mask, remove, keep, not 'hide'"),
        (["treatment", "ip", "placeholder"], "", "treatment.ip.placeholder: is empty"),
        (["treatment", "imei"], {}, "treatment.imei: unknown key"),
        (["treatment", "emial"], {}, "treatment.emial: unknown key; did you mean email?"),
        (["max_masked_share"], 30, "max_masked_share: must be at most 1, not 30"),
        (["words", "qq_before"], ["（QQ）"], "words.qq_before[0]: '（' can never match"),
    ],
)
def test_mistakes_name_file_and_key(content, tmp_path, keys, value, message):
    *parents, last = keys
    section = content
    for key in parents:
        section = section[key]
    section[last] = value
    path = write(tmp_path / "privacy.yaml", content)
    with pytest.raises(UserError) as error:
        load_privacy(path)
    assert str(error.value).startswith(f"{path}: {message}")
