"""What the two wires, Responses and Chat Completions, have in common.

A wire turns a request into a body, and what comes back into chunks. It knows no HTTP and does not
import the SDK, so its rules can be read and tested alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Protocol, TypeAlias, cast

from hector.errors import LLMResponseError, UnsupportedError
from hector.message import JSONObject, ToolCall, Usage
from hector.spi import (
    LLMChunk,
    LLMRequest,
    TextDelta,
    json_text,
    own_data,
    reply_count,
    unreadable_arguments,
)
from hector_plugin_openai.settings import LLMSettings

__all__ = [
    "PROVIDER",
    "Body",
    "Reader",
    "ReportedError",
    "Wire",
    "arguments_text",
    "cache_options",
    "missing_text",
    "tool_call",
    "unsupported",
    "usage_of",
]

PROVIDER = "openai"
"""The provider's type name, and the key of what we keep in `provider_data`."""

Body: TypeAlias = dict[str, Any]
"""A JSON object of the wire, going or coming."""


class ReportedError(Exception):
    """A reply reports, instead of going on, that it failed.

    Attributes:
        code: OpenAI's word for it, or None.
        message: OpenAI's sentence, which may hold anything.
    """

    def __init__(self, code: str, message: str) -> None:
        self.code = code or None
        self.message = message or "no reason given"
        super().__init__(self.message)


class Reader(Protocol):
    """Reads one reply; made for one call."""

    def feed(self, event: Body) -> Iterator[LLMChunk | None]:
        """Take one event of a stream and give the deltas in it, or None for progress that does not show.

        An unknown event gives nothing.
        """
        ...

    def finish(self) -> Iterator[LLMChunk | None]:
        """Give the `LLMResponse`, after text that came without deltas, if any.

        Raises:
            LLMResponseError: the stream ended before the reply did.
            ReportedError: the reply ended with an error of its own.
        """
        ...

    def whole(self, reply: Body) -> Iterator[LLMChunk | None]:
        """Take a reply that was not streamed and give its `LLMResponse`."""
        ...


class Wire(Protocol):
    """One of OpenAI's two APIs."""

    def body(self, request: LLMRequest) -> Body:
        """Say the request in the wire's words."""
        ...

    def reader(self, request: LLMRequest) -> Reader:
        """Make a reader for the reply to `request`."""
        ...


def cache_options(settings: LLMSettings) -> Body | None:
    """What OpenAI is told of how long to keep the prompt."""
    ttl = settings.prompt_cache_ttl
    return None if ttl is None else {"ttl": ttl}


def tool_call(call_id: str, name: str, written: str) -> ToolCall:
    """Make a `ToolCall` from arguments as the model wrote them.

    Raises:
        LLMResponseError: they are no JSON object.
    """
    arguments = _arguments(name, written)
    # Spaces and key order are kept, so that the next prompt repeats this one to the byte and the
    # provider's prompt cache holds.
    kept = None if json_text(arguments) == written else {PROVIDER: {"arguments": written}}
    return ToolCall(id=call_id, name=name, arguments=arguments, provider_data=kept)


def _arguments(name: str, written: str) -> JSONObject:
    """Read a tool call's arguments; an empty string means none."""
    try:
        value = json.loads(written or "{}")
    except ValueError as error:
        raise unreadable_arguments(name, PROVIDER) from error
    if not isinstance(value, dict):
        raise unreadable_arguments(name, PROVIDER)
    return cast("JSONObject", value)


def arguments_text(call: ToolCall) -> str:
    """Write a call's arguments: as the model did, if nobody changed them since."""
    written = own_data(call, PROVIDER).get("arguments")
    if isinstance(written, str) and _arguments(call.name, written) == call.arguments:
        return written
    return json_text(call.arguments)


def missing_text(streamed: str, whole: str) -> Iterator[TextDelta]:
    """Give what `whole` has beyond `streamed`, for servers that close with more than they sent.

    Raises:
        LLMResponseError: the two contradict each other.
    """
    if not whole.startswith(streamed):
        raise LLMResponseError(
            "the reply's closing text is not the text that was streamed", provider=PROVIDER
        )
    if rest := whole[len(streamed) :]:
        yield TextDelta(rest)


def usage_of(usage: Body | None, *, read: str, written: str) -> Usage:
    """Read token counts.

    Args:
        usage: the reply's object, or None; servers other than OpenAI's leave out what they like.
        read: `input` or `prompt`.
        written: `output` or `completion`.
    """
    counts = usage or {}
    into: Body = counts.get(f"{read}_tokens_details") or {}
    out: Body = counts.get(f"{written}_tokens_details") or {}
    return Usage(
        input_tokens=reply_count(counts.get(f"{read}_tokens")),
        output_tokens=reply_count(counts.get(f"{written}_tokens")),
        cached_input_tokens=reply_count(into.get("cached_tokens")),
        cache_write_tokens=reply_count(into.get("cache_write_tokens")),
        reasoning_tokens=reply_count(out.get("reasoning_tokens")),
    )


def unsupported(what: str, hint: str) -> UnsupportedError:
    """Make the error for a request that the wire has no words for."""
    return UnsupportedError(f"{PROVIDER}: {what}", hint=hint)
