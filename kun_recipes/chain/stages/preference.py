"""The preference stage: a final model trained further on pairs of a better and a worse answer."""

from collections.abc import Container, Iterator
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text

from kun_recipes.chain.plan.assumptions import Assumptions
from kun_recipes.chain.plan.training import BACKWARD, FORWARD, unshared_batch
from kun_recipes.chain.plan.work import Flow, Rows
from kun_recipes.chain.stage import Summary
from kun_recipes.chain.stages.training import TrainingStage

if TYPE_CHECKING:  # it imports torch
    from kun_recipes.training.preference_config import PreferenceConfig


class PreferenceStage(TrainingStage):
    """Train a model on preference pairs (not in Kun)."""

    script = "recipes/preference.py"

    def config_class(self) -> type:
        from kun_recipes.training.preference_config import PreferenceConfig

        return PreferenceConfig

    def run(self, config: "PreferenceConfig") -> None:
        from kun_recipes.training.preference import train

        train(config)

    def check_inputs(self, config: "PreferenceConfig", there: Container[str]) -> None:
        from kun_recipes.training.preference_data import read_preferences

        if config.pairs in there:
            read_preferences(config)

    def headlines(self, name: str, summary: Summary) -> Iterator[RenderableType]:
        yield from super().headlines(name, summary)
        if summary.get("reward_accuracy") is not None:
            accuracy = f"{summary['reward_accuracy']:.0%}"
            yield Text(f"{name}: the chosen answer has the higher reward in {accuracy} of the held-out pairs")

    def conversations(self, config: "PreferenceConfig", known: Assumptions, flow: Flow) -> Iterator[Rows]:
        """Yield each pair is two conversations; the worse answer is as long as a segment, where it is the raw one."""
        rows = flow.read(config.pairs)
        each = known.training.template_tokens.number + rows.tokens
        worse = each + max(0.0, known.corpus.tokens_per_segment.number - known.refine.answer_tokens.number)
        yield Rows(rows.count * (1 - config.held_out_share), each + worse)

    def passes_of_reference(self, config: "PreferenceConfig") -> float:
        return FORWARD / (FORWARD + BACKWARD)

    def warnings(self, config: "PreferenceConfig", flow: Flow, used: int, offered: int) -> Iterator[str]:
        yield from unshared_batch(config, used, offered)


PREFERENCE = PreferenceStage("preference")
