"""What the evaluate stage takes."""

from collections.abc import Iterator

from kun_recipes.chain.plan.figures import Figures
from kun_recipes.chain.plan.stages import Flow, Work, at_most
from kun_recipes.evaluation.benchmarks import NAMES, benchmark
from kun_recipes.evaluation.config import EvaluateConfig


def evaluate_work(config: EvaluateConfig, figures: Figures, flow: Flow) -> Work:
    """Questions and held-out pairs, of every model.

    questions = those of each benchmark, by the share of its subjects that are asked, or limit a subject if less
    pairs    = held_out_limit, or held_out_share of the seeds if that is less
    read     = models x (modes x (questions + subjects x shots) x question_tokens + 2 x pairs x pair_tokens): the shots
               are encoded once a subject; ppl-full reads 4 x questions x (shots + 1) x question_tokens instead
    written  = models x (questions x max_new_tokens, with gen, + pairs x held_out_new_tokens), at most
    device time = (read + written) / tokens_per_second
    disk     = (questions + pairs) x models x bytes_per_row
    """
    of, models = figures.evaluate, 1 + len(config.models or ())
    asked = list(_asked(config))
    questions, subjects = (sum(column) for column in zip(*asked, strict=True))
    pairs = at_most(flow.read(config.seeds).count * config.held_out_share, config.held_out_limit)
    passes = {
        "ppl": questions + subjects * config.shots,
        "gen": questions + subjects * config.shots,
        "ppl-full": 4 * questions * (config.shots + 1),
    }
    turns = sum(passes[mode] for mode in config.modes)
    read = models * (turns * of.question_tokens.number + 2 * pairs * of.pair_tokens.number)
    answers = questions * config.decoding().max_new_tokens if "gen" in config.modes else 0
    written = models * (answers + pairs * config.held_out_new_tokens)
    rows = models * (questions + pairs)
    return Work(
        rows_in=rows,
        rows_out=rows,
        tokens_read=read,
        tokens_written=written,
        device_seconds=(read + written) / of.tokens_per_second.number,
        disk_bytes=rows * figures.corpus.bytes_per_row.number,
    )


def _asked(config: EvaluateConfig) -> Iterator[tuple[float, int]]:
    """Questions and subjects of each benchmark."""
    for name in NAMES:
        if getattr(config, name):
            about = benchmark(name)
            subjects = len(about.select(getattr(config, f"{name}_subjects"), config.groups))
            share = about.questions / len(about.subjects)
            yield subjects * (share if config.limit is None else min(config.limit, share)), subjects
