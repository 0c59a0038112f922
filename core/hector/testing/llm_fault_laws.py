"""Laws of what goes wrong before and around a reply: refusals, retries, secrets."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import attrs
import pytest

from hector.errors import LLMError, LLMRateLimitError
from hector.message import TextPart, text_of
from hector.spi import AnswerRestart, LLMChunk, LLMRequest, LLMResponse, RetrySettings, TextDelta
from hector.testing.laws import law
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

    @law(
        "LLMW-011",
        since="0.1",
        why="Retries, routers and people decide by the class; the request id is what a provider's support asks for.",
        fix="Give status, words, headers and request id to `llm_error` of `hector.spi`, and turn the SDK's own "
        "retries off.",
    )
    @pytest.mark.parametrize("fault", FAULTS)
    def test_a_refusal_becomes_the_fitting_error(self, fault: WireFault) -> None:
        """A refusal becomes the error that fits, with provider, model, status and request id.

        It is retryable if it may pass, and the server was asked once.
        """
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

    @law(
        "LLMW-012",
        since="0.1",
        why="To come back too early is refused again, and with some providers counts against the limit.",
        fix="Read it with `retry_after_s` of `hector.spi`.",
    )
    @pytest.mark.parametrize(("header", "value", "seconds"), RETRY_AFTER)
    def test_the_wait_that_is_asked_for_is_read(
        self, header: str, value: Callable[[], str], seconds: float
    ) -> None:
        """The wait that a provider asks for is read, in each form of its headers."""
        with self.stage() as opened:
            opened.component.server.say(
                self.wire.refuse("rate_limit", "Slow down", {header: value()})
            )
            with pytest.raises(LLMRateLimitError) as raised:
                opened.run(_ask(opened.component, ask()))
        assert raised.value.retry_after_s == pytest.approx(seconds, abs=5 if seconds > 50 else 0)

    @law(
        "LLMW-013",
        since="0.1",
        why="Most failures of a busy provider last a second; a retry that asks something else defeats caches and "
        "idempotency.",
        fix="Build the request once, and make the attempts through `ProviderCalls` of `hector.spi`.",
    )
    @pytest.mark.parametrize("fault", PASSING)
    def test_what_may_pass_is_tried_again(self, fault: WireFault) -> None:
        """What may pass is tried again with the same bytes, and the response says how often."""
        with self.stage(max_retries=2) as opened:
            server = opened.component.server
            server.say(*[self.wire.refuse(fault, "Not now", {"retry-after-ms": "1"})] * 2)
            response = _response(opened.run(_ask(opened.component, ask())))
            bodies = {request.body for request in server.requests}
            assert (len(server.requests), len(bodies)) == (3, 1)
        assert response.metadata.attempts == 3

    @law(
        "LLMW-014",
        since="0.1",
        why="A wrong key that is tried ten times locks accounts and keeps users waiting for what cannot work.",
        fix="Leave it to `ProviderCalls`, give it the `retry` settings, and mark errors by class, not by guess.",
    )
    def test_what_stays_wrong_is_not_tried_again(self) -> None:
        """What stays wrong is not tried again, nor anything more often or after longer waits than allowed."""
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

    @law(
        "LLMW-015",
        since="0.1",
        why="Else the reader has half an answer and then a whole one behind it.",
        fix="Let the attempt raise the error, and leave the restart to `ProviderCalls`.",
    )
    def test_an_answer_that_breaks_off_begins_anew(self) -> None:
        """An answer that breaks off begins anew: an `AnswerRestart` says so, then all of it comes."""
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

    @law(
        "LLMW-016",
        since="0.1",
        why="Some readers cannot take back what they have shown, such as a voice.",
        fix="Give the setting to `ProviderCalls`.",
    )
    def test_an_answer_that_breaks_off_is_an_error_where_it_may_not_begin_anew(self) -> None:
        """With `restart_streams: false` an answer that breaks off is an error, and nothing is asked twice."""
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

    # -------------------------------------------------------------------------------- secrets

    @law(
        "LLMW-022",
        since="0.1",
        why="Providers repeat keys in their messages, and logs go to places where keys must not be.",
        fix="Pass what a provider says through `Redaction` of `hector.spi`, raise `from None` where the cause holds "
        "it, and keep keys as `Secret`.",
    )
    def test_no_secret_shows(self) -> None:
        """No secret shows in errors, causes, tracebacks, the log or spans, whatever a provider repeats."""
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


def _response(chunks: Sequence[LLMChunk]) -> LLMResponse:
    last = chunks[-1]
    assert isinstance(last, LLMResponse), f"the last chunk is {last!r}"
    return last
