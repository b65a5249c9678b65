"""The parts of the measurement as runs, each a process: what is asked in it, and its share of the time."""

from dataclasses import asdict, dataclass, field
from typing import Any

from gpu_generation import Generation
from gpu_prompts import TASKS
from gpu_training import Training

PARTS = (*TASKS, "sequences", "speculation", "transformers", "training")
ENGINE, GENERATE, TRANSFORMERS = "vllm", "LLM.generate", "transformers"
FEW_SEQUENCES = 128
TRANSFORMERS_ROWS = 512


@dataclass(frozen=True)
class Settings:
    """Options of the command line, and the devices of the machine.

    Args:
        only: some of PARTS.
        model: folder of the model that is asked.
        rows: prompts of each task, at most.
        speculative_tokens: proposed by n-gram speculation.
        training_models: parameters, and folder, of each model that is trained.
        tiny: short prompts and few rows, for a rehearsal on a CPU.
        device: name of the card.
        memory: of the card, bytes; None on a CPU.
        attention: that a training takes by itself, where conversations share rows.
        has_vllm: whether vLLM is installed.
        engine_options: fields of EngineSettings.
    """

    only: tuple[str, ...]
    model: str
    rows: int
    speculative_tokens: int
    training_models: dict[int, str]
    tiny: bool
    device: str
    memory: float | None
    attention: str
    has_vllm: bool
    engine_options: frozenset[str]


@dataclass
class Run:
    """A process.

    Args:
        way: as in the tables.
        share: of the time, relative to other runs; the seconds that it was thought to need, most of them to start.
        kind: "generation" or "training".
        asked: fields of Generation or Training, but for the time.
        parameters: of the model that is trained.
    """

    way: str
    share: float
    kind: str
    asked: dict[str, Any] = field(repr=False)
    parameters: int | None = None

    @property
    def name(self) -> str:
        if self.kind == "training":
            return f"training {self.parameters:.3g}, {self.way}"
        return f"{', '.join(self.asked['tasks'])} by {self.way}"

    def what(self, until: float, rows: dict[str, int]) -> dict[str, Any]:
        """Arguments of the process.

        Args:
            until: time at which it should be done, in seconds since the epoch.
            rows: that this project's engine had of each task: the others are asked the same.
        """
        asked = self.asked | {"until": until}
        if self.kind == "generation" and self.way != TRANSFORMERS and rows:
            known = {task: rows.get(task, most) for task, most in asked["rows"].items()}
            asked |= {"rows": known, "fixed": set(asked["tasks"]) <= set(rows)}
        return {"kind": self.kind, "asked": asked}


def make_runs(settings: Settings) -> tuple[list[Run], list[str]]:
    """Return the runs in their order, and a line for each part that is left out."""
    only, lines = list(settings.only), []
    vllm_parts = [part for part in only if part not in ("transformers", "training")]
    if vllm_parts and not settings.has_vllm:
        lines.append(f"{', '.join(vllm_parts)}: skipped, because vLLM is not installed; see docs/gpus.md")
        only = [part for part in only if part not in vllm_parts]
    for part, option in (("sequences", "max_sequences"), ("speculation", "speculative_tokens")):
        if part in only and option not in settings.engine_options:
            lines.append(f"{part}: skipped, because EngineSettings of this version has no {option}")
            only.remove(part)
    return _generation_runs(only, settings) + _training_runs(only, settings, lines), lines


def _generation_runs(only: list[str], settings: Settings) -> list[Run]:
    asked_of = {
        "label": {"label"},
        "judge": {"judge"},
        "polish": {"polish"},
        "sequences": {"label"},
        "speculation": {"label", "polish"},
    }
    tasks = [task for task in TASKS if any(task in asked_of.get(part, ()) for part in only)]
    plain = [task for task in TASKS if task in only]
    runs = []
    if tasks:
        runs.append(_generation(ENGINE, "vllm", tasks, settings, 105 + 15 * len(tasks)))
    if plain:
        runs.append(_generation(GENERATE, "generate", plain, settings, 55 + 15 * len(plain)))
    if "sequences" in only:
        few = {"max_sequences": FEW_SEQUENCES}
        runs.append(_generation(f"vllm, {FEW_SEQUENCES} sequences", "vllm", ["label"], settings, 65, few))
    if "speculation" in only:
        way = f"vllm, {settings.speculative_tokens} speculative tokens"
        some = {"speculative_tokens": settings.speculative_tokens}
        runs.append(_generation(way, "vllm", ["label", "polish"], settings, 80, some))
    if "transformers" in only:
        runs.append(_generation(TRANSFORMERS, TRANSFORMERS, list(TASKS), settings, 45))
    return runs


def _generation(
    way: str, engine: str, tasks: list[str], settings: Settings, share: float, options: dict[str, Any] | None = None
) -> Run:
    rows = min(settings.rows, TRANSFORMERS_ROWS) if engine == TRANSFORMERS else settings.rows
    asked = Generation(
        engine, settings.model, tasks, dict.fromkeys(tasks, rows), False, 0.0, settings.tiny, options or {}
    )
    return Run(way, share, "generation", asdict(asked))


def _training_runs(only: list[str], settings: Settings, lines: list[str]) -> list[Run]:
    """The recipes' path for each model; then, for the smallest, another attention than the one taken by itself."""
    if "training" not in only:
        return []
    sizes = sorted(settings.training_models, reverse=True)
    ways: list[tuple[int, str, str | None]] = [(size, "packed", None) for size in sizes]
    ways += [(size, "padding_free", None) for size in reversed(sizes)]
    ways.append((sizes[-1], "packed", "varlen_sdpa" if settings.attention == "sdpa" else "sdpa"))
    if settings.memory is not None and settings.attention == "sdpa":
        lines.append(f"training: flash attention is not installed, so {settings.attention} is the default")
    runs = []
    for size, way, attention in ways:
        model = settings.training_models[size]
        training = Training(model, way, attention, 0.0, settings.device, settings.memory)
        asked = asdict(training) | ({"conversations": 32, "max_length": 256} if settings.tiny else {})
        runs.append(Run(f"{way}, {attention}" if attention else way, 42, "training", asked, size))
    return runs
