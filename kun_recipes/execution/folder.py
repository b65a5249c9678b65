"""A stage's folder: whether it is finished, what it was asked and what it counted.

<output_dir>/measured/    label and refine: every row with all that was measured of it, before any is dropped
<output_dir>/asked/       every answer of a model behind an address, a line each, from the moment that it came
<output_dir>/recalled/    what was measured before the selection changed, while the stage runs again
<output_dir>/rows/        the rows kept, in shards
<output_dir>/removed/     the rows dropped, a folder per block, each row with its reason
<output_dir>/preference/  refine: the preference pairs of the rows, as Parquet
<output_dir>/noted/       corpus: what files that are added later are compared with
<output_dir>/scratch/     what one pipeline of the stage hands to the next, while the stage runs
<output_dir>/logs/        datatrove's completion markers, statistics and logs
<output_dir>/stage.json   written last, atomically: a folder without it is not finished
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kun_recipes.data.atomic import write_json
from kun_recipes.data.folders import ASKED, PREFERENCE, STARTED, SUMMARY, discard
from kun_recipes.errors import UserError
from kun_recipes.execution.asked import changed_keys, describe, selecting_keys
from kun_recipes.execution.counts import NOT_BEST, OTHER_ROUNDS, Counts
from kun_recipes.execution.failed import left_out
from kun_recipes.execution.usage import Used

SELECTS_ANEW = "selects_anew"
MEASURE, SELECT = "measure", "select"
"""The two pipelines of label and refine, by the names of their folders of logs."""


class StageFolder:
    """The folder of one stage, from its start to its summary.

    Args:
        name: as in the recipe, for messages.
        config: the stage's config, a dataclass with an `output_dir`.
    """

    def __init__(self, name: str, config: Any):
        self.name = name
        self.folder = Path(config.output_dir)
        self.asked = describe(config)
        self.selecting = selecting_keys(config)
        self.left_out = dict(left_out(config))
        self.pins: dict[str, str] = {}
        self.begun = time.monotonic()

    @property
    def rows(self) -> Path:
        return self.folder / "rows"

    @property
    def removed(self) -> Path:
        return self.folder / "removed"

    @property
    def preference(self) -> Path:
        return self.folder / PREFERENCE

    @property
    def measured(self) -> Path:
        return self.folder / "measured"

    @property
    def asked_of_server(self) -> Path:
        """For the answers of a model behind an address: they were paid for, and stay."""
        return self.folder / ASKED

    @property
    def recalled(self) -> Path:
        """Folders of rows that were measured before the selection changed."""
        return self.folder / "recalled"

    @property
    def scratch(self) -> Path:
        """Folder of what only the stage itself reads; removed when the stage is finished."""
        return self.folder / "scratch"

    def logs(self, pipeline: str) -> Path:
        return self.folder / "logs" / pipeline

    def summary(self) -> dict[str, Any] | None:
        """Return the summary if the stage is finished.

        None, too, if `begin` selects its rows again by other values, or removes and repeats all work because stages
        that it reads had failed, then or now, and so its inputs differ.

        Raises:
            UserError: other values that change what is measured made it.
        """
        earlier = self._read(SUMMARY)
        if earlier is None or self._is_left_by_failed():
            return None
        return None if self.refuse_other(earlier) else earlier

    def pinned(self, option: str, key: str | None = None) -> str | None:
        """Return the commit at which an earlier run of this folder read an option's Hub repository, asked as now.

        Args:
            key: under which it was kept, where the option names several repositories.
        """
        asked = (one for one in self._known() if one["config"].get(option) == self.asked[option])
        return next((commit for one in asked if (commit := one.get("pinned", {}).get(key or option))), None)

    def pin(self, key: str, commit: str) -> None:
        """Keep the commit at which an option's Hub repository is read, for resumed runs."""
        self.pins[key] = commit

    def is_outdated(self) -> bool:
        """True if the folder was made or begun with other values that change rows."""
        return any(changed_keys(self.asked, one["config"]) for one in self._known())

    def begin(self) -> None:
        """Record the values asked for. Keep the measurements if other values only select the rows.

        Raises:
            UserError: the folder was begun with other values that change measurements: continuing would mix two runs.
        """
        if self._is_left_by_failed():
            discard(self.folder, writes=["*"])
        earlier = self._read(STARTED) or self._read(SUMMARY)
        if earlier is not None and not self.refuse_other(earlier) and SELECTS_ANEW not in earlier:
            return
        if earlier is not None:
            self._select_anew()
        write_json(self.folder / STARTED, self._asked())

    def begin_growth(self) -> None:
        """Note what is asked, as the stage becomes unfinished for the moment in which rows are added to it."""
        write_json(self.folder / STARTED, self._asked())

    def changed_since(self, summary: Mapping[str, Any]) -> list[str]:
        """Return what is asked otherwise than by the run that wrote a summary."""
        return changed_keys(self.asked, summary["config"])

    def _select_anew(self) -> None:
        """Put aside what was measured and remove what was selected from it. Killed anywhere, it is done again."""
        write_json(self.folder / STARTED, {**self._asked(), SELECTS_ANEW: True})
        (self.folder / SUMMARY).unlink(missing_ok=True)
        aside = self.recalled / f"{len(list(self.recalled.glob('*'))):05d}"
        aside.mkdir(parents=True)
        for shard in sorted(self.measured.glob("*")):
            rank = shard.name.partition(".")[0]
            if (self.logs(MEASURE) / "completions" / rank).exists():  # the shard of a task that did not end may be cut
                os.replace(shard, aside / shard.name)
        for folder in (self.measured, self.rows, self.removed, self.folder / "logs"):
            shutil.rmtree(folder, ignore_errors=True)

    def finish(self, counts: Counts, used: Used | None = None, **more: Any) -> dict[str, Any]:
        """Write and return the summary: rows_in, rows_kept, removed by reason, seconds, what was used, and `more`.

        Where there were several candidates for a row, not_best counts those that were not chosen.

        Args:
            used: by the work that a plan scales; None: by the pipelines of `counts`.
        """
        counts.check(self.name)
        summary = {
            "stage": self.name,
            "rows_in": counts.rows_in,
            "rows_kept": counts.rows_out,
            "removed": dict(counts.removed),
            **({NOT_BEST: counts.not_best} if counts.not_best else {}),
            "seconds": round(time.monotonic() - self.begun, 1),
            **(used or counts.used).summary(),
            **more,
            **self._asked(),
        }
        write_json(self.folder / SUMMARY, summary)
        shutil.rmtree(self.scratch, ignore_errors=True)
        shutil.rmtree(self.recalled, ignore_errors=True)
        (self.folder / STARTED).unlink(missing_ok=True)
        return summary

    def _asked(self) -> dict[str, Any]:
        left_out = {"left_out": self.left_out} if self.left_out else {}
        return left_out | ({"pinned": self.pins} if self.pins else {}) | {"config": self.asked}

    def _known(self) -> list[dict[str, Any]]:
        """Return the configs of earlier runs that the folder holds."""
        return list(filter(None, map(self._read, (SUMMARY, STARTED))))

    def _is_left_by_failed(self) -> bool:
        """Return whether the folder differs from the config only by inputs that were, or are, left out."""
        for earlier in self._known():
            changed = set(changed_keys(self.asked, earlier["config"]))
            if changed and changed <= self.left_out.keys() | earlier.get("left_out", {}).keys():
                return True
        return False

    def _read(self, name: str) -> dict[str, Any] | None:
        path = self.folder / name
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None

    def refuse_other(self, earlier: Mapping[str, Any]) -> list[str]:
        """Return what was asked otherwise and only selects rows. Raises UserError for anything else."""
        asked_then = earlier["config"]
        changed = changed_keys(self.asked, asked_then)
        if refused := [key for key in changed if key not in self.selecting]:
            then, now = _short(asked_then.get(refused[0])), _short(self.asked.get(refused[0]))
            raise UserError(
                f"{self.folder}: was made with another {', '.join(refused)} ({refused[0]}: {then} then, {now} now); "
                "remove the folder or set another output_dir (recipes/run.py: --fresh)"
            )
        return changed


def report(summary: Mapping[str, Any], folder: Path) -> None:
    """One line on stderr: what the stage did and where it lies."""
    removed = ", ".join(f"{reason} {count}" for reason, count in summary["removed"].items()) or "none"
    if lines := summary.get("lines_removed"):
        removed += f"; {lines} single lines"
    if repeated := summary.get("repeated_ids"):
        removed += f"; repeated source ids {repeated}"
    if others := summary.get(NOT_BEST):
        removed += f"; not_best: {others} further candidates"
    if others := summary.get(OTHER_ROUNDS):
        removed += f"; left to other rounds: {others} rows"
    print(
        f"{summary['stage']}: {summary['rows_in']} rows in, {summary['rows_kept']} kept, removed: {removed}"
        f" ({summary['seconds']:.0f} s) -> {folder}",
        file=sys.stderr,
    )


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "..."
