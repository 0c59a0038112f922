"""Laws of deadlines, and of hanging up when nobody listens any more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Any, cast

import attrs
import pytest

from hector.errors import LLMTimeoutError
from hector.message import TextPart
from hector.spi import LLMChunk, LLMRequest, LLMResponse, TextDelta
from hector.testing.laws import law
from hector.testing.llm_wire_stage import Stage, WireStage, ask
from hector.testing.wire_server import WireReply, WireRequest

__all__ = ["SHORT_S", "DeadlineLaws"]

SHORT_S = 0.05
"""A deadline that a silent server misses."""


class DeadlineLaws(WireStage):
    """Inherited by `LLMWireSuite`."""

    @law(
        "LLMW-017",
        since="0.1",
        why="A request that is stuck in a queue is better asked again; a long answer that flows is not.",
        fix="Yield None for progress that does not show, and leave `first_token_timeout` to `ProviderCalls`.",
    )
    def test_the_first_piece_has_a_deadline_of_its_own(self) -> None:
        """The first piece has a deadline of its own in each attempt, and the next attempt may succeed."""
        with self.stage(first_token_timeout=SHORT_S) as opened:
            opened.component.server.say(WireReply(is_silent=True))
            with pytest.raises(LLMTimeoutError) as raised:
                opened.run(_ask(opened.component, ask()))
            assert (raised.value.deadline, raised.value.is_retryable) == ("first_token", True)
        with self.stage(first_token_timeout=SHORT_S * 4, max_retries=1) as opened:
            opened.component.server.say(WireReply(is_silent=True))
            response = _response(opened.run(_ask(opened.component, ask())))
            assert response.metadata.attempts == 2

    @law(
        "LLMW-018",
        since="0.1",
        why="Who waits for an answer waits for all of it, whatever happens in between.",
        fix="Leave `response_timeout` to `ProviderCalls`; set no deadline of the SDK that ends first.",
    )
    @pytest.mark.parametrize("is_streaming", [True, False])
    def test_the_whole_answer_has_a_deadline(self, *, is_streaming: bool) -> None:
        """The whole answer has a deadline, which neither pieces that come nor retries put off."""
        with self.stage(response_timeout=SHORT_S * 4, max_retries=5) as opened:
            self._stall(opened.component)
            with pytest.raises(LLMTimeoutError) as raised:
                opened.run(_ask(opened.component, ask(is_streaming=is_streaming)))
            assert raised.value.deadline == "response"
            assert len(opened.component.server.requests) == 1

    @law(
        "LLMW-019",
        since="0.1",
        why="A connection that died without a word is never heard of again.",
        fix="Give `timeout` to the client as its read timeout, and raise what it raises as `LLMTimeoutError`.",
    )
    def test_silence_has_a_deadline(self) -> None:
        """Silence has a deadline, before the first byte and in the middle of an answer."""
        with self.stage(timeout=SHORT_S) as opened:
            opened.component.server.say(WireReply(is_silent=True))
            with pytest.raises(LLMTimeoutError) as raised:
                opened.run(_ask(opened.component, ask()))
            assert (raised.value.deadline, raised.value.is_retryable) == ("silence", True)
            self._stall(opened.component)
            with pytest.raises(LLMTimeoutError) as raised:
                opened.run(_ask(opened.component, ask()))
            assert (raised.value.deadline, raised.value.is_retryable) == ("silence", True)

    def _stall(self, stage: Stage, text: str = "First this, and then that.") -> None:
        """Make the server fall silent behind the first text."""
        scripted = self.scripted([TextPart(text)], "stop")

        def answer(request: WireRequest) -> WireReply:
            reply = self.wire.answer(scripted, request)
            if not self.wire.read(request).is_streaming:
                return attrs.evolve(reply, pieces=(reply.pieces[0][:20],), ending="hang")
            first = next(i for i, piece in enumerate(reply.pieces) if b"First" in piece)
            return reply.cut_after(first + 1, "hang")

        stage.server.answer = answer

    # -------------------------------------------------------------------------------- hanging up

    @law(
        "LLMW-020",
        since="0.1",
        why="The provider goes on writing, and charging, until the connection is closed.",
        fix="Hold the reply in an `async with`, and let `CancelledError` through; shield nothing.",
    )
    @pytest.mark.parametrize("moment", ["before the answer", "in the answer", "whole"])
    def test_cancelling_hangs_up_within_a_tenth_of_a_second(self, moment: str) -> None:
        """Cancelling hangs up within a tenth of a second, at every moment of an answer.

        The best of three counts, as other programs may be busy.
        """
        self._check_hang_up(moment, _cancel)

    @law(
        "LLMW-021",
        since="0.1",
        why="Who leaves a stream in the middle closes its generator and is not cancelled.",
        fix="Close the inner generator with `aclosing`, and with it the reply; garbage collection comes too late.",
    )
    def test_closing_hangs_up_within_a_tenth_of_a_second(self) -> None:
        """Closing an answer hangs up within a tenth of a second.

        The best of three counts, as other programs may be busy.
        """
        self._check_hang_up("in the answer", _close)

    def _check_hang_up(self, moment: str, leave: Callable[..., Any]) -> None:
        delays: list[float] = []
        for _ in range(3):
            with self.stage() as opened:
                stage = opened.component
                if moment == "before the answer":
                    stage.server.answer = lambda _: WireReply(is_silent=True)
                else:
                    self._stall(stage)
                request = ask(is_streaming=moment != "whole")
                is_heard = moment == "in the answer"
                left_at = opened.run(leave(stage, request, is_heard=is_heard))
                opened.run(_wait_hung_up(stage))
                delays.append(cast("float", stage.server.hung_up_at) - left_at)
        assert min(delays) <= 0.1, f"hung up after {delays} s"


async def _ask(stage: Stage, request: LLMRequest) -> list[LLMChunk]:
    return [chunk async for chunk in stage.llm.generate(request)]


async def _cancel(stage: Stage, request: LLMRequest, *, is_heard: bool) -> float:
    """Begin to listen, cancel once the server was asked (and, if wanted, heard), and say when."""
    heard = asyncio.Event()
    asked = len(stage.server.requests)

    async def listen() -> None:
        async for chunk in stage.llm.generate(request):
            if isinstance(chunk, TextDelta):
                heard.set()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(listen())
        if is_heard:
            await heard.wait()
        else:
            while len(stage.server.requests) == asked:  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0)
        left_at = asyncio.get_running_loop().time()
        task.cancel()
    assert task.cancelled()
    return left_at


async def _close(stage: Stage, request: LLMRequest, *, is_heard: bool) -> float:
    assert is_heard
    async with aclosing(cast("Any", stage.llm.generate(request))) as chunks:
        async for chunk in chunks:
            if isinstance(chunk, TextDelta):
                break
        return asyncio.get_running_loop().time()


async def _wait_hung_up(stage: Stage) -> None:
    await stage.server.hung_up.wait()


def _response(chunks: Sequence[LLMChunk]) -> LLMResponse:
    last = chunks[-1]
    assert isinstance(last, LLMResponse), f"the last chunk is {last!r}"
    return last
