"""Each message that docs/troubleshooting.md quotes exists in the code: a reader who searches for one finds it."""

import ast
import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
PAGE = REPOSITORY / "docs" / "troubleshooting.md"
FILLED = "\0"
"""What stands in a text of the code where a value is filled in."""


def code_texts() -> set[str]:
    """Return every text of the code, with `FILLED` for each value of an f-string."""
    files = [*(REPOSITORY / "kun_recipes").rglob("*.py"), *(REPOSITORY / "recipes").glob("*.py")]
    texts = []
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                texts.append("".join(part.value if isinstance(part, ast.Constant) else FILLED for part in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
    return {" ".join(text.split()) for text in texts}


def quoted() -> list[str]:
    """Return the messages that the page quotes: the first cell of each row of its tables, if in backticks."""
    rows = re.findall(r"^\| (`+) ?(.+?) ?\1 \|", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return [message for _, message in rows]


def test_no_message_is_quoted_twice():
    messages = quoted()
    assert len(messages) > 300
    assert not [message for message in set(messages) if messages.count(message) > 1]


def test_quoted_messages_are_in_the_code():
    texts = code_texts()

    def in_code(message: str) -> bool:
        fixed = re.split(r"<[^<>]+>", message)
        longest = max(fixed, key=len)
        pattern = re.compile(".+?".join(map(re.escape, fixed)))
        return any(longest in text and pattern.search(text) for text in texts)

    assert not [message for message in quoted() if not in_code(message)]
