"""Support: a measure of how much the segment explains the answer. Invented answers have little of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from datatrove.data import Document

from kun_recipes.curation.judge_data import LABELS
from kun_recipes.curation.measuring import MeasureRows, Wanted
from kun_recipes.curation.tails import without_tail
from kun_recipes.data import schema
from kun_recipes.models.asking import answer_tokens
from kun_recipes.models.engines import EngineSettings
from kun_recipes.models.engines.base import Engine, Prompt
from kun_recipes.models.prompts import PromptTemplate


@dataclass(frozen=True)
class Support:
    """Support, log p(a|x,y) - log p(a|x), in nats per token: a signal, measured on labelled answers as judges are.

    An answer copied from the segment has much of it, whether it answers the instruction or not; two things that were
    swapped it does not see.

    Attributes:
        with_segment: the prompt by which answers are polished.
        alone: a prompt of the instruction alone.
    """

    with_segment: PromptTemplate
    alone: PromptTemplate
    name: str = "support"
    items: str = "answer"
    reason: str = "unsupported"
    choices: tuple[str, str] = LABELS["answer"]
    calibrated: str = schema.SUPPORT

    def log_probabilities(self, engine: Engine, asked: Sequence[tuple[str, ...]]) -> list[tuple[float, float]]:
        """Return the mean log-probability (nats) a token of each output with its segment, and without.

        Args:
            asked: (instruction, output, segment) each.
        """
        outputs = [output for _, output, _ in asked]
        given = engine.score([self.prompt_for(*one) for one in asked], outputs)
        prior = engine.score([self.alone.render(instruction=instruction) for instruction, _, _ in asked], outputs)
        return list(zip(given, prior, strict=True))

    def prompt_for(self, instruction: str, output: str, segment: str) -> Prompt:
        """Return the longer one of the two prompts."""
        return self.with_segment.render(segment=segment, instruction=instruction)

    def judge(self, engine: Engine, asked: Sequence[tuple[str, ...]]) -> list[float]:
        """Return the support (nats) of each (instruction, output, segment)."""
        return [given - prior for given, prior in self.log_probabilities(engine, asked)]

    def bias(self, engine: Engine) -> float:
        """Return 0: support is a difference already."""
        return 0.0


Calibrate = Callable[[Support, Engine], object]
"""Function that measures support on labelled answers, unless another task has: `Calibrations.of`."""


class MeasureSupport(MeasureRows):
    """Measure how much the segment explains the answer without its tail.

    Reads the text, instruction and output. Adds output_given_segment_logprob, output_prior_logprob and support.
    """

    name = "🧱 support"
    column = schema.SUPPORT

    def __init__(self, engine: EngineSettings, support: Support, calibrate: Calibrate, wanted: Wanted | None = None):
        super().__init__(engine, new_tokens=0, wanted=wanted)
        self.support, self.calibrate = support, calibrate

    def room_for(self, doc: Document) -> int:
        return answer_tokens(self.engine, answer_of(doc))

    def prompt_for(self, doc: Document) -> Prompt:
        return self.support.prompt_for(doc.metadata[schema.INSTRUCTION], answer_of(doc), doc.text)

    def measure(self, engine: Engine, docs: list[Document], prompts: list[Prompt]) -> None:
        self.calibrate(self.support, engine)  # its threshold is chosen on labelled answers
        asked = [(doc.metadata[schema.INSTRUCTION], answer_of(doc), doc.text) for doc in docs]
        for doc, (given, prior) in zip(docs, self.support.log_probabilities(engine, asked), strict=True):
            doc.metadata[schema.OUTPUT_GIVEN] = given
            doc.metadata[schema.OUTPUT_PRIOR] = prior
            doc.metadata[schema.SUPPORT] = given - prior


def answer_of(doc: Document) -> str:
    """Return the row's answer without its tail; as it is where it has nothing else."""
    output = doc.metadata[schema.OUTPUT]
    return without_tail(output)[0] or output
