"""How much the segment explains the answer: a cheap sign of answers that the model made up."""

from datatrove.data import Document

from kun_recipes.curation.measuring import MeasureRows, Wanted
from kun_recipes.data import schema
from kun_recipes.models.engines import EngineSettings, load_engine
from kun_recipes.models.engines.base import Engine, Prompt
from kun_recipes.models.prompts import PromptTemplate


class MeasureSupport(MeasureRows):
    """Measure how much the segment explains the answer: support = log p(a|x,y) - log p(a|x), a token, in nats.

    Reads the text, instruction and output. Adds output_given_segment_logprob and output_prior_logprob, both means a
    token of the answer as it stands in the row, and support. An answer copied from the segment has much of it, whether
    it answers the instruction or not; two things that were swapped it does not see.

    Args:
        with_segment: the prompt by which answers are polished.
        alone: a prompt of the instruction alone.
    """

    name = "🧱 support"
    column = schema.SUPPORT

    def __init__(
        self, engine: EngineSettings, with_segment: PromptTemplate, alone: PromptTemplate, wanted: Wanted | None = None
    ):
        super().__init__(engine, new_tokens=0, wanted=wanted)
        self.with_segment, self.alone = with_segment, alone

    def room_for(self, doc: Document) -> int:
        """Return the tokens of the answer when it is read again, and of a frame around it."""
        (length,) = load_engine(self.engine).count_tokens([[{"role": "user", "content": doc.metadata[schema.OUTPUT]}]])
        return length

    def prompt_for(self, doc: Document) -> Prompt:
        return self.with_segment.render(segment=doc.text, instruction=doc.metadata[schema.INSTRUCTION])

    def measure(self, engine: Engine, docs: list[Document], prompts: list[Prompt]) -> None:
        outputs = [doc.metadata[schema.OUTPUT] for doc in docs]
        alone = [self.alone.render(instruction=doc.metadata[schema.INSTRUCTION]) for doc in docs]
        given = engine.score(prompts, outputs)
        for doc, with_segment, without in zip(docs, given, engine.score(alone, outputs), strict=True):
            doc.metadata[schema.OUTPUT_GIVEN] = with_segment
            doc.metadata[schema.OUTPUT_PRIOR] = without
            doc.metadata[schema.SUPPORT] = with_segment - without
