"""The corpus stage."""

import math
from collections.abc import Container
from dataclasses import dataclass, replace
from pathlib import Path

from kun_recipes.chain.plan.assumptions import AssumedShare, Assumption, Assumptions
from kun_recipes.chain.plan.sample import mean_of, measured_rate
from kun_recipes.chain.plan.work import Flow, Rows, Work, at_most
from kun_recipes.chain.stage import Summary, pipeline_progress
from kun_recipes.chain.stages.pushing import PUSH_WRITES, PushingStage
from kun_recipes.corpus.config import CorpusConfig
from kun_recipes.corpus.growth import INCREMENT, NOTED
from kun_recipes.corpus.sampling import DOCUMENT_NOT_SAMPLED, NOTE
from kun_recipes.data import schema
from kun_recipes.reporting import PAGE
from kun_recipes.reporting.language import page_is_in

DIGEST_BYTES, ID_BYTES = 44, 24
"""Of a row on disk: kun_recipes.corpus.deduplication."""


@dataclass(frozen=True)
class CorpusRates:
    """The corpus stage.

    Attributes:
        text_bytes_per_second: text that one core reads.
        segments_per_document: segments cut and whole documents dropped, per document read.
        kept_share: of those, how many are kept.
        tokens_per_segment: of a kept segment, by the model's tokenizer.
        bytes_per_row: of a row on disk, kept or removed, compressed.
    """

    text_bytes_per_second: Assumption
    segments_per_document: Assumption
    kept_share: AssumedShare
    tokens_per_segment: Assumption
    bytes_per_row: Assumption


class CorpusStage(PushingStage):
    """Read web text, and cut it into self-contained segments (Kun §3.1)."""

    name, script, devices = "corpus", "recipes/corpus.py", "cores"
    extra = ""
    writes = (PAGE, f"{NOTED}/*", *PUSH_WRITES)
    plan_section, assumptions = "corpus", CorpusRates

    def config_class(self) -> type:
        return CorpusConfig

    def make_rows(self, config: CorpusConfig) -> None:
        from kun_recipes.corpus.corpus import run

        run(config)

    def privacy_file(self, config: CorpusConfig) -> str | None:
        return config.privacy

    def repeats(self, config: CorpusConfig) -> bool:
        page = Path(config.output_dir, PAGE)
        return super().repeats(config) or (page.is_file() and not page_is_in(config.language, page))

    def check_inputs(self, config: CorpusConfig, there: Container[str]) -> None:
        from kun_recipes.corpus.corpus import check_inputs

        check_inputs(config, there)

    def most_rows(self, config: CorpusConfig, read: float) -> float:
        most = math.inf if config.sample_rows is None else config.sample_rows
        if config.max_documents is not None and config.max_segments is not None:
            most = min(most, len(config.corpora) * config.max_documents * config.max_segments)
        return most

    def progress(self, folder: Path) -> str:
        return pipeline_progress(folder / "scratch" / INCREMENT) or pipeline_progress(folder)

    def work(self, config: CorpusConfig, known: Assumptions, flow: Flow, devices: int) -> Work:
        """Return documents to segments.

        documents = the size of each corpus, or max_documents of each of the corpora if that is less; of these the
                    share sample_documents (reading the others is not in the time)
        rows in   = documents x segments_per_document
        rows out  = rows in x kept_share, or sample_rows if that is less
        core time = rows in / rows per second where that was measured, else
                    documents x (text_bytes / documents of its corpus) / text_bytes_per_second
        disk      = rows in x bytes_per_row: what is removed is kept too
        scratch   = rows in x kept_share x (bytes_per_row + 44 bytes of digests, + 12 with sample_rows,
                    + 24 and minhash_buckets x (4 x minhash_hashes + 4) bytes with near_duplicates)

        Where a corpus' size is unknown, sample_rows and max_documents are taken to be reached.
        """
        of, speed = known.corpus, known.speed("corpus")
        documents, text_bytes = _read_of_corpora(config, known)
        segments = documents * of.segments_per_document.number
        clean = kept = segments * of.kept_share.number
        if config.sample_rows is not None:
            kept = kept if kept < config.sample_rows else config.sample_rows
        flow.write(config.output_dir, Rows(kept, of.tokens_per_segment.number))
        return Work(
            rows_in=segments,
            rows_out=kept,
            tokens_read=None,
            tokens_written=kept * of.tokens_per_segment.number,
            device_seconds=text_bytes / of.text_bytes_per_second.number
            if speed.value is None
            else segments / speed.number,
            disk_bytes=segments * of.bytes_per_row.number,
            scratch_bytes=clean * (of.bytes_per_row.number + _noted_bytes(config)),
            speed=None if speed.value is None else speed,
        )

    def measured(self, summary: Summary, folder: Path, section: CorpusRates) -> CorpusRates:
        """Return rates of a finished stage.

        Rows that its own limit left out ("not_sampled") count as kept: a plan applies its own limit. Documents that it
        did not use ("document_not_sampled") count as not read.
        """
        source = f"sample {folder}"
        kept = summary["rows_kept"] + summary["removed"].get("not_sampled", 0)
        unused = summary["removed"].get(DOCUMENT_NOT_SAMPLED, 0)
        rows_in, documents = summary["rows_in"] - unused, summary["documents"] - unused
        parts = (file for part in ("rows", "removed") for file in (folder / part).rglob("*") if file.is_file())
        on_disk = sum(file.stat().st_size for file in parts)
        return replace(
            section,
            segments_per_document=measured_rate(rows_in, documents, "documents", source),
            kept_share=measured_rate(kept, rows_in, "segments", source, AssumedShare),
            tokens_per_segment=Assumption(mean_of(folder, schema.TOKENS), f"{source}: mean of its rows"),
            bytes_per_row=Assumption(on_disk / rows_in, f"{source}: its rows and removed rows on disk"),
        )


def _noted_bytes(config: CorpusConfig) -> int:
    """Return bytes that are noted of a clean segment to find its copies, and to sample."""
    minhash = ID_BYTES + config.minhash_buckets * (4 * config.minhash_hashes + 4) if config.near_duplicates else 0
    return DIGEST_BYTES + (NOTE.size if config.sample_rows is not None else 0) + minhash


def _read_of_corpora(config: CorpusConfig, known: Assumptions) -> tuple[float, float]:
    """Return the number of documents that are used, and the bytes of their text."""
    sizes = {size.format: size for size in known.corpora}
    formats = [corpus.format for corpus in config.corpora]
    documents = text_bytes = 0.0
    for name in dict.fromkeys(formats):
        if name not in sizes:
            return math.nan, math.nan
        of_corpus = sizes[name].documents.number
        share = 1.0
        if config.max_documents is not None:
            limit = config.max_documents * formats.count(name)
            share = at_most(limit / of_corpus, 1.0)
            of_corpus = of_corpus if of_corpus < limit else limit
        documents += of_corpus
        text_bytes += sizes[name].text_bytes.number * share
    sampled = 1.0 if config.sample_documents is None else config.sample_documents
    return documents * sampled, text_bytes * sampled


CORPUS = CorpusStage()
