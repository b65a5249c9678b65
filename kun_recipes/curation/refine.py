"""Pipeline of the refine stage; recipes/refine.py lists its columns and what its options choose."""

import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.filters.base_filter import BaseFilter

from kun_recipes.curation.calibration import Calibrations
from kun_recipes.curation.choosing import KeepBest, Merits
from kun_recipes.curation.config import RefineConfig
from kun_recipes.curation.held_out import to_refine
from kun_recipes.curation.inputs import asked_model, check_source, rows_here
from kun_recipes.curation.judge_data import JudgeItem, load_judge_items
from kun_recipes.curation.judging import AskJudge, Judge, filter_judge, score_judge
from kun_recipes.curation.measuring import FitsContext, NotRefused, RecallRows
from kun_recipes.curation.near_instructions import find_near_instructions, unique_instructions
from kun_recipes.curation.polishing import AnswerWithSegment, PolishAnswer
from kun_recipes.curation.preference import NoteTurnedDown, write_pairs
from kun_recipes.curation.verification import Verification
from kun_recipes.data import schema
from kun_recipes.data.dataset import write_dataset
from kun_recipes.data.folders import JUDGES, share_judges
from kun_recipes.data.rows import (
    InputReader,
    RowReader,
    list_shards,
    read_rows,
    removed_writers,
    row_writer,
)
from kun_recipes.execution.counts import Counts
from kun_recipes.execution.folder import MEASURE, SELECT, StageFolder, report
from kun_recipes.execution.launch import run_pipeline
from kun_recipes.execution.usage import Used
from kun_recipes.models.context import Request, author_of, open_engine
from kun_recipes.models.endpoint.cost import server_use
from kun_recipes.models.engines import release_engines
from kun_recipes.models.prompts import PromptTemplate, load_prompt
from kun_recipes.rules import answer_rules, load_rules
from kun_recipes.rules.pipelines import Removed

SCORED = {"instruction": {"instruction"}, "pair": {"instruction", "output"}}
"""Fields of the score prompt, by what is scored."""

UNIQUE = "unique"
"""The pipeline that drops repeated instructions, by the name of its folders."""

ASKED = {"polished": {"segment", "instruction"}, "unaided": {"instruction"}}
"""Fields of the polish prompt, by how answers are written."""


def measure(
    config: RefineConfig, stage: StageFolder, calibrations: Calibrations, verification: Verification | None
) -> list[PipelineStep]:
    """Return the blocks that ask the model: one engine for all, so that a process loads it once.

    A row that a judge turned down is not asked about again: a verdict costs less than an answer.
    """
    is_instruction, is_good = judges(config)
    polish = load_prompt(config.polish_prompt, ASKED[config.answers]) if config.answers in ASKED else None
    decoding = config.decoding()
    engine = open_engine(
        config,
        requests(config, calibrations, polish, verification),
        writes=polish is not None,
        chooses=True,
        record=stage.asked_of_server,
    )
    author = author_of(engine)
    kept_by_both = calibrations.keeps(is_instruction, is_good)
    return [
        InputReader(config.candidates),
        RecallRows(stage.recalled, PolishAnswer.number, config.answer_candidates, same=[schema.INSTRUCTION]),
        AskJudge(engine, is_instruction, calibrations.of),
        AskJudge(engine, is_good, calibrations.of, calibrations.keeps(is_instruction)),
        PolishAnswer(
            engine,
            author,
            polish,
            decoding,
            config.seed,
            kept_by_both,
            config.answer_candidates,
            config.further_temperature(),
        )
        if polish
        else AnswerWithSegment(author),
        *(verification.measure(engine, calibrations) if verification else ()),
        row_writer(stage.measured),
    ]


def select(
    config: RefineConfig,
    stage: StageFolder,
    calibrations: Calibrations,
    verification: Verification | None,
    removed: Removed,
    rows: Path,
) -> list[PipelineStep]:
    """Return the blocks that choose among what was measured, and write it into `rows`."""
    dropping = checks(config, calibrations, verification, removed)
    verdicts = verification.select(calibrations, removed) if verification else []
    return [
        RowReader(stage.measured),
        *(choosing(dropping, verdicts, verification.merits(calibrations)) if verification else ()),
        *dropping,
        *verdicts,
        row_writer(rows),
    ]


def select_rows(
    config: RefineConfig, stage: StageFolder, calibrations: Calibrations, verification: Verification | None, tasks: int
) -> Counts:
    """Write the rows of the stage; where the option says so, without those that repeat another one's instruction."""
    removed = removed_writers(stage.removed)
    scratch = stage.scratch / UNIQUE
    selected = scratch / "rows" if config.unique_instructions else stage.rows
    if not stage.logs(SELECT).is_dir():  # what an earlier selection left
        shutil.rmtree(scratch, ignore_errors=True)
    pipeline = select(config, stage, calibrations, verification, removed, selected)
    counts = run_pipeline(pipeline, stage.logs(SELECT), tasks)
    if not config.unique_instructions:
        return counts
    found = find_near_instructions(selected, tasks, scratch / "near")
    last = unique_instructions(selected, found, stage.rows, removed)
    return counts.then(run_pipeline(last, stage.logs(UNIQUE), tasks))


def choosing(dropping: list[BaseFilter], verdicts: list[BaseFilter], merits: Merits) -> list[PipelineStep]:
    """Return the blocks that make one row of several answers: the best, which remembers the worst."""
    return [NoteTurnedDown(dropping, verdicts, merits), KeepBest(dropping, merits)]


def checks(
    config: RefineConfig, calibrations: Calibrations, verification: Verification | None, removed: Removed
) -> list[BaseFilter]:
    """Return the blocks that drop rows whatever their segments say of the answers."""
    return [
        FitsContext(removed("context_length")),
        NotRefused(removed("refused")),
        *(calibrations.bound(judge, removed(judge.reason)) for judge in judges(config)),
        *(verification.strip(removed) if verification else ()),
        *answer_rules(load_rules(config.rules), removed, polished=config.answers in ASKED),
    ]


def judges(config: RefineConfig) -> tuple[Judge, Judge]:
    """Return the judges in the order in which a row meets them: is it an instruction, is it a good one?"""
    return (
        filter_judge(load_prompt(config.filter_prompt, {"instruction"})),
        score_judge(load_prompt(config.score_prompt, SCORED[config.score_target])),
    )


def check_inputs(config: RefineConfig) -> None:
    """Raise UserError for prompts, judge items or rules that the stage could not use."""
    load_prompt(config.filter_prompt, {"instruction"})
    load_prompt(config.score_prompt, SCORED[config.score_target])
    if config.answers in ASKED:
        load_prompt(config.polish_prompt, ASKED[config.answers])
    if config.verify:
        Verification(config)
    load_items(config)
    load_rules(config.rules)


def load_items(config: RefineConfig) -> list[JudgeItem]:
    """Return the labelled items of the judges that are asked. Raises UserError where one has too few."""
    asked = ("filter", "score", "answer") if config.verify else ("filter", "score")
    return load_judge_items(config.judge_data, pairs=config.score_target == "pair", judges=asked)


def requests(
    config: RefineConfig, calibrations: Calibrations, polish: PromptTemplate | None, verification: Verification | None
) -> Iterator[Request]:
    """Yield the requests to the model: verdicts on the labelled items; on each candidate verdicts, and its answer.

    Args:
        polish: None if the segments are the answers.
    """
    new_tokens = config.decoding().max_new_tokens
    asked = judges(config)
    for item in (*calibrations.development, *calibrations.held_out):
        if item.judge != "answer":
            yield from judge_requests(asked, *item.asked)
        elif verification:
            yield from verification.labelled_requests(item)
    for row in read_rows(config.candidates):
        instruction, segment = row[schema.INSTRUCTION], row[schema.TEXT]
        yield from judge_requests(asked, instruction, segment)
        if polish:
            yield polish.render(segment=segment, instruction=instruction), new_tokens
        if verification:
            yield from verification.requests(instruction, segment, new_tokens)


def judge_requests(judges: Iterable[Judge], *asked: str) -> Iterator[Request]:
    """Yield the question of each judge about a pair."""
    return ((judge.prompt_for(*asked), judge.new_tokens) for judge in judges)


def run(config: RefineConfig) -> None:
    check_source(config)
    stage = StageFolder("refine", config)
    summary = stage.summary()
    if summary is None:
        config = asked_model(rows_here(config, stage), stage)
        shards = list_shards(config.candidates)
        calibrations = Calibrations(
            stage.folder / JUDGES, load_items(config), config.thresholds(), config.target_precision
        )
        verification = Verification(config) if config.verify else None
        pipeline = measure(config, stage, calibrations, verification)
        stage.begin()
        measured = run_pipeline(pipeline, stage.logs(MEASURE), len(shards), config.where(), reads=shards)
        counts = select_rows(config, stage, calibrations, verification, len(shards))
        counts.check_measured(measured)
        if held_out := to_refine(config):
            release_engines()  # vLLM plans another context for these, and loads again
            share_judges(stage.folder, Path(held_out.output_dir))
            run(held_out)
        splits = write_dataset(stage.rows, config.dataset_dir)
        calibrated = calibrations.measured()
        print(*calibrated.values(), sep="\n", file=sys.stderr)
        judges = {name: calibration.to_dict() for name, calibration in calibrated.items()}
        verified = {"verification": verification.measured(calibrations)} if verification else {}
        use = server_use(config, stage.asked_of_server)
        preference = write_pairs(stage.rows, config.answers, stage.preference)
        more = {
            "judges": judges,
            **verified,
            "dataset": config.dataset_dir,
            "splits": splits,
            "preference": preference,
            **use,
        }
        summary = stage.finish(counts, Used() if use else measured.used, **more)
    report(summary, stage.folder)
