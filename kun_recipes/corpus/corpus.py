"""Pipelines of the corpus stage; recipes/corpus.py lists its columns.

Each list below is a datatrove pipeline. A task of the first reads a file of the corpus, one of the later ones what the
task of the same number wrote, so that neither the rows nor which of several copies stays depends on the workers.
"""

import json
import shutil
import sys
import time
from collections import Counter
from collections.abc import Container
from dataclasses import replace
from pathlib import Path
from typing import Any

from datatrove.pipeline.base import PipelineStep

from kun_recipes.corpus.config import CorpusConfig
from kun_recipes.corpus.decontamination import Decontaminate, build_index, load_benchmark
from kun_recipes.corpus.deduplication import (
    ClusterNearDuplicates,
    DigestRows,
    DropRows,
    FindExactDuplicates,
    NoteSignatures,
    signature_pairs,
)
from kun_recipes.corpus.growth import (
    NOTED,
    Earlier,
    GrownReader,
    begin_increment,
    find_earlier,
    increment_of,
    move_increment,
)
from kun_recipes.corpus.losses import ANEW, check_kept, check_readable
from kun_recipes.corpus.normalisation import (
    FixMojibake,
    JoinWords,
    NormaliseText,
    RemovePageLines,
    RestoreLines,
    ToSimplified,
)
from kun_recipes.corpus.quality import CutLines, document_rules, load_quality
from kun_recipes.corpus.sampling import (
    DOCUMENT_NOT_SAMPLED,
    BelowThreshold,
    RecordHashes,
    SampleDocuments,
    check_weights,
    sample_thresholds,
    threshold_of_others,
)
from kun_recipes.corpus.segments.context import LeansOnContext, load_context
from kun_recipes.corpus.segments.segmentation import Segmenter
from kun_recipes.corpus.segments.selection import ChooseSegments
from kun_recipes.corpus.segments.tokens import RecountMasked
from kun_recipes.corpus.sources.formats import corpus_format
from kun_recipes.corpus.sources.readers import CorpusReader
from kun_recipes.corpus.sources.shares import NoteShares
from kun_recipes.corpus.sources.source_ids import NoteSourceIds, count_repeated
from kun_recipes.data import schema
from kun_recipes.data.atomic import write_json
from kun_recipes.data.rows import AssignShard, RankReader, removed_writers, row_writer
from kun_recipes.execution.counts import Counts, sum_counts
from kun_recipes.execution.folder import StageFolder, report
from kun_recipes.execution.launch import run_pipeline
from kun_recipes.execution.usage import Used
from kun_recipes.models.resolve import pin_model, resolve_model
from kun_recipes.privacy import MaskPrivateData, load_privacy
from kun_recipes.reporting import PAGE
from kun_recipes.reporting.corpus import DescribeRows, merge_tallies, write_corpus_report, write_tallies
from kun_recipes.reporting.language import page_is_in, speaking
from kun_recipes.rules import Spam, load_rules, segment_rules
from kun_recipes.rules.pipelines import Removed
from kun_recipes.rules.ranges import RangeFilter

AGAIN = "then run the stage again"
THRESHOLDS = "sample/thresholds.json"
DIGEST_BUCKETS = 16  # tasks that look for exact duplicates; each holds a sixteenth of all digests in memory


def check_inputs(config: CorpusConfig, there: Container[str]) -> None:
    """Raise UserError for rules or evaluation sets that the stage could not use.

    Args:
        there: paths that can be read now.
    """
    load_rules(config.rules)
    load_quality(config.quality)
    load_context(config.context)
    load_privacy(config.privacy)
    check_weights(config.sample_weights, [corpus_format(*one[1:]) for one in config.inputs()])
    for one in config.benchmarks or ():
        if one.path in there or one.format == "prompts":
            load_benchmark(one.path, one.format)


def segment(config: CorpusConfig, scratch: Path, reader: CorpusReader, removed: Removed) -> list[PipelineStep]:
    """Return the pipeline from documents to clean segments.

    Before the segmenter a row is a document, behind it a segment.
    """
    rules, quality = load_rules(config.rules), load_quality(config.quality)
    tokenizer = resolve_model(config.model, config.model_revision)
    return [
        reader,
        *([SampleDocuments(config.sample_documents, config.seed)] if config.sample_documents is not None else []),
        NoteSourceIds(scratch / "source_ids"),
        FixMojibake(),
        NormaliseText(rules.format_debris),
        *([ToSimplified()] if config.to_simplified else []),
        JoinWords(),
        RestoreLines(quality.page_lines),
        RemovePageLines(quality.page_lines),
        *document_rules(quality, removed),
        CutLines(quality.cut_lines, rules.keywords.segment, rules.closing_lines),
        Segmenter(tokenizer, config.max_tokens),
        RangeFilter(schema.TOKENS, "too_long", highest=config.max_tokens, exclusion_writer=removed("too_long")),
        LeansOnContext(load_context(config.context), quality.lines, removed("context")),
        *segment_rules(rules, removed),
        *([Spam(schema.TEXT, config.max_spam, removed("spam"))] if config.max_spam is not None else []),
        MaskPrivateData(load_privacy(config.privacy), removed("privacy")),
        RecountMasked(tokenizer, config.max_tokens, removed("too_long_masked")),
        *([Decontaminate(scratch / "questions.npz", removed("decontamination"))] if config.benchmarks else []),
        ChooseSegments(config.max_segments, removed("surplus"), config.max_tokens),
        DigestRows(scratch / "digests", DIGEST_BUCKETS),
        row_writer(scratch / "segments"),
    ]


def unique(config: CorpusConfig, scratch: Path, removed: Removed | None = None) -> list[PipelineStep]:
    """Return the blocks that begin a pipeline with the segments that are not copies."""
    exact, near = (removed("duplicate"), removed("near_duplicate")) if removed else (None, None)
    return [
        RankReader(scratch / "segments"),
        DropRows(scratch / "duplicates", "duplicate", exact),
        *([DropRows(scratch / "near_duplicates", "near_duplicate", near)] if config.near_duplicates else []),
    ]


def find_near_duplicates(
    config: CorpusConfig, scratch: Path, files: int, earlier: Earlier | None
) -> list[tuple[str, list[PipelineStep], int | None]]:
    """Return the three pipelines of MinHash: name, blocks, and number of tasks if it is not the number of files."""
    settings, signatures, pairs = config.near(), scratch / "signatures", scratch / "pairs"
    rows = [GrownReader(scratch / "segments", earlier), DropRows(scratch / "duplicates", "duplicate")]
    return [
        ("signatures", [*rows, NoteSignatures(signatures, settings)], None),
        ("pairs", [signature_pairs(signatures, pairs, settings)], settings.pair_tasks(files)),
        (
            "clusters",
            [ClusterNearDuplicates(pairs, signatures, scratch / "near_duplicates", scratch / "duplicates")],
            1,
        ),
    ]


def sample(config: CorpusConfig, noted: Path, removed: Removed) -> list[PipelineStep]:
    """Return the block that samples the rows, by thresholds that are noted."""
    if config.sample_rows is None:
        return []
    thresholds = json.loads((noted / THRESHOLDS).read_text(encoding="utf-8"))
    other = threshold_of_others(thresholds, config.sample_weights)
    return [BelowThreshold(thresholds, config.seed, removed("not_sampled"), other)]


def make_rows(
    config: CorpusConfig, stage: StageFolder, reader: CorpusReader, removed: Removed, earlier: Earlier | None = None
) -> Counts:
    """Run all pipelines, and return the counts of the first and the last one, which every row passes.

    Args:
        earlier: what the stage adds to; its rows are neither read again nor counted.
    """
    scratch, noted, used = stage.scratch, stage.folder / NOTED, Used()
    first = earlier.tasks if earlier else 0

    def run(name: str, pipeline: list[PipelineStep], tasks: int | None = None, first: int = 0) -> Counts:
        nonlocal used
        counts = run_pipeline(pipeline, stage.logs(name), tasks or reader.tasks, config.where(), first=first)
        used += counts.used
        return counts

    if config.benchmarks:
        questions = [question for one in config.benchmarks for question in load_benchmark(one.path, one.format)]
        build_index(questions).save(scratch / "questions.npz")
    cut = run("segment", segment(config, scratch, reader, removed), first=first)
    unreadable = Path(reader.unreadable.output_folder.path)
    anew = AGAIN if earlier else ANEW
    check_readable(reader.ranks, stage.logs("segment"), unreadable, config.max_unreadable, anew)
    if earlier:
        known = [GrownReader(scratch / "segments", earlier), DigestRows(scratch / "digests", DIGEST_BUCKETS)]
        run("earlier", known, earlier.tasks)
    run("duplicates", [FindExactDuplicates(scratch / "digests", scratch / "duplicates")], DIGEST_BUCKETS)
    if config.near_duplicates:
        for name, pipeline, tasks in find_near_duplicates(config, scratch, reader.tasks, earlier):
            run(name, pipeline, tasks)
    if config.sample_rows is not None and not earlier:
        run("hashes", [*unique(config, scratch), RecordHashes(scratch / "hashes", config.seed)])
        thresholds = sample_thresholds(scratch / "hashes", config.sample_rows, config.sample_weights)
        write_json(noted / THRESHOLDS, thresholds)
    sampled = sample(config, earlier.folder / NOTED if earlier else noted, removed)
    last = [*unique(config, scratch, removed), *sampled, AssignShard(config.rows_per_shard)]
    kept = run("unique", [*last, row_writer(stage.rows, by_shard=True)], first=first)
    described = [DescribeRows(stage.removed, stage.rows, scratch / "tallies")]
    run("report", [*described, NoteShares(reader.shares, noted / "files")], first=first)
    shutil.copytree(scratch / "source_ids", noted / "source_ids", dirs_exist_ok=True)
    write_tallies(noted / "tallies" / f"{first:05d}.json", merge_tallies(scratch / "tallies"))
    return replace(cut.then(kept), used=used)


def write_report(config: CorpusConfig, page: Path, counts: Counts, *noted: Path) -> None:
    """Write the page on all rows that the counts are of, from the tallies that were noted of them."""
    unused = counts.removed[DOCUMENT_NOT_SAMPLED]
    tallies = merge_tallies(*(folder / "tallies" for folder in noted))
    with speaking(config.language):
        write_corpus_report(page, tallies, {"rows_in": counts.rows_in, "rows_kept": counts.rows_out, "unused": unused})


def make(config: CorpusConfig, stage: StageFolder) -> dict[str, Any]:
    """Read the whole corpus, and return the summary."""
    removed, noted, page = removed_writers(stage.removed), stage.folder / NOTED, stage.folder / PAGE
    reader = CorpusReader(config.inputs(), config.max_documents, removed("unreadable"))
    config = pin_model(config, stage)
    stage.begin()
    counts = make_rows(config, stage, reader, removed)
    write_report(config, page, counts, noted)
    check_kept(reader.ranks, stage.logs("segment"), page)
    return stage.finish(counts, **facts(stage, counts, reader.tasks, noted))


def grow(config: CorpusConfig, stage: StageFolder, earlier: Earlier) -> dict[str, Any]:
    """Read what is added to a corpus, put its rows behind those that are there, and return the summary of all."""
    config = pin_model(config, stage)
    increment = increment_of(stage, config)
    removed, page = removed_writers(increment.removed), increment.folder / PAGE
    reader = CorpusReader(config.inputs(), config.max_documents, removed("unreadable"), earlier.notes)
    files = reader.tasks - earlier.tasks
    if not files:
        stage.refuse_other(earlier.summary)
    begin_increment(increment)
    added = make_rows(config, increment, reader, removed, earlier)
    counts, noted = sum_counts([earlier.counts, added]), [one.folder / NOTED for one in (stage, increment)]
    write_report(config, page, counts, *noted)
    check_kept(reader.new_ranks, increment.logs("segment"), page, AGAIN)
    of_all = facts(stage, counts, reader.tasks, *noted)
    move_increment(stage, increment)
    seconds = round(earlier.summary["seconds"] + time.monotonic() - stage.begun, 1)
    print(f"corpus: added {files} files: {added.rows_in} rows in, {added.rows_out} kept", file=sys.stderr)
    return stage.finish(counts, **of_all, seconds=seconds, grown=earlier.history(files, added))


def facts(stage: StageFolder, counts: Counts, tasks: int, *noted: Path) -> dict[str, Any]:
    """Return the entries of the summary about the corpus other than the counts of rows."""
    return {
        "documents": counts.read,
        "lines_removed": counts.lines_removed,
        "repeated_ids": count_repeated(*(folder / "source_ids" for folder in noted)),
        "report": str(stage.folder / PAGE),
        "tasks": tasks,
    }


def redraw(config: CorpusConfig, stage: StageFolder, summary: dict[str, Any]) -> dict[str, Any]:
    """Write the page of a finished stage again where it is in another language, and return the summary."""
    page, kept, removed = stage.folder / PAGE, summary["rows_kept"], Counter(summary["removed"])
    if not page_is_in(config.language, page):
        counts = Counts(rows_in=summary["rows_in"], rows_out=kept, removed=removed)
        write_report(config, page, counts, stage.folder / NOTED)
    return summary


def run(config: CorpusConfig) -> None:
    stage = StageFolder("corpus", config)
    if earlier := find_earlier(stage):
        summary = grow(config, stage, earlier)
    else:
        finished = stage.summary()
        summary = redraw(config, stage, finished) if finished else make(config, stage)
    report(summary, stage.folder)
