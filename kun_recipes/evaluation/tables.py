"""Results as a person reads them: the table in the shape of the paper's table 3, and what stands behind it."""

from typing import Any

from rich.table import Table as RichTable

from kun_recipes.reporting.language import listed, named, tr
from kun_recipes.reporting.tables import Table, to_rich

HEADS = {"ppl": "PPL", "ppl-full": "PPL, four passes", "gen": "GEN"}


def heads() -> dict[str, str]:
    """Return the modes and their names."""
    return {mode: tr(head) for mode, head in HEADS.items()}


def all_tables(results: dict[str, Any]) -> list[Table]:
    """Return scores, what was written, groups, comparisons, held-out pairs."""
    tables = [score_table(results), writing_table(results), group_table(results), contamination_table(results)]
    return [table for table in [*tables, comparison_table(results), held_out_table(results)] if table.rows]


def results_tables(results: dict[str, Any]) -> list[RichTable]:
    """Return the tables for the terminal: scores, comparisons with the base model, and held-out pairs."""
    tables = [score_table(results), comparison_table(results), held_out_table(results)]
    return [to_rich(table) for table in tables if table.rows]


def score_table(results: dict[str, Any]) -> Table:
    """Return the shape of table 3: a row per model, the unweighted mean over subjects, with its interval."""
    columns = [(name, reading) for name in results["benchmarks"] for reading in HEADS if _has(results, name, reading)]
    names = {name: about["name"] for name, about in results["benchmarks"].items()}
    rows = [
        (_label(model), *(percent(model["scores"][name][reading], "accuracy") for name, reading in columns))
        for model in results["models"]
    ]
    counts = listed(
        tr("{name} {questions} questions of {subjects} subjects", **about) for about in results["benchmarks"].values()
    )
    title = tr("Accuracy, mean over subjects, % [95% interval]; {shots} shots; {counts}", counts=counts, **results)
    head = (tr("model"), *(f"{names[name]} {heads()[reading]}" for name, reading in columns))
    return Table(title, head, tuple(rows))


def writing_table(results: dict[str, Any]) -> Table:
    """Return GEN by the two readings of an answer, and the pooled accuracies."""
    rows = [
        (
            _label(model),
            results["benchmarks"][name]["name"],
            percent(scores["gen"], "accuracy"),
            percent(scores["gen-lenient"], "accuracy"),
            " / ".join(
                f"{100 * share:.1f}"
                for share in (scores["gen"]["unparsed"], scores["gen-lenient"]["unparsed"], scores["unparsed"])
            ),
            percent(scores["gen"], "pooled"),
            tr("{part} of {whole}", part=scores["gen"]["fewer_shots"], whole=scores["answered"]),
        )
        for model in results["models"]
        for name, scores in model["scores"].items()
        if "gen" in scores
    ]
    head = (
        "model",
        "benchmark",
        "first capital",
        "lenient reading",
        "no letter by first capital / lenient reading / both, %",
        "pooled",
        "with fewer shots",
    )
    return Table(tr("GEN: how the answers were read, %"), tuple(map(tr, head)), tuple(rows))


def group_table(results: dict[str, Any]) -> Table:
    """Return accuracy by group of subjects."""
    rows = [
        (
            _label(model),
            results["benchmarks"][name]["name"],
            heads()[reading],
            named(group, "groups"),
            percent(part, "accuracy"),
        )
        for model in results["models"]
        for name, scores in model["scores"].items()
        for reading in HEADS
        if reading in scores
        for group, part in scores[reading]["groups"].items()
    ]
    head = ("model", "benchmark", "mode", "group")
    return Table(tr("Accuracy per group, mean over its subjects, %"), (*map(tr, head), "%"), tuple(rows))


def contamination_table(results: dict[str, Any]) -> Table:
    """Return pooled accuracy on the questions that the training rows quote, and on the others."""
    rows = [
        (
            _label(model),
            f"{results['benchmarks'][name]['name']} {heads()[reading]}",
            *(
                f"{percent(part, 'pooled')} ({part['questions']})" if part["questions"] else "– (0)"
                for part in scores[reading]["contamination"].values()
            ),
        )
        for model in results["models"]
        for name, scores in model["scores"].items()
        for reading in HEADS
        if reading in scores and results["quoting"]
    ]
    head = ("model", "score", "quoted (questions)", "not quoted (questions)")
    title = tr("Pooled accuracy by whether the training rows quote the question, %")
    return Table(title, tuple(map(tr, head)), tuple(rows))


def comparison_table(results: dict[str, Any]) -> Table:
    """Return paired differences between models, with their significance."""
    rows = [
        (
            f"{one['model']} − {one['against']}",
            f"{results['benchmarks'][one['benchmark']]['name']} {heads()[one['reading']]}",
            f"{_points(one['difference'])} [{_points(one['difference_low'])}, {_points(one['difference_high'])}]",
            f"{one['only_model']} / {one['only_other']}",
            f"{one['p_value']:.2g}",
        )
        for one in results["comparisons"]
        if one["reading"] in HEADS
    ]
    head = ("models", "score", "difference, points [95%]", "only the first right / only the second", "p (McNemar)")
    return Table(tr("Paired comparison on the same questions"), tuple(map(tr, head)), tuple(rows))


def held_out_table(results: dict[str, Any]) -> Table:
    """Return the held-out pairs."""
    rows = [
        (
            _label(model),
            with_interval(held_out, "perplexity", 1.0, 2),
            f"{held_out['answer_characters']:.0f} ({held_out['answer_characters_median']:.0f})",
            f"{100 * held_out['cut_off']:.0f}",
            f"{100 * held_out['refusals']:.0f}",
        )
        for model in results["models"]
        for held_out in [model["held_out"]]
    ]
    reference = results["models"][0]["held_out"]["reference_characters"]
    title = tr(
        "{pairs} held-out pairs; reference answers have {characters:.0f} characters, "
        "the models' at most {tokens} tokens",
        pairs=results["held_out"]["pairs"],
        characters=reference,
        tokens=results["held_out"]["new_tokens"],
    )
    head = ("model", "perplexity of the reference [95%]", "characters, mean (median)", "cut off, %", "refusals, %")
    return Table(title, tuple(map(tr, head)), tuple(rows))


def _has(results: dict[str, Any], name: str, reading: str) -> bool:
    return all(reading in model["scores"][name] for model in results["models"])


def _label(model: dict[str, Any]) -> str:
    return tr("{model} (base)", model=model["name"]) if model["base"] else model["name"]


def percent(scores: dict[str, Any], name: str) -> str:
    return with_interval(scores, name, 100.0, 1)


def with_interval(scores: dict[str, Any], name: str, scale: float, digits: int) -> str:
    value, low, high = (scores[key] for key in (name, f"{name}_low", f"{name}_high"))
    interval = "" if low is None else f" [{scale * low:.{digits}f}, {scale * high:.{digits}f}]"
    return f"{scale * value:.{digits}f}{interval}"


def _points(difference: float) -> str:
    return f"{100 * difference:+.1f}"
