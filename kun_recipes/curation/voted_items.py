"""People's votes as labelled items: the dataset that the annotators' page exports (recipes/annotate.py --export true).

A vote calls an instruction good if it meets the three criteria of the rubric (Kun §4.2.2), and a pair if, besides, its
output did not fail. The majority of its votes labels an instruction, or a pair; a tie leaves it out.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow
from pyarrow import parquet

from kun_recipes.errors import UserError, print_once_per_machine

PARQUET = ".parquet"
VOTES = "quality"
"""Config of the votes on pairs in what is exported."""
FILE = f"{VOTES}{PARQUET}"
CRITERIA = ("clarity", "feasibility", "practicality")
GRADES = {"excellent": True, "pass": True, "fail": False}
"""The grades of an output, and whether each is good enough."""
TEXTS = ("item_instruction", "item_output")
COLUMNS = [*CRITERIA, "output", *TEXTS]
Vote = dict[str, Any]


def count_votes(source: str, votes: Iterable[Vote], pairs: bool) -> Iterator[tuple[str, str, bool]]:
    """Yield (instruction, output, whether most votes call it good) of what was voted on; print how many there are.

    Args:
        source: name of the votes, for the message.
        pairs: whether an instruction is judged with its output; the output is empty where it is judged alone.
    """
    good: Counter[tuple[str, str]] = Counter()  # votes for, less those against
    for vote in votes:
        asked = (vote["item_instruction"], vote["item_output"] if pairs else "")
        liked = all(vote[name] for name in CRITERIA) and (not pairs or GRADES[vote["output"]])
        good[asked] += 1 if liked else -1
    ties = sum(balance == 0 for balance in good.values())
    liked_most = sum(balance > 0 for balance in good.values())
    print_once_per_machine(
        f"{source}: {len(good)} {'pairs' if pairs else 'instructions'} with votes: {liked_most} good, "
        f"{len(good) - liked_most - ties} poor, {ties} omitted as ties"
    )
    for (instruction, output), balance in good.items():
        if balance:
            yield instruction, output, balance > 0


def is_vote(row: dict[str, Any]) -> bool:
    """Return whether a JSON line is an exported vote, which has no text."""
    return "judge" not in row and {"item", "annotator"} <= row.keys()


def no_texts(where: str) -> UserError:
    """Return the error for votes that were exported without what they are about."""
    return UserError(
        f"{where}: votes without their texts; give the dataset folder that "
        "recipes/annotate.py --export true writes next to them"
    )


def votes_of(path: Path) -> list[Vote]:
    """Return the votes of an exported folder, or of its quality.parquet, with their items' texts.

    Raises:
        UserError: the path is something else, or a vote is invalid.
    """
    file = path / FILE if path.is_dir() else path
    if not file.is_file():
        raise UserError(
            f"{path}: contains no {FILE}; give a file of labelled items, or the dataset folder that "
            "recipes/annotate.py --export true writes for votes on pairs"
        )
    try:
        table = parquet.read_table(file)
    except (pyarrow.ArrowException, OSError) as error:
        raise UserError(f"{file}: not a readable Parquet file: {str(error).splitlines()[0]}") from error
    return checked_votes(str(file), table)


def checked_votes(source: str, table: pyarrow.Table) -> list[Vote]:
    """Return the rows of a table as votes; raise UserError where a column is missing, or a row is not a vote."""
    if missing := [name for name in COLUMNS if name not in table.column_names]:
        raise UserError(
            f"{source}: lacks {', '.join(missing)}; give the votes on pairs that recipes/annotate.py --export true "
            "writes"
        )
    votes = table.select(COLUMNS).to_pylist()
    for number, vote in enumerate(votes, start=1):
        if problem := _problem(vote):
            raise UserError(f"{source}: vote {number}: {problem}")
    return votes


def _problem(vote: dict[str, Any]) -> str | None:
    for name in CRITERIA:
        if not isinstance(vote[name], bool):
            return f"{name} must be true or false, not {vote[name]}"
    if vote["output"] not in GRADES:
        return f"output must be one of {', '.join(GRADES)}, not {vote['output']}"
    for name in TEXTS:
        if not isinstance(vote[name], str) or not vote[name].strip():
            return f"{name} must be non-empty text"
    return None
