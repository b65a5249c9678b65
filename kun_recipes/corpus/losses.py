"""Detect corpora that are lost to a fault: unreadable, or with no segment kept. The stage then fails."""

from pathlib import Path
from typing import Any

from kun_recipes.corpus.sampling import DOCUMENT_NOT_SAMPLED
from kun_recipes.data import schema
from kun_recipes.data.rows import RankReader
from kun_recipes.errors import UserError
from kun_recipes.execution.counts import read_counts

ADVICE = {
    "invalid_json": "write one JSON object per line, or one array",
    "invalid_utf8": "UTF-8, GB18030 and UTF-16 are read: convert the file with iconv",
    "wrong_type": "set text_field to another field, or choose another format",
    "missing_field": "set text_field to the field of the text, or choose another format",
    "truncated_archive": "download the file again",
    "corrupt_archive": "download the file again, or unpack it",
    "corrupt_file": "download the file again",
    "broken_row": "quote fields that contain quotes, delimiters or line breaks, and double the quotes in them",
    "wrong_file": "replace the file",
    "empty_file": "download the file again",
}
"""Faults of reading, by reason, and what to do."""

ANEW = "then remove the stage's folder (recipes/run.py: --only corpus --fresh) and run it again"
"""With other files, options or rules the stage refuses to continue in the folder that it began."""

Ranks = list[tuple[str, list[int]]]
"""The path of each corpus, and the tasks that read it."""


def check_readable(corpora: Ranks, logs: Path, unreadable: Path, max_share: float, anew: str = ANEW) -> None:
    """Raise UserError for a corpus that loses more than `max_share` of its records to one fault of reading.

    Args:
        logs: of the pipeline that read the corpora.
        unreadable: folder of the records that could not be read.
        anew: advice on how to read other files instead.
    """
    for path, ranks in corpora:
        counts = read_counts(logs, ranks)
        for reason, advice in ADVICE.items():
            lost = counts.removed[reason]
            if lost > max_share * counts.read:
                first = _first(unreadable, ranks, reason)
                where = f"{first[schema.FILE_PATH]}:{first['line']}"
                raise UserError(
                    f"{path}: {lost} of {counts.read} records cannot be read ({reason}), the first in {where}: "
                    f"{first[schema.VALUE]}; {advice}, {anew}; or keep the folder and run "
                    "it again with a higher max_unreadable"
                )


def check_kept(corpora: Ranks, logs: Path, page: Path, anew: str = ANEW) -> None:
    """Raise UserError for a corpus of which no segment passes the rules; `page` is the stage's report."""
    for path, ranks in corpora:
        counts = read_counts(logs, ranks)
        if counts.read and counts.removed[DOCUMENT_NOT_SAMPLED] == counts.read:
            raise UserError(f"{path}: none of its {counts.read} records is sampled: raise sample_documents, {ANEW}")
        if not counts.rows_out:
            removed = ", ".join(f"{reason} {count}" for reason, count in counts.removed.items()) or "no text"
            raise UserError(
                f"{path}: none of its {counts.read} records is kept (removed: {removed}); "
                f"{page} shows them: correct the corpus or the rules, or remove it from corpora, {anew}"
            )


def _first(folder: Path, ranks: list[int], reason: str) -> dict[str, Any]:
    """Return the columns of the first record that was removed for a reason."""
    reader = RankReader(folder)
    rows = (row.metadata for rank in ranks for row in reader.run(rank=rank))
    return next(row for row in rows if row[schema.REASON] == reason)
