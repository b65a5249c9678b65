import pytest

from kun_recipes.config.options import ConfigError
from kun_recipes.training.mix_options import check_mix, parse_columns


@pytest.mark.parametrize(
    ("mapping", "columns"),
    [
        ("instruction=instruction output=output", ("instruction", "output")),
        (" output=回答  instruction=问题 ", ("问题", "回答")),
        ("instruction=instruction+input output=output", ("instruction+input", "output")),
    ],
)
def test_a_mapping_is_read(mapping, columns):
    assert parse_columns(mapping) == columns


@pytest.mark.parametrize(
    "mapping",
    [
        "instruction",
        "instruction=a",
        "instruction=a output=",
        "instruction=a output=b input=c",
        "instruction=a a output=b",
    ],
)
def test_a_mapping_that_cannot_be_read(mapping):
    with pytest.raises(ConfigError, match="mix_columns: must read like instruction=instruction output=output, not"):
        parse_columns(mapping)


@pytest.mark.parametrize(
    ("mix", "columns", "weights", "revisions", "key", "message"),
    [
        (None, ["x"], None, None, "mix_columns", "has no effect without mix; leave it out"),
        (None, None, [1.0], None, "mix_weights", "has no effect without mix; leave it out"),
        (None, None, None, ["main"], "mix_revisions", "has no effect without mix; leave it out"),
        (["a/b", "c/d"], None, [1.0], None, "mix_weights", "must hold one value for each set of mix: 2, not 1"),
        (["a/b"], ["x"], None, None, "mix_columns", "must read like instruction=instruction output=output, not x"),
        (["/"], None, None, ["main"], "mix_revisions", "holds for Hub datasets; / is a path: write none"),
    ],
)
def test_lists_that_do_not_fit(mix, columns, weights, revisions, key, message):
    with pytest.raises(ConfigError) as error:
        check_mix(mix, columns, weights, revisions)
    assert (error.value.key, error.value.message) == (key, message)


def test_lists_that_fit():
    check_mix(None, None, None, None)
    check_mix(["/", "a/b"], ["instruction=a output=b"] * 2, [0.5, 2.0], ["none", "0123abc"])
