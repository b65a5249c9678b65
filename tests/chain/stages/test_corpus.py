"""When the corpus stage of a chain has something left to do."""

import pytest

from kun_recipes.chain.stages.corpus import CORPUS
from kun_recipes.config.command_line import load


@pytest.mark.parametrize(("language", "repeats"), [("zh", False), ("en", True)])
def test_page_in_another_language_is_written_again(tmp_path, in_repository, language, repeats):
    words = ["--config", "recipes/demo/corpus.yaml", "--output_dir", str(tmp_path), "--language", language]
    config = load(CORPUS.config_class(), words)
    (tmp_path / "report.html").write_text('<!DOCTYPE html>\n<html lang="zh-CN">\n', encoding="utf-8")
    assert CORPUS.repeats(config) == repeats


def test_stage_without_a_page_is_left_as_it_is(tmp_path, in_repository):
    words = ["--config", "recipes/demo/corpus.yaml", "--output_dir", str(tmp_path)]
    assert not CORPUS.repeats(load(CORPUS.config_class(), words))
