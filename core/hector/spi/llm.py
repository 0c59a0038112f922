"""The contract of a language model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Protocol, TypeAlias, runtime_checkable

import attrs

from hector.message import FinishReason, JSONObject, Message, Part, Usage
from hector.spi.tool import ToolSpec

__all__ = [
    "LLM",
    "AnswerRestart",
    "GenerateParameters",
    "LLMChunk",
    "LLMRequest",
    "LLMResponse",
    "LimitedLLM",
    "ModelLimits",
    "RequestMaker",
    "ResponseMetadata",
    "StructuredOutput",
    "TextDelta",
    "ThinkingDelta",
    "TokenCountingLLM",
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
            A file in a tool's result that the wire cannot carry is described to the model in words: a tool's choice
            must not end a conversation. What `provider_data` another provider left is not sent.
        system: the system instruction, or empty.
        tools: what the model may call.
        parameters: overrides.
        is_streaming: whether deltas are wanted; the closing `LLMResponse` comes in either case.
        cache_key: requests with the same key begin alike (a conversation that goes on, say), so that the provider may
            keep what it has read. A hint: providers that find the beginning by themselves ignore it. It may travel to
            the provider, so it names nobody.
    """

    messages: tuple[Message, ...]
    system: str = ""
    tools: tuple[ToolSpec, ...] = ()
    parameters: GenerateParameters = GenerateParameters()
    is_streaming: bool = True
    cache_key: str | None = None


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
class AnswerRestart:
    """The model failed in the middle of its answer and is asked again: every delta so far is void.

    It comes only after a delta. The deltas that follow begin the answer anew.

    Attributes:
        attempt: number of the attempt that begins, >= 2.
        code: error code of what ended the one before, such as `H516`.
    """

    attempt: int
    code: str


@attrs.frozen(kw_only=True)
class ResponseMetadata:
    """What the provider says about a call beside the answer; goes to the call's span.

    Attributes:
        request_id: the provider's name for the request, for its support; empty where it gives none.
        response_id: the provider's name for the answer; empty where it gives none.
        headers: the rate-limit headers of the reply, names in lower case; none of them holds a secret.
        attempts: how often the model was asked, >= 1.
    """

    request_id: str = ""
    response_id: str = ""
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])
    attempts: int = 1


@attrs.frozen(kw_only=True)
class LLMResponse:
    """The whole answer; always the last chunk.

    Attributes:
        parts: text, thinking and tool calls in the provider's order. The text parts joined equal the text deltas
            joined. Tool-call ids are unique (made up by the provider where the wire has none).
        usage: tokens of this call.
        finish_reason: `tool_calls` if and only if there is a `ToolCall` in `parts`. `refusal`: the model declined, and
            what it said about it, if anything, is in `parts`. `content_filter`: the provider cut the answer off for
            what it says.
        finish_detail: the provider's word for why, where it says more than `finish_reason`: the category of a refusal
            or of a safety block, an unusual stop reason; or None.
        model: the model that answered, as the provider names it.
        metadata: see there.
    """

    parts: tuple[Part, ...]
    usage: Usage = Usage()
    finish_reason: FinishReason = "stop"
    finish_detail: str | None = None
    model: str = ""
    metadata: ResponseMetadata = ResponseMetadata()


LLMChunk: TypeAlias = TextDelta | ThinkingDelta | AnswerRestart | LLMResponse


@attrs.frozen(kw_only=True)
class ModelLimits:
    """What a model can take and give, in tokens; None where it is not known.

    Attributes:
        context_tokens: the context window: input and output together, > 0.
        output_tokens: most tokens of one answer, > 0.
    """

    context_tokens: int | None = None
    output_tokens: int | None = None


class LLM(Protocol):
    """A language model, ready to be called; one instance serves many concurrent calls.

    A model whose window is known is a `LimitedLLM` too, one that can count tokens a `TokenCountingLLM`;
    `hector.spi.LLM_CAPABILITIES` lists what a provider may claim.
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
            Deltas while `request.is_streaming`, then exactly one `LLMResponse`, then nothing. The text deltas since
            the last `AnswerRestart`, joined, are the text of the response.

        Raises:
            LLMError: one of its subclasses where it fits. A reply that ends early is an error, never a short answer.
            UnsupportedError: the request needs a capability that this model does not claim; nothing was sent.
            UsageError: the conversation is none, such as a tool message without results.

        Cancelling the caller, or closing the iterator, aborts the request on the wire. After a delta was yielded the
        model is asked again only if an `AnswerRestart` says so.
        """
        ...


@runtime_checkable
class LimitedLLM(Protocol):
    """What an LLM offers beside `LLM` when it may know the model's limits."""

    @property
    def limits(self) -> ModelLimits:
        """What the config says, else what is known of the model; constant for the life of the instance."""
        ...


@runtime_checkable
class TokenCountingLLM(Protocol):
    """What an LLM offers beside `LLM` when its provider counts tokens (capability `token_counting`)."""

    async def count_tokens(self, request: LLMRequest) -> int:
        """How many input tokens `request` would take, as the provider counts them; nothing is generated.

        Raises:
            LLMError, UnsupportedError, UsageError: as `LLM.generate`.
        """
        ...
