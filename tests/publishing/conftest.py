"""What the tests of publishing share."""

from pathlib import Path

import pytest

from tests.publishing.run_folder import RunFolder


@pytest.fixture
def run_folder(tmp_path: Path, tiny_model: Path, in_repository: None) -> RunFolder:
    return RunFolder(tmp_path / "run", tiny_model)
