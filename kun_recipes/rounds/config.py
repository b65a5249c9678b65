"""The options of the gain stage."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kun_recipes.config.options import option
from kun_recipes.config.types import ModelPath, OutputPath, PromptPath, RoundPath
from kun_recipes.errors import ConfigError
from kun_recipes.evaluation.config import HeldOutSeeds
from kun_recipes.execution.rounds import OfRound
from kun_recipes.models.options import EngineConfig

Decider = Literal["label_model", "primary_chat_model"]
"""The models of which one's held-out loss may decide."""

LOSSES: dict[Decider, str] = {"label_model": "label_loss", "primary_chat_model": "chat_loss"}
"""Names of the changes of which one may decide, by the model."""


@dataclass(kw_only=True)
class GainConfig(HeldOutSeeds, EngineConfig, OfRound):
    """Compare two rounds on the same held-out pairs, items and segments: does the later one help (Kun §3)?"""

    before: RoundPath = option(help="folder of a round, with label_model, primary_chat_model, label and refine")
    after: RoundPath = option(help="folder of the next round, with the same contents")
    earlier: list[RoundPath] | None = option(
        None, "folders of the rounds before these two; their instructions count as earlier ones, too"
    )
    output_dir: OutputPath = option(help="folder of this stage", affects_rows=False)
    model: ModelPath = option(help="the model whose tokenizer counts the lengths; the base model of both rounds")

    held_out_limit: int = option(
        500, "number of held-out pairs that the models are asked about, starting with the first", min=1
    )
    label_prompt: PromptPath = option(
        "recipes/prompts/label.txt", "label prompt of both label models", source="prompt of the released label model"
    )
    max_new_tokens: int | None = option(
        None, "maximum length of an instruction for a held-out output; null: the preset's, or 96", unit="tokens", min=1
    )

    decided_by: Decider = option(
        "label_model",
        "model whose held-out loss decides",
        source="ours: the pairs of a round above all teach how to write instructions",
    )
    min_gain: float = option(
        0.0,
        "a round helps if the whole 95% interval of the decrease of this loss, on the same pairs for both models, is "
        "above this value",
        unit="nats per token",
        source="ours: above 0, the decrease is not due to chance in these pairs",
        min=0,
    )
    sample_rows: int = option(
        2000, "number of pairs per round, chosen by hash, for n-gram counts over the same number of letters", min=1
    )
    bootstrap: int = option(10_000, "number of resamples for the interval of a difference", min=1000)

    new_tokens = 96

    def check(self) -> None:
        super().check()
        self.check_seeds_part(self.seeds)
        folders = [Path(folder).resolve() for folder in (self.before, self.after, *(self.earlier or ()))]
        if len(set(folders)) < len(folders):
            raise ConfigError(
                "after", f"{self.after}: before, after and earlier contain a round twice; name each round once"
            )
        if Path(self.before).name == Path(self.after).name:
            raise ConfigError("after", f"both rounds have the name {Path(self.after).name}; rename the folder of one")
