"""The laws of a language model, as tests to inherit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from typing import cast

import attrs
import pytest

from hector.message import Message, TextPart, ThinkingPart, ToolCall
from hector.spi import LLM, LLMChunk, LLMRequest, LLMResponse, TextDelta, ThinkingDelta, ToolSpec
from hector.testing.opened import Opened

__all__ = ["LLMSuite"]

SEARCH = ToolSpec(
    name="search",
    description="Search the documents for a question.",
    parameters={
        "type": "object",
        "properties": {"query": {"type": "string", "description": "what to look for"}},
        "required": ["query"],
    },
    effect="pure",
)


class LLMSuite:
    """Subclass it in a test module, say how to `open` the model, and pytest runs its laws.

    ```python
    class TestMyModel(LLMSuite):
        def open(self):
            return open_my_model(MySettings(), build_context)
    ```

    Behind a model that is a service, put a server that answers `text_request` with text, and
    `tool_request` with a call of its tool.

    Attributes:
        text_request: what is answered with text, in more than one delta.
        tool_request: what is answered with a tool call, or None for a model without tools.
    """

    text_request: LLMRequest = LLMRequest(messages=(Message.user("Hello, who are you?"),))
    tool_request: LLMRequest | None = LLMRequest(
        messages=(Message.user("What do the documents say about sessions?"),), tools=(SEARCH,)
    )

    def open(self) -> AbstractAsyncContextManager[LLM]:
        """Give a fresh model as an async context manager; called once per test."""
        raise NotImplementedError

    def _requests(self) -> list[LLMRequest]:
        return [self.text_request, *([self.tool_request] if self.tool_request else [])]

    def _answers(self) -> list[tuple[LLMRequest, list[LLMChunk]]]:
        """Every request, streamed and not, with its chunks."""
        with Opened(self.open) as opened:
            return [
                (request, opened.run(_chunks(opened.component, request)))
                for original in self._requests()
                for request in (original, attrs.evolve(original, is_streaming=False))
            ]

    def test_has_names(self) -> None:
        """`model` and `provider` are not empty."""
        with Opened(self.open) as opened:
            assert opened.component.model
            assert opened.component.provider

    def test_one_response_comes_last(self) -> None:
        """Whatever is asked, the last chunk is the response, and no other is."""
        for _, chunks in self._answers():
            kinds = [isinstance(chunk, LLMResponse) for chunk in chunks]
            assert kinds == [False] * (len(chunks) - 1) + [True]

    def test_deltas_joined_are_the_answer(self) -> None:
        """Text and thinking, joined, are those of the response; no delta is empty."""
        for request, chunks in self._answers():
            response = _response(chunks)
            if request.is_streaming:
                deltas = [chunk for chunk in chunks if isinstance(chunk, TextDelta | ThinkingDelta)]
                assert all(delta.text for delta in deltas)
                assert _joined(deltas, TextDelta) == _joined(response.parts, TextPart)
                assert _joined(deltas, ThinkingDelta) == _joined(response.parts, ThinkingPart)

    def test_without_streaming_there_are_no_deltas(self) -> None:
        """Only the response comes, and it says something."""
        for request, chunks in self._answers():
            if not request.is_streaming:
                assert len(chunks) == 1
                assert _response(chunks).parts

    def test_the_text_is_streamed(self) -> None:
        """A text of several words does not come in one piece."""
        with Opened(self.open) as opened:
            chunks = opened.run(_chunks(opened.component, self.text_request))
        assert len([chunk for chunk in chunks if isinstance(chunk, TextDelta)]) > 1

    def test_finish_reason_says_whether_tools_are_called(self) -> None:
        """`tool_calls` if and only if there is a call; ids and names are not empty, ids unique."""
        for _, chunks in self._answers():
            response = _response(chunks)
            calls = [part for part in response.parts if isinstance(part, ToolCall)]
            assert (response.finish_reason == "tool_calls") == bool(calls)
            assert all(call.id and call.name for call in calls)
            assert len({call.id for call in calls}) == len(calls)

    def test_tools_are_called_when_they_help(self) -> None:
        """`tool_request` is answered with calls of offered tools, with new ids each time."""
        if self.tool_request is None:
            return
        ids: list[str] = []
        with Opened(self.open) as opened:
            for _ in range(2):
                response = _response(opened.run(_chunks(opened.component, self.tool_request)))
                calls = [part for part in response.parts if isinstance(part, ToolCall)]
                assert calls
                assert {call.name for call in calls} <= {
                    tool.name for tool in self.tool_request.tools
                }
                ids += [call.id for call in calls]
        assert len(set(ids)) == len(ids)

    def test_usage_is_counted(self) -> None:
        """Tokens in and out are not negative, parts of them not more than the whole."""
        for _, chunks in self._answers():
            usage = _response(chunks).usage
            assert 0 <= usage.cached_input_tokens <= usage.input_tokens
            assert 0 <= usage.reasoning_tokens <= usage.output_tokens
            assert usage.total_tokens > 0

    def test_closing_ends_the_answer(self) -> None:
        """After `aclose` nothing more comes, and the model still answers the next request."""

        async def abandon(llm: LLM) -> None:
            answer = _generate(llm, self.text_request)
            await anext(answer)
            await answer.aclose()
            with pytest.raises(StopAsyncIteration):
                await anext(answer)

        with Opened(self.open) as opened:
            opened.run(abandon(opened.component))
            assert _response(opened.run(_chunks(opened.component, self.text_request))).parts

    def test_cancelling_ends_the_answer(self) -> None:
        """A cancelled caller is cancelled, and the model still answers the next request."""

        async def cancel(llm: LLM) -> None:
            started = asyncio.Event()

            async def listen() -> None:
                async with aclosing(_generate(llm, self.text_request)) as answer:
                    async for _ in answer:
                        started.set()
                        await asyncio.Event().wait()

            async with asyncio.TaskGroup() as group:
                task = group.create_task(listen())
                await started.wait()
                task.cancel()
            assert task.cancelled()

        with Opened(self.open) as opened:
            opened.run(cancel(opened.component))
            assert _response(opened.run(_chunks(opened.component, self.text_request))).parts

    def test_concurrent_calls_do_not_mix(self) -> None:
        """Each of many calls at once streams its own answer, of the kind it has alone."""

        async def together(llm: LLM, requests: Sequence[LLMRequest]) -> list[list[LLMChunk]]:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(_chunks(llm, request)) for request in requests]
            return [task.result() for task in tasks]

        requests = self._requests() * 4
        with Opened(self.open) as opened:
            answers = opened.run(together(opened.component, requests))
        for request, chunks in zip(requests, answers, strict=True):
            response = _response(chunks)
            assert _joined(chunks, TextDelta) == _joined(response.parts, TextPart)
            assert (response.finish_reason == "tool_calls") == (request is self.tool_request)


def _generate(llm: LLM, request: LLMRequest) -> AsyncGenerator[LLMChunk, None]:
    return cast("AsyncGenerator[LLMChunk, None]", llm.generate(request))


async def _chunks(llm: LLM, request: LLMRequest) -> list[LLMChunk]:
    return [chunk async for chunk in llm.generate(request)]


def _response(chunks: Sequence[LLMChunk]) -> LLMResponse:
    assert chunks, "the model said nothing at all"
    last = chunks[-1]
    assert isinstance(last, LLMResponse), f"the last chunk is {last!r}"
    return last


def _joined(
    items: Sequence[object], kind: type[TextDelta | ThinkingDelta | TextPart | ThinkingPart]
) -> str:
    return "".join(item.text for item in items if isinstance(item, kind))
