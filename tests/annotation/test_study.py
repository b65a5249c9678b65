import dataclasses

import pytest

from kun_recipes.annotation.study import Study, fingerprint, read_study
from kun_recipes.errors import UserError


def test_both_tasks_are_read(study: Study):
    assert {task: list(items) for task, items in study.tasks.items()} == {
        "quality": ["q0", "q1", "q2", "q3"],
        "preference": ["p0/kun/belle", "p1/kun/belle", "p2/kun/belle", "p3/kun/belle"],
    }


def test_one_task_is_enough(study_dir):
    (study_dir / "quality.jsonl").unlink()
    assert list(read_study(study_dir).tasks) == ["preference"]


def test_a_folder_without_items_is_refused(tmp_path):
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(UserError, match=r"contains no study; .* writes quality.jsonl or preference.jsonl"):
            read_study(folder)


def test_items_of_the_wrong_task_are_refused(study_dir):
    (study_dir / "quality.jsonl").write_bytes((study_dir / "preference.jsonl").read_bytes())
    with pytest.raises(UserError, match=r"quality.jsonl:1: not an item: it must have exactly id, source, instruction"):
        read_study(study_dir)


def test_an_empty_file_is_refused(study_dir):
    (study_dir / "quality.jsonl").write_text("")
    with pytest.raises(UserError, match=r"quality.jsonl: no items"):
        read_study(study_dir)


def test_fingerprint_covers_the_shown_texts(study: Study):
    items = list(study.tasks["preference"].values())
    known = fingerprint(items)
    assert fingerprint(reversed(items)) == known
    assert fingerprint([dataclasses.replace(item, model_a="", model_b="") for item in items]) == known
    assert fingerprint([dataclasses.replace(items[0], answer_a="else"), *items[1:]]) != known
    assert fingerprint(items[1:]) != known
