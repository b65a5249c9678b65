"""Cards: a template and facts into a README.md, metadata in front, and nothing missing in it."""

import re
from pathlib import Path
from typing import Any

import jinja2
from huggingface_hub import CardData, RepoCard
from markupsafe import Markup

from kun_recipes.errors import UserError
from kun_recipes.reporting.language import named, retold, stage_name, tr
from kun_recipes.shipped import shipped

ACTIVE = "&<>\\`*_[]|~$:"
"""Characters with a meaning in HTML or Markdown at any place; written as entities they have none."""

OPENING = re.compile(r"^(?:[#+\-=]|\d+(?=[.)]))")
"""Beginnings of a text that make it a heading or a list."""

LEFT_OPEN = re.compile(
    r"More Information Needed|\[optional\]|(?:[|:] *`?(?:None|nan|Undefined)`? *(?:\||$))", re.MULTILINE
)
HEADING = re.compile(r"^(#+) +(.+)$")
FENCE = re.compile(r"^(?:```|~~~)")


def render_card(template: Path, facts: dict[str, Any], metadata: CardData) -> str:
    """Return the text of a card.

    Raises:
        UserError: the template is invalid, names an unknown fact, or leaves a section empty.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([template.parent, shipped("cards")]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["tr"] = tr
    environment.filters |= {"plain": plain, "named": named, "retold": retold, "stage_name": stage_name}
    try:
        text = environment.get_template(template.name).render(facts)
    except jinja2.TemplateSyntaxError as error:
        raise UserError(f"{template.parent / (error.name or '')}:{error.lineno}: {error.message}") from error
    except jinja2.UndefinedError as error:
        raise UserError(f"{template}: uses an undefined variable: {error.message}") from error
    text = re.sub(r"\n{3,}", "\n\n", text).strip()
    if faults := faults_of_text(text):
        raise UserError(f"{template}: {'; '.join(faults)}")
    return str(RepoCard(f"---\n{metadata}\n---\n\n{text}\n"))


def plain(text: str) -> Markup:
    """Return a row's text escaped for Markdown: it shows as it is, whatever markup it holds."""
    entities = {ord(sign): _entity(sign) for sign in ACTIVE}
    inside = text.strip().translate(entities)
    inside = OPENING.sub(lambda match: _entity(match[0][0]) + match[0][1:], inside)
    return Markup(re.sub(r"\s*\n\s*", "<br>", inside))


def _entity(sign: str) -> str:
    return f"&#{ord(sign)};"


def faults_of_text(text: str) -> list[str]:
    """Return the faults of an unfinished card: placeholders of templates, and sections without content."""
    found = [f"left open: {match[0].strip()!r}" for match in LEFT_OPEN.finditer(text)]
    open_heading, level, fenced = None, 0, False
    for line in [*text.splitlines(), "# end"]:
        if FENCE.match(line):
            fenced = not fenced
        heading = None if fenced else HEADING.match(line)
        if heading:
            if open_heading and len(heading[1]) <= level:
                found.append(f"empty section: {open_heading}")
            open_heading, level = heading[2], len(heading[1])
        elif line.strip():
            open_heading = None
    return found
