"""Precision and yield of the chain on pairs with known quality, by reason, and the AUC of each signal.

    python benchmarks/quality.py
    python benchmarks/quality.py --part chosen --refine.target_precision 0.9 --max_perplexity 6
    python benchmarks/quality.py --label outputs/mine/label --refine outputs/mine/refine --write-rows unread.jsonl

No model is asked. benchmarks/quality/rows.jsonl has what readers said of pairs that the demo's models wrote for
segments.jsonl beside it, and all that its stages measured of them; judges.json is that of the same refine stage. What
is kept is decided by today's code: the selecting passes of label and refine, with the options of the demo's recipe and
those given here. "before" is the chain without verification, "after" with it; the other lines are its parts alone.

With --label and --refine the rows are those of finished stages of any models, opened wide so that every candidate has
an answer (benchmarks/README.md). Figures are of those that somebody read; --write-rows writes the others for readers.

Look at the rows of the part "chosen" when you change the chain, never at those of "held_out", only at their figures.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from quality_rows import (
    LABELLED,
    PARTS,
    SEGMENTS,
    count_unread,
    read_labelled,
    read_segments,
    read_stages,
    with_labels,
    write_unread,
)
from quality_selecting import BEFORE, Selecting
from quality_tables import part_tables, signal_table, study

from kun_recipes.chain.loading import load_chain
from kun_recipes.cli import mistakes_in_one_line
from kun_recipes.errors import UserError
from kun_recipes.reporting.tables import to_markdown

JUDGES = LABELLED.with_name("judges.json")


def arguments() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        epilog="Other options are those of the label and refine stages, as recipes/run.py takes them.",
    )
    parser.add_argument("--segments", type=Path, default=SEGMENTS)
    parser.add_argument("--rows", type=Path, help="the rows that were read")
    parser.add_argument("--judges", type=Path, help="judges.json of the stage that measured them")
    parser.add_argument("--recipe", default="recipes/demo", help="whose options select")
    parser.add_argument("--label", type=Path, help="folder of a finished label stage")
    parser.add_argument("--refine", type=Path, help="folder of the refine stage behind it")
    parser.add_argument("--write-rows", type=Path, metavar="FILE", help="write the rows that nobody read")
    parser.add_argument("--seed", type=int, default=0, help="of their order")
    parser.add_argument("--part", choices=PARTS, help="print the tables of one part only")
    return parser.parse_known_args()


def main() -> None:
    options, overrides = arguments()
    with mistakes_in_one_line():
        run(options, overrides)


def run(options: argparse.Namespace, overrides: Sequence[str]) -> None:
    if (options.label is None) != (options.refine is None):
        raise UserError("--label and --refine go together: give the folders of both stages")
    segments = read_segments(options.segments)
    nobody_read = options.label and not options.rows and not LABELLED.is_file()
    rows = labelled = [] if nobody_read else read_labelled(options.rows or LABELLED, segments)
    judges = options.judges or (options.refine / "judges.json" if options.refine else JUDGES)
    if options.label:
        found, foreign = read_stages(options.label, options.refine, segments)
        rows = with_labels(found, labelled)
        unanswered = sum(row.output is None for row in rows)
        print(f"{len(rows)} candidates, {unanswered} without an answer; {foreign} rows of other segments left out")
    print(f"answers that nobody read: {count_unread(rows)}")
    if options.write_rows:
        print(f"{write_unread(options.write_rows, rows, options.seed)} rows for readers: {options.write_rows}")
    if all(row.good is None for row in rows):
        print("nothing was read, so there is nothing to tell")
        return
    stages = {stage.file: stage.config for stage in load_chain(options.recipe, overrides).stages}
    selecting = Selecting(rows, stages["label"], stages["refine"], judges)
    print(*selecting.measured_judges(), "", sep="\n")
    read = [one for one in selecting.outcomes() if one.row.good is not None]
    for part in PARTS if options.part is None else [options.part]:
        print(*part_tables(part, [one for one in read if one.row.segment.part == part]), sep="\n")
    print(to_markdown(signal_table([one.row for one in read])))
    print(*study("all read rows", [one.row for one in read]), sep="\n")
    print(*study("read rows kept before", [one.row for one in read if one.is_kept(BEFORE)]), sep="\n")


if __name__ == "__main__":
    main()
