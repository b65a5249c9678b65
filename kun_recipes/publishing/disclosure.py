"""Remove what belongs to this machine or a person from what is published: paths in files, and names of documents."""

import ipaddress
import json
import re
from collections.abc import Iterator
from pathlib import PureWindowsPath
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

from kun_recipes.privacy import PrivacySettings, find_private, mask
from kun_recipes.shipped import public_name

LOCAL = re.compile(r"(?:file:/*)?(?:/|~[\w.-]+/|[A-Za-z]:[\\/]|\\\\)")
"""The beginning of an absolute path of any system, as a path or as a URL; ~/ tells no one's name."""

LOCAL_IN_TEXT = re.compile(
    r"""(?:(?<=[\s'"`=(\[{<,，。：（“])|^)"""
    r"""(?:(?:file:/*|~[\w.-]+)?/(?:[^\s'"`,;()\[\]{}<>\\/]+/)+[^\s'"`,;()\[\]{}<>\\/]*"""
    r"""|[A-Za-z]:[\\/](?:[^\s'"`,;()\[\]{}<>\\/]+[\\/])+[^\s'"`,;()\[\]{}<>\\/]*)""",
    re.MULTILINE,
)
"""An absolute path of two parts or more among words."""

URL_SECRETS = re.compile(r"(?<=://)[^/?#@]*@|[?#].*", re.DOTALL)
"""Parts of a URL where names, passwords and tokens stand."""

NO_LONG_NUMBER = re.compile(r"(?<!\d)\d{1,10}(?!\d)|(?<!\d{17})\D|(?<=\d{17})[^\dXx]")
LONG_NUMBERS = ("mobile", "id_card")
"""Kinds that are looked for in every long number, as in user13800001111: letters make it no serial number."""


SERVER = re.compile(r"https?://", re.IGNORECASE)
OWN_NETWORK = (".local", ".lan", ".internal", ".intranet", ".corp", ".home")
"""Ends of the names of hosts in a network of one's own."""


def is_local_address(text: str) -> bool:
    """Tell whether a text is the address of a server that others cannot reach: of this machine or its own network."""
    if not SERVER.match(text):
        return False
    host = urlsplit(text).hostname or ""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith(OWN_NETWORK)


def is_local_path(text: str) -> bool:
    """Tell whether a text is an absolute path."""
    return LOCAL.match(text) is not None


def public_path(path: str) -> str:
    """Return a path without what is only this machine's.

    Of an absolute path that is not shipped the name remains, of an address in one's own network what follows the host.
    """
    path = public_name(path)
    if is_local_address(path):
        return f"…{urlsplit(path).path}"
    return f"…/{PureWindowsPath(path).name}" if is_local_path(path) else path  # which knows slashes of both kinds


def without_local_paths(value: Any) -> Any:
    """Return a summary as it may be published."""
    if isinstance(value, dict):
        return {key: without_local_paths(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_local_paths(item) for item in value]
    return public_path(value) if isinstance(value, str) else value


def public_document(name: str, settings: PrivacySettings) -> str:
    """Return a document's name without local folders and private data. The row's id finds the document in the run."""
    name = public_path(name)
    whole = unquote(name)
    known = whole
    if any(found.kind == "url" for found in find_private(whole, settings)):
        known = URL_SECRETS.sub("…", known)
    known = mask(known, find_private(known, settings), settings)
    numbers = NO_LONG_NUMBER.sub(lambda between: " " * len(between[0]), known)
    found = [found for found in find_private(numbers, settings) if found.kind in LONG_NUMBERS]
    known = mask(known, found, settings)
    return name if known == whole else known


def public_yaml(text: str) -> str:
    """Return a YAML file with absolute paths made public, in values and comments; all else as it is.

    Raises:
        yaml.YAMLError: it is not YAML.
    """
    return "".join(_public_parts(text))


def _public_parts(text: str) -> Iterator[str]:
    end = 0
    for token in yaml.scan(text):
        if not isinstance(token, yaml.ScalarToken) or token.style in ("|", ">"):
            continue
        if (public := public_path(token.value)) != token.value:
            yield _public_words(text[end : token.start_mark.index])
            yield _quoted(public, token.style)
            end = token.end_mark.index
    yield _public_words(text[end:])


def _public_words(text: str) -> str:
    return LOCAL_IN_TEXT.sub(lambda found: public_path(found[0]), text)


def _quoted(value: str, style: str | None) -> str:
    if style == '"':
        return json.dumps(value, ensure_ascii=False)
    return "'" + value.replace("'", "''") + "'" if style == "'" else value
