"""A recipe as a whole: its stages, loaded and checked, which reads from which, and how they run here one by one."""

from kun_recipes.chain.graph import needs
from kun_recipes.chain.kinds import (
    CORPUS,
    EVALUATE,
    LABEL,
    PUBLISH,
    REFINE,
    REPORT,
    STAGES,
    STATISTICS,
    STUDY,
    TRAIN,
    Kind,
)
from kun_recipes.chain.loading import load_chain
from kun_recipes.chain.local import elapsed, remove_from, run_stage
from kun_recipes.chain.stages import Chain, StageRun

__all__ = [
    "CORPUS",
    "EVALUATE",
    "LABEL",
    "PUBLISH",
    "REFINE",
    "REPORT",
    "STAGES",
    "STATISTICS",
    "STUDY",
    "TRAIN",
    "Chain",
    "Kind",
    "StageRun",
    "elapsed",
    "load_chain",
    "needs",
    "remove_from",
    "run_stage",
]
