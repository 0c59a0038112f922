"""A model behind a network without a fault, which the broken ones each change one thing of; it speaks Ollama's API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import attrs
from line_client import LineClient, Reply, SilentError
from wire_words import PROVIDER, Body, Words

from hector.errors import (
    LLMContextOverflowError,
    LLMError,
    LLMOverloadedError,
    LLMRateLimitError,
    LLMResponseError,
)
from hector.message import FinishReason, JSONObject, Part, TextPart, ThinkingPart, ToolCall, Usage
from hector.spi import (
    Attempt,
    BuildContext,
    CallIds,
    CallSettings,
    ConnectionFailures,
    LimitSettings,
    LLMChunk,
    LLMRequest,
    LLMResponse,
    ModelLimits,
    Provider,
    ProviderCalls,
    ProviderFailure,
    Redaction,
    ResponseMetadata,
    Secret,
    TextDelta,
    ThinkingDelta,
    json_text,
    llm_error,
    rate_limit_headers,
    require_capabilities,
    shape_error,
)

__all__ = ["CAPABILITIES", "ModelSettings", "Reading", "WireModel", "provider_of"]

CAPABILITIES = frozenset(
    {"parallel_tools", "stop", "streaming", "structured_output", "thinking", "tools", "vision"}
)
SHAPE_ERRORS = (AttributeError, KeyError, TypeError, ValueError)


@attrs.frozen(kw_only=True)
class ModelSettings(CallSettings, LimitSettings):
    """Where the server is, and the key."""

    base_url: str
    api_key: Secret
    model: str = "m"


class BrokenOffError(Exception):
    """The reply says in its middle that it failed."""


class Reading:
    """Reads one reply, event by event."""

    def __init__(self, request: LLMRequest) -> None:
        self.request = request
        self.ids = CallIds(request)
        self.texts: list[str] = []
        self.thoughts: list[str] = []
        self.calls: list[Mapping[str, Any]] = []
        self.last: Mapping[str, Any] | None = None

    def lines(self, packet: bytes) -> Iterator[bytes]:
        """The lines that end in a packet, with what was left of the one before."""
        *whole, self.held = (self.held + packet).split(b"\n")
        yield from whole

    held = b""

    def events(self, packet: bytes) -> Iterator[Mapping[str, Any]]:
        """The events that end in a packet."""
        for line in self.lines(packet):
            if line.strip():
                yield json.loads(line)

    def feed(self, event: Mapping[str, Any]) -> Iterator[LLMChunk | None]:
        """What an event says, and None for what does not show."""
        if "error" in event:
            raise BrokenOffError(event["error"])
        message: Mapping[str, Any] = event.get("message") or {}
        if thought := message.get("thinking"):
            self.thoughts.append(thought)
            yield ThinkingDelta(thought)
        if text := message.get("content"):
            self.texts.append(text)
            yield TextDelta(text)
        for call in message.get("tool_calls") or ():
            self.calls.append(call)
            yield None
        if event.get("done"):
            self.last = event

    def response(self, headers: Mapping[str, str]) -> LLMResponse:
        """The whole answer, when the stream has ended."""
        if self.last is None:
            raise LLMResponseError("the reply was cut off", provider=PROVIDER, is_retryable=True)
        usage = Usage(
            input_tokens=self.last["prompt_eval_count"], output_tokens=self.last["eval_count"]
        )
        return LLMResponse(
            parts=tuple(self.parts()),
            usage=usage,
            finish_reason=self.reason(self.last["done_reason"]),
            model=self.last["model"],
            metadata=ResponseMetadata(
                request_id=headers.get("x-request-id", ""), headers=rate_limit_headers(headers)
            ),
        )

    def reason(self, told: str) -> FinishReason:
        """Why the model stopped."""
        if self.calls:
            return "tool_calls"
        return "length" if told == "length" else "stop"

    def parts(self) -> Sequence[Part]:
        """What was said."""
        said: list[Part] = []
        if self.thoughts:
            text = "".join(self.thoughts)
            said.append(ThinkingPart(text=text, provider_data={PROVIDER: {"field": "thinking"}}))
        if self.texts:
            said.append(TextPart("".join(self.texts)))
        for call in self.calls:
            function = call["function"]
            arguments: JSONObject = function.get("arguments") or {}
            name = function["name"]
            said.append(ToolCall(id=self.ids.take(""), name=name, arguments=arguments))
        return said


class WireModel:
    """A model of an Ollama server. It does not own the client.

    Attributes:
        words: how it asks.
        reading: how it reads.
        client: how it reaches the server.
    """

    provider = PROVIDER
    words: type[Words] = Words
    reading: type[Reading] = Reading
    client: type[LineClient] = LineClient

    def __init__(self, settings: ModelSettings) -> None:
        self.settings = settings
        self.model = settings.model
        self.redaction = Redaction((settings.api_key,))
        self.calls = ProviderCalls(self.call_settings(), provider=PROVIDER, model=self.model)
        key = f"Bearer {settings.api_key.reveal()}"
        self.http = self.client(settings.base_url, {"authorization": key}, settings.timeout)

    def call_settings(self) -> CallSettings:
        """What retries and deadlines go by."""
        return self.settings

    @property
    def limits(self) -> ModelLimits:
        """See `hector.spi.LimitedLLM`."""
        return self.settings.limits(ModelLimits(context_tokens=4096))

    async def generate(self, request: LLMRequest) -> AsyncGenerator[LLMChunk]:
        """See `hector.spi.LLM`."""
        require_capabilities(request, CAPABILITIES, provider=PROVIDER, model=self.model)
        async with aclosing(self.answer(request)) as chunks:
            async for chunk in chunks:
                yield chunk

    def answer(self, request: LLMRequest) -> AsyncGenerator[LLMChunk]:
        """The answer, with retries."""
        body = self.words(self.model).body(request)
        return self.calls.stream(
            lambda: self.attempt(request, body), is_streaming=request.is_streaming
        )

    async def attempt(self, request: LLMRequest, body: Body) -> Attempt:
        """One request and its reply."""
        content = json_text(body).encode(errors="replace")
        reading = self.reading(request)
        try:
            async with self.http.asked("/api/chat", content) as reply:
                if reply.status != 200:
                    raise self.refusal(reply, await reply.body())
                async with aclosing(reply.packets()) as packets:
                    async for packet in packets:
                        for event in reading.events(packet):
                            for chunk in reading.feed(event):
                                yield chunk if request.is_streaming else None
                yield reading.response(reply.headers)
        except BrokenOffError as error:
            raise self.broken_off(str(error)) from None
        except (OSError, asyncio.IncompleteReadError) as error:
            raise self.failures().broken(error, has_begun=bool(reading.texts)) from error
        except SilentError as error:
            raise self.silent(error) from error
        except SHAPE_ERRORS as error:
            raise shape_error(error, provider=PROVIDER, model=self.model, api="the API") from error

    # -------------------------------------------------------------------------- errors

    def refusal(self, reply: Reply, body: bytes) -> LLMError:
        """For a reply whose status is none of success."""
        return self.refused(self.failure(json.loads(body)["error"], reply))

    def refused(self, failure: ProviderFailure) -> LLMError:
        """The error for it."""
        kind = LLMContextOverflowError if "available context size" in failure.text else None
        return llm_error(failure, kind=kind)

    def failure(self, text: str, reply: Reply | None = None) -> ProviderFailure:
        """What the server says."""
        headers: Mapping[str, str] = reply.headers if reply is not None else {}
        return ProviderFailure(
            provider=PROVIDER,
            model=self.model,
            text=self.redaction.text(text),
            status=None if reply is None else reply.status,
            request_id=headers.get("x-request-id"),
            headers=headers,
        )

    def broken_off(self, text: str) -> LLMError:
        """For a reply that says in its middle that it failed."""
        kinds: Mapping[str, type[LLMError]] = {
            "too many": LLMRateLimitError,
            "busy": LLMOverloadedError,
        }
        kind = next((kind for words, kind in kinds.items() if words in text), None)
        return llm_error(self.failure(text), kind=kind)

    def failures(self) -> ConnectionFailures:
        """For connections."""
        return ConnectionFailures(
            provider=PROVIDER,
            model=self.model,
            address=self.settings.base_url,
            redaction=self.redaction,
        )

    def silent(self, error: SilentError) -> LLMError:
        """For a server that says nothing."""
        return self.failures().silent(self.settings.timeout, has_begun=error.has_begun)


def provider_of(kind: type[WireModel]) -> Provider:
    """The declaration of a model of this class."""

    @asynccontextmanager
    async def create(settings: ModelSettings, _context: BuildContext) -> AsyncGenerator[WireModel]:
        yield kind(settings)

    return Provider(
        kind="llm",
        type=PROVIDER,
        settings=ModelSettings,
        create=create,
        summary="a model of the tests",
        capabilities=CAPABILITIES,
    )
