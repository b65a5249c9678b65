"""The gain stage on two tiny rounds: what it measures, what it decides, and that a kill changes nothing."""

import json
import math
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kun_recipes.chain.stages.gain import GAIN
from kun_recipes.data.pairs import load_pairs, split_pairs
from kun_recipes.data.rows import read_rows
from kun_recipes.errors import ConfigError, UserError
from kun_recipes.models.engines import EngineSettings, load_engine
from kun_recipes.models.prompts import load_prompt
from kun_recipes.rounds.config import GainConfig
from kun_recipes.rounds.gain import run
from kun_recipes.rounds.likeness import likeness
from tests.killing import run_until_killed

pytestmark = pytest.mark.usefixtures("in_repository")

PROMPT = "recipes/prompts/label.txt"
FLAT, SHARP = 0.0, 2.0
"""Scales of the embeddings: all tokens equally likely, and wrong ones sure."""


@pytest.fixture
def config(tiny_model: Path, seeds: Path, tmp_path: Path) -> Callable[..., GainConfig]:
    """Makes the config that compares round_1 with round_2."""

    def make(**options: Any) -> GainConfig:
        root = tmp_path / "run"
        chosen = {"before": str(root / "round_1"), "after": str(root / "round_2"), "model": str(tiny_model)}
        chosen |= {"output_dir": str(root / "round_2" / "gain"), "seeds": str(seeds), "held_out_share": 0.5}
        chosen |= {"max_new_tokens": 8, "dtype": "float32", "bootstrap": 1000}
        return GainConfig(**chosen | options)

    return make


def summary_of(config: GainConfig) -> dict[str, Any]:
    return json.loads(Path(config.output_dir, "stage.json").read_text(encoding="utf-8"))


@pytest.mark.slow
def test_losses_are_those_of_the_models_and_decide(make_round, scaled_model, config, seeds, tmp_path):
    models = {"round_1": scaled_model(SHARP), "round_2": scaled_model(FLAT)}
    for name, model in models.items():
        make_round(name, model=model)
    run(config())
    summary = summary_of(config())
    held_out = split_pairs(load_pairs(str(seeds), "instruction", "output")[0], 0.5)[1]
    assert len(held_out) >= 6
    assert (summary["rows_in"], summary["rows_kept"], summary["removed"]) == (4 * len(held_out),) * 2 + ({},)

    prompt = load_prompt(PROMPT, {"segment"})
    changes = {change["name"]: change for change in summary["comparison"]["changes"]}
    for side, (name, model) in zip(("before", "after"), models.items(), strict=True):
        engine = load_engine(EngineSettings("transformers", str(model), "float32"))
        asked = [prompt.render(segment=pair.output) for pair in held_out]
        label = engine.score(asked, [pair.instruction for pair in held_out])
        prior = engine.score([prompt.render(segment="")] * len(held_out), [pair.instruction for pair in held_out])
        questions = [[{"role": "user", "content": pair.instruction}] for pair in held_out]
        chat = engine.score(questions, [pair.output for pair in held_out])
        assert changes["label_loss"][side] == pytest.approx(-sum(label) / len(label), abs=1e-4)
        assert changes["chat_loss"][side] == pytest.approx(-sum(chat) / len(chat), abs=1e-4)
        assert changes["human_fit"][side] == pytest.approx((sum(label) - sum(prior)) / len(label), abs=1e-4)
        rows = list(read_rows(Path(config().output_dir, "rows", name, "label_model")))
        assert [row["likeness"] for row in rows] == [likeness(row["written"], row["reference"]) for row in rows]
        assert [row["reference"] for row in rows] == [pair.instruction for pair in held_out]
    assert changes["label_loss"]["after"] == pytest.approx(math.log(259), abs=1e-3)  # bytes and three more
    assert summary["helps"] is True
    assert summary["why"].startswith(f"round_2 helps: label model's loss on {len(held_out)} held-out pairs was ")
    assert changes["label_loss"]["verdict"] == changes["chat_loss"]["verdict"] == "better"
    assert changes["auc_filter"]["difference"] == 0

    section = GAIN.report_section(summary, Path(config().output_dir), tmp_path / "figures")
    assert section.title == "Does round_2 help" and section.introduction.startswith("round_2 helps: ")
    assert list(section.figures) == ["gain_round_2"] and (tmp_path / "figures" / "gain_round_2.svg").is_file()
    assert section.tables[0].rows[0][0] == "label model's loss (nats per token, lower is better)"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scales", "options", "helps", "why"),
    [
        ((FLAT, SHARP), {}, False, "makes things worse"),
        ((SHARP, FLAT), {"decided_by": "primary_chat_model"}, True, "helps: chat model's loss"),
        ((SHARP, FLAT), {"held_out_limit": 5}, False, "5 held-out pairs has no interval"),
    ],
)
def test_a_round_that_does_not_help_is_told_why(make_round, scaled_model, config, scales, options, helps, why):
    for name, scale in zip(("round_1", "round_2"), scales, strict=True):
        make_round(name, model=scaled_model(scale))
    run(config(**options))
    summary = summary_of(config())
    assert summary["helps"] is helps
    assert why in summary["why"]


@pytest.mark.slow
def test_a_kill_changes_nothing(make_round, scaled_model, config, tmp_path, repository):
    for name, scale in (("round_1", SHARP), ("round_2", FLAT)):
        make_round(name, model=scaled_model(scale))
    whole, killed = config(output_dir=str(tmp_path / "whole")), config(output_dir=str(tmp_path / "killed"))
    run(whole)
    options = ("before", "after", "model", "seeds", "held_out_share", "max_new_tokens", "dtype", "output_dir")
    words = [str(word) for key in options for word in (f"--{key}", getattr(killed, key))]
    command = [sys.executable, str(repository / "recipes/gain.py"), *words, "--bootstrap", "1000"]
    done = Path(killed.output_dir, "logs", "round_1-label_model", "completions", "00000")
    run_until_killed(command, repository, done)
    assert not Path(killed.output_dir, "stage.json").exists()
    first = Path(killed.output_dir, "rows", "round_1", "label_model", "00000.jsonl.zst").stat().st_mtime_ns
    run(killed)
    assert first == Path(killed.output_dir, "rows", "round_1", "label_model", "00000.jsonl.zst").stat().st_mtime_ns
    for name in ("round_1", "round_2"):
        for model in ("label_model", "primary_chat_model"):
            folders = (Path(one.output_dir, "rows", name, model) for one in (whole, killed))
            rows, again = (list(read_rows(folder)) for folder in folders)
            assert rows == again != []
    kept = ("helps", "why", "comparison", "rows_in", "rows_kept", "removed")
    assert [summary_of(killed)[key] for key in kept] == [summary_of(whole)[key] for key in kept]
    assert not Path(killed.output_dir, "scratch").exists()


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        ("", "round_2: no such round folder; run that round first, or give another folder"),
        ("label_model", "round_2/label_model: no finished training (train_summary.json is missing); train it first"),
        ("primary_chat_model", "round_2/primary_chat_model: no finished training"),
        ("label", "round_2/label: no finished stage (stage.json is missing); run that stage first"),
        ("refine", "round_2/refine: no finished stage"),
    ],
)
def test_a_round_that_is_not_there_is_named(make_round, config, gone, said):
    make_round("round_1")
    shutil.rmtree(make_round("round_2") / gone)
    with pytest.raises(UserError) as raised:
        run(config())
    assert said in str(raised.value)
    assert not Path(config().output_dir).exists()


@pytest.mark.parametrize(
    ("options", "key", "said"),
    [
        ({"after": "a/round_1", "before": "a/round_1"}, "after", "contain a round twice"),
        ({"after": "a/2", "before": "a/1", "earlier": ["a/../a/1"]}, "after", "contain a round twice"),
        ({"after": "a/round", "before": "b/round"}, "after", "both rounds have the name round"),
    ],
)
def test_rounds_that_are_one_are_refused(config, options, key, said):
    with pytest.raises(ConfigError, match=said) as raised:
        config(**options).check()
    assert raised.value.key == key


@pytest.mark.slow
def test_its_own_folder_inside_a_round_is_no_input_of_it(make_round, scaled_model, config, capsys):
    """Another stage's folder in the round's is not one either; a round that was repeated is."""
    for name in ("round_1", "round_2"):
        make_round(name, model=scaled_model(FLAT))
    run(config())
    (Path(config().after) / "dataset").mkdir()
    (Path(config().after) / "dataset" / "a.parquet").touch()
    made = Path(config().output_dir, "stage.json").stat().st_mtime_ns
    run(config())
    assert Path(config().output_dir, "stage.json").stat().st_mtime_ns == made
    summary = json.loads(Path(config().after, "refine", "stage.json").read_text(encoding="utf-8"))
    Path(config().after, "refine", "stage.json").write_text(json.dumps({**summary, "rows_in": 99}), encoding="utf-8")
    with pytest.raises(UserError, match="was made with another after"):
        run(config())
