"""Two rounds of the demo on a tiny model, as small as they can be, for the tests that run them here and on Slurm."""

import json
import shutil
import sys
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pytest

from kun_recipes.chain.loading import load_chain
from kun_recipes.chain.recipe import Chain
from kun_recipes.data.rows import read_rows

LEFT_OUT = ("evaluate", "statistics", "study", "annotate")


def head(source: Path, target: Path, lines: int) -> str:
    """Write the first lines of a file."""
    with source.open(encoding="utf-8") as file:
        target.write_text("".join(islice(file, lines)), encoding="utf-8")
    return str(target)


@dataclass(frozen=True)
class TwoRounds:
    """The recipe of two rounds, with the options of its run except the folder that it writes."""

    recipe: str
    words: tuple[str, ...]

    def load(self, output: Path) -> Chain:
        return load_chain(self.recipe, ["--output_dir", str(output), *self.words])

    def command(self, output: Path, *more: str) -> list[str]:
        return [sys.executable, "recipes/run.py", self.recipe, "--output_dir", str(output), *self.words, *more]

    def run(self, output: Path) -> list[str]:
        """Run what is missing in this process, and return the names of the stages that ran."""
        ran = []
        for stage in self.load(output).stages:
            if not stage.complete:
                stage.kind.main(stage.words[1:])
                ran.append(stage.name)
                assert stage.complete, stage.name
        return ran


@pytest.fixture(scope="session")
def two_rounds(repository: Path, ending_model: Path, open_rules: Path, tmp_path_factory) -> TwoRounds:
    folder = tmp_path_factory.mktemp("rounds")
    data = repository / "recipes/demo/data"
    shutil.copytree(repository / "recipes/demo", folder / "demo", ignore=shutil.ignore_patterns("data"))
    for name in LEFT_OUT:
        (folder / "demo" / f"{name}.yaml").unlink()
    judges = head(data / "judge.jsonl", folder / "judge.jsonl", 80)
    options = {
        "model": ending_model,
        "seeds": head(data / "seeds.jsonl", folder / "seeds.jsonl", 16),
        "dataset_mixture": "null",
        "refine.judge_data": judges,
        "primary_chat_model.judge_data": judges,
        "corpus.corpora": f"{data / 'corpus/skypile'},format=skypile",
        "corpus.max_tokens": 1100,  # bytes
        "max_length": 4096,
        "max_steps": 2,
        "save_steps": 1,
        "report_to": "none",
        "label.max_tokens": 1100,
        "label.max_perplexity": "null",
        "label.min_fit_percentile": "null",
        "label.candidates": 1,
        "label.drop_statements": "false",
        "temperature": 1.0,
        "label.max_new_tokens": 100,
        "refine.max_new_tokens": 100,
        "rules": open_rules,
        "corpus.rules": "null",
        "refine.verify": "false",
        "refine.filter_threshold": -100,
        "refine.score_threshold": -100,
        "evaluation_dir": "null",
        "statistics_dir": "null",
        "study_results": "null",
        "base_model": "org/tiny",
        "model_licence": "mit",
        "rounds": 2,
    }

    words = tuple(str(word) for key, value in options.items() for word in (f"--{key}", value))
    return TwoRounds(str(folder / "demo"), words)


@pytest.fixture(scope="session")
def finished_rounds(two_rounds: TwoRounds, repository: Path, tmp_path_factory) -> Path:
    """The output folder of an uninterrupted run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(repository)
        output = tmp_path_factory.mktemp("runs") / "rounds"
        two_rounds.run(output)
    return output


def results(output: Path) -> dict[str, object]:
    """Every row that was kept or removed, by folder; the weights of the second round, and what is said of it."""
    stages = [*(f"round_{number}/{name}" for number in (1, 2) for name in ("label", "refine")), "label", "refine"]
    kinds = ("r*/**/", "held_out/r*/**/")
    folders = [folder for stage in stages for kind in kinds for folder in (output / stage).glob(kind)]
    rows = {
        str(folder.relative_to(output)): list(read_rows(folder)) for folder in folders if any(folder.glob("*.zst"))
    }
    models = (output / "round_2" / name / "model.safetensors" for name in ("label_model", "primary_chat_model"))
    return {
        **rows,
        **{model.parent.name: model.read_bytes() for model in models},
        "gain": summary(output / "round_2/gain")["comparison"],
    }


def summary(folder: Path) -> dict:
    return json.loads((folder / "stage.json").read_text(encoding="utf-8"))
