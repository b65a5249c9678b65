"""Corpus: read web text, cut it into self-contained segments and keep the clean ones (Kun §3.1, A.2).

    python recipes/corpus.py --config recipes/demo/corpus.yaml

Columns out: id, text, source, document_id, title, file_path, span_start, span_end, tokens

Two pipelines: the first has a task a file, the second is one task that drops exact duplicates across all files, so
that which copy stays does not depend on the number of workers.
"""

from datatrove.pipeline.base import PipelineStep

from kun_recipes import schema
from kun_recipes.corpus.deduplication import AssignShard, ExactDuplicateFilter
from kun_recipes.corpus.readers import CorpusReader
from kun_recipes.corpus.segmentation import Segmenter
from kun_recipes.curation.ranges import RangeFilter
from kun_recipes.curation.rules import load_rules, segment_rules
from kun_recipes.launch import run_pipeline
from kun_recipes.models import resolve_model
from kun_recipes.recipe import main
from kun_recipes.rows import RowReader, removed_writers, row_writer
from kun_recipes.stage import Stage, report
from kun_recipes.stage_configs import CorpusConfig


def segment(config: CorpusConfig, stage: Stage, reader: CorpusReader, removed) -> list[PipelineStep]:
    return [
        reader,
        Segmenter(resolve_model(config.model), config.max_tokens),
        RangeFilter(schema.TOKENS, "too_long", highest=config.max_tokens, exclusion_writer=removed("too_long")),
        *segment_rules(load_rules(config.rules), removed),
        row_writer(stage.folder / "segments"),
    ]


def deduplicate(config: CorpusConfig, stage: Stage, removed) -> list[PipelineStep]:
    return [
        RowReader(stage.folder / "segments"),
        ExactDuplicateFilter(removed("duplicate")),
        AssignShard(config.rows_per_shard),
        row_writer(stage.rows, by_shard=True),
    ]


def run(config: CorpusConfig) -> None:
    stage = Stage("corpus", config)
    removed = removed_writers(stage.removed)
    summary = stage.summary()
    if summary is None:
        stage.begin()
        reader = CorpusReader(config.inputs(), config.max_documents, removed("unreadable"))
        pipeline = segment(config, stage, reader, removed)
        cut = run_pipeline(pipeline, stage.logs("segment"), reader.tasks, config.workers)
        kept = run_pipeline(deduplicate(config, stage, removed), stage.logs("deduplicate"), tasks=1)
        summary = stage.finish(cut.then(kept), documents=cut.read)
    report(summary, stage.folder)


if __name__ == "__main__":
    main(CorpusConfig, run)
