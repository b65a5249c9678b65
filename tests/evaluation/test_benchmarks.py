import pytest

from kun_recipes.errors import UserError
from kun_recipes.evaluation.benchmarks import all_groups, benchmark


def test_the_subjects_are_those_of_the_benchmarks():
    ceval, cmmlu = benchmark("ceval"), benchmark("cmmlu")
    assert (len(ceval.subjects), len(cmmlu.subjects)) == (52, 67)
    assert (ceval.questions, cmmlu.questions) == (1346, 11582)
    groups = ("STEM", "Social Science", "Humanities", "Other", "Hard")
    assert [len(ceval.select(None, [group])) for group in groups] == [20, 10, 11, 11, 8]
    groups = ("STEM", "Social Science", "Humanities", "Other", "China-specific")
    assert [len(cmmlu.select(None, [group])) for group in groups] == [17, 22, 13, 15, 15]
    assert set(all_groups()) == {"STEM", "Social Science", "Humanities", "Other", "Hard", "China-specific"}


def test_subjects_are_chosen_by_name_and_group_and_keep_the_benchmarks_order():
    chosen = benchmark("ceval").select(["law", "logic", "accountant"], ["Humanities"])
    assert [subject.name for subject in chosen] == ["logic", "law"]


def test_an_unknown_subject_is_refused_with_the_nearest():
    with pytest.raises(UserError, match=r"^physic: not a subject of C-Eval; did you mean physician\?$"):
        benchmark("ceval").select(["physic"], None)


def test_subject_names_are_those_of_lm_eval():
    tasks = pytest.importorskip("lm_eval.tasks").__path__[0]
    from pathlib import Path

    import yaml

    for file in sorted(Path(tasks, "cmmlu").glob("cmmlu_*.yaml")):
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
        title = {subject.name: subject.title for subject in benchmark("cmmlu").subjects}[found["dataset_name"]]
        assert f"关于{title}的" in found["description"]
