"""Prompt files: the method's prompts as UTF-8 text that a reader can open and swap (Kun figures 4 and 10).

A prompt file is a chat. A line `[system]`, `[user]` or `[assistant]` alone opens a turn; few-shot examples are earlier
turns, so that every row's prompt shares its beginning. The last turn is the user's and holds the row's fields in
braces: `{segment}`, `{instruction}`, `{output}`.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from kun_recipes.errors import UserError
from kun_recipes.models.engines.base import Message, Prompt

ROLE_LINE = re.compile(r"^\[(system|user|assistant)\]\s*$")
FIELD = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class PromptTemplate:
    """A prompt file, read.

    Attributes:
        turns: the turns before the last, without fields.
        question: content of the last user turn, with its fields in braces.
        fields: names of those fields.
        fingerprint: hash of the file's text, kept in every row that the prompt made.
    """

    turns: tuple[tuple[str, str], ...]
    question: str
    fields: frozenset[str]
    fingerprint: str

    def render(self, **values: str) -> Prompt:
        """Return the chat for one row. A value may itself contain braces: it is put in as it is."""
        return [*self.examples(), {"role": "user", "content": self.ask(**values)}]

    def ask(self, **values: str) -> str:
        """Return the last user turn alone, for callers that lay several rows into one chat."""
        return FIELD.sub(lambda match: values[match[1]], self.question)

    def text(self) -> str:
        """Return all turns as one text, without the row's fields."""
        return "\n".join([*(content for _, content in self.turns), FIELD.sub("", self.question)])

    def examples(self) -> list[Message]:
        return [{"role": role, "content": content} for role, content in self.turns]

    def system(self) -> list[Message]:
        """Return the system turn, if the file has one."""
        return [turn for turn in self.examples() if turn["role"] == "system"]


def load_prompt(path: str | Path, fields: set[str]) -> PromptTemplate:
    """Read a prompt file whose last turn must use exactly `fields`.

    Raises UserError, naming the file and line, when it is not such a chat.
    """
    text = _read(path)
    turns = _split_turns(text, path)
    *earlier, (last_role, question) = turns
    if last_role != "user":
        raise UserError(f"{path}: the last turn must be [user], not [{last_role}]")
    found = set(FIELD.findall(question))
    if found != fields:
        wanted, there = (", ".join(f"{{{name}}}" for name in sorted(names)) or "none" for names in (fields, found))
        raise UserError(f"{path}: the last turn must contain the fields {wanted}; it contains {there}")
    fingerprint = hashlib.sha256(text.encode()).hexdigest()[:16]
    return PromptTemplate(tuple(earlier), question, frozenset(found), fingerprint)


def _read(path: str | Path) -> str:
    if not Path(path).is_file():
        raise UserError(f"{path}: no such prompt file")
    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8 text ({error.reason} at byte {error.start})") from error


def _split_turns(text: str, path: str | Path) -> list[tuple[str, str]]:
    turns: list[tuple[str, list[str]]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if role := ROLE_LINE.match(line):
            turns.append((role[1], []))
        elif turns:
            turns[-1][1].append(line)
        elif line.strip():
            raise UserError(f"{path}:{number}: text before the first [system], [user] or [assistant] line")
    if not turns:
        raise UserError(f"{path}: no [user] turn")
    return [(role, "\n".join(lines).strip()) for role, lines in turns]
