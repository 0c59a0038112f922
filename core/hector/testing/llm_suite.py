"""The laws of a language model, as tests to inherit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from typing import cast

import attrs
import pytest

from hector.errors import UnsupportedError
from hector.message import Message, TextPart, ThinkingPart, ToolCall
from hector.spi import LLM, LLMChunk, LLMRequest, LLMResponse, TextDelta, ThinkingDelta, ToolSpec
from hector.testing.laws import law, unsupported
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

    @law(
        "LLM-001",
        since="0.1",
        why="Logs, spans, costs and errors are told apart by these two names.",
        fix="Set both attributes to texts that are not empty; `provider` is the type that stands in the config.",
    )
    def test_has_names(self) -> None:
        """A model says its `model` and its `provider`."""
        with Opened(self.open) as opened:
            assert opened.component.model
            assert opened.component.provider

    @law(
        "LLM-002",
        since="0.1",
        why="An agent takes the last chunk for the whole answer and appends it to the log; without one the turn "
        "fails.",
        fix="Yield deltas while they come, then one `LLMResponse` on every path: text, calls, an empty answer, a "
        "refusal.",
    )
    def test_one_response_comes_last(self) -> None:
        """The last chunk of an answer is its `LLMResponse`, and no other chunk is one."""
        for _, chunks in self._answers():
            kinds = [isinstance(chunk, LLMResponse) for chunk in chunks]
            assert kinds == [False] * (len(chunks) - 1) + [True]

    @law(
        "LLM-003",
        since="0.1",
        why="What a user saw stream by and what is kept in the session have to be the same words.",
        fix="Build the response from the deltas that were yielded, each piece once, and drop empty pieces.",
    )
    def test_deltas_joined_are_the_answer(self) -> None:
        """The deltas of a streamed answer, joined, are the text and the thinking of its response. No delta is empty."""
        for request, chunks in self._answers():
            response = _response(chunks)
            if request.is_streaming:
                deltas = [chunk for chunk in chunks if isinstance(chunk, TextDelta | ThinkingDelta)]
                assert all(delta.text for delta in deltas)
                assert _joined(deltas, TextDelta) == _joined(response.parts, TextPart)
                assert _joined(deltas, ThinkingDelta) == _joined(response.parts, ThinkingPart)

    @law(
        "LLM-004",
        since="0.1",
        why="Who does not stream reads one chunk; deltas that nobody reads cost time and may hide the answer.",
        fix="Look at `request.is_streaming`, and yield no deltas where it is false.",
    )
    def test_without_streaming_there_are_no_deltas(self) -> None:
        """With `is_streaming=False` only the response comes, and it says something."""
        for request, chunks in self._answers():
            if not request.is_streaming:
                assert len(chunks) == 1
                assert _response(chunks).parts

    @law(
        "LLM-005",
        since="0.1",
        why="A reader waits for the first words and not for the last; an answer in one piece is no stream.",
        fix="Yield a `TextDelta` for each piece that the provider sends, at once. `text_request` has to ask for "
        "several words.",
    )
    def test_the_text_is_streamed(self) -> None:
        """A text of several words comes in more than one delta."""
        with Opened(self.open) as opened:
            chunks = opened.run(_chunks(opened.component, self.text_request))
        assert len([chunk for chunk in chunks if isinstance(chunk, TextDelta)]) > 1

    @law(
        "LLM-006",
        since="0.1",
        why="The loop of an agent goes on or ends by it, and a result finds its call by the id.",
        fix="Say `tool_calls` whenever a `ToolCall` is among the parts; make ids with `CallIds` where the wire has "
        "none.",
    )
    def test_finish_reason_says_whether_tools_are_called(self) -> None:
        """`finish_reason` is `tool_calls` exactly if there are calls, each with a name and an id of its own."""
        for _, chunks in self._answers():
            response = _response(chunks)
            calls = [part for part in response.parts if isinstance(part, ToolCall)]
            assert (response.finish_reason == "tool_calls") == bool(calls)
            assert all(call.id and call.name for call in calls)
            assert len({call.id for call in calls}) == len(calls)

    @law(
        "LLM-007",
        since="0.1",
        why="An agent with tools is of no use if they are passed over in silence, and ids that repeat mix up two "
        "turns.",
        fix="Send `request.tools` on and give calls as `ToolCall` parts. A model without tools sets `tool_request = "
        "None` in its suite and refuses them with `hector.spi.require_capabilities`.",
    )
    def test_tools_are_called_when_they_help(self) -> None:
        """A model that has tools calls an offered one when it helps, with a new id each time.

        One without tools refuses them.
        """
        if self.tool_request is None:
            asked = attrs.evolve(self.text_request, tools=(SEARCH,))
            with Opened(self.open) as opened, pytest.raises(UnsupportedError):
                opened.run(_chunks(opened.component, asked))
            unsupported("tools; a request with tools is refused")
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

    @law(
        "LLM-008",
        since="0.1",
        why="Costs, limits and budgets are reckoned from these numbers.",
        fix="Take the counts of the provider; count or estimate where it gives none. `cached_input_tokens` are part "
        "of `input_tokens`, and `reasoning_tokens` of `output_tokens`.",
    )
    def test_usage_is_counted(self) -> None:
        """Tokens are counted: none is negative, parts are not more than the whole, the total is not 0."""
        for _, chunks in self._answers():
            usage = _response(chunks).usage
            assert 0 <= usage.cached_input_tokens <= usage.input_tokens
            assert 0 <= usage.reasoning_tokens <= usage.output_tokens
            assert usage.total_tokens > 0

    @law(
        "LLM-009",
        since="0.1",
        why="A consumer leaves in the middle when a user hangs up; what then still runs costs money and a "
        "connection.",
        fix="Let the generator end when it is closed: no `except` around a `yield` that swallows `GeneratorExit`, "
        "and the connection in an `async with`.",
    )
    def test_closing_ends_the_answer(self) -> None:
        """After `aclose` nothing more comes, and the model answers the next request."""

        async def abandon(llm: LLM) -> None:
            answer = _generate(llm, self.text_request)
            await anext(answer)
            await answer.aclose()
            with pytest.raises(StopAsyncIteration):
                await anext(answer)

        with Opened(self.open) as opened:
            opened.run(abandon(opened.component))
            assert _response(opened.run(_chunks(opened.component, self.text_request))).parts

    @law(
        "LLM-010",
        since="0.1",
        why="Deadlines, reloads and stops cancel; a model that swallows it is never let go of.",
        fix="Clean up in `finally` and let `CancelledError` through; keep nothing of one call in the instance.",
    )
    def test_cancelling_ends_the_answer(self) -> None:
        """A caller that is cancelled ends cancelled, and the model answers the next request."""

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

    @law(
        "LLM-011",
        since="0.1",
        why="One instance serves all sessions of a server at once.",
        fix="Keep what belongs to a call in local variables and not in `self`.",
    )
    def test_concurrent_calls_do_not_mix(self) -> None:
        """Calls at the same time each get their own answer, of the kind that they get alone."""

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
