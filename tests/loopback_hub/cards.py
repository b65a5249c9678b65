"""A README.md's metadata: what the Hub reads from it, and what it refuses."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

LICENCES = (Path(__file__).parent / "licences.txt").read_text(encoding="utf-8").split()
"""All identifiers of docs/hub/repositories-licenses.md in huggingface/hub-docs at fd6cf1f5."""


def metadata(readme: str, loader: type = yaml.SafeLoader) -> Any:
    """The YAML between a card's --- lines, or None."""
    block = re.match(r"---[ \t]*\r?\n(.*?)^---[ \t]*$", readme, re.DOTALL | re.MULTILINE)
    return yaml.load(block[1], loader) if block else None


def card_data(readme: str) -> dict[str, Any]:
    """The metadata of a card, empty where the Hub would have refused it."""
    try:
        data = metadata(readme)
    except yaml.YAMLError:
        return {}
    return json.loads(json.dumps(data, default=str)) if isinstance(data, dict) else {}  # a date becomes its text


def card_tags(data: dict[str, Any]) -> list[str]:
    """The tags by which the Hub's search finds a card."""
    named = [f"{key}:{value}" for key in ("language", "license", "base_model") for value in _listed(data.get(key))]
    return [*map(str, _listed(data.get("tags"))), *named]


def validate(readme: str) -> dict[str, list[dict[str, str]]]:
    """The answer of /api/validate-yaml."""
    try:
        # Every scalar a string: to the Hub's own parser `no` is Norwegian and not a truth value.
        data = metadata(readme, yaml.BaseLoader)
    except yaml.YAMLError as error:
        return {"errors": [{"message": f"YAML Metadata Error: {error}"}], "warnings": []}
    if data is None or data == "":
        return {"errors": [], "warnings": [{"message": "empty or missing yaml metadata in repo card"}]}
    if not isinstance(data, dict):
        return {"errors": [{"message": "YAML Metadata Error: the metadata must be an object"}], "warnings": []}
    return {"errors": [{"message": message} for message in _errors(data)], "warnings": []}


def _errors(data: dict[str, Any]) -> list[str]:
    known = ", ".join(LICENCES)
    unknown = [name for name in _listed(data.get("license")) if name not in LICENCES]
    errors = [f'"license" must be one of [{known}]' for _ in unknown]
    for number, language in enumerate(_listed(data.get("language"))):
        if language not in ("code", "multilingual") and not re.fullmatch("[a-z]{2,3}", str(language)):
            errors.append(f'"language[{number}]" with value "{language}" is not valid. It must be an ISO 639 code')
    return errors


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value in (None, "") else [value]
