"""Pipelines of the corpus stage; recipes/corpus.py lists its columns.

Each list below is a datatrove pipeline. A task of the first reads a file of the corpus, one of the later ones what the
task of the same number wrote, so that neither the rows nor which of several copies stays depends on the workers.
"""

from collections.abc import Container
from dataclasses import replace
from pathlib import Path

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
from kun_recipes.corpus.losses import check_kept, check_readable
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
)
from kun_recipes.corpus.segments.context import LeansOnContext, load_context
from kun_recipes.corpus.segments.segmentation import Segmenter
from kun_recipes.corpus.segments.selection import ChooseSegments
from kun_recipes.corpus.segments.tokens import RecountMasked
from kun_recipes.corpus.sources.formats import corpus_format
from kun_recipes.corpus.sources.readers import CorpusReader
from kun_recipes.corpus.sources.source_ids import NoteSourceIds, count_repeated
from kun_recipes.data import schema
from kun_recipes.data.rows import AssignShard, RankReader, removed_writers, row_writer
from kun_recipes.execution.counts import Counts
from kun_recipes.execution.folder import StageFolder, report
from kun_recipes.execution.launch import run_pipeline
from kun_recipes.execution.usage import Used
from kun_recipes.models.resolve import resolve_model
from kun_recipes.privacy import MaskPrivateData, load_privacy
from kun_recipes.reporting.corpus import DescribeRows, merge_tallies, write_corpus_report
from kun_recipes.rules import Spam, load_rules, segment_rules
from kun_recipes.rules.pipelines import Removed
from kun_recipes.rules.ranges import RangeFilter

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
    config: CorpusConfig, scratch: Path, files: int
) -> list[tuple[str, list[PipelineStep], int | None]]:
    """Return the three pipelines of MinHash: name, blocks, and number of tasks if it is not the number of files."""
    settings, signatures, pairs = config.near(), scratch / "signatures", scratch / "pairs"
    rows = [RankReader(scratch / "segments"), DropRows(scratch / "duplicates", "duplicate")]
    return [
        ("signatures", [*rows, NoteSignatures(signatures, settings)], None),
        ("pairs", [signature_pairs(signatures, pairs, settings)], settings.pair_tasks(files)),
        (
            "clusters",
            [ClusterNearDuplicates(pairs, signatures, scratch / "near_duplicates", scratch / "duplicates")],
            1,
        ),
    ]


def sample(config: CorpusConfig, scratch: Path, removed: Removed) -> list[PipelineStep]:
    if config.sample_rows is None:
        return []
    thresholds = sample_thresholds(scratch / "hashes", config.sample_rows, config.sample_weights)
    return [BelowThreshold(thresholds, config.seed, removed("not_sampled"))]


def make_rows(config: CorpusConfig, stage: StageFolder, reader: CorpusReader, removed: Removed) -> Counts:
    """Run all pipelines, and return the counts of the first and the last one, which every row passes."""
    scratch, used = stage.scratch, Used()

    def run(name: str, pipeline: list[PipelineStep], tasks: int | None = None) -> Counts:
        nonlocal used
        counts = run_pipeline(pipeline, stage.logs(name), tasks or reader.tasks, config.where())
        used += counts.used
        return counts

    if config.benchmarks:
        questions = [question for one in config.benchmarks for question in load_benchmark(one.path, one.format)]
        build_index(questions).save(scratch / "questions.npz")
    cut = run("segment", segment(config, scratch, reader, removed))
    check_readable(
        reader.ranks, stage.logs("segment"), Path(reader.unreadable.output_folder.path), config.max_unreadable
    )
    run("duplicates", [FindExactDuplicates(scratch / "digests", scratch / "duplicates")], DIGEST_BUCKETS)
    if config.near_duplicates:
        for name, pipeline, tasks in find_near_duplicates(config, scratch, reader.tasks):
            run(name, pipeline, tasks)
    if config.sample_rows is not None:
        run("hashes", [*unique(config, scratch), RecordHashes(scratch / "hashes", config.seed)])
    last = [*unique(config, scratch, removed), *sample(config, scratch, removed), AssignShard(config.rows_per_shard)]
    kept = run("unique", [*last, row_writer(stage.rows, by_shard=True)])
    run("report", [DescribeRows(stage.removed, stage.rows, scratch / "tallies")])
    return replace(cut.then(kept), used=used)


def run(config: CorpusConfig) -> None:
    stage = StageFolder("corpus", config)
    summary = stage.summary()
    if summary is None:
        removed = removed_writers(stage.removed)
        reader = CorpusReader(config.inputs(), config.max_documents, removed("unreadable"))
        stage.begin()
        counts = make_rows(config, stage, reader, removed)
        tallies = merge_tallies(stage.scratch / "tallies")
        page = stage.folder / "report.html"
        unused = counts.removed[DOCUMENT_NOT_SAMPLED]
        write_corpus_report(page, tallies, {"rows_in": counts.rows_in, "rows_kept": counts.rows_out, "unused": unused})
        check_kept(reader.ranks, stage.logs("segment"), page)
        summary = stage.finish(
            counts,
            documents=counts.read,
            lines_removed=counts.lines_removed,
            repeated_ids=count_repeated(stage.scratch / "source_ids"),
            report=str(page),
        )
    report(summary, stage.folder)
