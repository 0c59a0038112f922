"""What a model may claim to do, and the refusal of what it does not claim."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from hector.errors import UnsupportedError
from hector.message import FilePart
from hector.spi.llm import (
    LLM,
    LimitedLLM,
    LLMRequest,
    ModelLimits,
    TokenCountingLLM,
)

__all__ = ["LLM_CAPABILITIES", "count_tokens", "limits_of", "require_capabilities"]

LLM_CAPABILITIES: tuple[str, ...] = (
    "streaming",  # deltas come while the answer is written
    "tools",  # tool calls and their results
    "parallel_tools",  # several calls in one answer
    "tool_choice",  # `tool_choice` other than `auto`
    "vision",  # images in user messages
    "files",  # files that are no images, such as PDF, in user messages
    "thinking",  # reasoning comes back as ThinkingPart and goes back on the next turn
    "structured_output",  # an answer by JSON Schema
    "stop",  # stop strings
    "prompt_caching",  # `Usage` says what was read from a cache
    "token_counting",  # it is a TokenCountingLLM
)
"""The words of `Provider.capabilities` for an LLM. What a provider claims, some of its models must do; what one of
them is asked for and does not do is refused with `UnsupportedError` before anything is sent."""

_HINTS = {
    "stop": "drop `stop`, or use a model or an API that has it",
    "structured_output": "drop the response schema, or use a model that has it",
    "token_counting": "estimate, or use a model whose provider counts",
    "tool_choice": "leave `tool_choice` at `auto`",
    "tools": "use a model that calls tools",
    "vision": "send a description instead, or use a model that sees",
}


def require_capabilities(
    request: LLMRequest, claimed: Collection[str], *more: str, provider: str, model: str
) -> None:
    """Refuse a request that needs what is not claimed; an adapter's first step.

    Args:
        request: what is asked.
        claimed: words of `LLM_CAPABILITIES`, of this model under its settings.
        more: what is needed beside what the request shows, such as `token_counting`.
        provider: for the message.
        model: for the message.

    Raises:
        UnsupportedError: names the first capability that is missing.
    """
    for needed in (*more, *_needed(request)):
        if needed not in claimed:
            raise _unsupported(needed, provider=provider, model=model)


def _unsupported(capability: str, *, provider: str, model: str) -> UnsupportedError:
    return UnsupportedError(
        f"{provider}: {model} does not offer `{capability}`",
        hint=_HINTS.get(capability, f"use a model that offers `{capability}`"),
    )


def _needed(request: LLMRequest) -> Iterator[str]:
    parameters = request.parameters
    if request.tools:
        yield "tools"
        if parameters.tool_choice not in {None, "auto"}:
            yield "tool_choice"
    if parameters.structured_output is not None:
        yield "structured_output"
    if parameters.stop:
        yield "stop"
    for message in request.messages:
        if message.role == "assistant":
            continue
        for part in message.parts:
            if isinstance(part, FilePart):
                yield "vision" if is_image(part) else "files"


def is_image(part: FilePart) -> bool:
    """Whether the media type says image."""
    return part.media_type.lower().startswith("image/")


def limits_of(llm: LLM) -> ModelLimits:
    """The limits of any LLM; nothing is known of one that says nothing."""
    return llm.limits if isinstance(llm, LimitedLLM) else ModelLimits()


async def count_tokens(llm: LLM, request: LLMRequest) -> int:
    """Count the input tokens of a request with the model's provider.

    Raises:
        UnsupportedError: it does not count.
        LLMError: the call failed.
    """
    if not isinstance(llm, TokenCountingLLM):
        raise _unsupported("token_counting", provider=llm.provider, model=llm.model)
    return await llm.count_tokens(request)
