"""Verification: does the segment support the answer, has it the answer's details, and does a judge find it right?

Kun §3.3 has the chat model refine answers; nothing in the paper compares an answer with its segment: the checks are
ours. Each is measured on labelled answers that no judge was trained on, and so are those together that drop rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from datatrove.data import Document
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.filters.base_filter import BaseFilter

from kun_recipes.curation.calibration import Calibrations
from kun_recipes.curation.choosing import Merits
from kun_recipes.curation.config import RefineConfig
from kun_recipes.curation.details import CheckDetails, missing_in_pair
from kun_recipes.curation.judge_data import LABELS, JudgeItem
from kun_recipes.curation.judging import AskAboutAnswer, Calibration, Judge, answer_judge
from kun_recipes.curation.measures import share_interval
from kun_recipes.curation.polishing import has_answer
from kun_recipes.curation.support import MeasureSupport, Support, answer_of
from kun_recipes.curation.tails import StripTail
from kun_recipes.data import schema
from kun_recipes.models.context import TOKENS_A_TOKEN, Request
from kun_recipes.models.engines import EngineSettings
from kun_recipes.models.prompts import load_prompt
from kun_recipes.rules.pipelines import Removed


class Verification:
    """The checks of an answer, as the config has them. Raises UserError for a prompt file that they cannot use."""

    def __init__(self, config: RefineConfig):
        polish = load_prompt(config.polish_prompt, {"segment", "instruction"})
        self.support = Support(polish, load_prompt(config.unaided_prompt, {"instruction"}))
        self.judge: Judge = answer_judge(load_prompt(config.answer_prompt, {"segment", "instruction", "output"}))
        measures_support = config.engine != "openai"  # which tells how likely no given text is
        self.signals: tuple[Support | Judge, ...] = (self.support, self.judge) if measures_support else (self.judge,)
        self.config = config
        self.drops_by = () if config.keep_unverified else config.checks

    def measure(self, engine: EngineSettings, calibrations: Calibrations) -> list[PipelineStep]:
        """Return the blocks that ask the model about each answer."""
        by_support = self.support in self.signals
        return [
            *([MeasureSupport(engine, self.support, calibrations.of, has_answer)] if by_support else ()),
            AskAboutAnswer(engine, self.judge, calibrations.of, has_answer),
        ]

    def strip(self, removed: Removed) -> list[BaseFilter]:
        """Return the block that strips tails, if it is asked for."""
        return [StripTail(removed("only_a_tail"))] if "tails" in self.drops_by else []

    def select(self, calibrations: Calibrations, removed: Removed) -> list[BaseFilter]:
        """Return the blocks that drop what a check turned down; details are noted in any case."""
        drop = "details" in self.drops_by
        details: list[BaseFilter] = [CheckDetails(drop, removed("unsupported_detail") if drop else None)]
        bounds: list[BaseFilter] = [
            calibrations.bound(one, removed(one.reason)) for one in self.signals if one.name in self.drops_by
        ]
        return [*details, *bounds]

    def merits(self, calibrations: Calibrations) -> Merits:
        """Return the merits of answers: no detail is missing, the signals of `checks` keep it, and its odds by them.

        The odds are the sum of the log-odds by each signal, fitted to labelled answers.
        """
        chosen = [one for one in self.signals if one.name in self.config.checks]
        return partial(self._merits, calibrations, calibrations.measured(), chosen)

    def _merits(
        self,
        calibrations: Calibrations,
        measured: Mapping[str, Calibration],
        chosen: Sequence[Support | Judge],
        doc: Document,
    ) -> tuple[float, ...]:
        grounded = not missing_in_pair(doc.metadata[schema.INSTRUCTION], answer_of(doc), doc.text)
        if not all(one.calibrated in doc.metadata for one in chosen):  # nothing to see, or too long to be read again
            return grounded, False, float("-inf")
        right = sum(measured[one.name].fitted(doc.metadata[one.calibrated]) for one in chosen)
        return grounded, calibrations.keeps(*chosen)(doc), right

    def labelled_requests(self, item: JudgeItem) -> Iterator[Request]:
        """Yield the requests about a labelled answer."""
        yield self.judge.prompt_for(*item.asked), self.judge.new_tokens
        yield self.support.prompt_for(*item.asked), len(item.output.encode())

    def requests(self, instruction: str, segment: str, new_tokens: int) -> Iterator[Request]:
        """Yield the requests about the answer to a candidate, as long as it may be."""
        written = TOKENS_A_TOKEN * new_tokens
        yield self.judge.prompt_for(instruction, "", segment), written + self.judge.new_tokens
        yield self.support.prompt_for(instruction, "", segment), written

    def measured(self, calibrations: Calibrations) -> dict[str, Any]:
        """Return how `checks` together do on the held-out answers: precision and recall, with 95% intervals.

        Precision is the share of right answers among those that all of them keep, recall that of the right ones kept.
        """
        items = [item for item in calibrations.held_out if item.judge == self.judge.name]
        verdicts = {one.name: calibrations.verdicts(one) for one in self.signals}
        verdicts["details"] = [not missing_in_pair(*item.asked) for item in items]
        chosen = [verdicts[name] for name in self.config.checks if name in verdicts]
        kept = [all(found[place] for found in chosen) for place in range(len(items))]
        right = [item.label == LABELS["answer"][0] for item in items]
        both = sum(one and other for one, other in zip(kept, right, strict=True))
        return {
            "items": len(items),
            **_share("precision", both, sum(kept)),
            **_share("recall", both, sum(right)),
        }


def _share(name: str, part: int, whole: int) -> dict[str, float]:
    low, high = share_interval(part, whole) if whole else (0.0, 1.0)
    return {name: part / whole if whole else 0.0, f"{name}_low": low, f"{name}_high": high}
