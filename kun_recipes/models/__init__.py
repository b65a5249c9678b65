"""From the `model` field of a config to a folder that any engine loads."""

from kun_recipes.models.identity import model_identity, weights
from kun_recipes.models.resolve import resolve_model

__all__ = ["model_identity", "resolve_model", "weights"]
