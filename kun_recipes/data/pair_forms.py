"""Forms in which instruction sets come, each declared once by its columns, and what a row of each says.

The first rows of a file tell its form. Columns of the tables below are matched in upper and lower case.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kun_recipes.data.conversations import OddRow, Turns, as_list, read_conversation, read_exchanges, read_transcript
from kun_recipes.text.views import is_blank

Row = dict[str, Any]

SYSTEM = ("system", "system_prompt")
CONTEXT = ("input", "context")
"""Columns in which common formats keep a part of what the instruction says: Alpaca, BELLE, Dolly, OpenOrca. Their text
is joined to the instruction, the system prompt before it, the others behind it."""

HISTORY = "history"
"""Column of the exchanges before the row's own."""

NULL_WORDS = frozenset({"nan", "none", "null", "n/a", "<noinput>", "noinput", "无", "空"})
"""Words that stand for an empty text in files that were tables."""


@dataclass(frozen=True)
class ColumnForm:
    """A form with a column for the instruction and one for the output.

    Attributes:
        instruction: several columns are joined by +; a row may lack some.
        outputs: columns of the output; the first that is filled counts.
        as_written: whether the columns are named by the user, and so known by these very names.
    """

    name: str
    instruction: str
    outputs: tuple[str, ...]
    as_written: bool = False

    def __str__(self) -> str:
        return f"{self.name} ({self.instruction}, {' or '.join(self.outputs)})"

    def all_columns(self) -> list[str]:
        """Return the columns of the pair, whether a row has them or not."""
        return [*self.instruction.split("+"), *self.outputs]

    def columns(self, row: Row) -> list[str]:
        """Return the columns of the pair, as a row has them: the name of one may hold a +."""
        return [column for joined in (self.instruction, *self.outputs) for column in columns_of(joined, row)]

    def fits(self, row: Row) -> bool:
        """Tell whether a row has the columns."""
        if self.as_written:
            return all(column in row for column in self.columns(row))
        return any(column in row for column in self.instruction.split("+")) and any(
            column in row for column in self.outputs
        )

    def read(self, row: Row) -> Turns:
        """Return what the row says. Raises OddRow."""
        row = row if self.as_written else lower(row)
        instruction = column_text(row, self.instruction)
        outputs = [column_text(row, output) for output in self.outputs]
        output = next(filter(_is_filled, outputs), outputs[0])
        if isinstance(instruction, list) and isinstance(output, list) and instruction and output:  # TRL's own
            return read_conversation([*instruction, *output], "")
        instruction, output = _required(instruction, "empty_instruction"), _required(output, "empty_output")
        named = self.columns(row)
        joined = tuple(column for column in CONTEXT if column not in named and _is_context(row.get(column)))
        if any(not isinstance(row[column], str) for column in joined):
            raise OddRow("wrong_type")
        question = "\n".join([instruction, *(row[column].strip() for column in joined)])
        before = [] if HISTORY in named or not _is_filled(row.get(HISTORY)) else read_exchanges(row[HISTORY])
        return Turns(_system(row, named), [*before, *read_transcript(question), output], joined)


@dataclass(frozen=True)
class ConversationForm:
    """A form with a column of turns, or of exchanges."""

    name: str
    column: str

    def __str__(self) -> str:
        return f"{self.name} ({self.column})"

    def fits(self, row: Row) -> bool:
        """Tell whether a row has the column, and turns in it."""
        return isinstance(as_list(row.get(self.column)), list)

    def read(self, row: Row) -> Turns:
        """Return what the row says. Raises OddRow."""
        row = lower(row)
        turns = read_conversation(row.get(self.column), _system(row, ()))
        task = row.get("instruction")  # COIG's, for all turns
        if _is_context(task) and isinstance(task, str):
            return Turns(turns.system, [f"{task.strip()}\n{turns.texts[0]}", *turns.texts[1:]], ("instruction",))
        return turns


PairForm = ColumnForm | ConversationForm

ALPACA = ColumnForm("alpaca", "instruction", ("output", "response", "answer"))  # BELLE, COIG-CQIA, COIG-PC; Dolly
FORMS: tuple[PairForm, ...] = (
    ConversationForm("sharegpt", "conversations"),  # BELLE's 3.5M and COIG's rows as the Hub gives them, too
    ConversationForm("sharegpt", "conversation"),
    ConversationForm("messages", "messages"),
    ALPACA,
    ColumnForm("query/response", "query", ("response", "answer", "output")),
    ColumnForm("prompt/completion", "prompt", ("completion", "response", "output", "answer")),
    ColumnForm("question/answer", "question", ("answer", "response", "output")),
    ColumnForm("COIG translated", "trans_instruction+trans_input", ("trans_output",)),
    ColumnForm(
        "COIG exam",
        "textbox_q_instruction+textbox_q_context+textbox_question",
        ("textbox_answer_analysis", "textbox_answer"),  # in the order of COIG's own loader
    ),
    ColumnForm("input/target", "input", ("target", "output")),  # Firefly
    ColumnForm("问题/答案", "问题+指令+输入", ("答案", "回答", "输出")),
)
CONVERSATIONS = [form.column for form in FORMS if isinstance(form, ConversationForm)]
"""Columns of whole conversations."""
COLUMNS = frozenset(
    column
    for form in FORMS
    for column in ([form.column] if isinstance(form, ConversationForm) else form.all_columns())
)
"""All columns of pairs: an object that has one is a row, and not around rows."""


def columns_of(joined: str, row: Row) -> list[str]:
    """Return the columns that an option names; several are joined by +."""
    return [joined] if joined in row else joined.split("+")


def column_text(row: Row, joined: str) -> Any:
    """Return the value of a column, None where the row lacks it; of several, the texts with a newline between them.

    Several are returned as a list if one of them is not text.
    """
    columns = columns_of(joined, row)
    if len(columns) == 1:
        return row.get(columns[0])
    texts = [row[column] for column in columns if row.get(column) is not None]
    return "\n".join(filter(None, map(str.strip, texts))) if all(isinstance(text, str) for text in texts) else texts


def recognise(rows: Sequence[Row], instruction: str, output: str) -> PairForm | None:
    """Return the form of a file by its first rows: columns that the options name, else the form that most rows have.

    Columns that a user named are never looked for under other names. None where no row has the columns of a form.
    """
    is_default = (instruction, output) == (ALPACA.instruction, ALPACA.outputs[0])
    named = ColumnForm(ALPACA.name if is_default else "columns", instruction, (output,), as_written=True)
    if any(map(named.fits, rows)):
        return named
    lowered = [*map(lower, rows)] if is_default else []
    fitting = {form: sum(map(form.fits, lowered)) for form in FORMS}
    best = max(fitting, key=fitting.__getitem__)
    return best if fitting[best] else None


def lower(row: Row) -> Row:
    """Return a row with its columns as the tables of this module write them."""
    return {str(column).strip().lower(): value for column, value in row.items()}


def shared_system(form: PairForm, rows: Sequence[Row]) -> str:
    """Return the system text that all of a file's first rows have: it says nothing about any of their instructions."""
    texts = set()
    for row in rows:
        try:
            texts.add(form.read(row).system)
        except OddRow:
            continue
    return texts.pop() if len(texts) == 1 and len(rows) > 1 else ""


def _system(row: Row, named: Sequence[str]) -> str:
    texts = [row[column] for column in SYSTEM if column not in named and _is_context(row.get(column))]
    if any(not isinstance(text, str) for text in texts):
        raise OddRow("wrong_type")
    return "\n".join(map(str.strip, texts))


def _required(text: Any, reason: str) -> str:
    if not isinstance(text, str | None):
        raise OddRow("wrong_type")
    if text is None or is_blank(text):
        raise OddRow(reason)
    return text.strip()


def _is_filled(value: Any) -> bool:
    return not is_blank(value) if isinstance(value, str) else bool(value)


def _is_context(value: Any) -> bool:
    return _is_filled(value) and not (isinstance(value, str) and value.strip().lower() in NULL_WORDS)
