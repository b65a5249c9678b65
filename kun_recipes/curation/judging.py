"""The primary chat model judges: is it an instruction (figure 4), is it a good one, or a good pair (figure 10)?"""

from collections.abc import Callable

from datatrove.data import Document
from datatrove.pipeline.writers.disk_base import DiskWriter
from scipy.special import expit

from kun_recipes.curation.calibration import Calibration
from kun_recipes.curation.judges import Judge
from kun_recipes.data import schema
from kun_recipes.models.asking import AskModel, Verdict
from kun_recipes.models.engines import EngineSettings
from kun_recipes.models.engines.base import Engine, Prompt

Calibrate = Callable[[Judge, Engine], Calibration]
"""What is known of a judge, measured by now or here: `Calibrations.of`."""


class JudgeCandidate(AskModel):
    """Ask a judge about each candidate and keep what it likes (Kun §3.2 filter prompt, §3.3 scoring).

    Reads instruction and, where the judge is asked about the pair, the text as its output. Adds the judge's raw
    log-odds, the calibrated one (nats) and the raw probability. Drops with the judge's reason, "not_an_instruction",
    "poor_instruction" or "poor_pair", or with "context_length" when the prompt does not fit the context.
    """

    def __init__(
        self,
        engine: EngineSettings,
        judge: Judge,
        calibrate: Calibrate,
        exclusion_writer: DiskWriter | None = None,
    ):
        self.name = f"⚖️ {judge.name}"
        super().__init__(engine, judge.new_tokens, exclusion_writer)
        self.judge, self.calibrate = judge, calibrate

    def prompt_for(self, doc: Document) -> Prompt:
        return self.judge.prompt_for(doc.metadata[schema.INSTRUCTION], doc.text)

    def ask(self, engine: Engine, docs: list[Document], prompts: list[Prompt]) -> list[Verdict]:
        known = self.calibrate(self.judge, engine)
        odds = self.judge.log_odds(engine, prompts)
        return [self._verdict(doc, one, known) for doc, one in zip(docs, odds, strict=True)]

    def _verdict(self, doc: Document, log_odds: float, known: Calibration) -> Verdict:
        calibrated = log_odds - known.bias
        doc.metadata[self.judge.logodds] = log_odds
        doc.metadata[self.judge.calibrated] = calibrated
        doc.metadata[self.judge.probability] = float(expit(log_odds))
        if calibrated >= known.threshold:
            return True
        doc.metadata[schema.VALUE] = calibrated
        return False, self.judge.reason
