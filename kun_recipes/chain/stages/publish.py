"""The publish stage."""

from collections.abc import Iterator
from pathlib import Path

from huggingface_hub import HfApi
from rich.console import RenderableType
from rich.text import Text

from kun_recipes.chain.stage import Stage, Summary
from kun_recipes.publishing.config import WRITES, PublishConfig, kind_of


class PublishStage(Stage):
    """Build the repositories of a release, and push them when asked (Kun §6)."""

    name, script, devices = "publish", "recipes/publish.py", "cores"
    extra = ""
    writes = WRITES
    optional = ("model_dirs", "evaluation_dir", "report_dir", "gain_dirs")

    def config_class(self) -> type:
        return PublishConfig

    def run(self, config: PublishConfig) -> None:
        from kun_recipes.publishing.publish import run

        run(config)

    def check(self, config: PublishConfig) -> None:
        if config.push:
            from kun_recipes.publishing.hub import check_account

            check_account(config.kinds(), config.private, HfApi())

    def left(self, config: PublishConfig) -> PublishConfig:
        """Return a release without all that it should have is built, and not pushed."""
        left = super().left(config)
        if left.left_out:
            left.push = False
            left.repositories = {
                name: value
                for name, value in config.repositories.items()
                if kind_of(name) == "dataset" or name in left.models
            }
        return left

    def repeats(self, config: PublishConfig) -> bool:
        return config.push  # only the Hub knows what it has; what is there is not sent again

    def details(self, config: PublishConfig, summary: Summary) -> Iterator[RenderableType]:
        for name, repository in config.names.items():
            yield Text(f"ready to push as {config.namespace}/{repository}: {Path(config.output_dir, name)}")
        if not config.push:
            yield Text("to push: run `hf auth login`, then this command again with --namespace <you> --push true")


PUBLISH = PublishStage()
