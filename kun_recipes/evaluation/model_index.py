"""Results in the Hub's model-index form, for the model cards."""

from collections.abc import Iterator
from typing import Any

METRICS = {"ppl": "PPL", "ppl-full": "PPL, four passes", "gen": "GEN", "gen-lenient": "GEN, lenient reading"}


def model_index(results: dict[str, Any], model: dict[str, Any]) -> list[dict[str, Any]]:
    """The entries of one model: an entry a benchmark, and one for the held-out pairs."""
    return [
        *(_benchmark(results, model, name) for name in model["scores"]),
        {
            "task": {"type": "text-generation", "name": "Instruction following"},
            "dataset": {"type": "held-out-seeds", "name": f"{model['held_out']['pairs']} held-out seed pairs"},
            "metrics": [
                _metric("perplexity", "perplexity of the reference answer", model["held_out"], "perplexity", 1),
                {
                    "type": "refusal-rate",
                    "name": "refusals, %",
                    "value": round(100 * model["held_out"]["refusals"], 2),
                },
            ],
        },
    ]


def _benchmark(results: dict[str, Any], model: dict[str, Any], name: str) -> dict[str, Any]:
    about, scores = results["benchmarks"][name], model["scores"][name]
    is_real = about["name"] == about["title"]
    dataset = {
        "type": about["hub"] if is_real else about["name"].lower().replace(" ", "-"),
        "name": _dataset_name(about, results["limit"]),
        "split": about["split"],
    }
    if is_real and about["revision"]:
        dataset["revision"] = about["revision"]
    return {
        "task": {"type": "multiple-choice", "name": "Multiple choice"},
        "dataset": dataset,
        "metrics": list(_metrics(results, scores, model["format"], about["prompt_version"])),
    }


def _metrics(results: dict[str, Any], scores: dict[str, Any], format: str, version: int) -> Iterator[dict[str, Any]]:
    how = f"{results['shots']} shots, {format} prompt v{version}, mean over subjects, %"
    for reading, title in METRICS.items():
        if reading in scores:
            yield _metric("accuracy", f"{title}, {how}", scores[reading], "accuracy", 100)
    if "unparsed" in scores:
        yield {"type": "unparsed", "name": "GEN, no letter found, %", "value": round(100 * scores["unparsed"], 2)}


def _metric(type: str, name: str, scores: dict[str, float], key: str, scale: float) -> dict[str, Any]:
    value, low, high = (round(scale * scores[part], 2) for part in (key, f"{key}_low", f"{key}_high"))
    return {"type": type, "name": name, "value": value, "confidence_interval": [low, high]}


def _dataset_name(about: dict[str, Any], limit: int | None) -> str:
    """Says so where not all of the benchmark was asked."""
    part = about["subjects"] < about["subjects_of_all"] or limit is not None
    return (
        f"{about['name']} ({about['questions']} questions of {about['subjects']} subjects)" if part else about["name"]
    )
