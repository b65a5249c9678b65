"""The study stage; recipes/study.py lists its columns and what it writes."""

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from kun_recipes.execution.counts import Counts, sum_counts
from kun_recipes.execution.folder import StageFolder, report
from kun_recipes.execution.usage import Used
from kun_recipes.models.context import author_of
from kun_recipes.models.endpoint.cost import server_use
from kun_recipes.models.engines import check_installed
from kun_recipes.models.resolve import model_identity, weights
from kun_recipes.reporting.language import speaking
from kun_recipes.reporting.tables import to_rich
from kun_recipes.studies.config import StudyConfig
from kun_recipes.studies.inputs import StudyInputs, gather, preference_items, quality_items
from kun_recipes.studies.items import ITEMS, PREFERENCE, QUALITY, PreferenceItem, read_items, write_items
from kun_recipes.studies.pipelines import answer_prompts, judge_items, read_answers
from kun_recipes.studies.report import notes, study_tables, write_results
from kun_recipes.studies.results import Items, Votes, study_results
from kun_recipes.studies.rubric import JudgePrompts


def build(config: StudyConfig, stage: StageFolder, inputs: StudyInputs, prompts: JudgePrompts) -> Counts:
    """Write the items, the models' answers in them, and have the model judge them."""
    chosen, skipped = len(inputs.pairs), inputs.no_pairs
    counts = [Counts(chosen + skipped, chosen + skipped, chosen, Counter(no_pair=skipped) if skipped else Counter())]
    quality = quality_items(inputs.pairs)
    preference: list[PreferenceItem] = []
    if inputs.prompts:
        counts.append(answer_prompts(config, stage, inputs.models, inputs.prompts))
        answers = read_answers(stage, inputs.models)
        preference = preference_items(inputs.prompts, answers, config.pairs_per_prompt, config.seed)
    items: Items = {QUALITY: quality, PREFERENCE: preference}
    for task, some in items.items():
        if some:
            write_items(some, stage.folder / f"{task}.jsonl")
    if inputs.judge:
        counts.append(judge_items(config, stage, inputs.judge, prompts, quality, preference))
    return sum_counts(counts)


def judge_info(config: StudyConfig, inputs: StudyInputs) -> dict | None:
    """Return the judge's name, and how many items it judges that it had a hand in itself."""
    if inputs.judge is None:
        return None
    name = author_of(config.settings(inputs.judge))
    own = {model.name for model in inputs.models if weights(model_identity(model.folder)) == weights(name)}
    pairs = sum(weights(pair.author) == weights(name) for pair in inputs.pairs)
    return {"name": name, "own_pairs": pairs, "own_models": sorted(own)}


def run(config: StudyConfig, read_votes: Callable[[Path], Votes]) -> None:
    """Run the stage; `read_votes` reads the database of the annotators' page."""
    stage = StageFolder("study", config)
    people = read_votes(Path(config.votes)) if config.votes else None
    summary = stage.summary()
    if summary is None:
        if config.judge or config.prompts:
            check_installed(config.engine)
        prompts = JudgePrompts.load(config)
        inputs = gather(config, stage)
        stage.begin()
        counts = build(config, stage, inputs, prompts)
        use = server_use(config, stage.asked_of_server)
        summary = stage.finish(counts, Used() if use else None, judge=judge_info(config, inputs), **use)
    files = {task: stage.folder / f"{task}.jsonl" for task in ITEMS}
    items = {task: read_items(path, ITEMS[task]) if path.is_file() else [] for task, path in files.items()}
    results = study_results(config, stage, items, people, summary["judge"])
    with speaking(config.language):
        write_results(results, stage.folder)
    report(summary, stage.folder)
    for table in study_tables(results):
        Console().print(to_rich(table))
    for note in notes(results):
        print(note, file=sys.stderr)
