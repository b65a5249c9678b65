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

    subset: str | None = option(None, "config of the Hub dataset that is read; null: its default one")
    split: str | None = option(None, "split of the Hub dataset that is read; null: all but test and validation splits")
    columns: dict[str, str] | None = option(
        None, "columns of the rows that are read, where they have other names, such as {text: content}"
    )
    language: Language = language_option(affects_rows=False)
    candidate_temperature: float | None = option(
        None,
        f"temperature of further candidates where the first is greedy; null: {FURTHER_TEMPERATURE}",
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
                f"the first candidate is drawn, too, at temperature {temperature:g}, which goes for all: leave it out",
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
        help="segments: folder of rows that the corpus stage wrote; file or folder of Parquet or JSON lines; or "
        "owner/name@revision, a dataset of the Hub",
        selects=True,
    )
    output_dir: OutputPath = option(help="folder of this stage", affects_rows=False)
    prompt: PromptPath = option("recipes/prompts/label.txt", "label prompt", source="the released label model's")
    candidates: int = option(
        1,
        "instructions written for each segment, of which the best is kept: one that all bounds and rules keep, then a "
        "question or an order, then one whose details the segment has, then the one of highest fit",
        source="Kun §3.2: one",
        min=1,
        selects=True,
        package_file=["rules/forms.yaml", "curation/details.yaml"],
    )
    max_new_tokens: int | None = option(
        None,
        "longest instruction; one that does not end by then is removed; null: the preset's, or 96",
        unit="tokens",
        min=1,
    )
    max_tokens: int = option(
        512,
        "a row is removed when its segment or instruction is longer",
        unit="tokens",
        source="Kun §3.2",
        min=1,
        selects=True,
    )
    max_perplexity: float | None = option(
        None,
        "highest perplexity of the instruction given the segment",
        source="Kun §3.2 filters by it and gives no figure",
        above=1,
        selects=True,
    )
    min_fit: float | None = option(
        None, "lowest fit, log p(x|y) - log p(x) a token", unit="nats", source="ours", selects=True
    )
    min_fit_percentile: float | None = option(
        None,
        "remove this share of the candidates, those of lowest fit",
        unit="percent",
        source="ours",
        min=0,
        max=100,
        selects=True,
    )
    round: int | None = option(
        None,
        "number of the round, from 1: the segments are its part of them, and each row gets the number; null: all "
        "segments; recipes/run.py --rounds sets it",
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
        "segments, by hash, that no round labels for its dataset: the models of each round go over them, and the gain "
        f"stage compares what they make of them; at most {MOST_HELD_OUT:.0%} of all; the same in all rounds; null: "
        f"{HELD_OUT_SEGMENTS}; 0: none",
        source="ours",
        min=0,
    )
    drop_statements: bool = option(
        False,
        "remove an instruction that by its form is neither a question nor an order",
        source="ours; Kun §3.2 asks the chat model, in refine",
        selects=True,
        package_file="rules/forms.yaml",
    )
    rules: InputPath | None = option(
        None,
        "YAML file of the A.2 rules; null takes the ones of the package",
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
                    "fit is how likely an instruction is without its segment, and engine openai cannot score a given "
                    "text: set it to null, or label by engine transformers or vllm",
                )
        if self.max_perplexity is not None and self.logprobs is False:
            raise ConfigError(
                "max_perplexity",
                "perplexity needs the log-probabilities of what is written, and logprobs is false: set it to null, or "
                "label by engine transformers or vllm",
            )


@dataclass(kw_only=True)
class RefineConfig(CandidatesConfig):
    """Let the primary chat model judge the candidates and write the polished answers (Kun §3.3)."""

    rows_option, needed, own = "candidates", (schema.INSTRUCTION,), schema.REFINED

    candidates: RowsPath = option(
        help="candidates: folder of rows that the label stage wrote; file or folder of Parquet or JSON lines; or "
        "owner/name@revision, a dataset of the Hub",
        selects=True,
    )
    output_dir: OutputPath = option(help="folder of this stage", affects_rows=False)
    dataset_dir: OutputPath = option(
        help="folder of the finished dataset, one Parquet split per source", affects_rows=False
    )
    filter_prompt: PromptPath = option("recipes/prompts/filter.txt", "is it an instruction?", source="Kun figure 4")
    score_target: Literal["instruction", "pair"] = option(
        "instruction",
        "what is scored: the instruction alone (focused), or with the segment as its output (comprehensive)",
        source="Kun §3.3",
    )
    score_prompt: PromptPath = option(
        "recipes/prompts/score.txt",
        "is it a good one? score_target pair takes one with {output} too, recipes/prompts/score_pair.txt",
        source="Kun figure 10",
    )
    answers: Literal["polished", "unaided", "raw"] = option(
        "polished",
        "written by the model with the segment before it; unaided, written from the instruction alone; or raw, the "
        "segment itself",
        source="Kun §3.3",
    )
    answer_candidates: int = option(
        1,
        "answers written to each instruction, of which the best is kept: one that the rules keep, then one without "
        "missing details, then one that support and judge keep, then the one that they find right most surely; more "
        "than one needs verify",
        source="Kun §3.3: one",
        min=1,
        selects=True,
    )
    polish_prompt: PromptPath = option(
        "recipes/prompts/polish.txt",
        "refine prompt; unaided answers take one without {segment}, recipes/prompts/answer.txt",
        source="Kun figure 10",
    )
    verify: bool = option(
        False,
        "check polished answers against their segments: details, support, and a judge of answers, which judge_data "
        "needs items for",
        source="ours",
        package_file="curation/tails.yaml",
    )
    keep_unverified: bool = option(
        False,
        "with verify, measure only: drop no row by it, and strip no tail",
        source="ours",
        selects=True,
        package_file="curation/details.yaml",
    )
    checks: list[str] = option(
        list(CHECKS),
        "with verify, what drops rows; the others are measured all the same. tails strips the courtesies, too",
        source="ours",
        choices=CHECKS,
        selects=True,
    )
    unique_instructions: bool = option(
        False,
        "of rows whose instructions are near duplicates, by MinHash over pairs of letters, keep the first",
        source="ours",
        selects=True,
    )
    unaided_prompt: PromptPath = option(
        "recipes/prompts/answer.txt", "the instruction alone, which support is measured against", source="ours"
    )
    answer_prompt: PromptPath = option(
        "recipes/prompts/answer_judge.txt", "does the answer fit its instruction and segment?", source="ours"
    )
    judge_data: list[DatasetPath] = option(
        help="files of labelled items: half train the judges, a quarter chooses their thresholds, a quarter measures "
        "them; with outputs for pairs; or folders of people's votes, as recipes/annotate.py exports them; "
        "or owner/name@revision, either of them on the Hub",
    )
    filter_threshold: float | None = option(
        None,
        "lowest calibrated log-odds of 是 kept; null chooses it on the development items of judge_data: the one at "
        "which both labels are as likely, or of target_precision",
        unit="nats",
        selects=True,
    )
    score_threshold: float | None = option(
        None,
        "lowest calibrated log-odds of 好 kept; null chooses it likewise",
        unit="nats",
        selects=True,
    )
    support_threshold: float | None = option(
        None,
        "lowest support kept, log p(a|x,y) - log p(a|x) a token; null chooses it likewise, on answers",
        unit="nats",
        selects=True,
    )
    answer_threshold: float | None = option(
        None,
        "lowest calibrated log-odds of 好 kept, of the answer; null chooses it likewise",
        unit="nats",
        selects=True,
    )
    target_precision: float | None = option(
        None,
        "choose the lowest threshold of each judge with this precision on the development items; where none has it, "
        "the lowest of those with the highest precision; a threshold that is given stays",
        source="ours",
        above=0,
        max=1,
        selects=True,
    )
    max_new_tokens: int | None = option(
        None,
        "longest answer; one that does not end by then is removed; null: the preset's, or 1024",
        unit="tokens",
        source="the released scripts",
        min=1,
    )
    rules: InputPath | None = option(
        None,
        "YAML file of the A.2 rules; null takes the ones of the package",
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
            raise ConfigError("verify", f"compares polished answers with their segments; answers is {self.answers}")
        if self.verify and self.engine == "openai" and "support" in self.checks:
            others = ", ".join(name for name in CHECKS if name != "support")
            raise ConfigError(
                "checks",
                "support is how likely an answer is with and without its segment, and engine openai cannot score a "
                f"given text: set checks: [{others}], or refine by engine transformers or vllm",
            )
        if self.answer_candidates > 1 and not self.verify:
            raise ConfigError(
                "answer_candidates", "verify chooses the best of several, and is false: set verify: true"
            )

    def thresholds(self) -> dict[str, float | None]:
        """Return the threshold of each judge and of support, by its name."""
        return {
            "filter": self.filter_threshold,
            "score": self.score_threshold,
            "support": self.support_threshold,
            "answer": self.answer_threshold,
        }
