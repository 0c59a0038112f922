"""Laws of reading replies: every way in which a stream can end, break or surprise."""

from __future__ import annotations

from itertools import pairwise

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hector.errors import LLMError, LLMResponseError
from hector.message import TextPart, ThinkingPart, text_of
from hector.spi import LLMChunk, LLMRequest, LLMResponse, TextDelta, ThinkingDelta
from hector.testing.laws import law, unsupported
from hector.testing.llm_wire_stage import CALLS, TOOLS, Stage, WireStage, ask, joined
from hector.testing.opened import SLOW_IS_FINE, Opened
from hector.testing.profiles import examples
from hector.testing.wire_protocol import WireFault, fault_error
from hector.testing.wire_server import WireEnding, WireReply, WireRequest

__all__ = ["StreamLaws"]


class StreamLaws(WireStage):
    """Inherited by `LLMWireSuite`."""

    def _long_answer(self) -> LLMResponse:
        """Reasoning, text and, where tools are claimed, calls."""
        calls = CALLS if "parallel_tools" in self.claims else CALLS[:1]
        return self.said(TextPart("Let me look: ☃."), *(calls if "tools" in self.claims else ()))

    def _request(self, *, is_streaming: bool = True) -> LLMRequest:
        tools = TOOLS if "tools" in self.claims else ()
        return ask(tools=tools, is_streaming=is_streaming)

    def _pieces(self, opened: Opened[Stage], response: LLMResponse) -> WireReply:
        """The reply as the wire would give it to the request that the adapter makes."""
        replies: list[WireReply] = []

        def answer(request: WireRequest) -> WireReply:
            replies.append(self.wire.answer(response, request))
            return replies[-1]

        opened.component.server.answer = answer
        opened.run(_ask(opened.component, self._request()))
        return replies[-1]

    @law(
        "LLMW-001",
        since="0.1",
        why="What the adapter drops or changes is lost: it is neither in the log nor in the next request.",
        fix="Compare the response with the reply. Arguments of calls are parsed as JSON, the request id and the "
        "rate limits come from the headers (`rate_limit_headers`).",
    )
    @pytest.mark.parametrize("is_streaming", [True, False])
    def test_an_answer_is_what_the_wire_said(self, *, is_streaming: bool) -> None:
        """An answer is what the wire said: text, reasoning, calls, usage, stop reason, model, ids, limits."""
        scripted = self._long_answer()
        with self.stage() as opened:
            server = opened.component.server
            server.answer = lambda request: self.wire.answer(scripted, request)
            chunks = opened.run(_ask(opened.component, self._request(is_streaming=is_streaming)))
        *deltas, response = chunks
        assert isinstance(response, LLMResponse)
        self.check_same(response, scripted)
        assert response.model == scripted.model
        assert response.metadata.request_id == scripted.metadata.request_id
        assert response.metadata.headers == scripted.metadata.headers
        assert response.metadata.attempts == 1
        if is_streaming:
            assert joined(deltas, TextDelta) == text_of(response.parts)
            thoughts = [part.text for part in response.parts if isinstance(part, ThinkingPart)]
            assert joined(deltas, ThinkingDelta) == "".join(thoughts)
        else:
            assert deltas == []

    @law(
        "LLMW-002",
        since="0.1",
        why="An answer that was cut off and looks finished is believed.",
        fix="Map each stop reason of the API to a `FinishReason`, and one that is unknown to `other`.",
    )
    def test_every_stop_reason_is_told(self) -> None:
        """Every stop reason that the wire has is told, and a refusal keeps its words."""
        with self.stage() as opened:
            for reason in sorted(self.wire.finish_reasons - {"tool_calls"}):
                for is_streaming in (True, False):
                    scripted = self.scripted([TextPart("I cannot.")], reason)
                    chunks = self._heard(opened, scripted, is_streaming=is_streaming)
                    self.check_same(_response(chunks), scripted)

    def _heard(
        self, opened: Opened[Stage], scripted: LLMResponse, *, is_streaming: bool = True
    ) -> list[LLMChunk]:
        opened.component.server.answer = lambda request: self.wire.answer(scripted, request)
        request = self._request(is_streaming=is_streaming)
        return opened.run(_ask(opened.component, request))

    @law(
        "LLMW-003",
        since="0.1",
        why="Models do say nothing, mostly after a tool's result; that must not end a conversation.",
        fix="Give an `LLMResponse` without parts when the wire ends properly and nothing was said.",
    )
    def test_an_empty_answer_is_an_answer(self) -> None:
        """An empty answer is an answer, and neither an error nor a wait."""
        with self.stage() as opened:
            for is_streaming in (True, False):
                chunks = self._heard(opened, self.scripted([], "stop"), is_streaming=is_streaming)
                assert text_of(_response(chunks).parts) == ""
                assert _response(chunks).finish_reason == "stop"

    @law(
        "LLMW-004",
        since="0.1",
        why="Buffers that are bounded in silence cut long answers, and only long ones.",
        fix="Read the stream line by line without a bound on a line, and join pieces once at the end.",
    )
    def test_a_huge_answer_is_whole(self) -> None:
        """An answer of two million characters comes whole."""
        scripted = self.said(text="ä ☃ \n" * 400_000)
        with self.stage() as opened:
            chunks = self._heard(opened, scripted)
        assert text_of(_response(chunks).parts) == text_of(scripted.parts)
        assert joined(chunks, TextDelta) == text_of(scripted.parts)

    @law(
        "LLMW-005",
        since="0.1",
        why="Networks and proxies cut; half an answer that passes for a whole one is acted on.",
        fix="End well only on the wire's own last event; when the stream ends before it, raise `LLMResponseError` "
        "or `LLMUnavailableError` with `is_retryable`.",
    )
    @pytest.mark.parametrize("ending", ["cut", "reset"])
    def test_a_reply_cut_anywhere_is_an_error(self, ending: WireEnding) -> None:
        """A reply that is cut off after any event is an error worth another try, and no short answer."""
        with self.stage() as opened:
            reply = self._pieces(opened, self._long_answer())
            for count in range(len(reply.pieces) - self.wire.optional_tail):
                opened.component.server.say(reply.cut_after(count, ending))
                with pytest.raises(LLMError) as raised:
                    opened.run(_ask(opened.component, self._request()))
                assert raised.value.is_retryable, f"cut after {count}: {raised.value!r}"

    @law(
        "LLMW-006",
        since="0.1",
        why="Providers add events without asking; an adapter that stumbles over them breaks on a day nobody chose.",
        fix="Match on the events that you know, and pass over all others.",
    )
    def test_what_nobody_knows_yet_is_ignored(self) -> None:
        """Events that nobody knows yet, and those that keep the line open, are ignored at every place."""
        scripted = self._long_answer()
        with self.stage() as opened:
            reply = self._pieces(opened, scripted)
            strange = [self.wire.unknown_event, self.wire.keep_alive or b""]
            for place in range(len(reply.pieces) - self.wire.optional_tail):
                for event in strange:
                    opened.component.server.say(reply.with_piece(place, event))
                    chunks = opened.run(_ask(opened.component, self._request()))
                    self.check_same(_response(chunks), scripted)

    @law(
        "LLMW-007",
        since="0.1",
        why="To leave out what cannot be read changes what the model said; any other error sends the reader the "
        "wrong way.",
        fix="Catch what the parser or the SDK raises and raise `LLMResponseError` from it.",
    )
    def test_an_event_that_cannot_be_read_is_an_error(self) -> None:
        """An event that cannot be read is an `LLMResponseError`, at every place."""
        with self.stage() as opened:
            reply = self._pieces(opened, self._long_answer())
            for place in range(len(reply.pieces) - self.wire.optional_tail):
                opened.component.server.say(reply.with_piece(place, self.wire.malformed_event))
                with pytest.raises(LLMResponseError):
                    opened.run(_ask(opened.component, self._request()))

    @law(
        "LLMW-008",
        since="0.1",
        why="Providers that are overloaded say so in the middle of a stream; whether to try again hangs on the "
        "class.",
        fix="Look for the wire's error event and give its code and words to `llm_error`.",
    )
    @pytest.mark.parametrize("fault", ["overloaded", "rate_limit", "unavailable"])
    def test_an_error_inside_a_stream_is_raised(self, fault: WireFault) -> None:
        """An error inside a stream is raised as the class that fits, with its words, at every place."""
        event = self.wire.break_off(fault, "It went wrong")
        if event is None:
            unsupported("the wire has no errors inside of a stream")
        with self.stage() as opened:
            reply = self._pieces(opened, self._long_answer())
            for place in range(len(reply.pieces) - self.wire.optional_tail):
                broken = reply.cut_after(place).with_piece(place, event)
                opened.component.server.say(broken)
                with pytest.raises(fault_error(fault)) as raised:
                    opened.run(_ask(opened.component, self._request()))
                assert raised.value.is_retryable
                assert "It went wrong" in raised.value.message

    @law(
        "LLMW-009",
        since="0.1",
        why="Networks do not know where an event ends.",
        fix="Decode bytes with an incremental decoder and split into events after that, or leave it to the SDK.",
    )
    def test_a_stream_may_be_cut_into_packets_anywhere(self) -> None:
        """A stream may come in any packets, cut inside of an event or of a character."""
        scripted = self._long_answer()
        with self.stage() as opened:
            whole = b"".join(self._pieces(opened, scripted).pieces)
            head = self._pieces(opened, scripted)

            @settings(max_examples=examples(20), deadline=None, suppress_health_check=SLOW_IS_FINE)
            @given(st.sets(st.integers(1, len(whole) - 1), max_size=12))
            def law(places: set[int]) -> None:
                bounds = [0, *sorted(places), len(whole)]
                pieces = tuple(whole[start:end] for start, end in pairwise(bounds))
                opened.component.server.say(WireReply(headers=head.headers, pieces=pieces))
                chunks = opened.run(_ask(opened.component, self._request()))
                self.check_same(_response(chunks), scripted)
                assert joined(chunks, TextDelta) == text_of(scripted.parts)

            law()

    @law(
        "LLMW-010",
        since="0.1",
        why="An adapter that reads the whole reply first looks like a stream and waits like none.",
        fix="Yield from inside of the loop that reads events; ask the client to stream the body.",
    )
    def test_deltas_come_while_the_rest_is_still_to_be_written(self) -> None:
        """Deltas come while the rest of the answer is still to be written."""

        async def listen(stage: Stage) -> list[LLMChunk]:
            chunks: list[LLMChunk] = []
            async for chunk in stage.llm.generate(self._request()):
                chunks.append(chunk)
                if isinstance(chunk, TextDelta):
                    stage.server.open_gate()
            return chunks

        scripted = self.scripted([TextPart("First this, and then that.")], "stop")
        with self.stage() as opened:
            reply = self._pieces(opened, scripted)
            first = next(i for i, piece in enumerate(reply.pieces) if b"First" in piece)
            opened.component.server.say(attrs.evolve(reply, gate=first + 1))
            self.check_same(_response(opened.run(listen(opened.component))), scripted)


async def _ask(stage: Stage, request: LLMRequest) -> list[LLMChunk]:
    return [chunk async for chunk in stage.llm.generate(request)]


def _response(chunks: list[LLMChunk]) -> LLMResponse:
    last = chunks[-1]
    assert isinstance(last, LLMResponse), f"the last chunk is {last!r}"
    return last
