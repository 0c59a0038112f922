"""Laws of what goes wrong before and around a reply: refusals, retries, deadlines, hanging up, secrets."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable, Generator, Sequence
from contextlib import aclosing, contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, cast

import attrs
import pytest

from hector.errors import LLMError, LLMRateLimitError, LLMTimeoutError
from hector.message import TextPart, text_of
from hector.spi import AnswerRestart, LLMChunk, LLMRequest, LLMResponse, RetrySettings, TextDelta
from hector.testing.llm_wire_stage import Stage, WireStage, ask, joined
from hector.testing.wire_protocol import WireFault, fault_error
from hector.testing.wire_server import WireReply, WireRequest

__all__ = ["FaultLaws"]

FAULTS: Sequence[WireFault] = (
    "authentication",
    "rate_limit",
    "overloaded",
    "context_overflow",
    "content_blocked",
    "invalid_request",
    "unavailable",
)
PASSING: Sequence[WireFault] = ("rate_limit", "overloaded", "unavailable")
SHORT_S = 0.05
"""A deadline that a silent server misses."""


def _date_header() -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)


RETRY_AFTER: Sequence[tuple[str, Callable[[], str], float]] = (
    ("retry-after", lambda: "7", 7.0),
    ("retry-after", lambda: "1.5", 1.5),
    ("retry-after", _date_header, 100.0),
    ("retry-after-ms", lambda: "250", 0.25),
    ("x-ms-retry-after-ms", lambda: "750", 0.75),
)


class FaultLaws(WireStage):
    """Inherited by `LLMWireSuite`."""

    @pytest.mark.parametrize("fault", FAULTS)
    def test_a_refusal_becomes_the_fitting_error(self, fault: WireFault) -> None:
        """With provider, model, status and request id; retryable if it may pass. The server was asked once."""
        for is_streaming in (True, False):
            headers = {"x-request-id": "req_7", "request-id": "req_7"}
            reply = self.wire.refuse(fault, "Something is wrong", headers)
            with self.stage() as opened:
                opened.component.server.say(reply)
                with pytest.raises(LLMError) as raised:
                    opened.run(_ask(opened.component, ask(is_streaming=is_streaming)))
                asked, model = len(opened.component.server.requests), opened.component.llm.model
            error = raised.value
            assert type(error) is fault_error(fault)
            assert (error.provider, error.model) == (self.provider.type, model)
            assert error.status == reply.status
            assert error.request_id == "req_7"
            assert error.is_retryable == (fault in PASSING)
            assert "Something is wrong" in error.message
            assert asked == 1

    @pytest.mark.parametrize(("header", "value", "seconds"), RETRY_AFTER)
    def test_the_wait_that_is_asked_for_is_read(
        self, header: str, value: Callable[[], str], seconds: float
    ) -> None:
        """In each of its forms."""
        with self.stage() as opened:
            opened.component.server.say(
                self.wire.refuse("rate_limit", "Slow down", {header: value()})
            )
            with pytest.raises(LLMRateLimitError) as raised:
                opened.run(_ask(opened.component, ask()))
        assert raised.value.retry_after_s == pytest.approx(seconds, abs=5 if seconds > 50 else 0)

    @pytest.mark.parametrize("fault", PASSING)
    def test_what_may_pass_is_tried_again(self, fault: WireFault) -> None:
        """The answer says how often, and the second request is the first to the byte."""
        with self.stage(max_retries=2) as opened:
            server = opened.component.server
            server.say(*[self.wire.refuse(fault, "Not now", {"retry-after-ms": "1"})] * 2)
            response = _response(opened.run(_ask(opened.component, ask())))
            bodies = {request.body for request in server.requests}
            assert (len(server.requests), len(bodies)) == (3, 1)
        assert response.metadata.attempts == 3

    def test_what_stays_wrong_is_not_tried_again(self) -> None:
        """Nor is anything tried more often than allowed, or when the wait would be too long."""
        with self.stage(max_retries=1, retry=RetrySettings(max_retry_after=5.0)) as opened:
            server = opened.component.server
            for fault in ("authentication", "context_overflow", "content_blocked"):
                server.say(self.wire.refuse(fault, "No", {}))
                with pytest.raises(fault_error(fault)):
                    opened.run(_ask(opened.component, ask()))
            server.say(self.wire.refuse("rate_limit", "Later", {"retry-after": "3600"}))
            with pytest.raises(LLMRateLimitError):
                opened.run(_ask(opened.component, ask()))
            server.say(*[self.wire.refuse("rate_limit", "No", {"retry-after-ms": "1"})] * 2)
            with pytest.raises(LLMRateLimitError):
                opened.run(_ask(opened.component, ask()))
            assert len(server.requests) == 3 + 1 + 2

    def test_an_answer_that_breaks_off_begins_anew(self) -> None:
        """The consumer is told, and what it then hears is the whole answer."""
        scripted = self.scripted([TextPart("First this, and then that.")], "stop")
        with self.stage(max_retries=1) as opened:
            broken = self._broken_after_text(opened.component, scripted, opened.run)
            opened.component.server.say(broken)
            chunks = opened.run(_ask(opened.component, ask()))
        restarts = [chunk for chunk in chunks if isinstance(chunk, AnswerRestart)]
        assert [restart.attempt for restart in restarts] == [2]
        place = chunks.index(restarts[0])
        assert any(isinstance(chunk, TextDelta) for chunk in chunks[:place])
        assert joined(chunks, TextDelta) == text_of(_response(chunks).parts)
        self.check_same(_response(chunks), scripted)

    def test_an_answer_that_breaks_off_is_an_error_where_it_may_not_begin_anew(self) -> None:
        """With `restart_streams: false` nothing is asked twice once a delta was seen."""
        scripted = self.scripted([TextPart("First this, and then that.")], "stop")
        with self.stage(max_retries=2, restart_streams=False) as opened:
            broken = self._broken_after_text(opened.component, scripted, opened.run)
            before = len(opened.component.server.requests)
            opened.component.server.say(broken)
            with pytest.raises(LLMError):
                opened.run(_ask(opened.component, ask()))
            assert len(opened.component.server.requests) == before + 1

    def _broken_after_text(
        self, stage: Stage, scripted: LLMResponse, run: Callable[..., Any]
    ) -> WireReply:
        """A reply that is dropped just behind the first text; answers with `scripted` from then on."""
        replies: list[WireReply] = []

        def answer(request: WireRequest) -> WireReply:
            replies.append(self.wire.answer(scripted, request))
            return replies[-1]

        stage.server.answer = answer
        run(_ask(stage, ask()))
        pieces = replies[-1].pieces
        first = next(i for i, piece in enumerate(pieces) if b"First" in piece)
        return replies[-1].cut_after(first + 1)

    # -------------------------------------------------------------------------------- deadlines

    def test_the_first_piece_has_a_deadline_of_its_own(self) -> None:
        """It passes while nothing comes, counts for each attempt, and the next attempt may succeed."""
        with self.stage(first_token_timeout=SHORT_S) as opened:
            opened.component.server.say(WireReply(is_silent=True))
            with pytest.raises(LLMTimeoutError) as raised:
                opened.run(_ask(opened.component, ask()))
            assert (raised.value.deadline, raised.value.is_retryable) == ("first_token", True)
        with self.stage(first_token_timeout=SHORT_S * 4, max_retries=1) as opened:
            opened.component.server.say(WireReply(is_silent=True))
            response = _response(opened.run(_ask(opened.component, ask())))
            assert response.metadata.attempts == 2

    @pytest.mark.parametrize("is_streaming", [True, False])
    def test_the_whole_answer_has_a_deadline(self, *, is_streaming: bool) -> None:
        """It passes also while pieces come, and retries do not extend it."""
        with self.stage(response_timeout=SHORT_S * 4, max_retries=5) as opened:
            self._stall(opened.component)
            with pytest.raises(LLMTimeoutError) as raised:
                opened.run(_ask(opened.component, ask(is_streaming=is_streaming)))
            assert raised.value.deadline == "response"
            assert len(opened.component.server.requests) == 1

    def test_silence_has_a_deadline(self) -> None:
        """`timeout`, before the first byte and in the middle of an answer."""
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

    @pytest.mark.parametrize("moment", ["before the answer", "in the answer", "whole"])
    def test_cancelling_hangs_up_within_a_tenth_of_a_second(self, moment: str) -> None:
        """The best of three, as other programs may be busy."""
        self._check_hang_up(moment, _cancel)

    def test_closing_hangs_up_within_a_tenth_of_a_second(self) -> None:
        """As cancelling does."""
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

    # -------------------------------------------------------------------------------- secrets

    def test_no_secret_shows(self) -> None:
        """Whatever a provider repeats: not in errors, their causes, tracebacks, the log or what goes to spans."""
        with _captured_log() as log, self.stage(max_retries=1) as opened:
            stage = opened.component
            shown = [repr(stage.llm), str(stage.llm)]
            told = f"You sent {self.secret}, which is bad"
            headers = {"x-ratelimit-note": "none", "retry-after-ms": "1"}
            for fault in FAULTS:
                stage.server.say(*[self.wire.refuse(fault, told, headers)] * 2)
                with pytest.raises(LLMError) as raised:
                    opened.run(_ask(stage, ask()))
                shown += _shown(raised.value)
                stage.server.drop_script()
            event = self.wire.break_off("unavailable", told)
            if event is not None:
                scripted = self.scripted([TextPart("First this, and then that.")], "stop")
                broken = self._broken_after_text(stage, scripted, opened.run)
                stage.server.say(
                    *[attrs.evolve(broken, pieces=(*broken.pieces, event), ending="done")] * 2
                )
                with pytest.raises(LLMError) as raised:
                    opened.run(_ask(stage, ask()))
                shown += _shown(raised.value)
            response = _response(opened.run(_ask(stage, ask())))
            shown += [repr(response.metadata), *log]
            sent = [value for it in stage.server.requests for value in it.headers.values()]
        assert any(self.secret in value for value in sent), "the key was not even sent"
        assert [text for text in shown if self.secret in text] == []


def _shown(error: LLMError) -> list[str]:
    printed = "".join(traceback.format_exception(error))
    return [str(error), repr(error), str(vars(error)), printed]


@contextmanager
def _captured_log() -> Generator[list[str]]:
    """Everything that any logger says, at any level."""
    lines: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    root, handler = logging.getLogger(), Handler(logging.NOTSET)
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


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
