"""The cost of a server in tokens, and how much of its probability its choices covered: for a stage's summary."""

import math
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from kun_recipes.models.endpoint.record import Answer, read_answers
from kun_recipes.models.options import EngineConfig


def server_use(config: EngineConfig, record: Path) -> dict[str, Any]:
    """Return what a stage asked of a server, for its summary, and print it; empty with another engine.

    It is counted from the record: what an earlier run of the stage paid for counts, too.
    """
    if config.engine != "openai":
        return {}
    choices: dict[tuple[str, ...], list[float]] = defaultdict(list)
    requests = uncounted = read = written = 0
    for answer in read_answers(record):
        requests += 1
        uncounted += _is_uncounted(answer)
        read += answer.prompt_tokens or 0
        written += answer.completion_tokens or 0
        if answer.choices:
            choices[answer.choices].append(answer.covered)
    use: dict[str, Any] = {"requests": requests, "prompt_tokens": read, "completion_tokens": written}
    if uncounted:
        use["requests_without_counts"] = uncounted
    if choices:
        use["choices"] = {" / ".join(one): _coverage(covered) for one, covered in sorted(choices.items())}
    print(_line(config.model, use), file=sys.stderr)
    return {"endpoint": use}


def _is_uncounted(answer: Answer) -> bool:
    return answer.prompt_tokens is None or answer.completion_tokens is None


def _coverage(covered: list[float]) -> dict[str, float]:
    """Return the share of the probability that lay on the choices; `none`: answers with no choice in sight."""
    mean = math.fsum(covered) / len(covered)
    return {"requests": len(covered), "mean": mean, "least": min(covered), "none": sum(not one for one in covered)}


def _line(model: str, use: dict[str, Any]) -> str:
    cost = f"{use['prompt_tokens']:,} prompt tokens and {use['completion_tokens']:,} completion tokens"
    parts = [f"{model}: {use['requests']:,} requests answered, {cost}"]
    if uncounted := use.get("requests_without_counts"):
        parts.append(f"{uncounted:,} requests without token counts from the server")
    for name, covered in use.get("choices", {}).items():
        parts.append(
            f"{name} had {covered['mean']:.0%} of the probability on average, and none in {covered['none']:,} answers"
        )
    return "; ".join(parts)
