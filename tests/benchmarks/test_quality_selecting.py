"""benchmarks/quality_selecting.py: the reasons for which the selecting passes of the stages drop read rows."""

import json

import pytest
from quality_selecting import AFTER, BEFORE, NOTHING

from kun_recipes.data import schema
from kun_recipes.errors import UserError
from tests.benchmarks.candidates import LINE, row, selecting

REASONS = {
    "good": ({}, None, None),
    "unlikely": ({schema.PERPLEXITY: 4.1}, "perplexity", "perplexity"),
    "a statement": ({schema.FILTER_CALIBRATED: -0.1}, "not_an_instruction", "not_an_instruction"),
    "a poor one": ({schema.SCORE_CALIBRATED: -0.1}, "poor_instruction", "poor_instruction"),
    "too short an answer": ({"output": "三"}, "too_short", "too_short"),
    "a number changed": ({"output": LINE["output"].replace("三", "五")}, None, "unsupported_detail"),
    "invented": ({schema.SUPPORT: -0.1}, None, "unsupported"),
    "wrong": ({schema.ANSWER_CALIBRATED: -0.1}, None, "wrong_answer"),
    "a tail": ({"output": LINE["output"] + "以上内容仅供参考。"}, "meta_talk", None),
}


@pytest.mark.slow
@pytest.mark.usefixtures("in_repository")
def test_rows_fall_by_the_reasons_of_the_stages(judges):
    rows = [row(**change) for change, _, _ in REASONS.values()]
    outcomes = selecting(rows, judges).outcomes()
    assert [one.row for one in outcomes] == rows
    found = [(one.reasons[BEFORE], one.reasons[AFTER]) for one in outcomes]
    assert dict(zip(REASONS, found, strict=True)) == {name: case[1:] for name, case in REASONS.items()}
    assert not any(one.reasons[NOTHING] for one in outcomes)
    alone = {
        name.removesuffix(" alone"): [one.reasons[name] for one in outcomes if not one.is_kept(name)]
        for name in outcomes[0].reasons
        if name.endswith(" alone")
    }
    assert alone == {
        "rules": ["too_short"],
        "perplexity": ["perplexity"],
        "fit": [],
        "filter judge": ["not_an_instruction"],
        "score judge": ["poor_instruction"],
        "details": ["unsupported_detail"],
        "support": ["unsupported"],
        "answer judge": ["wrong_answer"],
    }


@pytest.mark.slow
@pytest.mark.usefixtures("in_repository")
def test_the_share_of_lowest_fit_is_of_all_candidates_answered_or_not(judges):
    rows = [row(output=LINE["output"] if number else None, **{schema.FIT: number / 10}) for number in range(11)]
    outcomes = selecting(rows, judges, min_fit_percentile=20).outcomes()
    assert len(outcomes) == 10
    assert [one.row.measured[schema.FIT] for one in outcomes if one.reasons[AFTER] == "fit"] == [0.1]


@pytest.mark.usefixtures("in_repository")
def test_judges_that_were_not_asked_are_named(judges):
    known = json.loads(judges.read_text(encoding="utf-8"))
    judges.write_text(json.dumps({name: known[name] for name in ("filter", "score")}), encoding="utf-8")
    with pytest.raises(UserError, match=r"judges\.json: has no answer, support; use that of a refine stage"):
        list(selecting([row()], judges).measured_judges())
