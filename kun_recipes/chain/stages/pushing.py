"""A stage whose finished rows go to the Hub when asked."""

from typing import Any, ClassVar

from kun_recipes.chain.stage import Stage

PUSH_WRITES = ("push/*", "push.partial/*")
"""Patterns of what a push writes into the stage's folder."""


class PushingStage(Stage):
    """Base class of the stages with the option `push_to`. The slow imports for pushing happen only then."""

    writes: ClassVar[tuple[str, ...]] = PUSH_WRITES

    def make_rows(self, config: Any) -> None:
        """Do the stage's own work, or find that it is complete."""
        raise NotImplementedError

    def privacy_file(self, config: Any) -> str | None:
        """Return the privacy settings by which the rows are checked before a push; None: the package's."""
        return None

    def run(self, config: Any) -> None:
        self.check(config)
        self.make_rows(config)
        if config.push_to:
            from kun_recipes.publishing.stage_rows import push_rows

            push_rows(self.name, config, self.privacy_file(config))

    def check(self, config: Any) -> None:
        if config.push_to:
            from kun_recipes.publishing.stage_rows import check_push

            check_push(config)

    def repeats(self, config: Any) -> bool:
        return config.push_to is not None  # only the Hub knows what it has; what is there is not sent again
