from kun_recipes.evaluation.tables import all_tables, score_table
from kun_recipes.reporting.tables import Table, to_latex, to_markdown, to_rich


def estimate(value, low, high, **more):
    both = {
        f"{name}{end}": number
        for name in ("accuracy", "pooled")
        for end, number in zip(("", "_low", "_high"), (value, low, high), strict=True)
    }
    parts = {"quoted": {"questions": 0}, "not_quoted": {**both, "questions": 100}}
    return {
        **both,
        "questions": 100,
        "groups": {"STEM": both},
        "contamination": parts,
        "fewer_shots": 2,
        "unparsed": 0.25,
        **more,
    }


def model(name, base, value):
    gen = estimate(value - 0.1, value - 0.2, value)
    scores = {"asked": 100, "answered": 100, "ppl": estimate(value, value - 0.1, value + 0.1), "gen": gen}
    return {
        "name": name,
        "base": base,
        "format": "plain",
        "scores": {"ceval": {**scores, "gen-lenient": gen, "unparsed": 0.25}},
        "held_out": {
            "perplexity": 4.0,
            "perplexity_low": 3.0,
            "perplexity_high": 5.5,
            "answer_characters": 80.4,
            "answer_characters_median": 75,
            "reference_characters": 188,
            "cut_off": 0.5,
            "refusals": 0.0,
        },
    }


RESULTS = {
    "shots": 5,
    "quoting": ["seeds.jsonl"],
    "held_out": {"pairs": 7, "new_tokens": 48},
    "benchmarks": {"ceval": {"name": "C-Eval", "questions": 100, "subjects": 4}},
    "models": [model("base_model", True, 0.5), model("final", False, 0.6)],
    "comparisons": [
        {
            "model": "final",
            "against": "base_model",
            "benchmark": "ceval",
            "reading": reading,
            "difference": 0.1,
            "difference_low": -0.02,
            "difference_high": 0.22,
            "only_model": 15,
            "only_other": 5,
            "p_value": 0.041389,
        }
        for reading in ("ppl", "gen-lenient")
    ],
}


def test_the_score_table_has_the_shape_of_table_3():
    table = score_table(RESULTS)
    assert table.head == ("model", "C-Eval PPL", "C-Eval GEN")
    assert table.rows == (
        ("base_model (base)", "50.0 [40.0, 60.0]", "40.0 [30.0, 50.0]"),
        ("final", "60.0 [50.0, 70.0]", "50.0 [40.0, 60.0]"),
    )


def test_further_tables_have_the_figures_behind_the_scores():
    tables = {table.title.split()[0]: table for table in all_tables(RESULTS)}
    assert set(tables) == {"Accuracy,", "GEN:", "Accuracy", "Pooled", "Paired", "7"}
    assert tables["GEN:"].rows[0][4:] == ("25.0 / 25.0 / 25.0", "40.0 [30.0, 50.0]", "2 of 100")
    assert tables["Pooled"].rows[0][2:] == ("– (0)", "50.0 [40.0, 60.0] (100)")
    assert tables["Paired"].rows == (("final − base_model", "C-Eval PPL", "+10.0 [-2.0, +22.0]", "15 / 5", "0.041"),)
    assert tables["7"].rows[1] == ("final", "4.00 [3.00, 5.50]", "80 (75)", "50", "0")


TABLE = Table("Scores, % & more", ("model", "C-Eval"), (("base_model", "50.0 [40.0, 60.0]"),))


def test_markdown():
    assert to_markdown(TABLE) == (
        "**Scores, % & more**\n\n| model | C-Eval |\n| --- | ---: |\n| base_model | 50.0 [40.0, 60.0] |\n"
    )


def test_latex():
    assert to_latex(TABLE).splitlines() == [
        r"\begin{table}",
        r"\centering",
        r"\caption{Scores, \% \& more.}",
        r"\begin{tabular}{lr}",
        r"\toprule",
        r"model & C-Eval \\",
        r"\midrule",
        r"base\_model & 50.0 [40.0, 60.0] \\",
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]


def test_on_the_terminal_an_interval_has_a_line_of_its_own():
    assert list(to_rich(TABLE).columns[1].cells) == ["50.0\n[40.0, 60.0]"]
