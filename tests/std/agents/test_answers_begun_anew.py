"""A model that fails in the middle of its answer and is asked again: what everybody is told."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from hector import Runtime
from hector.cli.answer import AnswerPrinter
from hector.message import Event, TextPart, event_from_json, event_to_json
from hector.spi import (
    AnswerRestart,
    BuildContext,
    LLMChunk,
    LLMRequest,
    LLMResponse,
    Provider,
    TextDelta,
    ThinkingDelta,
)
from hector.testing import ScriptedSettings

CONFIG = {
    "llms": {"default": {"provider": "restarting"}},
    "agents": {"main": {"llm": "default", "streaming": True}},
}


class RestartingLLM:
    """Breaks off after two pieces, and begins anew."""

    model = provider = "restarting"

    async def generate(self, request: LLMRequest) -> AsyncIterator[LLMChunk]:
        yield ThinkingDelta("Hm.")
        yield TextDelta("Half an ")
        yield AnswerRestart(attempt=2, code="H516")
        yield TextDelta("All ")
        yield TextDelta("of it.")
        yield LLMResponse(parts=(TextPart("All of it."),))


def create(_settings: ScriptedSettings, _context: BuildContext) -> RestartingLLM:
    return RestartingLLM()


PROVIDER = Provider(kind="llm", type="restarting", settings=ScriptedSettings, create=create)


async def events() -> list[Event]:
    async with Runtime.open(CONFIG, providers=[PROVIDER]) as runtime:
        return [event async for event in runtime.run("main", "Hello")]


async def test_a_restart_is_a_delta_that_takes_back_the_others() -> None:
    """It has the id of the message, no parts, and is not stored; the message is the whole answer."""
    seen = await events()
    deltas = [event for event in seen if event.kind == "delta"]
    assert [(event.text, event.is_restart) for event in deltas] == [
        ("", False),
        ("Half an ", False),
        ("", True),
        ("All ", False),
        ("of it.", False),
    ]
    [message] = [event for event in seen if event.kind == "message"]
    assert {event.id for event in deltas} == {message.id}
    assert (deltas[2].parts, deltas[2].sequence) == ((), None)
    assert message.text == "All of it."


async def test_a_restart_survives_its_json() -> None:
    restart = next(event for event in await events() if event.is_restart)
    data = event_to_json(restart)
    assert data["is_restart"] is True
    assert event_from_json(json.loads(json.dumps(data))).is_restart


async def test_a_terminal_says_that_the_answer_begins_anew(
    capsys: pytest.CaptureFixture[str],
) -> None:
    printer = AnswerPrinter()
    for event in await events():
        printer.show(event)
    told = capsys.readouterr()
    assert told.out == "Half an \nAll of it.\n"
    assert told.err == "· the model failed, and begins its answer anew\n"
