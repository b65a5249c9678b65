"""Perplexity of reference answers, with a bootstrap interval over pairs; loads by `evaluate.load(<this file>)`."""

from collections.abc import Sequence
from typing import Any

import datasets
import evaluate
import numpy

_DESCRIPTION = """
perplexity: exp of the mean, over the pairs, of the reference answer's negative log-probability per token.
perplexity_low, perplexity_high: its 95% bootstrap interval over pairs (percentiles); None for a single pair.
It cannot compare models with different tokenizers.
"""
_INPUTS = """
predictions: mean log-probability per token of each reference answer, in nats.
resamples: number of bootstrap resamples; default: 10,000.
seed: of the bootstrap; default: 0.
"""
INTERVAL = (2.5, 97.5)


class ReferencePerplexity(evaluate.Metric):
    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation="",
            inputs_description=_INPUTS,
            features=datasets.Features({"predictions": datasets.Value("float64")}),
        )

    def _compute(self, predictions: Sequence[float], resamples: int = 10_000, seed: int = 0) -> dict[str, Any]:
        logprobs = numpy.array(predictions)
        drawn = numpy.random.default_rng(seed).integers(len(logprobs), size=(resamples, len(logprobs)))
        bounds = numpy.percentile(numpy.exp(-logprobs[drawn].mean(axis=1)), INTERVAL).tolist()
        low, high = bounds if len(logprobs) > 1 else (None, None)
        return {
            "perplexity": float(numpy.exp(-logprobs.mean())),
            "perplexity_low": low,
            "perplexity_high": high,
            "pairs": len(logprobs),
        }
