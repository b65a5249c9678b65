"""Direct preference optimisation: pairs of a better and a worse answer in, a plain model folder out (not in Kun).

With LoRA the model without its adapters is the reference, so that no second model is loaded.
"""

from typing import Any

from pyarrow import compute
from trl import DPOTrainer

from kun_recipes.training.preference_config import PreferenceConfig
from kun_recipes.training.preference_data import load_preferences
from kun_recipes.training.sft import Method, run_training
from kun_recipes.training.trainer import Measured, column_of

ACCURACY, MARGIN = "eval_rewards/accuracies", "eval_rewards/margins"
"""TRL's measures on held-out pairs: share with the higher reward on the chosen answer; mean difference (nats)."""


class PreferenceTrainer(Measured, DPOTrainer):
    """DPOTrainer, measured. Each pair is two conversations."""

    def lengths(self) -> list[int]:
        counted = {name: self._lengths(name) for name in ("prompt_ids", "chosen_ids", "rejected_ids")}
        prompts = counted.pop("prompt_ids")
        return [
            prompt + answer for answers in counted.values() for prompt, answer in zip(prompts, answers, strict=True)
        ]

    def trained_tokens(self) -> int:
        return sum(self._lengths("chosen_ids") + self._lengths("rejected_ids"))

    def _lengths(self, name: str) -> list[int]:
        return compute.list_value_length(column_of(self.train_dataset, name)).to_pylist()


def train(config: PreferenceConfig) -> dict[str, Any]:
    """Train one model on preference pairs: see `run_training`."""
    return run_training(config, Method("preference", load_preferences, PreferenceTrainer, _rewards, "loss (DPO)"))


def _rewards(trainer: Measured) -> dict[str, Any]:
    """Return the reward accuracy and margin on the held-out pairs after the training; None without pairs.

    Before it all rewards are 0: a reward is measured against the model that the training began with.
    """
    last: dict[str, Any] = next((entry for entry in reversed(trainer.state.log_history) if ACCURACY in entry), {})
    return {"reward_accuracy": last.get(ACCURACY), "reward_margin": last.get(MARGIN)}
