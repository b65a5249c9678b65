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

    before: RoundPath = option(help="folder of a round: label_model, primary_chat_model, label and refine are in it")
    after: RoundPath = option(help="folder of the next round, likewise")
    earlier: list[RoundPath] | None = option(
        None, "folders of the rounds before these: their instructions count as earlier ones, too"
    )
    output_dir: OutputPath = option(help="folder of this stage", affects_rows=False)
    model: ModelPath = option(help="the model whose tokenizer counts the lengths; the base model of both rounds")

    held_out_limit: int = option(500, "held-out pairs that the models are asked about, the first", min=1)
    label_prompt: PromptPath = option(
        "recipes/prompts/label.txt", "label prompt of both label models", source="the released label model's"
    )
    max_new_tokens: int | None = option(
        None, "longest instruction to a held-out output; null: the preset's, or 96", unit="tokens", min=1
    )

    decided_by: Decider = option(
        "label_model",
        "whose held-out loss decides",
        source="ours: what the pairs of a round teach first is to write instructions",
    )
    min_gain: float = option(
        0.0,
        "a round helps if the whole 95% interval of what this loss fell by, the same pairs under both models, lies "
        "above this",
        unit="nats per token",
        source="ours: above 0 the fall is no chance of these pairs",
        min=0,
    )
    sample_rows: int = option(
        2000, "pairs per round, by hash, whose n-grams are counted, over equally many letters", min=1
    )
    bootstrap: int = option(10_000, "resamples behind each interval of a difference", min=1000)

    new_tokens = 96

    def check(self) -> None:
        super().check()
        self.check_seeds_part(self.seeds)
        folders = [Path(folder).resolve() for folder in (self.before, self.after, *(self.earlier or ()))]
        if len(set(folders)) < len(folders):
            raise ConfigError("after", f"{self.after}: before, after and earlier name a round twice; give each once")
        if Path(self.before).name == Path(self.after).name:
            raise ConfigError("after", f"both rounds are called {Path(self.after).name}; rename one's folder")
