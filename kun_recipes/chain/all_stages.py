"""The paper's chain (Kun figure 1), and what measures, shows and publishes its results."""

from kun_recipes.chain.stage import Stage
from kun_recipes.chain.stages.corpus import CORPUS
from kun_recipes.chain.stages.evaluate import EVALUATE
from kun_recipes.chain.stages.gain import GAIN
from kun_recipes.chain.stages.label import LABEL
from kun_recipes.chain.stages.preference import PREFERENCE
from kun_recipes.chain.stages.publish import PUBLISH
from kun_recipes.chain.stages.refine import REFINE
from kun_recipes.chain.stages.report import REPORT
from kun_recipes.chain.stages.rounds import ROUNDS
from kun_recipes.chain.stages.statistics import STATISTICS
from kun_recipes.chain.stages.study import STUDY
from kun_recipes.chain.stages.training import FINAL_MODEL, LABEL_MODEL, PRIMARY_CHAT_MODEL

STAGES: dict[str, Stage] = {
    stage.name: stage
    for stage in (
        CORPUS,
        LABEL_MODEL,
        PRIMARY_CHAT_MODEL,
        LABEL,
        REFINE,
        FINAL_MODEL,
        PREFERENCE,
        EVALUATE,
        STATISTICS,
        STUDY,
        REPORT,
        PUBLISH,
    )
}
"""In their order. A recipe has a YAML of each name, but for stages whose results it reads from elsewhere."""

ALL_STAGES: dict[str, Stage] = {**STAGES, GAIN.name: GAIN, ROUNDS.name: ROUNDS}
"""With those that only a run of several rounds has. A recipe needs no YAML of ROUNDS."""
