"""The contract of a language model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol, TypeAlias

import attrs

from hector.message import FinishReason, JSONObject, Message, Part, Usage
from hector.spi.tool import ToolSpec

__all__ = [
    "LLM",
    "GenerateParameters",
    "LLMChunk",
    "LLMRequest",
    "LLMResponse",
    "RequestMaker",
    "StructuredOutput",
    "TextDelta",
    "ThinkingDelta",
]


@attrs.frozen(kw_only=True)
class StructuredOutput:
    """The answer must be one JSON value that fits `schema` (JSON Schema 2020-12)."""

    schema: JSONObject
    name: str = "response"
    is_strict: bool = True


@attrs.frozen(kw_only=True)
class GenerateParameters:
    """Per-request overrides of what the LLM's settings say; None leaves the setting in force.

    Attributes:
        temperature: >= 0.
        max_output_tokens: > 0.
        stop: strings that end the answer.
        tool_choice: `auto`, `none`, `required`, or the name of one tool.
        structured_output: see there.
    """

    temperature: float | None = None
    max_output_tokens: int | None = None
    stop: tuple[str, ...] = ()
    tool_choice: str | None = None
    structured_output: StructuredOutput | None = None


@attrs.frozen(kw_only=True)
class LLMRequest:
    """What a model is asked.

    Attributes:
        messages: the conversation, oldest first. Each `tool` message answers calls of the assistant message before it.
        system: the system instruction, or empty.
        tools: what the model may call.
        parameters: overrides.
        is_streaming: whether deltas are wanted; the closing `LLMResponse` comes in either case.
    """

    messages: tuple[Message, ...]
    system: str = ""
    tools: tuple[ToolSpec, ...] = ()
    parameters: GenerateParameters = GenerateParameters()
    is_streaming: bool = True


RequestMaker: TypeAlias = Callable[[], Awaitable[LLMRequest]]
"""Makes a request when it is needed, from what is in the log by then."""


@attrs.frozen
class TextDelta:
    """The next piece of the answer's text, never empty."""

    text: str


@attrs.frozen
class ThinkingDelta:
    """The next piece of visible reasoning, never empty."""

    text: str


@attrs.frozen(kw_only=True)
class LLMResponse:
    """The whole answer; always the last chunk.

    Attributes:
        parts: text, thinking and tool calls in the provider's order. The text parts joined equal the text deltas
            joined. Tool-call ids are unique (made up by the provider where the wire has none).
        usage: tokens of this call.
        finish_reason: `tool_calls` if and only if there is a `ToolCall` in `parts`.
        model: the model that answered, as the provider names it.
    """

    parts: tuple[Part, ...]
    usage: Usage = Usage()
    finish_reason: FinishReason = "stop"
    model: str = ""


LLMChunk: TypeAlias = TextDelta | ThinkingDelta | LLMResponse


class LLM(Protocol):
    """A language model, ready to be called; one instance serves many concurrent calls.

    Capabilities a provider may claim: `streaming`, `tools`, `parallel_tools`, `vision`, `thinking`,
    `structured_output`.
    """

    @property
    def model(self) -> str:
        """The model's name as configured."""
        ...

    @property
    def provider(self) -> str:
        """The provider's type name, for spans and errors."""
        ...

    def generate(self, request: LLMRequest) -> AsyncIterator[LLMChunk]:
        """Ask the model.

        Yields:
            Deltas while `request.is_streaming`, then exactly one `LLMResponse`, then nothing.

        Raises:
            LLMError: one of its subclasses where it fits. A reply that ends early is an error, never a short answer.

        Cancelling the caller, or closing the iterator, aborts the request on the wire. Nothing is retried after the
        first chunk was yielded.
        """
        ...
