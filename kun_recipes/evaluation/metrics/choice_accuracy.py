"""Accuracy of multiple choice over subjects, with score intervals; loads by `evaluate.load(<this file>)`."""

from collections.abc import Sequence

import datasets
import evaluate
import numpy

_DESCRIPTION = """
accuracy: the unweighted mean of the subjects' accuracies, as on the leaderboards of C-Eval and CMMLU.
pooled: the share of right answers over the questions of all subjects together.
Each has the bounds of its 95% score interval over questions (Wilson 1927): <name>_low, <name>_high. The interval has
a width at 0 and at 1, too. For the mean over subjects, it is computed as for one subject with the number of questions
that gives the same variance.
"""
_INPUTS = """
predictions: letters; "" if none could be read.
references: the right letters.
subjects: the subject of each question.
"""
NORMAL = 1.959964
SMOOTHING = 2  # right and wrong answers, spread over all questions, that the variance adds to the counts


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
    ) -> dict[str, float]:
        right = numpy.array(predictions) == numpy.array(references)
        _, subject_of = numpy.unique(subjects, return_inverse=True)
        questions = numpy.bincount(subject_of)
        accuracies = numpy.bincount(subject_of, weights=right) / questions
        added = SMOOTHING * questions / len(right)
        smooth = (accuracies * questions + added) / (questions + 2 * added)
        variance = (smooth * (1 - smooth) / questions).sum() / len(questions) ** 2
        as_many = smooth.mean() * (1 - smooth.mean()) / variance
        return {
            "accuracy": float(accuracies.mean()),
            **_bounds("accuracy", accuracies.mean(), as_many),
            "pooled": float(right.mean()),
            **_bounds("pooled", right.mean(), len(right)),
            "questions": len(right),
        }


def _bounds(name: str, share: float, questions: float) -> dict[str, float]:
    """Return wilson's interval of a share of questions."""
    shrink = 1 + NORMAL**2 / questions
    middle = (share + NORMAL**2 / (2 * questions)) / shrink
    half = NORMAL * (share * (1 - share) / questions + NORMAL**2 / (4 * questions**2)) ** 0.5 / shrink
    return {f"{name}_low": float(max(middle - half, 0)), f"{name}_high": float(min(middle + half, 1))}
