"""Options of the corpus stage."""

from dataclasses import dataclass

from kun_recipes.config.options import ConfigError, option
from kun_recipes.corpus.decontamination import BENCHMARK_FORMATS
from kun_recipes.corpus.deduplication import NearDuplicateSettings
from kun_recipes.corpus.sources.formats import FORMATS, FieldNames
from kun_recipes.execution.options import ExecutorConfig

NEAR = NearDuplicateSettings()


@dataclass(kw_only=True)
class CorpusConfig(ExecutorConfig):
    """Read corpora, cut them into self-contained segments and keep the clean ones (Kun §3.1, A.2)."""

    input_path: list[str] = option(
        help="files, folders, globs, or addresses that fsspec opens (hf://, s3://)", exists=True
    )
    input_format: list[str] = option(help="format of each input_path, or one for all", choices=FORMATS)
    text_field: str = option("text", "field of the document's text, in the formats jsonl and parquet")
    id_field: str = option("id", "field of the document's id, in the formats jsonl and parquet")
    title_field: str = option("title", "field of the document's title, in the formats jsonl and parquet")
    source_field: str = option("source", "field of the document's source, in the formats jsonl and parquet")
    output_dir: str = option(help="folder of this stage", affects_rows=False)
    model: str = option(help="folder, Hub id or model source file whose tokenizer counts the tokens")
    model_revision: str | None = option(None, "commit of the model, where it is a Hub id")
    max_documents: int | None = option(None, "documents read of each input_path; null reads all", min=1)
    to_simplified: bool = option(False, "turn traditional characters into simplified ones (needs the extra opencc)")
    max_tokens: int = option(512, "longest segment", unit="tokens", source="Kun §3.2", min=16)
    max_segments: int | None = option(
        None, "most segments of one document, spread over it; null keeps all", unit="segments", min=1
    )
    quality: str | None = option(None, "YAML file of the rules on documents; null takes the package's", exists=True)
    context: str | None = option(None, "YAML file: what leans on other text; null takes the package's", exists=True)
    privacy: str | None = option(
        None, "YAML file: what is private, and its masks; null takes the package's", exists=True
    )
    rules: str | None = option(None, "YAML file of the A.2 rules; null takes the ones of the package", exists=True)
    benchmarks: list[str] | None = option(None, "evaluation sets that no segment may hold: folders, files or Hub ids")
    benchmark_formats: list[str] | None = option(None, "format of each of the benchmarks", choices=BENCHMARK_FORMATS)
    near_duplicates: bool = option(True, "drop near duplicates too, by MinHash")
    minhash_ngram: int = option(NEAR.ngram, "characters of an n-gram", min=2)
    minhash_buckets: int = option(NEAR.buckets, "bands of the signature: more find less similar pairs", min=1)
    minhash_hashes: int = option(NEAR.hashes_per_bucket, "hashes a band: more find only more similar pairs", min=1)
    sample_rows: int | None = option(None, "segments kept in all, chosen by hash; null keeps all", unit="rows", min=1)
    sample_weights: list[str] | None = option(
        None, "share of each source in sample_rows, as `wudao=2 skypile=1`; null takes them as they come"
    )
    seed: int = option(0, "of the sample", min=0)
    rows_per_shard: int = option(64, "segments a shard: what a crash in a later stage can cost", unit="rows", min=1)

    def check(self) -> None:
        _one_each("input_format", self.input_format, "input_path", self.input_path, or_one=True)
        _one_each("benchmark_formats", self.benchmark_formats or [], "benchmarks", self.benchmarks or [])
        self.weights()
        self.where()

    def inputs(self) -> list[tuple[str, str]]:
        """Each path with its format."""
        formats = self.input_format * len(self.input_path) if len(self.input_format) == 1 else self.input_format
        return list(zip(self.input_path, formats, strict=True))

    def fields(self) -> FieldNames:
        """Names of the fields of a document, in the formats that leave them open."""
        return FieldNames(self.text_field, self.id_field, self.title_field, self.source_field)

    def evaluation_sets(self) -> list[tuple[str, str]]:
        """Each benchmark with its format."""
        return list(zip(self.benchmarks or [], self.benchmark_formats or [], strict=True))

    def near(self) -> NearDuplicateSettings:
        return NearDuplicateSettings(self.minhash_ngram, self.minhash_buckets, self.minhash_hashes)

    def weights(self) -> dict[str, float] | None:
        """Share of each source in the sample."""
        if self.sample_weights and self.sample_rows is None:
            raise ConfigError("sample_weights", "sample_rows is not set: weights say how it is shared out")
        try:
            weights = {
                source: float(weight) for source, weight in (pair.split("=") for pair in self.sample_weights or [])
            }
        except ValueError as error:
            raise ConfigError("sample_weights", f"write source=weight, as in wudao=2 ({error})") from error
        if any(not 0 < weight < float("inf") for weight in weights.values()):
            raise ConfigError("sample_weights", "a weight must be above 0")
        return weights or None


def _one_each(key: str, values: list[str], of_key: str, of: list[str], or_one: bool = False) -> None:
    if len(values) != len(of) and not (or_one and len(values) == 1):
        raise ConfigError(key, f"{len(values)} formats for {len(of)} {of_key}: give {'one, or ' * or_one}one each")
