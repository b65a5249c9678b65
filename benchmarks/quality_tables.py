"""Tables of benchmarks/quality.py, in Markdown."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from quality_rows import PARTS, WHYS, Candidate
from quality_selecting import AFTER, BEFORE, NOTHING, Outcome
from quality_signals import LEAST_YIELD, SIGNALS, Area, Rule, area, best, chosen_rules, combination

from kun_recipes.curation.measures import share_interval
from kun_recipes.reporting.tables import Table, to_markdown

NONE = "–"
Kept = tuple[Candidate, bool]
"""A read row, and whether it is kept."""


def part_tables(part: str, read: Sequence[Outcome]) -> Iterator[str]:
    """Yield what becomes of the read rows of a part: by setting, by kind of text, by reason, by what is not good."""
    settings = {name: kept_by(name, read) for name in (read[0].reasons if read else ())}
    settings["after, among rows kept before"] = kept_by(AFTER, [one for one in read if one.is_kept(BEFORE)])
    yield to_markdown(selection_table(f"{part}: kept rows", settings))
    kinds = dict.fromkeys(one.row.segment.kind for one in read)
    lines = {
        f"{kind}, {name}": kept_by(name, [one for one in read if one.row.segment.kind == kind])
        for kind in kinds
        for name in (BEFORE, AFTER)
    }
    yield to_markdown(selection_table(f"{part}: by kind of text", lines))
    yield to_markdown(reason_table(f"{part}: by reason", read))
    yield to_markdown(why_table(f"{part}: faults", read))


def kept_by(setting: str, outcomes: Iterable[Outcome]) -> list[Kept]:
    return [(one.row, one.is_kept(setting)) for one in outcomes]


def selection_table(title: str, lines: dict[str, list[Kept]]) -> Table:
    head = ("", "read", "good", "kept", "good kept", "precision", "yield")
    return Table(title, head, tuple((name, *figures(rows)) for name, rows in lines.items()))


def figures(rows: Sequence[Kept]) -> tuple[str, ...]:
    """Return the cells: precision is the share of good rows in those kept, yield of those kept in the good ones."""
    good = sum(bool(row.good) for row, _ in rows)
    kept = sum(is_kept for _, is_kept in rows)
    good_kept = sum(is_kept and bool(row.good) for row, is_kept in rows)
    return *map(str, (len(rows), good, kept, good_kept)), share(good_kept, kept), share(good_kept, good)


def share(part: int, whole: int) -> str:
    """Return a share with its 95% interval."""
    if not whole:
        return NONE
    low, high = share_interval(part, whole)
    return f"{part / whole:.2f} [{low:.2f}, {high:.2f}]"


def reason_table(title: str, read: Sequence[Outcome]) -> Table:
    """Return by which reason how many rows fall, and how many good ones are among them."""
    counts = [
        Counter(one.reasons[setting] for one in read if not one.is_kept(setting) and (one.row.good or not only_good))
        for setting in (BEFORE, AFTER)
        for only_good in (False, True)
    ]
    fallen = counts[2] | counts[0]
    cells = ((str(reason), *(str(count[reason]) for count in counts)) for reason, _ in fallen.most_common())
    return Table(title, ("reason", "before: removed", "good ones", "after: removed", "good ones"), tuple(cells))


def why_table(title: str, read: Sequence[Outcome]) -> Table:
    """Return why rows are not good, and how many of each kind are kept all the same."""
    bad = [one for one in read if not one.row.good]
    counts = [
        Counter(one.row.why for one in bad),
        *(Counter(one.row.why for one in bad if one.is_kept(setting)) for setting in (BEFORE, AFTER)),
    ]
    cells = ((why, *(str(count[why]) for count in counts)) for why in WHYS if counts[0][why])
    return Table(title, ("why not good", "read", "kept before", "kept after"), tuple(cells))


def by_part(rows: Iterable[Candidate]) -> dict[str, list[Candidate]]:
    found: dict[str, list[Candidate]] = {part: [] for part in PARTS}
    for row in rows:
        found[row.segment.part].append(row)
    return found


def signal_table(read: Sequence[Candidate]) -> Table:
    """Return the area under the ROC curve of each signal, and of a combination fitted to the part "chosen"."""
    parts = by_part(read)
    columns = {**parts, "both": list(read)}
    cells = [(name, *(shown(area(rows, signal)) for rows in columns.values())) for name, signal in SIGNALS.items()]
    if both := combination(parts["chosen"]):
        elsewhere = (shown(area(rows, both)) if part == "held_out" else NONE for part, rows in columns.items())
        cells.append((f"{both}, fitted to chosen", *elsewhere))
    return Table("Area under the ROC curve, over the rows that have the signal", ("", *columns), tuple(cells))


def shown(found: Area | None) -> str:
    return f"{found.auc:.2f} [{found.low:.2f}, {found.high:.2f}] of {found.rows}" if found else NONE


def study(title: str, read: Sequence[Candidate]) -> Iterator[str]:
    """Yield what simple rules do where their thresholds are chosen, and the best of them on the part held out."""
    parts = by_part(read)
    rules = chosen_rules(parts["chosen"])
    lines = {name_of(rule): decided(rule, parts["chosen"]) for rule in rules}
    yield to_markdown(selection_table(f'{title}: rules chosen on these rows of the part "chosen"', lines))
    rule = best(rules, parts["chosen"])
    if rule is None:
        yield f"No rule keeps {LEAST_YIELD:g} of the good rows.\n"
        return
    lines = {name_of(rule): decided(rule, parts["held_out"])}
    yield to_markdown(selection_table(f"{title}: the most precise with yield ≥ {LEAST_YIELD:g}, on held_out", lines))


def curve_table(part: str, models: Mapping[str, Sequence[Outcome]]) -> Table:
    """Return what each model's chain keeps of a part, by the options given and by the rule that its own rows choose.

    That rule comes after the chain without verification, and is chosen on the part "chosen".
    """
    lines: dict[str, list[Kept]] = {}
    for name, read in models.items():
        here = [one for one in read if one.row.segment.part == part]
        if not here:
            continue
        lines |= {f"{name}, {setting}": kept_by(setting, here) for setting in (NOTHING, BEFORE, AFTER)}
        unverified = by_part(one.row for one in read if one.is_kept(BEFORE))["chosen"]
        if rule := best(chosen_rules(unverified), unverified):
            own = [(one.row, one.is_kept(BEFORE) and rule.keeps(one.row)) for one in here]
            lines[f"{name}, {BEFORE} and {name_of(rule)}"] = own
    return selection_table(f"{part}: by model", lines)


def area_table(models: Mapping[str, Sequence[Outcome]]) -> Table:
    """Return the area under the ROC curve of each signal, by model, over both parts."""
    rows = {name: [one.row for one in read] for name, read in models.items()}
    cells = [(name, *(shown(area(found, signal)) for found in rows.values())) for name, signal in SIGNALS.items()]
    return Table("Area under the ROC curve, by model", ("", *rows), tuple(cells))


def name_of(rule: Rule) -> str:
    return rule.name if rule.lowest is None else f"{rule.name} ≥ {rule.lowest:.2f}"


def decided(rule: Rule, rows: Sequence[Candidate]) -> list[Kept]:
    return [(row, rule.keeps(row)) for row in rows]
