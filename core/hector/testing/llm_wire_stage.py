"""The stage of the wire laws: a provider's LLM in front of a server that plays its API."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeAlias

import attrs

from hector.message import (
    FinishReason,
    Message,
    Part,
    TextPart,
    ThinkingPart,
    ToolCall,
    Usage,
)
from hector.spi import (
    LLM,
    AnswerRestart,
    LLMChunk,
    LLMRequest,
    LLMResponse,
    Provider,
    ResponseMetadata,
    RetrySettings,
    TextDelta,
    ThinkingDelta,
    ToolSpec,
)
from hector.testing.opened import Opened
from hector.testing.surroundings import open_component
from hector.testing.wire_protocol import LLMWire
from hector.testing.wire_server import WireReply, WireRequest, WireServer

__all__ = ["AT_ONCE", "CALLS", "OPAQUE", "TOOLS", "Stage", "WireStage", "ask", "joined"]

AT_ONCE = RetrySettings(base_delay=0.0, max_delay=0.0)
"""Retries that do not wait."""

OPAQUE = base64.b64encode(bytes(range(256))).decode()
"""What a provider keeps with its reasoning; Base64, as some wires carry bytes there."""

TOOLS = tuple(
    ToolSpec(
        name=name,
        description=f"Tool `{name}`: ä ☃.",
        parameters={
            "type": "object",
            "properties": {
                "query": {"type": "string", "description": "what to look for"},
                "deep": {
                    "type": "object",
                    "properties": {"list": {"type": "array", "items": {"type": "number"}}},
                    "required": ["list"],
                },
            },
            "required": ["query"] if name == "search" else [],
        },
        effect="pure",
    )
    for name in ("search", "lookup", "ping")
)

CALLS = (
    ToolCall(id="call_a", name="search", arguments={"query": 'ä ☃ "quoted" \\ \n'}),
    ToolCall(
        id="call_b",
        name="lookup",
        arguments={"deep": {"list": [1, 2.5, None, True, {}], "empty": ""}},
    ),
    ToolCall(id="call_c", name="ping"),
)
"""Calls of `TOOLS`: nasty text, nested values, no arguments."""

_USAGE = Usage(
    input_tokens=400,
    output_tokens=25,
    cached_input_tokens=320,
    cache_write_tokens=16,
    reasoning_tokens=7,
)

Answer: TypeAlias = Callable[[WireRequest], WireReply]


@attrs.frozen
class Stage:
    """The two ends of a wire."""

    server: WireServer
    llm: LLM


class WireStage:
    """What a provider says of itself for the wire laws.

    Attributes:
        provider: its declaration.
        wire: its API.
        secret: the key that `settings` uses.
        capabilities: what the model on stage claims, where its settings allow less than the provider does.
    """

    provider: Provider
    wire: LLMWire
    secret: str = "sk-wire-0123456789-very-secret"  # noqa: S105 - made up
    capabilities: frozenset[str] | None = None

    def settings(self, base_url: str, **keys: Any) -> object:
        """Settings of the provider for a server at `base_url`, with `secret` as its key.

        Args:
            base_url: the server, with `wire.path`.
            keys: of `CallSettings`; they win over your own.
        """
        raise NotImplementedError

    def check_shape(self, request: WireRequest) -> None:
        """Assert more about a request than `wire.read` does, such as that the SDK's own types take it."""

    @property
    def claims(self) -> frozenset[str]:
        """What the model on stage claims."""
        return self.provider.capabilities if self.capabilities is None else self.capabilities

    def stage(self, **keys: Any) -> Opened[Stage]:
        """Open server and LLM on one loop; without retries unless `keys` say so."""
        return Opened(lambda: self._stage(keys))

    @asynccontextmanager
    async def _stage(self, keys: dict[str, Any]) -> AsyncGenerator[Stage]:
        given: dict[str, Any] = {"max_retries": 0, "retry": AT_ONCE, "timeout": 10.0, **keys}
        async with WireServer().running() as server:
            settings = self.settings(f"{server.url}{self.wire.path}", **given)
            async with open_component(self.provider, settings) as llm:
                server.answer = lambda request: self.wire.answer(self.said(), request)
                yield Stage(server, llm)

    def open(self) -> AbstractAsyncContextManager[LLM]:
        """See `LLMSuite.open`: text where no tools are offered, else calls."""
        return self._open()

    @asynccontextmanager
    async def _open(self) -> AsyncGenerator[LLM]:
        async with self._stage({}) as stage:
            stage.server.answer = lambda request: self.wire.answer(
                self.said(
                    *([_numbered(CALLS[0], len(stage.server.requests))] * has_tools(request)),
                ),
                request,
            )

            def has_tools(request: WireRequest) -> bool:
                return bool(self.wire.read(request).tools)

            yield stage.llm

    def said(
        self,
        *parts: Part,
        finish_reason: FinishReason | None = None,
        text: str = "Grüße! I am a script, with ☃ and 🦉.\nThat is all.",
    ) -> LLMResponse:
        """A scripted answer: reasoning where it is claimed, then `parts`, or a text."""
        said: list[Part] = []
        if "thinking" in self.claims:
            said.append(ThinkingPart(text="Hm, ☃.", provider_data={"opaque": OPAQUE}))
        said += parts or (TextPart(text),)
        has_calls = any(isinstance(part, ToolCall) for part in said)
        return self.scripted(said, finish_reason or ("tool_calls" if has_calls else "stop"))

    def scripted(self, parts: Sequence[Part], finish_reason: FinishReason) -> LLMResponse:
        """A scripted answer of exactly these parts."""
        usage = {name: getattr(_USAGE, name) for name in self.wire.usage_fields}
        return LLMResponse(
            parts=tuple(parts),
            usage=Usage(**usage),
            finish_reason=finish_reason,
            model="served-model",
            metadata=ResponseMetadata(
                request_id="req_12345",
                response_id="answer_1",
                headers={"x-ratelimit-remaining-requests": "7"},
            ),
        )

    def check_same(self, found: LLMResponse, scripted: LLMResponse) -> None:
        """Assert that an answer is what the wire said, but for what the provider keeps in it."""
        has_ids = self.wire.has_call_ids
        assert _plain(found.parts, has_ids=has_ids) == _plain(scripted.parts, has_ids=has_ids)
        assert found.finish_reason == scripted.finish_reason
        assert found.usage == scripted.usage


def _numbered(call: ToolCall, number: int) -> ToolCall:
    return attrs.evolve(call, id=f"call_{number}")


def _plain(parts: Sequence[Part], *, has_ids: bool) -> list[Part]:
    plain: list[Part] = []
    for part in parts:
        match part:
            case TextPart():
                plain.append(TextPart(part.text))
            case ThinkingPart():
                plain.append(ThinkingPart(text=part.text))
            case ToolCall():
                kept = part.id if has_ids else ""
                plain.append(attrs.evolve(part, id=kept, provider_data=None))
            case _:
                plain.append(part)
    return plain


def ask(*messages: Message, **more: Any) -> LLMRequest:
    """A request with these messages, or a greeting."""
    return LLMRequest(messages=messages or (Message.user("Hello"),), **more)


def joined(chunks: Sequence[LLMChunk], kind: type[TextDelta | ThinkingDelta]) -> str:
    """The deltas since the last restart, joined."""
    text = ""
    for chunk in chunks:
        if isinstance(chunk, AnswerRestart):
            text = ""
        elif isinstance(chunk, kind):
            text += chunk.text
    return text
