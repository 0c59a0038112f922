"""What users may write under `llms.<name>` and `embedders.<name>` with `provider: ollama`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import urlsplit

import attrs

from hector.message import JSONValue
from hector.spi import (
    CallSettings,
    Doc,
    Env,
    Length,
    LimitSettings,
    Range,
    Secret,
    ServerSettings,
    check_headers,
    is_address,
)

__all__ = [
    "CAPABILITIES",
    "ConnectionSettings",
    "EmbedderSettings",
    "LLMSettings",
    "ThinkingSettings",
]

CAPABILITIES = frozenset(
    {"parallel_tools", "stop", "streaming", "structured_output", "thinking", "tools", "vision"}
)
"""What the API can carry; which of it a model does, the server says."""

_PORT = 11434
_OWN = frozenset({"num_ctx", "num_predict", "stop", "temperature"})


@attrs.frozen(kw_only=True)
class ConnectionSettings(ServerSettings):
    """The keys both kinds share: where the server is, and how it keeps the model."""

    model: Annotated[str, Doc("model name, as `ollama list` shows it"), Length(minimum=1)]
    base_url: Annotated[
        str, Doc("address of the server; host and port are enough"), Env("OLLAMA_HOST")
    ] = "http://127.0.0.1:11434"
    api_key: Annotated[
        Secret | None,
        Doc("key, for ollama.com or a server behind a gateway"),
        Env("OLLAMA_API_KEY"),
    ] = None
    keep_alive: Annotated[
        str | int | None,
        Doc("how long the model stays loaded after a call: `10m`, seconds, -1 for ever"),
    ] = None
    options: Annotated[
        Mapping[str, JSONValue], Doc("the model's other parameters, by Ollama's names")
    ] = attrs.field(factory=dict[str, JSONValue])

    def __attrs_post_init__(self) -> None:
        """Refuse what no single key shows to be wrong."""
        try:
            is_one = self.address.startswith(("http://", "https://")) and is_address(self.address)
        except ValueError:  # a port that is none
            is_one = False
        if not is_one:
            raise ValueError("base_url must be an address such as http://127.0.0.1:11434")
        check_headers(self.api_key, self.headers, self.proxy)

    @property
    def address(self) -> str:
        """The server's address, from all that `OLLAMA_HOST` may hold."""
        given = self.base_url.strip().rstrip("/")
        if "://" not in given:
            given = f"http://{given}"
            if urlsplit(given).port is None:
                given = f"{given}:{_PORT}"
        # A server that listens everywhere is asked here.
        return re.sub(r"^(https?://)(0\.0\.0\.0|\[::\])(?=[:/]|$)", r"\g<1>127.0.0.1", given)


@attrs.frozen(kw_only=True)
class ThinkingSettings:
    """Reasoning."""

    enabled: Annotated[bool, Doc("false asks the model not to reason")] = True
    effort: Annotated[
        Literal["low", "medium", "high"] | None, Doc("how much, for models that know degrees")
    ] = None


@attrs.frozen(kw_only=True)
class LLMSettings(ConnectionSettings, CallSettings, LimitSettings):
    """A language model."""

    temperature: Annotated[float | None, Doc("randomness"), Range(minimum=0)] = None
    max_tokens: Annotated[
        int | None, Doc("most tokens an answer may have, reasoning included"), Range(minimum=1)
    ] = None
    num_ctx: Annotated[
        int | None,
        Doc("size of the context in tokens; default what the server gives the model"),
        Range(minimum=1),
    ] = None
    thinking: Annotated[
        ThinkingSettings | None, Doc("reasoning; default what the model does by itself")
    ] = None
    truncate: Annotated[
        bool,
        Doc("let the server forget the beginning of a conversation that is too long, unsaid"),
    ] = False
    inspect: Annotated[
        bool, Doc("ask the server, when the component opens, what the model is and can do")
    ] = True
    max_tool_output_length: Annotated[
        int, Doc("most characters of a tool result's text; 0 means all"), Range(minimum=0)
    ] = 0

    def __attrs_post_init__(self) -> None:
        """Refuse what no single key shows to be wrong."""
        super().__attrs_post_init__()
        twice = sorted(_OWN & self.options.keys())
        if twice:
            raise ValueError(
                f"options.{twice[0]} has a key of its own: write temperature, max_tokens or num_ctx"
            )

    @property
    def think(self) -> bool | str | None:
        """The API's word for `thinking`; None says nothing."""
        if self.thinking is None:
            return None
        return self.thinking.enabled and (self.thinking.effort or True)


@attrs.frozen(kw_only=True)
class EmbedderSettings(ConnectionSettings):
    """An embedding model."""

    dimension: Annotated[
        int | None,
        Doc("vector length; default the model's own, found by a trial"),
        Range(minimum=1),
    ] = None
    shorten: Annotated[
        bool, Doc("ask the model for vectors of length `dimension`, which some can give")
    ] = False
    batch_size: Annotated[int, Doc("most texts in one request"), Range(1, 2048)] = 64
    max_concurrency: Annotated[int, Doc("most requests that are made at a time"), Range(1, 64)] = 2
    truncate: Annotated[bool, Doc("cut texts that are too long for the model, unsaid")] = True
    document_prefix: Annotated[
        str, Doc("stands before every text that is stored, where the model was trained so")
    ] = ""
    query_prefix: Annotated[str, Doc("stands before every text that is searched for")] = ""

    def __attrs_post_init__(self) -> None:
        """Refuse what no single key shows to be wrong."""
        super().__attrs_post_init__()
        if self.shorten and self.dimension is None:
            raise ValueError("shorten needs to be told how far: give dimension")
