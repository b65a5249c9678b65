"""The modes: the likeliest letter by one pass, by four whole prompts, and the letter read from a written answer."""

import math
from collections.abc import Sequence

from datatrove.data import Document
from datatrove.pipeline.writers.disk_base import DiskWriter

from kun_recipes.evaluation import columns
from kun_recipes.evaluation.asking import AskQuestions
from kun_recipes.evaluation.benchmarks import LETTERS
from kun_recipes.evaluation.prompts import Format, PromptBuilder
from kun_recipes.evaluation.questions import Question, Source
from kun_recipes.evaluation.reading import lenient_letter, strict_letter
from kun_recipes.models.asking import Verdict, row_seed
from kun_recipes.models.engines import EngineSettings
from kun_recipes.models.engines.base import Engine, Prompt, Sampling


class ChooseAnswer(AskQuestions):
    """PPL by one pass per question: the letter of highest probability.

    Adds ppl_prediction and ppl_probabilities, of A to D. With letters of one token the whole prompts' cross-entropies,
    which share all but the letter, order the letters just so.
    """

    name, mode = "🔠 ppl", "ppl"

    def write_prompt(self, builder: PromptBuilder, question: Question, shots: Sequence[Question]) -> Prompt:
        return builder.choice_prompt(question, shots)

    def ask(self, engine: Engine, docs: list[Document], prompts: list[Prompt]) -> list[Verdict]:
        for doc, logprobs in zip(
            docs, engine.choose(prompts, self.builder(docs[0]).choices) if docs else [], strict=True
        ):
            doc.metadata[columns.PPL_PREDICTION] = LETTERS[logprobs.index(max(logprobs))]
            doc.metadata[columns.PPL_PROBABILITIES] = {
                letter: math.exp(logprob) for letter, logprob in zip(LETTERS, logprobs, strict=True)
            }
        return [True] * len(docs)


class CompareLosses(AskQuestions):
    """PPL by four passes per question, as OpenCompass does: the letter with which the whole prompt's loss is lowest.

    Adds ppl-full_prediction and ppl-full_losses, nats per token, of A to D. For plain prompts. The first line is what
    the rest is measured after: all four begin with it.
    """

    name, mode = "📚 ppl-full", "ppl-full"

    def write_prompt(self, builder: PromptBuilder, question: Question, shots: Sequence[Question]) -> Prompt:
        return builder.choice_prompt(question, shots)

    def ask(self, engine: Engine, docs: list[Document], prompts: list[Prompt]) -> list[Verdict]:
        texts = [prompt[0]["content"] + choice for prompt in prompts for choice in self.builder(docs[0]).choices]
        parts = [text.partition("\n") for text in texts]
        beginnings = [[{"role": "user", "content": first}] for first, _, _ in parts]
        losses = [-logprob for logprob in engine.score(beginnings, ["\n" + rest for _, _, rest in parts])]
        for number, doc in enumerate(docs):
            four = losses[number * len(LETTERS) : (number + 1) * len(LETTERS)]
            doc.metadata[columns.PPL_FULL_PREDICTION] = LETTERS[four.index(min(four))]
            doc.metadata[columns.PPL_FULL_LOSSES] = dict(zip(LETTERS, four, strict=True))
        return [True] * len(docs)


class WriteAnswer(AskQuestions):
    """GEN: the model writes, and the answer is read from its text in two ways.

    Adds gen_text, gen_finish_reason, gen_strict and gen_lenient, "" where nothing could be read. Two readings tell a
    model that does not know the answer from one that writes it in another form.
    """

    name, mode = "✍️ gen", "gen"

    def __init__(
        self,
        engine: EngineSettings,
        sampling: Sampling,
        seed: int,
        sources: dict[str, Source],
        format: Format,
        exclusion_writer: DiskWriter | None = None,
    ):
        super().__init__(engine, sampling.max_new_tokens, sources, format, exclusion_writer)
        self.sampling, self.seed = sampling, seed

    def write_prompt(self, builder: PromptBuilder, question: Question, shots: Sequence[Question]) -> Prompt:
        return builder.generation_prompt(question, shots)

    def ask(self, engine: Engine, docs: list[Document], prompts: list[Prompt]) -> list[Verdict]:
        seeds = [row_seed(self.seed, doc.id) for doc in docs]
        for doc, completion in zip(docs, engine.generate(prompts, self.sampling, seeds), strict=True):
            doc.metadata |= {
                columns.GEN_TEXT: completion.text,
                columns.GEN_FINISH: completion.finish_reason,
                columns.GEN_STRICT: strict_letter(completion.text),
                columns.GEN_LENIENT: lenient_letter(completion.text),
            }
        return [True] * len(docs)
