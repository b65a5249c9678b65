"""Configuration: what is read, and the one line that every mistake gets."""

import pytest

from kun_recipes.config.command_line import parse
from kun_recipes.config.options import affects_rows
from kun_recipes.config.settings import read_yaml_mapping
from kun_recipes.errors import ConfigError
from tests.config.sample_config import SampleConfig, read, said

YAML_MISTAKES = {
    "unknown key": ("row: 3", "FILE: row: unknown key; did you mean rows?"),
    "unknown key, nothing near": ("zzz: 3", "FILE: zzz: unknown key; --help lists all keys"),
    "a key that is a number": ("3: x", "FILE: 3: unknown key; --help lists all keys"),
    "a key that YAML reads as true": ("on: x", "FILE: True: unknown key; did you mean rate?"),
    "bool for int": ("rows: true", "FILE: rows: must be a whole number, not True"),
    "text for int": ("rows: many", "FILE: rows: must be a whole number, not 'many'"),
    "digits in quotes for int": ("rows: '3'", "FILE: rows: must be a whole number, not '3'"),
    "float for int": ("rows: 3.0", "FILE: rows: must be a whole number, not 3.0"),
    "null for int": ("rows: null", "FILE: rows: must be a whole number, not None"),
    "text for int or null": ("limit: all", "FILE: limit: must be a whole number or null, not 'all'"),
    "bool for float": ("rate: true", "FILE: rate: must be a number, not True"),
    "text for float": ("rate: fast", "FILE: rate: must be a number, not 'fast'"),
    "text for bool": ("quiet: maybe", "FILE: quiet: must be true or false, not 'maybe'"),
    "int for bool": ("quiet: 1", "FILE: quiet: must be true or false, not 1"),
    "number for text": ("output_dir: 3", "FILE: output_dir: must be text, not 3"),
    "list for text": ("output_dir: [a]", "FILE: output_dir: must be text, not ['a']"),
    "mapping for text": ("output_dir: {a: b}", "FILE: output_dir: must be text, not {'a': 'b'}"),
    "empty text": ("output_dir: ''", "FILE: output_dir: must not be empty"),
    "text for list": ("names: a", "FILE: names: must be a list of text, not 'a'"),
    "item of a list": ("names: [a, 1]", "FILE: names[1]: must be text, not 1"),
    "bool in a list of ints": ("sizes: [1, true]", "FILE: sizes[1]: must be a whole number, not True"),
    "empty list": ("sizes: []", "FILE: sizes: is empty; give at least one value"),
    "no such enum value": ("order: middle", "FILE: order: must be one of first, last, not 'middle'"),
    "no such literal": ("side: top", "FILE: side: must be one of left, right, not 'top'"),
    "below the minimum": ("rows: 0", "FILE: rows: must be at least 1, not 0"),
    "over the maximum": ("rows: 65", "FILE: rows: must be at most 64, not 65"),
    "at an exclusive bound": ("rate: 0", "FILE: rate: must be above 0, not 0"),
    "optional, below the minimum": ("limit: 0", "FILE: limit: must be at least 1, not 0"),
    "item below the minimum": ("sizes: [1, 0]", "FILE: sizes[1]: must be at least 1, not 0"),
    "item of no choice": ("names: [a, c]", "FILE: names[1]: must be one of a, b, not c"),
    "nan": ("share: .nan", "FILE: share: must be a number, not nan"),
    "missing path": ("folder: no/such", "FILE: folder: no such file or folder: no/such"),
    "duplicate key": ("rows: 3\nrows: 4", "FILE: not YAML: the key rows appears twice in "),
}


@pytest.mark.parametrize(("text", "message"), YAML_MISTAKES.values(), ids=YAML_MISTAKES)
def test_a_mistake_in_the_yaml_gets_one_line(tmp_path, text, message):
    required = "" if text.startswith("output_dir") else "output_dir: out\n"
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, SampleConfig, required + text)
    assert said(caught.value, message)


BROKEN_FILES = {
    "a list": (b"- a\n- b\n", "FILE: must contain one `key: value` per line"),
    "empty": (b"", "FILE: must contain one `key: value` per line"),
    "a word": (b"rows\n", "FILE: must contain one `key: value` per line"),
    "not UTF-8": (b"output_dir: \xff\n", "FILE: is not UTF-8 text (invalid start byte at byte 12)"),
    "not YAML": (b"rows: [1\n", "FILE: not YAML: "),
    "a Python object": (b"rows: !!python/name:os.system\n", "FILE: not YAML: "),
}


@pytest.mark.parametrize(("content", "message"), BROKEN_FILES.values(), ids=BROKEN_FILES)
def test_a_broken_file_gets_one_line(tmp_path, content, message):
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, SampleConfig, content)
    assert said(caught.value, message)


COMMAND_LINE_MISTAKES = {
    "unknown argument": (["--row", "3"], "command line: --row: unknown argument; did you mean --rows?"),
    "nothing near": (["--zzz"], "command line: --zzz: unknown argument; --help lists all options"),
    "an abbreviation": (["--output", "x"], "command line: --output: unknown argument; did you mean --output_dir?"),
    "a stray word": (["stray"], "command line: stray: unknown argument; --help lists all options"),
    "no int": (["--rows", "many"], "command line: argument --rows: "),
    "no value": (["--rows"], "command line: argument --rows: "),
    "no choice": (["--side", "top"], "command line: argument --side: "),
    "out of range": (["--rows", "0"], "command line: rows: must be at least 1, not 0"),
    "out of range, with =": (["--rows=0"], "command line: rows: must be at least 1, not 0"),
    "nan": (["--share", "nan"], "command line: share: must be a number, not nan"),
    "missing path": (["--folder", "no/such"], "command line: folder: no such file or folder: no/such"),
    "hyphen for underscore": (["--output-dir", ""], "command line: output_dir: must not be empty"),
    "another field is to blame": (["--rows", "3"], "FILE: limit: must be at least 1, not 0"),
    "a second file": (["--config", "b.yaml"], "command line: --config: unknown argument; --help lists all options"),
    "--config=FILE": (["--config=b.yaml"], "command line: --config=b.yaml: write --config FILE, with a space"),
}


@pytest.mark.parametrize(("argv", "message"), COMMAND_LINE_MISTAKES.values(), ids=COMMAND_LINE_MISTAKES)
def test_a_mistake_on_the_command_line_gets_one_line(tmp_path, argv, message):
    text = "output_dir: out\n" + ("limit: 0\n" if "limit" in message else "")
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, SampleConfig, text, *argv)
    assert said(caught.value, message)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--config"], "command line: --config needs a file"),
        (["--config", "no/such.yaml"], "no/such.yaml: no such file"),
        (["--config", "."], ".: no such file"),
        ([], "command line: output_dir: is required: set it in the YAML or by --output_dir"),
        (["--rows", "3"], "command line: output_dir: is required: set it in the YAML or by --output_dir"),
    ],
)
def test_parse_says_it_on_stderr_and_exits_with_2(capsys, argv, message):
    with pytest.raises(SystemExit) as caught:
        parse(SampleConfig, argv)
    assert caught.value.code == 2
    assert capsys.readouterr() == ("", message + "\n")


def test_a_required_field_missing_in_the_file_names_the_file(tmp_path):
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, SampleConfig, "rows: 3\n")
    assert str(caught.value) == "FILE: output_dir: is required: set it in the YAML or by --output_dir"


@pytest.mark.parametrize("argv", [["--output_dir", "out"], ["--output_dir=out"], ["--output-dir", "out"]])
def test_a_required_field_may_come_from_the_command_line_in_each_spelling(tmp_path, argv):
    assert read(tmp_path, SampleConfig, "rows: 3\n", *argv).output_dir == "out"


def test_values_are_read_as_the_types_of_their_fields(tmp_path):
    text = "output_dir: out\nrate: 2e-5\nshare: 1\nnames: [b, a]\nsizes: [3]\nquiet: true\norder: last\nside: right\n"
    config = read(tmp_path, SampleConfig, text)
    assert config == SampleConfig(
        output_dir="out", rate=2e-5, share=1, names=["b", "a"], sizes=[3], quiet=True, order="last", side="right"
    )
    assert isinstance(config.rate, float)


def test_null_on_the_command_line_unsets_an_optional_path(tmp_path):
    text = f"output_dir: out\nfolder: {tmp_path}\n"
    for words in (["--folder", "None"], ["--folder", "null", "--rows", "3"], ["--folder=null"]):
        assert read(tmp_path, SampleConfig, text, *words).folder is None


def test_the_last_word_for_an_option_counts_null_or_not(tmp_path):
    text, folder = f"output_dir: out\nfolder: {tmp_path}\n", str(tmp_path)
    for words in (["--folder", folder, "--folder", "null"], ["--folder=null", "--folder", "x", "--folder=None"]):
        assert read(tmp_path, SampleConfig, text, *words).folder is None
    assert read(tmp_path, SampleConfig, text, "--folder", "null", "--folder", folder).folder == folder


def test_the_command_line_beats_the_file(tmp_path):
    text = "output_dir: out\nrows: 3\nnames: [a]\n"
    config = read(tmp_path, SampleConfig, text, "--rows", "5", "--names", "b", "a", "--rate", "2e-5")
    assert (config.output_dir, config.rows, config.names, config.rate) == ("out", 5, ["b", "a"], 2e-5)


def test_a_path_in_the_future_folder_need_not_exist(tmp_path):
    text = "output_dir: out\nfolder: outputs/demo/rows\n"
    assert read(tmp_path, SampleConfig, text, future="outputs").folder == "outputs/demo/rows"
    assert read(tmp_path, SampleConfig, text, future=["data", "outputs"]).folder == "outputs/demo/rows"
    with pytest.raises(ConfigError, match="FILE: folder: no such file or folder: outputs/demo/rows"):
        read(tmp_path, SampleConfig, text, future="out")


def test_a_list_default_is_not_shared():
    first, second = SampleConfig(output_dir="a"), SampleConfig(output_dir="b")
    first.names.append("b")
    assert second.names == ["a"]


def test_affects_rows_is_true_by_default():
    fields = SampleConfig.__dataclass_fields__
    assert not affects_rows(fields["output_dir"])
    assert affects_rows(fields["rows"])


def test_read_yaml_mapping_keeps_the_order(tmp_path):
    file = tmp_path / "run.yaml"
    file.write_text("b: 1\na: [x]\n", encoding="utf-8")
    assert list(read_yaml_mapping(file).items()) == [("b", 1), ("a", ["x"])]
