"""Steps of the stage: models answer the prompts, then a model judges; finished shards are skipped."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from datatrove.data import Document
from datatrove.pipeline.base import PipelineStep

from kun_recipes.data import schema
from kun_recipes.data.rows import RankReader, read_rows, removed_writers, row_writer, write_shards
from kun_recipes.evaluation import columns
from kun_recipes.evaluation.held_out import AnswerInstruction, pair_prompt
from kun_recipes.evaluation.pipelines import EvaluatedModel
from kun_recipes.execution.counts import Counts, sum_counts
from kun_recipes.execution.folder import StageFolder
from kun_recipes.execution.launch import run_pipeline
from kun_recipes.models.asking import Verdict
from kun_recipes.models.context import Request, open_engine
from kun_recipes.models.engines import EngineSettings, release_engines
from kun_recipes.models.engines.base import Engine, Prompt
from kun_recipes.studies.config import StudyConfig
from kun_recipes.studies.items import PREFERENCE, QUALITY, PreferenceItem, QualityItem
from kun_recipes.studies.judging import (
    ANSWER_TOKENS,
    ANSWERS,
    CompareAnswers,
    JudgeCriterion,
    JudgeGrade,
)
from kun_recipes.studies.rubric import JudgePrompts
from kun_recipes.studies.votes import CRITERIA

ROWS_A_SHARD = 128
Removed = Callable[[str], Any]


class AnswerPrompt(AnswerInstruction):
    """Write one answer to each prompt.

    Reads the text. Adds answer, answer_tokens, answer_finish_reason. Drops with reason "context_length" a prompt that
    leaves no room for an answer.
    """

    name = "✍️ answers"

    def ask(self, engine: Engine, docs: list[Document], prompts: list[Prompt]) -> list[Verdict]:
        for doc, completion in zip(docs, self.write(engine, docs, prompts), strict=True):
            doc.metadata |= {
                columns.ANSWER: completion.text.strip(),
                columns.ANSWER_TOKENS: completion.tokens,
                columns.ANSWER_FINISH: completion.finish_reason,
            }
        return [True] * len(docs)


def answer_prompts(
    config: StudyConfig, stage: StageFolder, models: Sequence[EvaluatedModel], prompts: Mapping[str, str]
) -> Counts:
    """Have each model answer every prompt, into answers/<model>."""
    rows = [Document(prompt, identity) for identity, prompt in prompts.items()]
    shards = write_shards(rows, stage.scratch / "prompts", ROWS_A_SHARD)
    counts = []
    for model in models:
        decoding = config.decoding()
        asked = ((pair_prompt(row.text, model.format), decoding.max_new_tokens) for row in rows)
        engine = open_engine(config, asked, model=model.folder, plain=model.format == "plain")
        removed = removed_writers(stage.removed / model.name)
        pipeline = [
            RankReader(stage.scratch / "prompts"),
            AnswerPrompt(engine, decoding, config.seed, model.format, removed("answers")),
            row_writer(stage.folder / "answers" / model.name),
        ]
        counts.append(run_pipeline(pipeline, stage.logs(f"answers-{model.name}"), shards, config.where()))
        release_engines()
    return sum_counts(counts)


def read_answers(stage: StageFolder, models: Sequence[EvaluatedModel]) -> dict[str, dict[str, str]]:
    """Return the answers by model, then by prompt id. A model whose context fits no prompt has no answers."""
    answers = {}
    for model in models:
        folder = stage.folder / "answers" / model.name
        rows = read_rows(folder) if folder.is_dir() else ()
        answers[model.name] = {row[schema.ID]: row[columns.ANSWER] for row in rows}
    return answers


def judge_items(
    config: StudyConfig,
    stage: StageFolder,
    model: str,
    prompts: JudgePrompts,
    quality: Sequence[QualityItem],
    preference: Sequence[PreferenceItem],
) -> Counts:
    """Have the model judge all items, into judged/quality and judged/preference."""
    tasks = {QUALITY: [*map(_pair_row, quality)], PREFERENCE: [*map(_preference_row, preference)]}
    decoding = replace(config.decoding(), max_new_tokens=ANSWER_TOKENS)
    engine = open_engine(
        config,
        requests(config.settings(model), prompts, tasks),
        model=model,
        decoding=decoding,
        writes=False,
        chooses=True,
        record=stage.asked_of_server,
    )
    blocks = {QUALITY: quality_blocks, PREFERENCE: preference_blocks}
    counts = []
    for task, rows in tasks.items():
        if not rows:
            continue
        shards = write_shards(rows, stage.scratch / task, ROWS_A_SHARD)
        judging = blocks[task](engine, prompts, removed_writers(stage.removed / f"judged-{task}"))
        pipeline = [RankReader(stage.scratch / task), *judging, row_writer(judged_folder(stage, task))]
        counts.append(run_pipeline(pipeline, stage.logs(f"judged-{task}"), shards, config.where()))
    release_engines()
    return sum_counts(counts)


def quality_blocks(engine: EngineSettings, prompts: JudgePrompts, removed: Removed) -> list[PipelineStep]:
    """Ask for the three criteria, then for the grade."""
    criteria = [
        JudgeCriterion(engine, prompts.criterion, prompts.rubric, criterion, removed(criterion))
        for criterion in CRITERIA
    ]
    return [*criteria, JudgeGrade(engine, prompts.grade, prompts.rubric, removed("grade"))]


def preference_blocks(engine: EngineSettings, prompts: JudgePrompts, removed: Removed) -> list[PipelineStep]:
    """Ask in both orders."""
    return [CompareAnswers(engine, prompts.compare, first, removed(f"{first}_first")) for first in ANSWERS]


def judged_folder(stage: StageFolder, task: str) -> Path:
    return stage.folder / "judged" / task


def read_judged(stage: StageFolder, task: str) -> list[dict[str, Any]]:
    folder = judged_folder(stage, task)
    return list(read_rows(folder)) if folder.is_dir() else []


def requests(
    engine: EngineSettings, prompts: JudgePrompts, tasks: Mapping[str, Sequence[Document]]
) -> Iterator[Request]:
    """Yield each prompt that the judge will be asked; no engine is loaded."""

    def no_writer(_: str) -> None:
        return None

    for task, blocks in ((QUALITY, quality_blocks), (PREFERENCE, preference_blocks)):
        for block in blocks(engine, prompts, no_writer):
            for row in tasks[task]:
                yield block.prompt_for(row), ANSWER_TOKENS


def _pair_row(item: QualityItem) -> Document:
    return Document(item.output, item.id, metadata={schema.SOURCE: item.source, schema.INSTRUCTION: item.instruction})


def _preference_row(item: PreferenceItem) -> Document:
    values = asdict(item)
    return Document(values.pop("prompt"), values.pop("id"), metadata=values)
