"""Precision and yield of the chain on pairs with known quality, by reason, and the AUC of each signal.

    python benchmarks/quality.py
    python benchmarks/quality.py --part chosen --refine.target_precision 0.9 --max_perplexity 6
    python benchmarks/quality.py --models benchmarks/quality/qwen2.5-coder-0.5b-64-seeds
    python benchmarks/quality.py --label outputs/mine/label --refine outputs/mine/refine --write-rows unread.jsonl

No model is asked. benchmarks/quality/segments.jsonl has segments of real text. Next to it, a folder for each model
that the demo's recipe was run with has rows.jsonl, what readers said of the pairs that were written for these segments
and all that the stages measured of them, and judges.json, that of the same refine stage. Rows are kept or dropped by
today's code: the selecting passes of label and refine, with the options of the demo's recipe and those given here.
"before" is the chain without verification, "after" with it; the other lines are its parts alone. The last tables have
all models side by side.

With --label and --refine the tables are of the rows of finished stages of any models, opened wide so that every
candidate has an answer (benchmarks/README.md), and the last ones also have the known models. Figures are of the rows
that were read; --write-rows writes the others for readers.

Look at the rows of the part "chosen" when you change the chain, never at those of "held_out", only at their figures.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from quality_rows import (
    JUDGES,
    PARTS,
    ROWS,
    SEGMENTS,
    count_unread,
    model_folders,
    read_labelled,
    read_segments,
    read_stages,
    with_labels,
    write_unread,
)
from quality_selecting import BEFORE, Outcome, Selecting
from quality_tables import area_table, curve_table, part_tables, signal_table, study

from kun_recipes.chain.loading import load_chain
from kun_recipes.cli import mistakes_in_one_line
from kun_recipes.errors import UserError
from kun_recipes.reporting.tables import to_markdown

THIS_RUN = "this run"


def arguments() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        epilog="All other options are those of the label and refine stages, written as for recipes/run.py.",
    )
    parser.add_argument("--segments", type=Path, default=SEGMENTS)
    parser.add_argument(
        "--models", type=Path, nargs="+", metavar="FOLDER", help="folders of labelled rows; default: all known"
    )
    parser.add_argument("--recipe", default="recipes/demo", help="recipe whose options select rows")
    parser.add_argument("--label", type=Path, help="folder of a finished label stage")
    parser.add_argument("--refine", type=Path, help="folder of the refine stage that followed it")
    parser.add_argument(
        "--write-rows", type=Path, metavar="FILE", help="write the rows that nobody has read to this file"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the order of these rows")
    parser.add_argument("--part", choices=PARTS, help="print only the tables of one part")
    return parser.parse_known_args()


def main() -> None:
    options, overrides = arguments()
    with mistakes_in_one_line():
        run(options, overrides)


def run(options: argparse.Namespace, overrides: Sequence[str]) -> None:
    if (options.label is None) != (options.refine is None):
        raise UserError("--label and --refine need each other; give the folders of both stages")
    segments = read_segments(options.segments)
    parts = PARTS if options.part is None else [options.part]
    folders = model_folders() if options.models is None else options.models
    known = {folder.name: (read_labelled(folder / ROWS, segments), folder / JUDGES) for folder in folders}
    models = dict(known)
    if options.label:
        found, foreign = read_stages(options.label, options.refine, segments)
        rows = with_labels(found, [row for labelled, _ in known.values() for row in labelled])
        unanswered = sum(row.output is None for row in rows)
        print(f"{len(rows)} candidates, {unanswered} without an answer; {foreign} rows of other segments skipped")
        models = {THIS_RUN: (rows, options.refine / JUDGES), **known}
    rows = [row for name in ([THIS_RUN] if options.label else known) for row in models[name][0]]
    print(f"answers not read yet: {count_unread(rows)}")
    if options.write_rows:
        print(f"{write_unread(options.write_rows, rows, options.seed)} rows for readers: {options.write_rows}")
    stages = {stage.file: stage.config for stage in load_chain(options.recipe, overrides).stages}
    curve: dict[str, list[Outcome]] = {}
    for name, (rows, judges) in models.items():
        if all(row.good is None for row in rows):
            print(f"{name}: no row was read, so there are no results")
            continue
        selecting = Selecting(rows, stages["label"], stages["refine"], judges)
        measured = "\n".join(selecting.measured_judges())
        curve[name] = [one for one in selecting.outcomes() if one.row.good is not None]
        if not options.label or name == THIS_RUN:
            print(f"# {name}\n\n{measured}\n")
            print_tables(curve[name], parts)
    if curve:
        print(*(to_markdown(curve_table(part, curve)) for part in parts), to_markdown(area_table(curve)), sep="\n")


def print_tables(read: Sequence[Outcome], parts: Sequence[str]) -> None:
    for part in parts:
        if here := [one for one in read if one.row.segment.part == part]:
            print(*part_tables(part, here), sep="\n")
    print(to_markdown(signal_table([one.row for one in read])))
    print(*study("all read rows", [one.row for one in read]), sep="\n")
    print(*study("read rows kept before", [one.row for one in read if one.is_kept(BEFORE)]), sep="\n")


if __name__ == "__main__":
    main()
