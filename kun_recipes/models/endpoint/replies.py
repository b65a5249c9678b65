"""Reading a server's reply: a text with its log-probability, or how likely the answer begins with each choice."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy
from scipy.special import log_softmax, logsumexp

from kun_recipes.errors import UserError
from kun_recipes.models.endpoint.record import Answer
from kun_recipes.models.templates import BEGINS_THOUGHT

FINISHES = {"stop": "stop", "eos_token": "stop", "stop_sequence": "stop", "length": "length"}
"""Servers' names for the end of an answer: by the model, or by the limit."""

AROUND = re.compile(r"^\W+|\W+$")
"""Characters that may surround a choice in a token: blanks and punctuation."""

Entry = tuple[str, float]
"""A token's text and its log-probability, nats."""


class Passing(Exception):
    """A failure that may pass: the request is tried again.

    Args:
        after: seconds that the server asks to wait; None: it does not say.
    """

    def __init__(self, message: str, after: float | None = None):
        super().__init__(message)
        self.after = after


class Refused(Exception):
    """The server refuses this request, whenever it is asked: a prompt that is too long, or that it does not allow."""


class NoLogprobs(UserError):
    """The server gives no log-probabilities."""


def read_text(reply: Any, logprobs: bool) -> Answer:
    """Return the text of a reply, without the thought before it; an unfinished thought leaves nothing.

    Raises:
        Passing: the answer is incomplete.
        Refused: the server withheld the text.
        NoLogprobs: they were asked for, and are not there.
    """
    choice = _choice(reply)
    said = choice.get("finish_reason")
    if said == "content_filter":
        raise Refused("content_filter: the server withheld the answer")
    if not isinstance(said, str) or said not in FINISHES:
        raise Passing(f"the answer is unfinished (finish_reason {str(said)[:40]})")
    content = choice["message"].get("content") or ""
    if not isinstance(content, str):
        raise Passing("the answer is not text")
    entries = _pairs(_listed(choice)) if logprobs else []
    if FINISHES[said] == "stop":
        entries = _without_end(entries, content)
    if logprobs and content and not entries:
        raise NoLogprobs("returns no log-probabilities of the generated text")
    usage = _usage(reply)
    text, entries = _without_thought(content, entries)
    mean = math.fsum(value for _, value in entries) / len(entries) if entries else 0.0
    counted = len(entries) if logprobs else (usage[1] or 0)
    return Answer(*usage, text, counted, "stop" if FINISHES[said] == "stop" else "length", mean if logprobs else None)


def read_choice(reply: Any, choices: Sequence[str]) -> Answer:
    """Return how likely the answer begins with each choice, by the likeliest first tokens.

    A choice that is not among them is taken to be as likely as the last of them: it is at most that.

    Raises:
        Passing: the answer is incomplete.
        NoLogprobs: it has no likeliest tokens.
    """
    first = next(iter(_listed(_choice(reply))), None)
    top = _pairs(first.get("top_logprobs") or []) if isinstance(first, Mapping) else []
    if len(top) < 2:
        raise NoLogprobs("returns no top_logprobs, which show the model's choice")
    found: dict[str, list[float]] = {choice: [] for choice in choices}
    for token, value in top:
        if (chosen := _chosen(token, choices)) is not None:
            found[chosen].append(value)
    least = min(value for _, value in top)
    each = [float(logsumexp(found[choice])) if found[choice] else least for choice in choices]
    covered = math.fsum(math.exp(value) for values in found.values() for value in values)
    normalised = tuple(log_softmax(numpy.array(each)).tolist())
    return Answer(*_usage(reply), choices=tuple(choices), logprobs=normalised, covered=min(covered, 1.0))


def _chosen(token: str, choices: Sequence[str]) -> str | None:
    """Return the choice that a token is, or that it alone begins; None for any other token."""
    text = AROUND.sub("", token)
    if not text:
        return None
    if text in choices:
        return text
    begun = [choice for choice in choices if choice.startswith(text)]
    return begun[0] if len(begun) == 1 else None


def _choice(reply: Any) -> Mapping[str, Any]:
    """Return the one answer of a reply. Raises Passing for anything else, with what the server says."""
    choices = reply.get("choices") if isinstance(reply, Mapping) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(choice, Mapping) or not isinstance(choice.get("message"), Mapping):
        raise Passing(f"not a chat completion: {message_of(reply)}")
    return choice


def _usage(reply: Mapping[str, Any]) -> tuple[int | None, int | None]:
    usage = reply.get("usage")
    counts = [
        usage.get(name) if isinstance(usage, Mapping) else None for name in ("prompt_tokens", "completion_tokens")
    ]
    read, written = (count if isinstance(count, int) and count >= 0 else None for count in counts)
    return read, written


def _listed(choice: Mapping[str, Any]) -> list[Any]:
    """Return what an answer says of each token; nothing where it says nothing."""
    said = choice.get("logprobs")
    listed = said.get("content") if isinstance(said, Mapping) else said
    if listed is None or isinstance(listed, list):
        return listed or []
    raise Passing("the log-probabilities cannot be read")


def _pairs(entries: Sequence[Any]) -> list[Entry]:
    try:
        return [(str(entry["token"]), float(entry["logprob"])) for entry in entries]
    except (KeyError, TypeError, ValueError) as error:
        raise Passing("the log-probabilities cannot be read") from error


def _without_end(entries: list[Entry], content: str) -> list[Entry]:
    """Return the entries without that of the token which ended the turn; some servers list it, and some do not."""
    return entries[:-1] if entries and not (entries[-1][0] and content.endswith(entries[-1][0])) else entries


def _without_thought(content: str, entries: list[Entry]) -> tuple[str, list[Entry]]:
    """Return text and entries behind the thought that an answer begins with."""
    opened = BEGINS_THOUGHT.match(content)
    if not opened:
        return content, entries
    end = f"</{opened[1]}>"
    if end not in content:
        return "", []
    seen = ""
    for place, (token, _) in enumerate(entries, start=1):
        seen += token
        if end in seen:
            entries = entries[place:]
            break
    return content.partition(end)[2].lstrip(), entries


def message_of(reply: Any) -> str:
    """Return what a server says of an error, in one line."""
    said = reply
    while isinstance(said, Mapping):
        said = next((said[name] for name in ("error", "message", "detail", "msg") if said.get(name)), str(dict(said)))
    return " ".join(str(said).split())
