"""Paired difference of two models on the same questions; loads by `evaluate.load(<this file>)`."""

from collections.abc import Sequence

import datasets
import evaluate
import numpy
from scipy.stats import binomtest

_DESCRIPTION = """
difference: model minus other, between the unweighted means over subjects.
difference_low, difference_high: its 95% paired bootstrap interval over questions (percentiles). One additional
question that only the model answers right, and one that only the other answers right, are spread over all questions
(Bonett & Price 2012), so that models that never differ have an interval, too.
only_model, only_other: number of questions that only the model, or only the other, answers right.
p_value: of McNemar's exact test that both are right equally often: a two-sided binomial test of those questions.
"""
_INPUTS = """
predictions: letters of the model; "" if none could be read.
others: letters of the other model for the same questions.
references: the right letters.
subjects: the subject of each question.
resamples: number of bootstrap resamples; default: 10,000.
seed: of the bootstrap; default: 0.
"""
INTERVAL = (2.5, 97.5)
ADDED = numpy.array([1, 0, 1])  # questions that only the other, both or neither, only the model answers right


class PairedDifference(evaluate.Metric):
    def _info(self) -> evaluate.MetricInfo:
        text = datasets.Value("string")
        columns = ("predictions", "others", "references", "subjects")
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation="",
            inputs_description=_INPUTS,
            features=datasets.Features(dict.fromkeys(columns, text)),
        )

    def _compute(
        self,
        predictions: Sequence[str],
        others: Sequence[str],
        references: Sequence[str],
        subjects: Sequence[str],
        resamples: int = 10_000,
        seed: int = 0,
    ) -> dict[str, float]:
        gold = numpy.array(references)
        gain = (numpy.array(predictions) == gold).astype(int) - (numpy.array(others) == gold)
        names, subject_of = numpy.unique(subjects, return_inverse=True)
        random = numpy.random.default_rng(seed)
        means = numpy.zeros(resamples)
        difference = 0.0
        for subject in range(len(names)):
            of_subject = gain[subject_of == subject]
            counts = numpy.array([(of_subject == value).sum() for value in (-1, 0, 1)])
            shares = (counts / len(of_subject) + ADDED / len(gain)) / (1 + ADDED.sum() / len(gain))
            drawn = random.multinomial(len(of_subject), shares, size=resamples)
            means += (drawn[:, 2] - drawn[:, 0]) / len(of_subject) / len(names)
            difference += of_subject.mean() / len(names)
        low, high = numpy.percentile(means, INTERVAL)
        only_model, only_other = int((gain == 1).sum()), int((gain == -1).sum())
        discordant = only_model + only_other
        return {
            "difference": float(difference),
            "difference_low": float(low),
            "difference_high": float(high),
            "only_model": only_model,
            "only_other": only_other,
            "p_value": float(binomtest(only_model, discordant).pvalue) if discordant else 1.0,
            "questions": len(gain),
        }
