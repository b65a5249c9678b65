import pytest

from kun_recipes.annotation.config import AnnotateConfig
from kun_recipes.config.command_line import load
from kun_recipes.errors import ConfigError

NEEDED = ["--study_dir", "s", "--output_dir", "o"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--annotators", "a", "b", "a"], "annotators: a: duplicate name"),
        (["--annotators", "a", "b", "admin"], "annotators: admin is reserved for the link to the overview"),
        (["--annotators", "a", "b"], "annotators: 2 annotators cannot give 3 votes per item"),
        (["--annotators", ""], r"annotators\[0\]: must not be empty"),
        ([], "annotators: is required"),
        (["--annotators", "a", "b", "c", "--renew", "d"], "renew: d: unknown annotator"),
        (["--annotators", "a", "b", "c", "--export", "true", "--overview", "true"], "set only one of them"),
        (["--annotators", "a", "b", "c", "--port", "70000"], "port: must be at most 65535"),
    ],
)
def test_impossible_combinations_are_refused(words, message):
    with pytest.raises(ConfigError, match=message):
        load(AnnotateConfig, [*NEEDED, *words])


def test_an_empty_list_of_annotators_is_refused(tmp_path):
    (tmp_path / "annotate.yaml").write_text("study_dir: s\noutput_dir: o\nannotators: []\n")
    with pytest.raises(ConfigError, match="annotators: is empty; give at least one value"):
        load(AnnotateConfig, ["--config", str(tmp_path / "annotate.yaml")])


def test_defaults_follow_the_paper():
    config = load(AnnotateConfig, [*NEEDED, "--annotators", "a", "b", "c"])
    assert (config.votes_per_item, config.both_bad, config.host, config.share) == (3, False, "127.0.0.1", False)
