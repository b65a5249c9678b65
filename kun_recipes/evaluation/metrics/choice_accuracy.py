"""Accuracy of multiple choice over subjects, with bootstrap intervals; loads by `evaluate.load(<this file>)`."""

from collections.abc import Sequence

import datasets
import evaluate
import numpy

_DESCRIPTION = """
accuracy: the unweighted mean of the subjects' accuracies, the number of C-Eval's and CMMLU's leaderboards.
pooled: right answers by questions, all subjects together.
Each with the bounds of its 95% bootstrap interval over questions (percentiles): <name>_low, <name>_high.
"""
_INPUTS = """
predictions: letters; "" where none could be read.
references: the right letters.
subjects: the subject of each question.
resamples: of the bootstrap, 10,000 unless given.
seed: of the bootstrap, 0 unless given.
"""
INTERVAL = (2.5, 97.5)


class ChoiceAccuracy(evaluate.Metric):
    def _info(self) -> evaluate.MetricInfo:
        text = datasets.Value("string")
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation="",
            inputs_description=_INPUTS,
            features=datasets.Features({"predictions": text, "references": text, "subjects": text}),
        )

    def _compute(
        self,
        predictions: Sequence[str],
        references: Sequence[str],
        subjects: Sequence[str],
        resamples: int = 10_000,
        seed: int = 0,
    ) -> dict[str, float]:
        right = numpy.array(predictions) == numpy.array(references)
        _, subject_of = numpy.unique(subjects, return_inverse=True)
        questions = numpy.bincount(subject_of)
        accuracies = numpy.bincount(subject_of, weights=right) / questions
        # drawing n right-or-wrong answers with replacement is a binomial draw
        random = numpy.random.default_rng(seed)
        by_subject = random.binomial(questions, accuracies, size=(resamples, len(questions))) / questions
        pooled = random.binomial(len(right), right.mean(), size=resamples) / len(right)
        return {
            "accuracy": float(accuracies.mean()),
            **_bounds("accuracy", by_subject.mean(axis=1)),
            "pooled": float(right.mean()),
            **_bounds("pooled", pooled),
            "questions": len(right),
        }


def _bounds(name: str, values: numpy.ndarray) -> dict[str, float]:
    low, high = numpy.percentile(values, INTERVAL)
    return {f"{name}_low": float(low), f"{name}_high": float(high)}
