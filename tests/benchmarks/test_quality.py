"""benchmarks/quality.py: what the command prints."""

import pytest
import quality

from kun_recipes.data import schema
from tests.benchmarks.candidates import LINE, MEASURED, SEGMENTS, add_model, write_lines


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
