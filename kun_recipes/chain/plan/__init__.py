"""What a recipe will cost, before anything is spent: rows, tokens, device hours, disk and time, a stage at a time.

plan.yaml (figures.py) gives speeds and rates, each with its source; a finished corpus stage on a few documents
(sample.py) replaces its rates with measured ones; estimate.py multiplies them out; table.py prints the result.
"""

from kun_recipes.chain.plan.estimate import estimate
from kun_recipes.chain.plan.figures import Figures, load_figures
from kun_recipes.chain.plan.plan import Hardware, Plan, StageEstimate
from kun_recipes.chain.plan.sample import Sample, read_sample
from kun_recipes.chain.plan.table import show

__all__ = [
    "Figures",
    "Hardware",
    "Plan",
    "Sample",
    "StageEstimate",
    "estimate",
    "load_figures",
    "read_sample",
    "show",
]
