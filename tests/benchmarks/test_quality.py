"""benchmarks/quality.py: what is read and written, what the chain's own passes select, and the arithmetic on it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import quality
import quality_rows
import quality_signals
from quality_rows import Candidate, Segment
from quality_selecting import AFTER, BEFORE, NOTHING, Outcome, Selecting
from quality_tables import (
    area_table,
    by_part,
    curve_table,
    figures,
    reason_table,
    share,
    signal_table,
    study,
    why_table,
)

from kun_recipes.curation.config import LabelConfig, RefineConfig
from kun_recipes.data import schema
from kun_recipes.errors import UserError
from tests.curation.stage_rows import write_rows

TEXT = "新修的产业路长六点八公里，去年底通车。货车能一直开到果园，运费降了三成，果农不用再肩挑。"
SEGMENTS = {
    "news-01": Segment("news-01", TEXT, "news", "chosen"),
    "law-01": Segment("law-01", TEXT.replace("果", "茶"), "law", "held_out"),
}
MEASURED: dict[str, Any] = {
    schema.TOKENS: 40,
    schema.INSTRUCTION_TOKENS: 9,
    schema.INSTRUCTION_FINISH: "stop",
    schema.OUTPUT_FINISH: "stop",
    schema.PERPLEXITY: 2.0,
    schema.FIT: 1.0,
    schema.FILTER_CALIBRATED: 3.0,
    schema.SCORE_CALIBRATED: 3.0,
    schema.SUPPORT: 3.0,
    schema.ANSWER_CALIBRATED: 3.0,
}
LINE: dict[str, Any] = {
    "segment_id": "news-01",
    "kind": "news",
    "part": "chosen",
    "instruction": "修通产业路以后，果农的运输有什么变化？",
    "output": "货车可以直接开到果园，运费降低了三成，果农不用再肩挑。",
    "good": True,
    "why": None,
    "reader": "甲",
    "measured": MEASURED,
}


def row(good: bool | None = True, segment: str = "news-01", why: str | None = None, **columns: Any) -> Candidate:
    texts = {name: columns.pop(name, LINE[name]) for name in ("instruction", "output")}
    return Candidate(SEGMENTS[segment], **texts, measured=MEASURED | columns, good=good, why=why, reader="甲")


def write_lines(path: Path, *lines: Any) -> Path:
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return path


def add_model(folder: Path, judges: Path, *lines: Any) -> Path:
    """Write a model's folder of read rows."""
    folder.mkdir()
    write_lines(folder / "rows.jsonl", *lines)
    (folder / "judges.json").write_bytes(judges.read_bytes())
    return folder


def without(column: str) -> dict[str, Any]:
    return {name: value for name, value in MEASURED.items() if name != column}


FAULTS = {
    "another segment": ({"segment_id": "news-9"}, "no segment news-9"),
    "another kind": ({"kind": "law"}, "kind is law, but that of segment news-01 is news"),
    "the other part": ({"part": "held_out"}, "part is held_out, but that of segment news-01 is chosen"),
    "no answer": ({"output": None}, "output must be text"),
    "good is a number": ({"good": 1}, "good must be true, false, or null"),
    "bad without a reason": ({"good": False}, "why must be one of instruction_not_one, "),
    "bad for a reason of one's own": ({"good": False, "why": "ugly"}, "why must be one of instruction_not_one, "),
    "good with a reason": ({"why": "partial"}, "why must be null"),
    "read by nobody": ({"reader": ""}, "reader must say who read the row"),
    "nothing measured": ({"measured": None}, "measured must be an object"),
    "too little measured": ({"measured": without(schema.FIT)}, "measured has no fit;"),
}


@pytest.mark.parametrize(("change", "message"), FAULTS.values(), ids=FAULTS)
def test_a_line_that_no_reader_could_mean_is_named(tmp_path, change, message):
    file = write_lines(tmp_path / "rows.jsonl", LINE | {"output": "另一个回答。"}, LINE | change)
    with pytest.raises(UserError) as error:
        quality_rows.read_labelled(file, SEGMENTS)
    assert str(error.value).startswith(f"{file}:2: {message}")


def test_a_pair_is_labelled_once(tmp_path):
    file = write_lines(tmp_path / "rows.jsonl", LINE, LINE | {"good": False, "why": "partial"})
    with pytest.raises(
        UserError, match=r"rows\.jsonl:2: repeats the segment, instruction and output of an earlier line"
    ):
        quality_rows.read_labelled(file, SEGMENTS)


def test_the_shipped_segments_are_halved_within_each_kind(repository):
    parts = by_part([Candidate(one, "", "", {}) for one in quality_rows.read_segments(quality_rows.SEGMENTS).values()])
    counts = {
        part: [sum(row.segment.kind == kind for row in rows) for kind in ("news", "encyclopaedia")]
        for part, rows in parts.items()
    }
    assert counts == {"chosen": [30, 30], "held_out": [30, 30]}
    assert {part: len(rows) for part, rows in parts.items()} == {"chosen": 81, "held_out": 79}


def test_each_shipped_model_has_rows_that_were_read_and_its_judges():
    segments = quality_rows.read_segments(quality_rows.SEGMENTS)
    folders = quality_rows.model_folders()
    assert [folder.name for folder in folders] == ["qwen2.5-coder-0.5b-64-seeds", "qwen2.5-coder-1.5b"]
    for folder in folders:
        rows = quality_rows.read_labelled(folder / "rows.jsonl", segments)
        held_out = [one for one in segments.values() if one.part == "held_out"]
        assert len({row.segment.id for row in rows if row.segment.part == "held_out"}) > 0.9 * len(held_out)
        assert all(row.good is not None for row in rows)
        assert len({row.measured[schema.LABEL_MODEL] for row in rows}) == 1
        assert {"filter", "score", "support", "answer"} <= json.loads((folder / "judges.json").read_text()).keys()


def test_report_names_each_reason(repository):
    page = (repository / "benchmarks/README.md").read_text(encoding="utf-8")
    for why, meaning in quality_rows.WHYS.items():
        assert f"| `{why}` | {meaning} |" in page


@pytest.fixture
def stages(tmp_path: Path) -> tuple[Path, Path]:
    """Folders of label and refine: three candidates, of which two are answered, and a row of another segment."""
    texts = [SEGMENTS["news-01"].text, SEGMENTS["law-01"].text, SEGMENTS["news-01"].text, "别的文章。"]
    of_label = {name: MEASURED[name] for name in (schema.TOKENS, schema.PERPLEXITY, schema.FIT)}
    rows = [
        {
            "text": text,
            schema.SOURCE: "web",
            schema.FILE_PATH: "/home/x",
            schema.INSTRUCTION: f"问题{number}？",
            **of_label,
        }
        for number, text in enumerate(texts)
    ]
    write_rows(tmp_path / "label/measured", rows)
    answered = [row | MEASURED | {schema.OUTPUT: f"回答{number}。"} for number, row in enumerate(rows)]
    write_rows(tmp_path / "refine/measured", [*answered[:2], rows[2], answered[3]])
    return tmp_path / "label", tmp_path / "refine"


def test_stages_with_several_candidates_for_a_row_are_refused(stages):
    write_rows(stages[0] / "measured", [{"text": "文章。", schema.SOURCE: "web", schema.CANDIDATE: 1}])
    with pytest.raises(UserError, match="label: has several candidates per row; run the stage with one"):
        quality_rows.read_stages(*stages, SEGMENTS)


def test_rows_of_stages_are_written_for_readers_and_known_again(tmp_path, stages):
    found, foreign = quality_rows.read_stages(*stages, SEGMENTS)
    assert [(row.segment.id, row.instruction, row.output) for row in found] == [
        ("news-01", "问题0？", "回答0。"),
        ("law-01", "问题1？", "回答1。"),
        ("news-01", "问题2？", None),
    ]
    assert foreign == 1
    assert found[0].measured == MEASURED
    assert quality_rows.count_unread(found) == "2 (chosen news 1, held_out law 1)"
    file = tmp_path / "unread.jsonl"
    assert quality_rows.write_unread(file, [*found, found[0]], seed=0) == 2
    with pytest.raises(UserError, match=r"unread\.jsonl: exists already"):
        quality_rows.write_unread(file, found, seed=0)
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    for line in lines:
        assert line["good"] is None
        line |= {"good": line["output"] == "回答1。", "reader": "乙"}
        line["why"] = None if line["good"] else "invented"
    labelled = quality_rows.read_labelled(write_lines(tmp_path / "read.jsonl", *lines), SEGMENTS)
    known = quality_rows.with_labels(found, labelled)
    assert [(row.good, row.why, row.reader) for row in known] == [
        (False, "invented", "乙"),
        (True, None, "乙"),
        (None, None, None),
    ]
    assert quality_rows.count_unread(known) == "0"


def test_the_order_for_readers_depends_on_the_seed_alone(tmp_path):
    rows = [row(None, output=f"回答{number}。") for number in range(20)]
    for name, some, seed in (("one", rows, 0), ("two", rows[::-1], 0), ("three", rows, 1)):
        quality_rows.write_unread(tmp_path / name, some, seed)
    one, two, three = ((tmp_path / name).read_bytes() for name in ("one", "two", "three"))
    assert one == two != three


@pytest.fixture
def judges(tmp_path: Path) -> Path:
    """A stage's judges.json: the threshold of each is 0, in the middle of its development items."""
    items = {"log_odds": [-1.0, 1.0], "right": [False, True]}
    names = ("filter", "score", "support", "answer")
    values = {name: {"judge": name, "bias": 0.0, "development": items, "held_out": items} for name in names}
    (tmp_path / "judges.json").write_text(json.dumps(values), encoding="utf-8")
    return tmp_path / "judges.json"


def selecting(rows: list[Candidate], judges: Path, **options: Any) -> Selecting:
    label = LabelConfig(segments="s", output_dir="l", model="m", max_perplexity=4, **options)
    refine = RefineConfig(candidates="l/rows", output_dir="r", dataset_dir="d", model="m", judge_data=[])
    return Selecting(rows, label, refine, judges)


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


def test_precision_and_yield_by_hand():
    kept = [(row(True), True)] * 3 + [(row(True), False)] + [(row(False), True)] + [(row(False), False)] * 5
    assert figures(kept) == ("10", "4", "4", "3", "0.75 [0.30, 0.95]", "0.75 [0.30, 0.95]")  # Wilson's
    assert figures([]) == ("0", "0", "0", "0", "–", "–")
    assert share(0, 4) == "0.00 [0.00, 0.49]"


def test_fallen_rows_are_counted_by_reason_and_kept_bad_ones_by_why():
    def outcome(is_good: bool, before: str | None, after: str | None, why: str | None = None) -> Outcome:
        return Outcome(row(is_good, why=why), {BEFORE: before, AFTER: after})

    read = [
        outcome(True, None, None),
        outcome(True, None, "unsupported"),
        outcome(False, None, "unsupported", "invented"),
        outcome(False, None, None, "invented"),
        outcome(False, "fit", "fit", "partial"),
    ]
    assert reason_table("t", read).rows == (("unsupported", "0", "0", "2", "1"), ("fit", "1", "0", "1", "0"))
    assert why_table("t", read).rows == (("invented", "2", "2", "1"), ("partial", "1", "0", "0"))


def test_the_curve_has_each_model_by_the_options_and_by_its_own_rule():
    def outcome(is_good: bool, support: float, segment: str, after: str | None = None) -> Outcome:
        return Outcome(row(is_good, segment, **{schema.SUPPORT: support}), {NOTHING: None, BEFORE: None, AFTER: after})

    def model(cut: float) -> list[Outcome]:
        values = [(True, cut + 1), (False, cut - 1), (True, cut + 1)]
        return [outcome(is_good, value, part) for part in ("news-01", "law-01") for is_good, value in values]

    small, large = model(0), model(5)
    dropped = small[3]._replace(reasons=small[3].reasons | {AFTER: "unsupported"})
    table = curve_table("held_out", {"small": [*small[:3], dropped, *small[4:]], "large": large})
    assert [cells[:5] for cells in table.rows] == [
        ("small, nothing dropped", "3", "2", "3", "2"),
        ("small, before", "3", "2", "3", "2"),
        ("small, after", "3", "2", "2", "1"),
        ("small, before and support ≥ 0.00", "3", "2", "2", "2"),
        ("large, nothing dropped", "3", "2", "3", "2"),
        ("large, before", "3", "2", "3", "2"),
        ("large, after", "3", "2", "3", "2"),
        ("large, before and support ≥ 5.00", "3", "2", "2", "2"),
    ]
    only_chosen = {"small": small[:3], "large": large}
    assert len(curve_table("held_out", only_chosen).rows) == 4
    areas = area_table({"small": small, "large": large})
    assert areas.head == ("", "small", "large")
    assert areas.rows[0][0] == "support"
    assert areas.rows[0][1].startswith("1.00 [")
    assert areas.rows[0][1].endswith("of 6")


def test_signals_are_higher_for_better_rows():
    signals = quality_signals.SIGNALS
    good, wrong = row(), row(output="货车能开到果园，运费降了五成。", **{schema.PERPLEXITY: 9.0})
    assert (signals["details"](good), signals["details"](wrong)) == (1, 0)
    assert signals["details"](row(output=LINE["output"] + "如需了解更多信息，建议您访问ABC官方网站。")) == 1
    assert (signals["perplexity"](good), signals["perplexity"](wrong)) == (-2, -9)
    assert signals["overlap"](row(output=TEXT[:20])) == 1
    assert signals["overlap"](row(output="天气预报说明天有雨。")) == 0
    assert signals["overlap"](row(output="好")) is None
    assert signals["support"](replace(good, measured=without(schema.SUPPORT))) is None


SUPPORTS = [(3.0, True), (2.0, True), (1.0, False), (0.5, True), (0.0, False), (None, False)]


def supported(*values: tuple[float | None, bool], segment: str = "news-01") -> list[Candidate]:
    return [row(good, segment, **{schema.SUPPORT: value}) for value, good in values]


def test_area_is_of_the_rows_that_have_the_signal():
    found = quality_signals.area(supported(*SUPPORTS), quality_signals.SIGNALS["support"])
    assert found is not None
    assert (found.auc, found.rows) == (pytest.approx(5 / 6), 5)
    assert found.low < found.auc < found.high
    assert quality_signals.area(supported((1.0, True)), quality_signals.SIGNALS["support"]) is None


THRESHOLDS = {
    "the second of three good ones is enough, at least 0.7 is not": (SUPPORTS, 0.25),
    "two of two": ([(3.0, True), (2.0, True), (1.0, False)], 1.5),
    "of equally precise ones the lowest": ([(4.0, True), (3.0, True), (2.0, True), (1.0, True), (0.0, False)], 0.5),
    "equal values are not parted": ([(2.0, True), (1.0, True), (1.0, False)], 0.5),
    "a good row that was not measured cannot be kept": ([(1.0, True), (None, True)], None),
    "nothing good": ([(1.0, False)], None),
    "nothing at all": ([], None),
}


@pytest.mark.parametrize(("values", "threshold"), THRESHOLDS.values(), ids=THRESHOLDS)
def test_threshold_is_the_most_precise_one_of_enough_yield(values, threshold):
    found = quality_signals.most_precise(supported(*values), quality_signals.SIGNALS["support"], details=False)
    assert found == threshold


def test_combination_sorts_where_each_signal_alone_does_not():
    values = [(1.0, 2.0, True), (2.0, 1.0, True), (0.0, 2.0, False), (2.0, 0.0, False), (1.0, 0.5, False)]
    rows = [row(good, **{schema.SUPPORT: one, schema.ANSWER_CALIBRATED: two}) for one, two, good in values]
    both = quality_signals.combination(rows)
    assert both is not None
    area = quality_signals.area(rows, both)
    assert area is not None
    assert area.auc == 1
    assert both.weights["support"] > 0 < both.weights["answer judge"]
    assert both(replace(rows[0], measured=without(schema.SUPPORT))) is None
    assert quality_signals.combination(rows[:2]) is None


def test_rule_is_chosen_on_one_part_and_measured_on_the_other():
    chosen = supported((3.0, True), (2.0, True), (1.0, False))
    held_out = supported((3.0, True), (1.6, False), (1.0, True), (0.0, False), segment="law-01")
    rules = quality_signals.chosen_rules(chosen)
    rule = quality_signals.best(rules, chosen)
    assert rule is not None
    assert (rule.name, rule.lowest) == ("support", 1.5)
    _, measured = study("t", [*chosen, *held_out])
    assert "| support ≥ 1.50 | 4 | 2 | 2 | 1 | 0.50" in measured
    *_, combined = signal_table([*chosen, *held_out]).rows
    assert combined[1] == combined[3] == "–"
    assert combined[2].startswith("0.75 [")


def test_of_equally_precise_rules_the_one_that_keeps_more_is_best():
    values = [(4.0, 0.0), (3.0, 2.0), (2.0, 2.0), (1.0, 1.0), (0.0, -1.0)]
    goods = [True, True, True, True, False]
    columns = [{schema.SUPPORT: one, schema.ANSWER_CALIBRATED: two} for one, two in values]
    rows = [row(good, **measured) for good, measured in zip(goods, columns, strict=True)]
    rules = [
        quality_signals.Rule(name, quality_signals.SIGNALS[name], lowest, details=False)
        for name, lowest in (("answer judge", 0.5), ("support", 0.5), ("answer judge", -0.5))
    ]
    assert quality_signals.best(rules, rows) == rules[1]


def test_no_rule_is_made_of_rows_that_are_all_bad():
    *_, message = study("t", supported((1.0, False)))
    assert message == "No rule keeps 0.7 of the good rows.\n"


@pytest.mark.slow
@pytest.mark.usefixtures("in_repository")
def test_the_command_prints_what_the_demo_keeps(tmp_path, judges, monkeypatch, capsys):
    def run(*words: str) -> str:
        monkeypatch.setattr("sys.argv", ["quality.py", *words])
        quality.main()
        return capsys.readouterr().out

    segments = [{"id": one.id, "text": one.text, "kind": one.kind, "half": one.part} for one in SEGMENTS.values()]
    segment_file = write_lines(tmp_path / "segments.jsonl", *segments)
    bad = {"good": False, "why": "invented", "measured": MEASURED | {schema.SUPPORT: -1.0}}
    lines = [LINE, LINE | bad | {"output": LINE["output"].replace("果农", "他们")}]
    models = [add_model(tmp_path / name, judges, *lines[:count]) for name, count in (("small", 2), ("large", 1))]
    files = ["--segments", str(segment_file), "--part", "chosen", "--models", str(models[0])]
    shown = run(*files)
    assert "| before | 2 | 1 | 2 | 1 | 0.50 [0.09, 0.91] | 1.00 [0.21, 1.00] |" in shown
    assert "| after | 2 | 1 | 1 | 1 | 1.00 [0.21, 1.00] | 1.00 [0.21, 1.00] |" in shown
    assert "held_out: kept rows" not in shown
    assert "large" not in shown
    loose = run(*files, "--refine.support_threshold", "-2")
    assert "| after | 2 | 1 | 2 | 1 | 0.50 [0.09, 0.91] | 1.00 [0.21, 1.00] |" in loose
    both = run(*files, str(models[1]))
    assert "# small\n\nfilter judge" in both
    assert "# large\n\nfilter judge" in both
    curve = both.partition("**chosen: by model**")[2]
    assert "| small, before | 2 | 1 | 2 | 1 | 0.50" in curve
    assert "| large, before | 1 | 1 | 1 | 1 | 1.00" in curve


@pytest.mark.slow
@pytest.mark.usefixtures("in_repository")
def test_run_is_listed_with_the_known_models(tmp_path, judges, stages, monkeypatch, capsys):
    segments = [{"id": one.id, "text": one.text, "kind": one.kind, "half": one.part} for one in SEGMENTS.values()]
    segment_file = write_lines(tmp_path / "segments.jsonl", *segments)
    same = {"instruction": "问题0？", "output": "回答0。"}
    known = add_model(tmp_path / "known", judges, LINE, LINE | same)
    judges.rename(stages[1] / "judges.json")
    words = ["--segments", str(segment_file), "--label", str(stages[0]), "--refine", str(stages[1])]
    monkeypatch.setattr("sys.argv", ["quality.py", *words, "--models", str(known)])
    quality.main()
    shown = capsys.readouterr().out
    assert "answers not read yet: 1 (held_out law 1)" in shown
    assert "# this run" in shown
    assert "# known" not in shown
    curve = shown.partition("**chosen: by model**")[2]
    assert "| this run, nothing dropped | 1 | 1 |" in curve
    assert "| known, nothing dropped | 2 | 2 |" in curve


@pytest.mark.usefixtures("in_repository")
def test_a_model_that_nobody_read_has_no_tables(tmp_path, judges, monkeypatch, capsys):
    segments = [{"id": one.id, "text": one.text, "kind": one.kind, "half": one.part} for one in SEGMENTS.values()]
    segment_file = write_lines(tmp_path / "segments.jsonl", *segments)
    unread = add_model(tmp_path / "unread", judges, LINE | {"good": None, "reader": None})
    monkeypatch.setattr("sys.argv", ["quality.py", "--segments", str(segment_file), "--models", str(unread)])
    quality.main()
    assert capsys.readouterr().out == (
        "answers not read yet: 1 (chosen news 1)\nunread: no row was read, so there are no results\n"
    )


@pytest.mark.parametrize("words", [["--label", "x"], ["--refine", "x"]])
def test_the_stages_are_given_together(words, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["quality.py", *words])
    with pytest.raises(SystemExit, match="2"):
        quality.main()
    assert capsys.readouterr().err == "--label and --refine need each other; give the folders of both stages\n"
