"""The shipped laws of a language model, on both wires over a real socket."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal, cast

from openai_replies import (
    CHAT_USAGE,
    REASONING,
    call_item,
    call_piece,
    chunk,
    events,
    reply,
    text_item,
    usage_chunk,
)
from openai_wire import Asked, WireServer

from hector.testing import LLMSuite
from hector_plugin_openai import llm
from hector_plugin_openai.settings import LLMSettings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from hector.spi import LLM, BuildContext

NO_CONTEXT = cast("BuildContext", None)  # `create` does not look at its surroundings
ANSWER = "I am a script."
ARGUMENTS = '{"query": "sessions"}'


def answer_responses(wire: WireServer, asked: Asked) -> None:
    """A call, with a new id, where tools are offered; else text. Both after reasoning."""
    said = text_item(ANSWER)
    if "tools" in asked.body:
        said = call_item(f"call_{len(wire.asked)}", "search", ARGUMENTS)
    if asked.body.get("stream"):
        wire.say_events(*events(REASONING, said))
    else:
        wire.say_json(reply(REASONING, said))


def answer_chat(wire: WireServer, asked: Asked) -> None:
    """The same in Chat Completions, with a call that has no id."""
    piece = call_piece(0, ARGUMENTS, name="search")
    called: dict[str, Any] = {"tool_calls": [piece]}
    reason = "tool_calls" if "tools" in asked.body else "stop"
    if asked.body.get("stream"):
        said = [chunk(content=word) for word in (ANSWER[:5], ANSWER[5:])]
        said = [chunk(**called)] if "tools" in asked.body else said
        wire.say_chunks(chunk(reasoning_content="Hm."), *said, chunk(reason), usage_chunk())
    else:
        said = called if "tools" in asked.body else {"content": ANSWER}
        choice = {"index": 0, "message": said, "finish_reason": reason}
        wire.say_json({"model": "m", "choices": [choice], "usage": CHAT_USAGE})


@asynccontextmanager
async def serving(api: Literal["responses", "chat"]) -> AsyncGenerator[LLM]:
    wire = WireServer()
    answer = answer_responses if api == "responses" else answer_chat
    wire.on_asked = lambda asked: answer(wire, asked)
    async with wire.running():
        settings = LLMSettings(base_url=wire.url, api=api, timeout=10.0)
        async with llm.create(settings, NO_CONTEXT) as model:
            yield model


class TestResponses(LLMSuite):
    def open(self) -> Any:
        return serving("responses")


class TestChat(LLMSuite):
    def open(self) -> Any:
        return serving("chat")
