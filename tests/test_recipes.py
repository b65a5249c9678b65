"""What people run: every YAML parses, every script answers --help, and every command that is written down works."""

import ast
import io
import re
import runpy
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from accelerate.commands.config.config_args import load_config_from_file
from rich.console import Console

from kun_recipes.annotation.config import AnnotateConfig
from kun_recipes.chain.all_stages import ALL_STAGES, STAGES
from kun_recipes.chain.cluster.config import ClusterConfig
from kun_recipes.chain.config import RunConfig
from kun_recipes.chain.graph import needs
from kun_recipes.chain.loading import FINAL, load_chain
from kun_recipes.chain.local import run_here
from kun_recipes.chain.plan.estimate import load_plan
from kun_recipes.chain.recipe import Chain, StageRun
from kun_recipes.chain.stages.corpus import CORPUS
from kun_recipes.config.command_line import load
from kun_recipes.corpus.config import Corpus, CorpusConfig
from kun_recipes.errors import UserError
from kun_recipes.models.source import load_model_source

REPOSITORY = Path(__file__).resolve().parent.parent
SCRIPTS = sorted(path.relative_to(REPOSITORY) for path in (REPOSITORY / "recipes").glob("*.py"))
YAMLS = sorted(
    path.relative_to(REPOSITORY)
    for folder in ("recipes", "accelerate_configs")
    for path in (REPOSITORY / folder).rglob("*.y*ml")
    if "data" not in path.parts
)
PAGES = sorted(
    path.relative_to(REPOSITORY).as_posix()
    for pattern in ("*.md", "docs/**/*.md", "recipes/**/*.md", "benchmarks/**/*.md")
    for path in REPOSITORY.glob(pattern)
)
CONFIGS = {stage.script: stage.config_class for stage in ALL_STAGES.values()}
FUTURE = ("outputs", "data")  # what the stages write, and later ones read; what only its user can put there


@pytest.fixture(autouse=True)
def in_repository(monkeypatch):
    monkeypatch.chdir(REPOSITORY)  # recipes name their files from there


@pytest.mark.parametrize("path", YAMLS, ids=str)
def test_every_yaml_parses(path):
    if path.parts[0] == "accelerate_configs":
        load_config_from_file(str(path))
    elif path.stem == "run":
        load(RunConfig, ["--config", str(path)])
    elif path.stem == "model":
        load_model_source(path)
    elif path.stem == "plan":
        load_plan(path.parent)
    elif path.stem == "annotate":
        load(AnnotateConfig, ["--config", str(path)], future=FUTURE)
    elif path.stem == "cluster":
        load(ClusterConfig, ["--config", str(path)])
    else:
        stage = FINAL if path.stem.startswith(f"{FINAL}_") else path.stem
        load(ALL_STAGES[stage].config_class(), ["--config", str(path)], future=FUTURE)


@pytest.mark.parametrize("recipe", sorted({str(path.parent) for path in YAMLS if path.stem == "run"}))
def test_every_recipe_is_whole(recipe):
    chain = load_chain(recipe, [], future=FUTURE)
    begun_elsewhere = {  # humpback reads what kun-6b wrote; a baseline refines nothing; a label model is published
        "humpback": ["refine", "final_model", "evaluate", "statistics", "study", "report", "publish"],
        "baselines": ["final_model", "evaluate"],
        "released": [name for name in STAGES if name not in ("label_model", "preference")],
    }
    whole = [name for name in STAGES if name != "preference"]
    assert list(dict.fromkeys(stage.kind.script for stage in chain.stages)) == list(
        dict.fromkeys(STAGES[name].script for name in begun_elsewhere.get(Path(recipe).name, whole))
    )


@pytest.mark.parametrize("recipe", ["demo", "kun-6b", "qwen3", "qwen3_5"])
def test_preference_runs_on_request_behind_refine_and_a_final_model(recipe):
    chain = load_chain(f"recipes/{recipe}", [], future=FUTURE, asked=["preference"])
    (stage,) = chain.select(["preference"])
    reads = needs(chain.stages)["preference"]
    assert reads[0] == "refine" and reads[1].startswith("final_model") and len(reads) == 2
    assert stage.kind.asked(stage.config)["pairs"] == f"outputs/{recipe}/refine/preference"


@pytest.mark.parametrize("script", SCRIPTS, ids=str)
def test_every_script_answers_help(script, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [str(script), "--help"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(script), run_name="__main__")
    assert caught.value.code == 0
    shown = capsys.readouterr()
    assert shown.out.startswith(f"usage: {script.name} ")
    assert shown.err == ""


def test_output_of_a_stage_is_not_parsed_as_markup(tmp_path):
    config = CorpusConfig(corpora=[Corpus("x", "jsonl")], output_dir=str(tmp_path / "corpus"), model="m")
    stage = StageRun("corpus", "corpus", CORPUS, config, [sys.executable], ["-c", "print('[/tmp/rows] [red] 1/3')"])
    chain = Chain(RunConfig(output_dir=str(tmp_path), model="m"), [stage])
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    with pytest.raises(UserError, match=r"^corpus ended without writing its summary; its log: .*/logs/corpus\.log$"):
        run_here(chain, [stage], console)
    assert (tmp_path / "logs" / "corpus.log").read_text(encoding="utf-8") == "[/tmp/rows] [red] 1/3\n"


def commands() -> Iterator[tuple[str, str]]:
    """Each command of a README or of a script's docstring, with where it stands."""
    for page in PAGES:
        text = (REPOSITORY / page).read_text(encoding="utf-8")
        yield from ((page, command) for command in _commands(text))
    for script in SCRIPTS:
        docstring = ast.get_docstring(ast.parse((REPOSITORY / script).read_text(encoding="utf-8"))) or ""
        yield from ((str(script), command) for command in _commands(docstring))


def _commands(text: str) -> Iterator[str]:
    """What begins like a command: a span in backticks, or a line of a code block, which a backslash continues."""
    yield from filter(_is_command, re.findall(r"`([^`\n]+)`", text))
    fenced = False
    for line in text.replace("\\\n", " ").splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif (fenced or line.startswith("    ")) and _is_command(line.strip().removeprefix("$ ")):
            yield line.strip().removeprefix("$ ")


def _is_command(line: str) -> bool:
    """A pattern such as `python recipes/<stage>.py` is not a command."""
    begins = re.match(r"(\w+=\S+ )*(make|\S*python3?|\S*accelerate) \S", line)
    return begins is not None and not re.search(r"<\w+>", line)


COMMANDS = sorted(set(commands()))


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page):
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    for link in links:
        path, _, anchor = link.partition("#")
        target = (REPOSITORY / page).parent / path if path else REPOSITORY / page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_site_has_every_page():
    """`make docs` fails otherwise, which CI does not run."""

    class Loader(yaml.SafeLoader):
        """Read mkdocs.yml without its Python functions."""

    Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda loader, suffix, node: suffix)
    settings = yaml.load((REPOSITORY / "mkdocs.yml").read_text(encoding="utf-8"), Loader)

    def pages(entry: str | list | dict) -> list[str]:
        if isinstance(entry, str):
            return [entry]
        return [page for part in (entry.values() if isinstance(entry, dict) else entry) for page in pages(part)]

    assert sorted(pages(settings["nav"])) == PAGES


def test_there_are_commands_to_check():
    assert len(COMMANDS) >= len(SCRIPTS)


@pytest.mark.parametrize(("where", "command"), COMMANDS, ids=[f"{where}: {command}" for where, command in COMMANDS])
def test_every_written_command_works(where, command, monkeypatch):
    words = [word for word in shlex.split(command, comments=True) if not re.match(r"[A-Z_]+=", word)]
    program = Path(words[0]).name
    if program == "make":
        _check_make(words[1:])
    elif program == "accelerate":
        _check_accelerate(words[1:])
    else:
        _check_python(words[1:], monkeypatch)


def _check_make(targets: list[str]) -> None:
    known = re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert set(targets) <= set(known)


def _check_accelerate(words: list[str]) -> None:
    script = next(position for position, word in enumerate(words) if word.endswith(".py"))
    assert words[:3] == ["launch", "--quiet", "--config_file"]
    assert len(words[:script]) == 4
    load_config_from_file(words[3])
    _check_stage(words[script], words[script + 1 :])


def _check_python(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    script, *arguments = words
    if script == "-c":
        compile(arguments[0], "command", "exec")
    elif script == "recipes/run.py":
        _check_run(arguments, monkeypatch)
    elif script in CONFIGS:
        _check_stage(script, arguments)
    elif script != "-m":
        assert Path(script).is_file()


def _check_run(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["recipes/run.py", *arguments])
    options, overrides = runpy.run_path("recipes/run.py")["arguments"]()
    cluster = load(ClusterConfig, ["--config", options.slurm]).placement if options.slurm else None
    asked = [*(options.only or ()), options.first]
    load_chain(options.recipe, overrides, cluster, FUTURE, asked=asked).select(options.only, options.first)


def _check_stage(script: str, arguments: list[str]) -> None:
    if script == "recipes/publish.py" and arguments[0] == "--check":
        assert len(arguments) == 2
    elif script == "recipes/publish.py" and arguments[0] == "--diff":
        assert len(arguments) == 3 or arguments[3::2] == ["--json"]
    elif arguments != ["--help"]:
        assert "--config" in arguments
        load(CONFIGS[script](), arguments, future=FUTURE)
