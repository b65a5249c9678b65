"""Options of the corpus stage."""

from dataclasses import dataclass

from kun_recipes.config.options import option
from kun_recipes.config.types import BenchmarkPath, InputPath, ModelPath, OutputPath, Share
from kun_recipes.corpus.decontamination.benchmarks import BenchmarkFormat
from kun_recipes.corpus.deduplication import NearDuplicateSettings
from kun_recipes.corpus.sources.formats import FieldNames, FormatName
from kun_recipes.errors import ConfigError
from kun_recipes.execution.options import ExecutorConfig, PushConfig
from kun_recipes.reporting.language import Language, language_option

NEAR = NearDuplicateSettings()


@dataclass(frozen=True)
class Corpus:
    """A corpus to read."""

    path: InputPath = option(help="file, folder, glob, or an address that fsspec opens (hf://, s3://)")
    format: FormatName = option(help="format of its records")
    text_field: str = option("text", "field of the document's text, in the formats jsonl, csv and parquet")
    id_field: str = option("id", "field of the document's id, in the formats jsonl, csv and parquet")
    title_field: str = option("title", "field of the document's title, in the formats jsonl, csv and parquet")
    source_field: str = option("source", "field of the document's source, in the formats jsonl, csv and parquet")

    def fields(self) -> FieldNames:
        return FieldNames(self.text_field, self.id_field, self.title_field, self.source_field)


@dataclass(frozen=True)
class Benchmark:
    """An evaluation set whose questions no segment may quote."""

    path: BenchmarkPath = option(help="file, folder, or owner/name@revision on the Hub")
    format: BenchmarkFormat = option(help="format of its questions")


@dataclass(kw_only=True)
class CorpusConfig(ExecutorConfig, PushConfig):
    """Read corpora, cut them into self-contained segments and keep the clean ones (Kun §3.1, A.2)."""

    corpora: list[Corpus] = option(help="corpora to read")
    output_dir: OutputPath = option(help="folder of this stage", affects_rows=False)
    language: Language = language_option(affects_rows=False)
    model: ModelPath = option(help="folder, Hub id or model source file whose tokenizer counts the tokens")
    model_revision: str | None = option(None, "commit of the model, if it is a Hub id")
    max_documents: int | None = option(None, "number of documents to read from each corpus; null: all", min=1)
    sample_documents: Share | None = option(
        None,
        "share of the documents to use, chosen by hash of their ids before any other step; the rest are only counted; "
        "null: all",
    )
    max_unreadable: Share = option(
        0.5,
        "maximum share of a corpus's records that one kind of reading error may lose; above it, the stage fails",
        affects_rows=False,
    )
    to_simplified: bool = option(False, "convert traditional characters to simplified ones (needs the extra opencc)")
    max_tokens: int = option(512, "longest segment", unit="tokens", source="Kun §3.2", min=16)
    max_segments: int | None = option(
        None, "maximum number of segments per document, spread over it; null: all", unit="segments", min=1
    )
    quality: InputPath | None = option(
        None, "YAML file of the rules for documents; null: the package's file", package_file="corpus/quality.yaml"
    )
    context: InputPath | None = option(
        None, "YAML file of what depends on other text; null: the package's file", package_file="corpus/context.yaml"
    )
    privacy: InputPath | None = option(
        None,
        "YAML file of private data and its masks; null: the package's file",
        package_file="privacy/privacy.yaml",
    )
    rules: InputPath | None = option(
        None, "YAML file of the A.2 rules; null: the package's file", package_file="rules/rules.yaml"
    )
    max_spam: float | None = option(
        None,
        "maximum score of an n-gram classifier of junk; 0.5 lost 1.3% of held-out good rows, kept 14% of the bad ones "
        "and read 1 to 2 MB/s per core (benchmarks/spam.py); null: no classifier",
        min=0,
        max=1,
        package_file="rules/spam.npz",
    )
    benchmarks: list[Benchmark] | None = option(None, "evaluation sets; segments that quote them are removed")
    near_duplicates: bool = option(True, "also remove near duplicates, by MinHash")
    minhash_ngram: int = option(NEAR.ngram, "characters per n-gram", min=2)
    minhash_buckets: int = option(NEAR.buckets, "bands of the signature; more find less similar pairs", min=1)
    minhash_hashes: int = option(NEAR.hashes_per_bucket, "hashes per band; more find only more similar pairs", min=1)
    sample_rows: int | None = option(None, "total segments to keep, chosen by hash; null: all", unit="rows", min=1)
    sample_weights: dict[str, float] | None = option(
        None, "weight of each source in sample_rows, such as {wudao: 2, skypile: 1}; null: sources are not weighted"
    )
    seed: int = option(0, "random seed of the samples", min=0)
    rows_per_shard: int = option(
        64, "segments per shard; a crash in a later stage loses the shards in progress", unit="rows", min=1
    )

    def check(self) -> None:
        if self.sample_documents == 0:
            raise ConfigError("sample_documents", "the share must be above 0; 0.01 is one document in a hundred")
        if self.sample_weights and self.sample_rows is None:
            raise ConfigError("sample_weights", "sample_rows is not set; the weights divide it among the sources")
        if any(not 0 < weight < float("inf") for weight in (self.sample_weights or {}).values()):
            raise ConfigError("sample_weights", "a weight must be above 0")
        self.where()

    def inputs(self) -> list[tuple[str, str, FieldNames]]:
        """Return (path, format, field names) of each corpus."""
        return [(one.path, one.format, one.fields()) for one in self.corpora]

    def near(self) -> NearDuplicateSettings:
        return NearDuplicateSettings(self.minhash_ngram, self.minhash_buckets, self.minhash_hashes)
