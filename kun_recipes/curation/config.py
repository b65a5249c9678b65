"""Options of the label and refine stages."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from kun_recipes.config.options import option
from kun_recipes.config.types import DatasetPath, InputPath, OutputPath, PromptPath, RowsPath
from kun_recipes.curation.parts import HELD_OUT_SEGMENTS, MOST_HELD_OUT, ROUND_SHARE, Part
from kun_recipes.data import schema
from kun_recipes.data.row_sources import RowSource
from kun_recipes.errors import ConfigError
from kun_recipes.execution.options import PushConfig
from kun_recipes.execution.rounds import OfRound
from kun_recipes.models.options import EngineConfig
from kun_recipes.reporting.language import Language, language_option

FURTHER_TEMPERATURE = 0.7

CHECKS = ("tails", "details", "support", "answer")
"""Names of the checks of answers, in the order in which they drop rows."""


@dataclass(kw_only=True)
class CandidatesConfig(EngineConfig, PushConfig, OfRound):
    """Options of a stage that reads rows, and may write several candidates for each."""

    rows_option: ClassVar[str]
    """Name of the option that says what is read."""
    needed: ClassVar[tuple[str, ...]] = ()
    """Columns that each row must have in addition to its text."""
    own: ClassVar[tuple[str, ...]]
    """Columns that the stage writes."""
    by_endpoint = True

    subset: str | None = option(None, "config of the input Hub dataset; null: the default config")
    split: str | None = option(None, "split of the input Hub dataset; null: all except test and validation splits")
    columns: dict[str, str] | None = option(
        None, "columns of the input rows, if they have other names, such as {text: content}"
    )
    language: Language = language_option(affects_rows=False)
    candidate_temperature: float | None = option(
        None,
        f"temperature of further candidates if the first is greedy; null: {FURTHER_TEMPERATURE}",
        source="ours",
        above=0,
        max=2,
    )

    def check(self) -> None:
        super().check()
        self.check_repository()
        if self.candidate_temperature is not None and (temperature := self.decoding().temperature):
            raise ConfigError(
                "candidate_temperature",
                f"the first candidate is sampled too, and its temperature, {temperature:g}, applies to all; remove it",
            )

    def source(self) -> RowSource:
        """Return what is read."""
        path = getattr(self, self.rows_option)
        return RowSource(path, self.subset, self.split, self.columns, self.needed, self.own)

    def further_temperature(self) -> float:
        """Return the temperature of further candidates where the first is greedy."""
        return self.candidate_temperature or FURTHER_TEMPERATURE


@dataclass(kw_only=True)
class LabelConfig(CandidatesConfig):
    """Let the label model write candidate instructions for each segment, and keep the likely ones (Kun §3.2)."""

    rows_option, own = "segments", schema.LABELLED

    segments: RowsPath = option(
        help="segments: rows folder of the corpus stage; file or folder of Parquet or JSON lines; or Hub dataset "
        "owner/name@revision",
        selects=True,
    )
    output_dir: OutputPath = option(help="folder of this stage", affects_rows=False)
    prompt: PromptPath = option("recipes/prompts/label.txt", "label prompt", source="the released label model's")
    candidates: int = option(
        1,
        "number of instructions written per segment; the best is kept. Compared in this order: passes all bounds and "
        "rules; is a question or an order; has only details of the segment; has the highest fit",
        source="Kun §3.2: one",
        min=1,
        selects=True,
        package_file=["rules/forms.yaml", "curation/details.yaml"],
    )
    max_new_tokens: int | None = option(
        None,
        "maximum length of an instruction; one that does not end by then is removed; null: the preset's, or 96",
        unit="tokens",
        min=1,
    )
    max_tokens: int = option(
        512,
        "maximum length of the segment and of the instruction; longer rows are removed",
        unit="tokens",
        source="Kun §3.2",
        min=1,
        selects=True,
    )
    max_perplexity: float | None = option(
        None,
        "maximum perplexity of the instruction given the segment",
        source="Kun §3.2 filters by it and gives no figure",
        above=1,
        selects=True,
    )
    min_fit: float | None = option(
        None, "minimum fit, log p(x|y) - log p(x) per token", unit="nats", source="ours", selects=True
    )
    min_fit_percentile: float | None = option(
        None,
        "remove this share of the candidates, those with the lowest fit",
        unit="percent",
        source="ours",
        min=0,
        max=100,
        selects=True,
    )
    round: int | None = option(
        None,
        "number of the round, from 1: only this round's part of the segments is labelled, and each row gets the "
        "number; null: all segments; recipes/run.py --rounds sets it",
        min=1,
    )
    round_share: float | None = option(
        None,
        "share of the segments left by earlier rounds that a round labels, chosen by hash; the same in all rounds; "
        f"null: {ROUND_SHARE}",
        source="ours",
        above=0,
        max=1,
    )
    held_out_segments: int | None = option(
        None,
        "number of segments, chosen by hash, that no round labels for its dataset: the models of each round process "
        f"them, and the gain stage compares the results; at most {MOST_HELD_OUT:.0%} of all segments; "
        f"the same in all rounds; null: {HELD_OUT_SEGMENTS}; 0: none",
        source="ours",
        min=0,
    )
    drop_statements: bool = option(
        False,
        "remove instructions whose form is neither a question nor an order",
        source="ours; Kun §3.2 asks the chat model, in refine",
        selects=True,
        package_file="rules/forms.yaml",
    )
    rules: InputPath | None = option(
        None,
        "YAML file of the A.2 rules; null: the package's file",
        package_file=["rules/rules.yaml", "privacy/privacy.yaml"],
        named_in={"privacy/privacy.yaml": "sensitive_information.detectors"},
        selects=True,
    )

    new_tokens = 96

    def part(self) -> Part | None:
        """Return the part of the segments that is read; None for all."""
        return None if self.round is None else Part(self.round, self.round_share or ROUND_SHARE)

    def most_held_out(self) -> int:
        """Return the most segments that no round labels for its dataset."""
        if self.round is None:
            return 0
        return HELD_OUT_SEGMENTS if self.held_out_segments is None else self.held_out_segments

    def draws(self) -> bool:
        return self.candidates > 1 or super().draws()

    def check(self) -> None:
        super().check()
        if self.engine == "openai":
            self._check_likelihoods()
        if self.min_fit is not None and self.min_fit_percentile is not None:
            raise ConfigError("min_fit_percentile", "min_fit is set too: choose one of the two")
        for name in ("round_share", "held_out_segments"):
            if getattr(self, name) is not None and self.round is None:
                raise ConfigError(name, "has no effect in a run of one round: set rounds in run.yaml (--rounds)")

    def _check_likelihoods(self) -> None:
        """Raise ConfigError for a bound on what a server does not give."""
        for name in ("min_fit", "min_fit_percentile"):
            if getattr(self, name) is not None:
                raise ConfigError(
                    name,
                    "fit needs the likelihood of an instruction without its segment, but engine openai cannot score a "
                    "given text: set it to null, or label with engine transformers or vllm",
                )
        if self.max_perplexity is not None and self.logprobs is False:
            raise ConfigError(
                "max_perplexity",
                "perplexity needs the log-probabilities of the written text, but logprobs is false: set it to null, "
                "or label with engine transformers or vllm",
            )


@dataclass(kw_only=True)
class RefineConfig(CandidatesConfig):
    """Let the primary chat model judge the candidates and write the polished answers (Kun §3.3)."""

    rows_option, needed, own = "candidates", (schema.INSTRUCTION,), schema.REFINED

    candidates: RowsPath = option(
        help="candidates: rows folder of the label stage; file or folder of Parquet or JSON lines; or Hub dataset "
        "owner/name@revision",
        selects=True,
    )
    output_dir: OutputPath = option(help="folder of this stage", affects_rows=False)
    dataset_dir: OutputPath = option(
        help="folder of the finished dataset, one Parquet split per source", affects_rows=False
    )
    filter_prompt: PromptPath = option(
        "recipes/prompts/filter.txt", "prompt: is it an instruction?", source="Kun figure 4"
    )
    score_target: Literal["instruction", "pair"] = option(
        "instruction",
        "text to score: the instruction alone (focused), or with the segment as its output (comprehensive)",
        source="Kun §3.3",
    )
    score_prompt: PromptPath = option(
        "recipes/prompts/score.txt",
        "prompt: is it a good one? score_target pair needs a prompt with {output}, recipes/prompts/score_pair.txt",
        source="Kun figure 10",
    )
    answers: Literal["polished", "unaided", "raw"] = option(
        "polished",
        "polished: written by the model with the segment; unaided: written from the instruction alone; raw: the "
        "segment itself",
        source="Kun §3.3",
    )
    answer_candidates: int = option(
        1,
        "number of answers written per instruction; the best is kept. Compared in this order: passes the rules; has "
        "no detail that segment and instruction lack; passes support and judge, if they are in checks; has the "
        "highest odds of being right according to these. More than one needs verify",
        source="Kun §3.3: one",
        min=1,
        selects=True,
    )
    polish_prompt: PromptPath = option(
        "recipes/prompts/polish.txt",
        "refine prompt; unaided answers need one without {segment}, recipes/prompts/answer.txt",
        source="Kun figure 10",
    )
    verify: bool = option(
        False,
        "check polished answers against their segments: details, support, and a judge of answers, for which "
        "judge_data needs items",
        source="ours",
        package_file="curation/tails.yaml",
    )
    keep_unverified: bool = option(
        False,
        "with verify: only measure; remove no row and strip no tail",
        source="ours",
        selects=True,
        package_file="curation/details.yaml",
    )
    checks: list[str] = option(
        list(CHECKS),
        "with verify: checks that remove rows; the others are only measured. tails also strips courtesies",
        source="ours",
        choices=CHECKS,
        selects=True,
    )
    unique_instructions: bool = option(
        False,
        "of rows with near-duplicate instructions (MinHash over pairs of letters), keep only the first",
        source="ours",
        selects=True,
    )
    unaided_prompt: PromptPath = option(
        "recipes/prompts/answer.txt", "prompt with the instruction alone, to measure support", source="ours"
    )
    answer_prompt: PromptPath = option(
        "recipes/prompts/answer_judge.txt", "prompt: does the answer fit its instruction and segment?", source="ours"
    )
    judge_data: list[DatasetPath] = option(
        help="files of labelled items: half train the judges, a quarter chooses their thresholds, a quarter measures "
        "them; items on pairs need outputs; or folders of people's votes, as recipes/annotate.py exports them; "
        "or owner/name@revision for either of them on the Hub",
    )
    filter_threshold: float | None = option(
        None,
        "minimum calibrated log-odds of 是; null: chosen on the development items of judge_data, where both labels "
        "are equally likely, or by target_precision",
        unit="nats",
        selects=True,
    )
    score_threshold: float | None = option(
        None,
        "minimum calibrated log-odds of 好; null: chosen in the same way",
        unit="nats",
        selects=True,
    )
    support_threshold: float | None = option(
        None,
        "minimum support, log p(a|x,y) - log p(a|x) per token; null: chosen in the same way, on answers",
        unit="nats",
        selects=True,
    )
    answer_threshold: float | None = option(
        None,
        "minimum calibrated log-odds of 好 for the answer; null: chosen in the same way",
        unit="nats",
        selects=True,
    )
    target_precision: float | None = option(
        None,
        "choose for each judge the lowest threshold with this precision on the development items; if none has it, the "
        "lowest one with the highest precision; thresholds that are set do not change",
        source="ours",
        above=0,
        max=1,
        selects=True,
    )
    max_new_tokens: int | None = option(
        None,
        "maximum length of an answer; one that does not end by then is removed; null: the preset's, or 1024",
        unit="tokens",
        source="the released scripts",
        min=1,
    )
    rules: InputPath | None = option(
        None,
        "YAML file of the A.2 rules; null: the package's file",
        package_file=["rules/rules.yaml", "privacy/privacy.yaml"],
        named_in={"privacy/privacy.yaml": "sensitive_information.detectors"},
        selects=True,
    )

    new_tokens = 1024

    def draws(self) -> bool:
        return self.answer_candidates > 1 or super().draws()

    def check(self) -> None:
        super().check()
        if self.verify and self.answers != "polished":
            raise ConfigError("verify", f"compares polished answers with segments, but answers is {self.answers}")
        if self.verify and self.engine == "openai" and "support" in self.checks:
            others = ", ".join(name for name in CHECKS if name != "support")
            raise ConfigError(
                "checks",
                "support needs the likelihood of an answer with and without its segment, but engine openai cannot "
                f"score a given text: set checks: [{others}], or refine with engine transformers or vllm",
            )
        if self.answer_candidates > 1 and not self.verify:
            raise ConfigError(
                "answer_candidates", "verify chooses the best of several, but is false: set verify: true"
            )

    def thresholds(self) -> dict[str, float | None]:
        """Return the threshold of each judge and of support, by its name."""
        return {
            "filter": self.filter_threshold,
            "score": self.score_threshold,
            "support": self.support_threshold,
            "answer": self.answer_threshold,
        }
