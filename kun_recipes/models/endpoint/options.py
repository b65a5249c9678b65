"""Options of a model behind an address."""

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from kun_recipes.config.options import option
from kun_recipes.config.types import ModelPath
from kun_recipes.errors import ConfigError
from kun_recipes.models.engines.settings import EndpointSettings

VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
"""Capitals only: most keys have other letters, and one that was put in the place of the name is then not looked up."""
OWN_FIELDS = (
    "model",
    "messages",
    "max_tokens",
    "temperature",
    "top_p",
    "seed",
    "logprobs",
    "top_logprobs",
    "stream",
    "n",
)
"""Fields of a request that other options decide."""


@dataclass(kw_only=True)
class EndpointOptions:
    """Options of engine openai: the server, its key, and the requests."""

    base_url: str | None = option(
        None, "openai: address of the server, without /chat/completions, such as https://host/v1", affects_rows=False
    )
    api_key_variable: str | None = option(
        None,
        "openai: name of the environment variable that holds the key, such as OPENAI_API_KEY; never the key itself; "
        "null: the server needs no key",
        affects_rows=False,
    )
    tokenizer: ModelPath | None = option(
        None,
        "openai: folder or Hub id of a model whose tokenizer counts segments that no corpus stage counted",
    )
    concurrency: int = option(
        16, "openai: number of simultaneous requests per worker", min=1, max=1024, affects_rows=False
    )
    request_timeout: float = option(
        300.0, "openai: maximum wait for one answer", unit="seconds", above=0, affects_rows=False
    )
    retries: int = option(
        6,
        "openai: number of retries of a request after a 429, a 5xx, a timeout or a truncated answer; the wait grows "
        "to a minute, or is the value of Retry-After",
        min=0,
        max=100,
        affects_rows=False,
    )
    logprobs: bool | None = option(
        None,
        "openai: request the log-probabilities of the generated text, which perplexity needs; false: the server has "
        "none; null: true",
    )
    top_logprobs: int | None = option(
        None,
        "openai: number of likeliest first tokens that show the model's choice; some servers return at most 5; "
        "null: 20",
        min=2,
        max=100,
    )
    request_fields: dict[str, bool | int | float | str | dict | list] | None = option(
        None, "openai: additional fields of each request, as the server defines them, such as {enable_thinking: false}"
    )

    def check_endpoint(self, engine: str) -> None:
        """Raise ConfigError for an address, a variable or fields that cannot be."""
        if engine != "openai":
            if self.base_url is not None:
                raise ConfigError("base_url", f"engine {engine} uses no server; choose engine: openai")
            return
        if self.base_url is None:
            raise ConfigError("base_url", "engine openai needs the server's address, such as https://host/v1")
        check_address(self.base_url)
        if self.api_key_variable is not None and not VARIABLE.fullmatch(self.api_key_variable):
            raise ConfigError(
                "api_key_variable", "must be the NAME of an environment variable, in capitals, such as OPENAI_API_KEY"
            )
        if taken := sorted(set(self.request_fields or ()) & set(OWN_FIELDS)):
            raise ConfigError("request_fields", f"{taken[0]} is set by other options; remove it")

    def endpoint(self, template_arguments: dict[str, Any]) -> EndpointSettings:
        """Return the server's settings.

        Args:
            template_arguments: of the chat template; vLLM and SGLang take them in the request.
        """
        assert self.base_url is not None  # `check_endpoint`
        fields = dict(self.request_fields or {})
        if template_arguments:
            fields["chat_template_kwargs"] = template_arguments
        return EndpointSettings(
            self.base_url.rstrip("/"),
            self.api_key_variable,
            self.concurrency,
            self.request_timeout,
            self.retries,
            self.logprobs is not False,
            self.top_logprobs or 20,
            json.dumps(fields, sort_keys=True, ensure_ascii=False),
        )


def check_address(address: str) -> None:
    """Raise ConfigError for an invalid address, without repeating what may be a key."""
    try:
        parts = urlsplit(address)
        known = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        known = False
    if not known:
        raise ConfigError("base_url", "must be an address such as https://host/v1")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ConfigError(
            "base_url", "contains more than an address; put the key into the variable that api_key_variable names"
        )
    if parts.path.rstrip("/").endswith("/completions"):
        raise ConfigError("base_url", "must not end in /completions or /chat/completions; remove that ending")
