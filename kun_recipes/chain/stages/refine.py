"""The refine stage."""

from collections.abc import Container, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import RenderableType

from kun_recipes.chain.plan.assumptions import AssumedShare, Assumption, Assumptions
from kun_recipes.chain.plan.sample import mean_of, measured_rate
from kun_recipes.chain.plan.work import Flow, Rows, Work, asking, at_most
from kun_recipes.chain.stage import Summary
from kun_recipes.chain.stages.pushing import PUSH_WRITES, PushingStage
from kun_recipes.curation.config import RefineConfig
from kun_recipes.data import schema
from kun_recipes.data.folders import HELD_OUT, JUDGES, PREFERENCE
from kun_recipes.data.rows import read_rows
from kun_recipes.models.engines import check_installed
from kun_recipes.reporting.funnel import judge_lines, row_panel, sample_rows, verification_line


@dataclass(frozen=True)
class RefineRates:
    """Refinement.

    Attributes:
        judge_prompt_tokens: of a judgement without the text judged; the examples are encoded once for all rows.
        polish_prompt_tokens: without segment and instruction.
        answer_tokens: of a polished answer.
        instruction_share: of the candidates, those that the filter judge keeps.
        good_share: of those, what the score judge keeps.
        kept_share: of the answers, what the rules and verification keep.
    """

    judge_prompt_tokens: Assumption
    polish_prompt_tokens: Assumption
    answer_tokens: Assumption
    instruction_share: AssumedShare
    good_share: AssumedShare
    kept_share: AssumedShare


class RefineStage(PushingStage):
    """Judge the candidates and write the polished answers (Kun §3.3)."""

    name, script = "refine", "recipes/refine.py"
    writes = (JUDGES, f"{JUDGES}.lock", f"{PREFERENCE}/*", f"{HELD_OUT}/*", *PUSH_WRITES)
    rows_from, plan_section, assumptions = "candidates", "refine", RefineRates

    def config_class(self) -> type:
        return RefineConfig

    def make_rows(self, config: RefineConfig) -> None:
        from kun_recipes.curation.refine import run

        run(config)

    def check(self, config: RefineConfig) -> None:
        super().check(config)
        check_installed(config.engine)

    def check_inputs(self, config: RefineConfig, there: Container[str]) -> None:
        from kun_recipes.curation.refine import check_inputs

        check_inputs(config)

    def headlines(self, name: str, summary: Summary) -> Iterator[RenderableType]:
        yield from judge_lines(summary["judges"])
        if verified := summary.get("verification"):
            yield verification_line(verified)

    def details(self, config: RefineConfig, summary: Summary) -> Iterator[RenderableType]:
        yield from map(row_panel, sample_rows(read_rows(Path(config.output_dir) / "rows")))
        yield f"dataset: load_dataset({config.dataset_dir!r})"

    def work(self, config: RefineConfig, known: Assumptions, flow: Flow, devices: int) -> Work:
        """Return candidates to pairs.

        judged   = candidates by the filter judge, and candidates x instruction_share by the score judge
        answered = candidates x instruction_share x good_share
        rows out = answered x kept_share
        read     = judged x (judge_prompt_tokens + instruction_tokens), and the segment where score_target is pair,
                   + answered x (polish_prompt_tokens + instruction_tokens + tokens_per_segment)
        written  = answered x answer_tokens, at most max_new_tokens each; a verdict is a probability and writes nothing
        device time, memory: `asking`; what is only read is judged
        disk     = (candidates + rows out) x bytes_per_row: kept or removed, and the dataset

        With verify, each answer is read three times more: with the segment by the judge, for its support, and alone.
        Of answer_candidates each is written and read so; segment and instruction are read once for them.
        Unaided answers are written without the segment. Raw ones are the segments: nothing is read or written.
        """
        of, rows, instruction = known.refine, flow.read(config.candidates), known.label.instruction_tokens.number
        second = rows.count * of.instruction_share.number
        answered = second * of.good_share.number
        kept = answered * of.kept_share.number
        judged = (rows.count + second) * (of.judge_prompt_tokens.number + instruction)
        if config.score_target == "pair":
            judged += second * rows.tokens
        polishing, written, answer = 0.0, 0.0, rows.tokens
        if config.answers != "raw":
            answer = at_most(of.answer_tokens.number, config.decoding().max_new_tokens)
            segment = rows.tokens if config.answers == "polished" else 0
            polishing = answered * (of.polish_prompt_tokens.number + instruction + segment)
            written = answered * config.answer_candidates * answer
        if config.verify:
            pair, answers = instruction + answer, answered * config.answer_candidates
            judged += answers * (2 * (rows.tokens + pair) + of.judge_prompt_tokens.number + pair)
        flow.write(config.output_dir, Rows(kept, instruction + answer))
        flow.write(config.dataset_dir, Rows(kept, instruction + answer))
        return Work(
            rows_in=rows.count,
            rows_out=kept,
            tokens_read=judged + polishing,
            tokens_written=written,
            disk_bytes=(rows.count + kept) * known.corpus.bytes_per_row.number,
            **asking(config, known, "refine", judge=judged, polish=polishing + written),
        )

    def measured(self, summary: Summary, folder: Path, section: RefineRates) -> RefineRates:
        """Return the filter judge sees every candidate, the score judge what that kept, the rules see the answers."""
        source = f"sample {folder}"
        candidates, removed = summary["rows_in"], summary["removed"]
        instructions = candidates - removed.get("not_an_instruction", 0)
        good = instructions - removed.get("poor_instruction", 0) - removed.get("poor_pair", 0)
        return replace(
            section,
            instruction_share=measured_rate(instructions, candidates, "candidates", source, AssumedShare),
            good_share=measured_rate(good, instructions, "instructions", source, AssumedShare),
            kept_share=measured_rate(summary["rows_kept"], good, "answers", source, AssumedShare),
            answer_tokens=Assumption(mean_of(folder, schema.OUTPUT_TOKENS), f"{source}: mean of its rows"),
        )


REFINE = RefineStage()
