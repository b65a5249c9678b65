"""Blocks that read a benchmark's questions and ask them; a task is a subject, so that a kill costs one.

A row is a question: its id, the stem as text, and metadata under the names in `columns.py`.
"""

from abc import abstractmethod
from collections.abc import Sequence

from datatrove.data import Document, DocumentsPipeline
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.writers.disk_base import DiskWriter

from kun_recipes.evaluation import columns
from kun_recipes.evaluation.prompts import Format, PromptBuilder, prompt_hash
from kun_recipes.evaluation.questions import Question, Source, load_subject
from kun_recipes.models.asking import AskModel, Verdict, engine_of
from kun_recipes.models.engines import EngineSettings
from kun_recipes.models.engines.base import Prompt

Task = tuple[Source, str]
"""A subject's questions."""


class ReadQuestions(PipelineStep):
    """Yield the questions of the task's subject.

    Adds benchmark, subject, groups, gold, overlaps.

    Args:
        tasks: a subject each.
        overlapping: ids of questions that the training rows quote.
    """

    name = "🎓 questions"
    type = "📖 - READER"

    def __init__(self, tasks: Sequence[Task], overlapping: frozenset[str] = frozenset()):
        super().__init__()
        self.tasks, self.overlapping = list(tasks), overlapping

    def run(self, data: DocumentsPipeline = None, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        source, name = self.tasks[rank]
        groups = next(subject.groups for subject in source.benchmark.subjects if subject.name == name)
        for question in load_subject(source, name).questions:
            self.stat_update("documents")
            yield Document(
                text=question.stem,
                id=question.id,
                metadata={
                    columns.BENCHMARK: source.name,
                    columns.SUBJECT: name,
                    columns.GROUPS: list(groups),
                    columns.GOLD: question.gold,
                    columns.OVERLAPS: question.id in self.overlapping,
                },
            )


class AskQuestions(AskModel):
    """A block that asks about a subject's questions, with as many shots as fit the model's context.

    Shots are dropped from the end. Adds <mode>_shots and <mode>_prompt, the prompt's hash. Drops with reason
    "context_length" what does not fit without any.

    Args:
        sources: by the benchmark's name.
        format: how prompts are written.
    """

    mode: str

    def __init__(
        self,
        engine: EngineSettings,
        new_tokens: int,
        sources: dict[str, Source],
        format: Format,
        exclusion_writer: DiskWriter | None = None,
    ):
        super().__init__(engine, new_tokens, exclusion_writer)
        self.sources, self.format = sources, format

    @abstractmethod
    def write_prompt(self, builder: PromptBuilder, question: Question, shots: Sequence[Question]) -> Prompt:
        """Return the prompt of a question after these shots."""

    def filter_batch(self, batch: list[Document]) -> list[Verdict]:
        self._fit_shots(batch)
        verdicts = super().filter_batch(batch)
        for doc in batch:
            doc.metadata[self._column("prompt")] = prompt_hash(self.prompt_for(doc))
        return verdicts

    def prompt_for(self, doc: Document) -> Prompt:
        source, subject = self.sources[doc.metadata[columns.BENCHMARK]], doc.metadata[columns.SUBJECT]
        loaded = load_subject(source, subject)
        question = next(question for question in loaded.questions if question.id == doc.id)
        return self.write_prompt(self.builder(doc), question, loaded.shots[: doc.metadata[self._column("shots")]])

    def builder(self, doc: Document) -> PromptBuilder:
        source = self.sources[doc.metadata[columns.BENCHMARK]]
        return PromptBuilder(source.benchmark, self.format, source.spacing)

    def _fit_shots(self, batch: list[Document]) -> None:
        engine, left = engine_of(self, self.engine), batch
        for doc in batch:
            doc.metadata[self._column("shots")] = self.sources[doc.metadata[columns.BENCHMARK]].shots
        while left:
            lengths = engine.count_tokens([self.prompt_for(doc) for doc in left])
            long = [length + self.new_tokens > engine.context_length for length in lengths]
            left = [doc for doc, is_long in zip(left, long, strict=True) if is_long and self._shots(doc)]
            for doc in left:
                doc.metadata[self._column("shots")] -= 1

    def _shots(self, doc: Document) -> int:
        return doc.metadata[self._column("shots")]

    def _column(self, name: str) -> str:
        return f"{self.mode}_{name}"
