"""The study stage."""

from kun_recipes.chain.stage import Stage
from kun_recipes.models.engines import check_installed
from kun_recipes.studies.config import StudyConfig


class StudyStage(Stage):
    """Choose what is judged, have models answer, and count the votes (Kun §4.2.2, §4.2.3)."""

    name, script = "study", "recipes/study.py"

    def config_class(self) -> type:
        return StudyConfig

    def run(self, config: StudyConfig) -> None:
        from kun_recipes.annotation.storage import read_votes
        from kun_recipes.studies.study import run

        run(config, read_votes)

    def check(self, config: StudyConfig) -> None:
        if config.judge or config.prompts:
            check_installed(config.engine)

    def repeats(self, config: StudyConfig) -> bool:
        return config.votes is not None  # people may have voted meanwhile


STUDY = StudyStage()
