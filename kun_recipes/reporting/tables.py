"""A table of text, and how it is written: Markdown, LaTeX, and for the terminal."""

from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.table import Table as RichTable

ESCAPED = {"&": r"\&", "%": r"\%", "_": r"\_", "#": r"\#", "–": "--", "−": "$-$"}


@dataclass(frozen=True)
class Table:
    """A table in text; the first column names the row."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def to_markdown(table: Table) -> str:
    lines = [table.head, ["---"] + ["---:"] * (len(table.head) - 1), *table.rows]
    return "\n".join([f"**{table.title}**", "", *(f"| {' | '.join(line)} |" for line in lines)]) + "\n"


def to_latex(table: Table) -> str:
    """Return a booktabs table."""
    lines = [" & ".join(map(_escape, line)) + r" \\" for line in (table.head, *table.rows)]
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{_escape(table.title)}.}}",
            rf"\begin{{tabular}}{{l{'r' * (len(table.head) - 1)}}}",
            r"\toprule",
            lines[0],
            r"\midrule",
            *lines[1:],
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def to_rich(table: Table) -> RichTable:
    """Return the table for a terminal, with intervals on a line of their own: four scores fit 80 columns."""
    shown = RichTable(title=table.title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1))
    for number, head in enumerate(table.head):
        shown.add_column(head, justify="right" if number else "left", vertical="bottom", overflow="fold")
    for row in table.rows:
        shown.add_row(*(cell.replace(" [", "\n[") for cell in row))
    return shown


def _escape(text: str) -> str:
    return "".join(ESCAPED.get(character, character) for character in text)
