"""Reasons for which a release lacks rows of an earlier one, by what its own files and those of its run tell."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from kun_recipes.data import schema
from kun_recipes.data.folders import SUMMARY, path_of
from kun_recipes.data.rows import SHARD_PATTERN, read_shard
from kun_recipes.publishing.checking.files import fetch
from kun_recipes.publishing.disclosure import public_path
from kun_recipes.publishing.withholding import RECORD

NOT_TOLD = "not told"
STAGES = ("corpus", "label", "refine")


class Left(NamedTuple):
    """A row of the earlier release that the later one lacks.

    Attributes:
        document: as it was published.
    """

    id: str
    source: str
    document: str | None


def run_of(release: str) -> dict[str, Path]:
    """Return the folders of the stages from which a release was built here; none where its folder does not tell."""
    summary = Path(release).parent / SUMMARY
    if not Path(release).is_dir() or not summary.is_file():
        return {}
    config = json.loads(summary.read_text(encoding="utf-8")).get("config", {})
    return {stage: Path(path_of(config[f"{stage}_dir"])) for stage in STAGES if f"{stage}_dir" in config}


def removal_reasons(left: Sequence[Left], release: str, commit: str | None, run: Mapping[str, Path]) -> dict[str, str]:
    """Return the reason of each row whose reason is known, by its id.

    A row that was withheld is in the release's own record. Others are in a stage's list of removed rows, by
    themselves or by their document, as "label: fit". Of several stages, the last tells.
    """
    ids = {row.id for row in left}
    of_document: dict[tuple[str, str], list[str]] = {}
    for row in left:
        if row.document:
            of_document.setdefault((row.source, row.document), []).append(row.id)
    reasons: dict[str, str] = {}
    for stage in STAGES:
        for gone in _removed(run[stage]) if stage in run else ():
            reason = f"{stage}: {gone[schema.REASON]}"
            if gone[schema.ID] in ids:
                reasons[gone[schema.ID]] = reason
            elif schema.SPAN_START not in gone and (document := gone.get(schema.DOCUMENT_ID)):
                key = (gone.get(schema.SOURCE, ""), public_path(str(document)))
                reasons |= dict.fromkeys(of_document.get(key, ()), f"{reason} (its document)")
    return reasons | {one: f"withheld by {kind}" for one, kind in _withheld(release, commit).items() if one in ids}


def _removed(stage: Path) -> Iterator[dict[str, Any]]:
    for shard in sorted(stage.glob(f"removed/*/{SHARD_PATTERN}")):
        yield from (row for row in read_shard(shard.parent, shard.name) if schema.REASON in row)


def _withheld(release: str, commit: str | None) -> dict[str, str]:
    """Return the kind by which each row was withheld from a release."""
    if commit is None:
        path = fetch(release, RECORD) if Path(release).is_dir() else None
    else:
        path = fetch(release.removeprefix("hf://datasets/").partition("@")[0], RECORD, commit)
    if path is None:
        return {}
    ids = json.loads(path.read_text(encoding="utf-8"))["ids"]
    return {identity: kind for kind, some in ids.items() for identity in some}
