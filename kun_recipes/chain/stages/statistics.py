"""The statistics stage."""

from kun_recipes.chain.stage import Stage
from kun_recipes.statistics.config import StatisticsConfig


class StatisticsStage(Stage):
    """Measure what the dataset is made of (Kun §4.2.1)."""

    name, script = "statistics", "recipes/data_statistics.py"

    def config_class(self) -> type:
        return StatisticsConfig

    def run(self, config: StatisticsConfig) -> None:
        from kun_recipes.statistics.statistics import run

        run(config)

    def check(self, config: StatisticsConfig) -> None:
        if config.topics:
            from kun_recipes.models.engines import check_installed

            check_installed(config.engine)


STATISTICS = StatisticsStage()
