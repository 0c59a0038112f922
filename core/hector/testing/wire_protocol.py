"""How one provider's API is spoken, seen from the provider: what the suites need to know of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, TypeAlias, runtime_checkable

import attrs

from hector.errors import (
    LLMAuthenticationError,
    LLMContentBlockedError,
    LLMContextOverflowError,
    LLMError,
    LLMInvalidRequestError,
    LLMOverloadedError,
    LLMRateLimitError,
    LLMUnavailableError,
)
from hector.message import FinishReason, JSONObject, ThinkingPart
from hector.spi import LLMResponse
from hector.testing.wire_server import WireReply, WireRequest

__all__ = [
    "EmbeddingWire",
    "LLMWire",
    "SeenRequest",
    "SeenResult",
    "SeenTool",
    "TokenCountingWire",
    "WireFault",
    "WireShapeError",
    "fault_error",
]

WireFault: TypeAlias = Literal[
    "authentication",
    "rate_limit",
    "overloaded",
    "context_overflow",
    "content_blocked",
    "invalid_request",
    "unavailable",
]
"""What a provider may refuse a request for."""

_FAULT_ERRORS: Mapping[str, type[LLMError]] = {
    "authentication": LLMAuthenticationError,
    "rate_limit": LLMRateLimitError,
    "overloaded": LLMOverloadedError,
    "context_overflow": LLMContextOverflowError,
    "content_blocked": LLMContentBlockedError,
    "invalid_request": LLMInvalidRequestError,
    "unavailable": LLMUnavailableError,
}


def fault_error(fault: WireFault) -> type[LLMError]:
    """The class that a fault must become."""
    return _FAULT_ERRORS[fault]


class WireShapeError(AssertionError):
    """A request that the real API would refuse; says where and why."""


@attrs.frozen(kw_only=True)
class SeenTool:
    """A tool as the provider was told of it; `parameters` is its JSON Schema."""

    name: str
    description: str
    parameters: JSONObject


@attrs.frozen(kw_only=True)
class SeenResult:
    """A tool's result as it came.

    Attributes:
        call_id: None on wires without ids.
        text: what of it is text or JSON.
        is_error: whether it says that the tool failed, by a flag or in words.
    """

    call_id: str | None
    text: str
    is_error: bool = False


@attrs.frozen(kw_only=True)
class SeenRequest:
    """What a provider understands of a request.

    Attributes:
        model: asked for.
        system: the system instruction, or empty.
        tools: on offer.
        user_texts: texts of the user, in order.
        images: content of every image by value, in order.
        results: tool results, in order.
        thinking: what came back of earlier reasoning, one string each, as of `LLMWire.must_come_back`.
        schema: of structured output, or None.
        temperature, max_output_tokens, stop, tool_choice: parameters; None where not said.
        is_streaming: whether a stream is wanted.
    """

    model: str
    system: str = ""
    tools: Sequence[SeenTool] = ()
    user_texts: Sequence[str] = ()
    images: Sequence[bytes] = ()
    results: Sequence[SeenResult] = ()
    thinking: Sequence[str] = ()
    schema: JSONObject | None = None
    temperature: float | None = None
    max_output_tokens: int | None = None
    stop: Sequence[str] | None = None
    tool_choice: str | None = None
    is_streaming: bool = True


class LLMWire(Protocol):
    """One API for asking models, from the provider's side: a script that speaks it, without a model.

    Attributes:
        path: what follows the server's address in `base_url`, such as `/v1`; may be empty.
        finish_reasons: those the API can say.
        usage_fields: fields of `Usage` that the API can say.
        has_call_ids: whether tool calls travel with ids of their own.
        optional_tail: how many of a stream's last pieces may be missing without the answer being cut off.
        keeps_earlier_thinking: whether reasoning of turns that are over is sent back too.
        unknown_event: an event of a kind that nobody knows yet, to be ignored.
        malformed_event: an event whose content cannot be read.
        keep_alive: what the provider sends to keep a connection open, or None.
    """

    path: str
    finish_reasons: frozenset[FinishReason]
    usage_fields: frozenset[str]
    has_call_ids: bool
    optional_tail: int
    keeps_earlier_thinking: bool
    unknown_event: bytes
    malformed_event: bytes
    keep_alive: bytes | None

    def read(self, request: WireRequest) -> SeenRequest:
        """Understand a request.

        Raises:
            WireShapeError: the real API would refuse it.
        """
        ...

    def answer(self, response: LLMResponse, request: WireRequest) -> WireReply:
        """Say `response`, streamed or whole as the request asks; a streamed text comes in two deltas or more.

        A `ThinkingPart` of the script carries `provider_data={"opaque": "…"}`, which the wire sends in the place where
        the provider keeps what must come back; `metadata` gives request id and headers.
        """
        ...

    def refuse(self, fault: WireFault, text: str, headers: Mapping[str, str]) -> WireReply:
        """Refuse a request, with `text` as the provider's sentence."""
        ...

    def break_off(self, fault: WireFault, text: str) -> bytes | None:
        """The event that ends a stream with an error, or None where the API has none."""
        ...

    def must_come_back(self, part: ThinkingPart) -> str:
        """What of a scripted `ThinkingPart` must be in the next request of the turn; see `SeenRequest.thinking`."""
        ...


@runtime_checkable
class TokenCountingWire(Protocol):
    """What an `LLMWire` has beside if its API counts tokens; wanted where the provider claims `token_counting`."""

    def token_count(self, count: int, request: WireRequest) -> WireReply:
        """The answer to a request to count tokens."""
        ...


class EmbeddingWire(Protocol):
    """One API for vectors, from the provider's side.

    Attributes:
        path: as of `LLMWire`.
        most_texts: how many texts one request may hold.
    """

    path: str
    most_texts: int

    def texts(self, request: WireRequest) -> Sequence[str]:
        """The texts of a request, in order.

        Raises:
            WireShapeError: the real API would refuse it.
        """
        ...

    def vectors(self, vectors: Sequence[Sequence[float]], request: WireRequest) -> WireReply:
        """Answer with vectors; where the API gives each an index, not in the order of the texts."""
        ...

    def refuse(self, fault: WireFault, text: str, headers: Mapping[str, str]) -> WireReply:
        """As `LLMWire.refuse`."""
        ...
