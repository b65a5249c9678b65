"""The stages of a run of several rounds, made of those of one round when a recipe is loaded.

<output_dir>/round_<r>/ holds label_model, primary_chat_model, label, refine and dataset of a round, and from the
second on gain, which compares it with the one before. Every path that these stages name moves with them. The stage
`rounds` then writes the folders of a run of one round, which all other stages read unchanged.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kun_recipes.chain.config import RunConfig
from kun_recipes.config.paths import config_paths, map_paths
from kun_recipes.config.shared import SEED_OPTIONS
from kun_recipes.config.types import PathKind, field_types
from kun_recipes.config.words import to_words
from kun_recipes.data import schema
from kun_recipes.errors import ConfigError

LABEL_MODEL, CHAT_MODEL, LABEL, REFINE = PER_ROUND = ("label_model", "primary_chat_model", "label", "refine")
GAIN, UNION = "gain", "rounds"
NEEDED = ("corpus", *PER_ROUND)


@dataclass(frozen=True)
class RoundStage:
    """One stage of a run of several rounds: its name, its file's, and the words that its round adds."""

    name: str
    file: str
    words: list[str]


@dataclass(frozen=True)
class Rounds:
    """Makes the stages of all rounds.

    Attributes:
        plain: configs of the stages that a round has, as a run of one round has them.
    """

    run: RunConfig
    plain: Mapping[str, Any]

    def stages(self) -> Iterator[RoundStage]:
        """Yield the stages of all rounds in order, and that of their union."""
        for number in range(1, self.run.rounds + 1):
            for file in PER_ROUND:
                own = [*self._moved(file, number), *self._own(file, number), *self._after(number)]
                yield RoundStage(f"{file}_{number}", file, own)
            if number > 1:
                yield RoundStage(f"{GAIN}_{number}", GAIN, [*self._gain(number), *self._after(number)])
        yield RoundStage(UNION, UNION, self._union())

    def _in_round(self, path: str, number: int) -> str:
        """Return a path in the folder of a stage that each round has, as that round has it; any other as it is."""
        for config in self.plain.values():
            for one in config_paths(config):
                if one.kind.written and Path(path).is_relative_to(one.value):
                    if not Path(one.value).is_relative_to(self.run.output_dir):
                        raise ConfigError(
                            "rounds", f"{one.value}: must be inside {self.run.output_dir} for several rounds"
                        )
                    return str(round_folder(self.run, number) / Path(path).relative_to(self.run.output_dir))
        return path

    def _moved(self, file: str, number: int) -> Iterator[str]:
        """Yield the options of a stage that name folders of its round."""
        config = self.plain[file]

        def move(_key: str, path: str, _kind: PathKind) -> str:
            return self._in_round(path, number)

        for name, hint in field_types(type(config)).items():
            value = getattr(config, name)
            moved = map_paths(value, hint, move)
            if moved != value:
                yield from (f"--{name}", *to_words(moved))

    def _own(self, file: str, number: int) -> Iterator[str]:
        """Yield what a round asks of a stage: the segments of its own, and what it learns from the round before."""
        if file == LABEL:
            yield from ("--round", str(number))
        if file in (LABEL_MODEL, CHAT_MODEL) and number > 1:
            mixture = self.plain[file].dataset_mixture
            given = asdict(mixture) if mixture else {"datasets": []}
            datasets = [*given["datasets"], self._pairs_before(file, number)]
            yield from ("--dataset_mixture", *to_words({**given, "datasets": datasets}))
            if self.run.rounds_from == "last":
                yield from ("--model_name_or_path", self._in_round(self.plain[file].output_dir, number - 1))
                yield from ("--model_revision", "null")

    def _pairs_before(self, file: str, number: int) -> dict[str, Any]:
        """Return the pairs of the round before, as a training mixes them in.

        The label model learns to write the instruction of a pair from its segment, not from its polished answer:
        segments are what it is asked with, and the answer says only what the chat model made of one. The chat model
        learns the polished answers, as the final model does.
        """
        refine = self.plain[REFINE]
        if file == CHAT_MODEL:
            return {"id": self._in_round(refine.dataset_dir, number - 1), "at_most": self.run.round_weight}
        rows = self._in_round(f"{refine.output_dir}/rows", number - 1)
        return {"id": rows, "columns": [schema.INSTRUCTION, schema.TEXT], "at_most": self.run.round_weight}

    def _after(self, number: int) -> list[str]:
        """Return the option that lets a stage end at once where one of the rounds before did not help."""
        gains = gain_folders(self.run, number)
        return ["--gains", *gains] if gains else []

    def _gain(self, number: int) -> Iterator[str]:
        before, after = (round_folder(self.run, one) for one in (number - 1, number))
        yield from ("--before", str(before), "--after", str(after), "--output_dir", str(after / GAIN))
        if number > 2:
            yield from ("--earlier", *(str(round_folder(self.run, one)) for one in range(1, number - 1)))
        yield from ("--model", self.run.model)
        for option in SEED_OPTIONS:
            if (value := getattr(self.run, option)) is not None:
                yield from (f"--{option}", value)

    def _union(self) -> list[str]:
        def folders(path: str) -> list[str]:
            return [self._in_round(path, number) for number in range(1, self.run.rounds + 1)]

        label, refine = self.plain[LABEL], self.plain[REFINE]
        of = {LABEL_MODEL: "label_model", CHAT_MODEL: "chat_model", LABEL: "label", REFINE: "refine"}
        words = ["--segments", label.segments, "--output_dir", str(Path(self.run.output_dir, UNION))]
        for file, option in of.items():
            folder = self.plain[file].output_dir
            words += [f"--{option}_dir", folder, f"--{option}_dirs", *folders(folder)]
        words += ["--dataset_dir", refine.dataset_dir]
        return [*words, *self._after(self.run.rounds + 1)]


def round_folder(run: RunConfig, number: int) -> Path:
    """Return the folder of a round."""
    return Path(run.output_dir, f"round_{number}")


def gain_folders(run: RunConfig, before: int) -> list[str]:
    """Return the folders of the gain stages of the rounds before one."""
    return [str(round_folder(run, number) / GAIN) for number in range(2, before)]


def shown_folders(run: RunConfig) -> list[str]:
    """Return the folders of the stages that only a run of several rounds shows in its report."""
    return [str(Path(run.output_dir, UNION)), *gain_folders(run, run.rounds + 1)]


def check_rounds(files: Sequence[str], recipe: str) -> None:
    """Raise ConfigError where a recipe lacks a stage that a run of several rounds needs."""
    if missing := [name for name in NEEDED if name not in files]:
        lacking = ", ".join(f"{name}.yaml" for name in missing)
        raise ConfigError("rounds", f"must be 1 for a recipe without {lacking}", f"{recipe}/run.yaml")


def check_shares(configs: Sequence[Any]) -> None:
    """Raise ConfigError for label stages whose rounds would share segments."""
    for option in ("round_share", "held_out_segments"):
        if len({getattr(config, option) for config in configs}) > 1:
            raise ConfigError(option, "must be the same in all rounds; otherwise two would label the same segments")
