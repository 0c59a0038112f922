"""Asking a model as a recorded step."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TYPE_CHECKING

from hector.errors import LLMResponseError
from hector.message import Event, Part, TextPart, ThinkingPart
from hector.spi import (
    LLM,
    AnswerRestart,
    LLMRequest,
    LLMResponse,
    RequestMaker,
    TextDelta,
    ThinkingDelta,
)

if TYPE_CHECKING:
    from hector.agent.invocation import AgentInvocation

__all__ = ["close_iterator", "generate"]


async def generate(
    invocation: AgentInvocation, llm: LLM, request: LLMRequest | RequestMaker
) -> AsyncGenerator[Event]:
    """See `hector.spi.Invocation.generate`."""
    recorded = invocation.recorded("message")
    if recorded is not None:
        yield recorded
        return
    asked = request if isinstance(request, LLMRequest) else await request()
    await invocation.log.checkpoint_before_llm()
    span = invocation.span.child("chat", llm.model) if invocation.span is not None else None
    response: LLMResponse | None = None
    failure: BaseException | None = None
    id, started = invocation.next_id(), time.time()
    invocation_id, author, branch, generation = (
        invocation.id,
        invocation.agent,
        invocation.branch,
        invocation.generation,
    )
    chunks = llm.generate(asked)
    try:
        async for chunk in chunks:
            if isinstance(chunk, LLMResponse):
                response = chunk
                continue
            yield Event(
                id=id,
                kind="delta",
                invocation_id=invocation_id,
                author=author,
                parts=_pieces(chunk),
                branch=branch,
                timestamp=started,
                generation=generation,
                is_restart=isinstance(chunk, AnswerRestart),
            )
        answer = _whole(response, llm)
    except BaseException as error:
        failure = error
        raise
    finally:
        await close_iterator(chunks)
        if span is not None:
            span.end(
                error=failure,
                usage=response.usage if response else None,
                finish_reason=response.finish_reason if response else None,
                metadata=response.metadata if response else None,
            )
    yield await invocation.record(
        Event(
            id=id,
            kind="message",
            invocation_id=invocation_id,
            author=author,
            parts=answer.parts,
            branch=branch,
            timestamp=time.time(),
            generation=generation,
            usage=answer.usage,
            finish_reason=answer.finish_reason,
            model=answer.model or llm.model,
        )
    )


def _pieces(chunk: TextDelta | ThinkingDelta | AnswerRestart) -> tuple[Part, ...]:
    if isinstance(chunk, TextDelta):
        return (TextPart(chunk.text),)
    return () if isinstance(chunk, AnswerRestart) else (ThinkingPart(text=chunk.text),)


def _whole(response: LLMResponse | None, llm: LLM) -> LLMResponse:
    if response is None:
        raise LLMResponseError("the reply ended without its closing part", provider=llm.provider)
    return response


async def close_iterator(iterator: AsyncIterator[object]) -> None:
    """Close a generator now rather than when it is collected: it may hold a connection."""
    close = getattr(iterator, "aclose", None)
    if close is not None:
        await close()
