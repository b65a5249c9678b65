"""The label stage."""

from collections.abc import Container
from dataclasses import dataclass, replace
from pathlib import Path

from kun_recipes.chain.plan.assumptions import AssumedShare, Assumption, Assumptions
from kun_recipes.chain.plan.sample import mean_of, measured_rate
from kun_recipes.chain.plan.work import Flow, Rows, Work, asking, at_most
from kun_recipes.chain.stage import Summary
from kun_recipes.chain.stages.pushing import PUSH_WRITES, PushingStage
from kun_recipes.curation.config import LabelConfig
from kun_recipes.curation.parts import MOST_HELD_OUT, NO_ROUND
from kun_recipes.data import schema
from kun_recipes.data.folders import HELD_OUT
from kun_recipes.models.engines import check_installed
from kun_recipes.models.prompts import load_prompt
from kun_recipes.rules import load_rules


@dataclass(frozen=True)
class LabelRates:
    """Labelling. prompt_tokens: tokens of the prompt without the segment."""

    prompt_tokens: Assumption
    instruction_tokens: Assumption
    kept_share: AssumedShare


class LabelStage(PushingStage):
    """Write candidate instructions for each segment (Kun §3.2)."""

    name, script = "label", "recipes/label.py"
    writes = (f"{HELD_OUT}/*", *PUSH_WRITES)
    rows_from, plan_section, assumptions = "segments", "label", LabelRates

    def config_class(self) -> type:
        return LabelConfig

    def make_rows(self, config: LabelConfig) -> None:
        from kun_recipes.curation.label import run

        run(config)

    def check(self, config: LabelConfig) -> None:
        super().check(config)
        check_installed(config.engine)

    def check_inputs(self, config: LabelConfig, there: Container[str]) -> None:
        load_prompt(config.prompt, {"segment"})
        load_rules(config.rules)

    def work(self, config: LabelConfig, known: Assumptions, flow: Flow, devices: int) -> Work:
        """Return segments to candidates.

        read    = segments x (prompt_tokens + tokens_per_segment + candidates x (prompt_tokens + instruction_tokens)):
                  instructions are written after the segment, which is read once, and each is scored once more after
                  the prompt alone, for the fit
        written = segments x candidates x instruction_tokens, at most max_new_tokens each
        device time, memory: `asking`
        disk    = segments x (candidates + 1) x bytes_per_row: as labelled, and then kept or removed

        A round has its part of the segments that are not held out; these are few, and left out of the plan.
        """
        of, rows = known.label, flow.read(config.segments)
        if part := config.part():
            held_out = at_most(rows.count * MOST_HELD_OUT, config.most_held_out())
            rows = replace(rows, count=(rows.count - held_out) * part.of_all)
        instruction = at_most(of.instruction_tokens.number, config.decoding().max_new_tokens)
        read = rows.count * (
            of.prompt_tokens.number + rows.tokens + config.candidates * (of.prompt_tokens.number + instruction)
        )
        written = rows.count * config.candidates * instruction
        kept = rows.count * of.kept_share.number
        flow.write(config.output_dir, Rows(kept, rows.tokens))
        return Work(
            rows_in=rows.count,
            rows_out=kept,
            tokens_read=read,
            tokens_written=written,
            disk_bytes=rows.count * (config.candidates + 1) * known.corpus.bytes_per_row.number,
            **asking(config, known, "label", label=read + written),
        )

    def measured(self, summary: Summary, folder: Path, section: LabelRates) -> LabelRates:
        source = f"sample {folder}"
        labelled = summary["rows_in"] - summary["removed"].get(NO_ROUND, 0)
        return replace(
            section,
            instruction_tokens=Assumption(mean_of(folder, schema.INSTRUCTION_TOKENS), f"{source}: mean of its rows"),
            kept_share=measured_rate(summary["rows_kept"], labelled, "candidates", source, AssumedShare),
        )


LABEL = LabelStage()
