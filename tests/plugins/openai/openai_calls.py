"""Asking a model in a test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hector.message import Message
from hector.spi import LLMChunk, LLMRequest, LLMResponse

if TYPE_CHECKING:
    from hector.spi import LLM


def ask(*messages: Message, **more: Any) -> LLMRequest:
    return LLMRequest(messages=messages or (Message.user("Hello"),), **more)


async def chunks_of(llm: LLM, request: LLMRequest) -> tuple[list[LLMChunk], LLMResponse]:
    """Everything before the response, and the response."""
    *deltas, response = [chunk async for chunk in llm.generate(request)]
    assert isinstance(response, LLMResponse)
    assert not any(isinstance(chunk, LLMResponse) for chunk in deltas)
    return deltas, response
