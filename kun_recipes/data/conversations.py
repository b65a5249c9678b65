"""Conversations as instruction sets write them: a list of turns, of exchanges, or a transcript in one text."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from kun_recipes.text.views import is_blank

ROLE_KEYS, TEXT_KEYS = ("from", "role", "speaker"), ("value", "content", "text")
ROLES = {
    **dict.fromkeys(("system",), "system"),
    **dict.fromkeys(("human", "user", "prompter", "用户"), "user"),
    **dict.fromkeys(("gpt", "assistant", "chatgpt", "bot", "model", "助手"), "assistant"),
}
EXCHANGE_KEYS = (
    ("human", "assistant"),
    ("user", "assistant"),
    ("question", "answer"),
    ("query", "response"),
    ("prompt", "response"),
    ("instruction", "output"),
    ("input", "output"),
    ("q", "a"),
)
"""Keys of a question and its answer, where one object holds both."""

TRANSCRIPT = re.compile(r"(?:\A|\n)\s*(Human|Assistant)\s*[:：]")
"""Speakers in one text, as BELLE's multi-turn rows have them."""


class OddRow(Exception):
    """A row that holds no pair; its argument is the reason under which it is counted."""

    @property
    def reason(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True)
class Turns:
    """A conversation.

    Attributes:
        system: text of the system turn, or "".
        texts: of the user and the assistant in turn; at least one of each.
        joined: columns whose text was joined to the first question.
    """

    system: str
    texts: list[str]
    joined: tuple[str, ...] = ()


def read_conversation(value: Any, system: str) -> Turns:
    """Return the turns in a column of a row. A question at the end without an answer is left out.

    Args:
        system: text of the row's own system column; a system turn takes its place.

    Raises OddRow: "wrong_type"; "unknown_role" for other speakers, such as tools; "turns_out_of_order" unless user and
    assistant speak in turn, the user first; "empty_instruction" and "empty_output" for the first exchange,
    "empty_turn" for a later one.
    """
    turns = list(_turns(as_list(value)))
    if turns and turns[0][0] == "system":
        system = turns.pop(0)[1].strip() or system
    if turns and turns[-1][0] == "user":
        turns = turns[:-1] or [*turns, ("assistant", "")]
    if any(role != ("user", "assistant")[place % 2] for place, (role, _) in enumerate(turns)) or len(turns) % 2:
        raise OddRow("turns_out_of_order")
    texts = [text.strip() for _, text in turns]
    for place, text in enumerate(texts or [""]):
        if is_blank(text):
            raise OddRow("empty_turn" if place > 1 else ("empty_instruction", "empty_output")[place])
    return Turns(system, texts)


def read_exchanges(value: Any) -> list[str]:
    """Return the texts of the exchanges before a row's own: a list of them, or of pairs."""
    try:
        return read_conversation([*_paired(as_list(value))], "").texts
    except OddRow as error:
        raise OddRow("history") from error


def read_transcript(text: str) -> list[str]:
    """Return the turns of a transcript that ends with a question, or the text itself if it is not a transcript."""
    first, *pieces = TRANSCRIPT.split(text)
    if first.strip() or pieces[:1] != ["Human"] or "Assistant" not in pieces:
        return [text]
    turns = [{"from": role.lower(), "value": said} for role, said in zip(pieces[::2], pieces[1::2], strict=True)]
    if turns[-1] == {"from": "assistant", "value": turns[-1]["value"]} and is_blank(turns[-1]["value"]):
        turns.pop()
    return [*read_conversation([*turns, {"from": "assistant", "value": "."}], "").texts][:-1]


def as_list(value: Any) -> Any:
    """Return a list that is written into a text, or, as `datasets` has lists of objects, as an object of lists."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    if isinstance(value, dict) and value and all(isinstance(column, list) for column in value.values()):
        return [dict(zip(value, row, strict=False)) for row in zip(*value.values(), strict=False)]
    return value


def _paired(exchanges: Any) -> Iterator[Any]:
    for exchange in exchanges if isinstance(exchanges, list) else [exchanges]:
        is_pair = isinstance(exchange, list) and len(exchange) == 2
        yield dict(zip(("human", "assistant"), exchange, strict=True)) if is_pair else exchange


def _turns(value: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(value, list):
        raise OddRow("wrong_type")
    for item in value:
        if not isinstance(item, dict):
            raise OddRow("wrong_type")
        fields = {str(key).lower(): field for key, field in item.items()}
        role = next((fields[key] for key in ROLE_KEYS if key in fields), None)
        if role is not None:
            text = next((fields[key] for key in TEXT_KEYS if key in fields), None)
            yield _role(role), _text(text)
            continue
        keys = next((keys for keys in EXCHANGE_KEYS if fields.keys() >= set(keys)), None)
        if keys is None:
            raise OddRow("wrong_type")
        if not is_blank(_text(fields.get("system"))):
            yield "system", _text(fields["system"])
        yield from zip(("user", "assistant"), (_text(fields[key]) for key in keys), strict=True)


def _role(role: Any) -> str:
    known = ROLES.get(role.strip().lower()) if isinstance(role, str) else None
    if known is None:
        raise OddRow("unknown_role")
    return known


def _text(content: Any) -> str:
    """Return the text of a turn: a string, or a list of parts that are all text."""
    if content is None or isinstance(content, str):
        return content or ""
    parts = content if isinstance(content, list) else [content]
    if all(isinstance(part, dict) and isinstance(part.get("text"), str) for part in parts):
        return "\n".join(part["text"] for part in parts)
    raise OddRow("wrong_type")
