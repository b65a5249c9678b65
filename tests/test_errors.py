"""What a worker raises reaches the main process as it was."""

import pickle

import pytest

from kun_recipes.data.archives import BrokenArchive
from kun_recipes.errors import ConfigError, EngineFailed, UserError


@pytest.mark.parametrize(
    "error",
    [
        UserError("no file"),
        EngineFailed("died"),
        ConfigError("workers", "is 0", "a.yaml"),
        BrokenArchive("cut", "b.gz"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_pass_from_a_worker_to_the_main_process(error):
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))
