"""What becomes of the connections to a provider when the config changes while it runs."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

from openai_replies import events, text_item
from openai_wire import WireServer

from hector import Runtime

KEY = "sk-test-0123456789abcdef"


def config(wire: WireServer, *, instruction: str = "Be brief.", **llm: Any) -> dict[str, Any]:
    """One agent on a model of the server's."""
    model = {"provider": "openai", "model": "m", "base_url": wire.url, "api_key": KEY}
    return {
        "llms": {"default": {**model, "api": "responses", "max_retries": 0, **llm}},
        "agents": {"root": {"instruction": instruction}},
    }


async def ask(runtime: Runtime, wire: WireServer) -> str | None:
    """How an answer ends."""
    wire.say_events(*events(text_item("Fine.")))
    return [event async for event in runtime.run("root", "hi")][-1].outcome


async def test_a_reload_that_leaves_the_model_alone_keeps_its_connection(wire: WireServer) -> None:
    """The same TCP connection serves before, between and after reloads of the agent."""
    async with Runtime.open(config(wire), env={}) as runtime:
        assert await ask(runtime, wire) == "completed"
        for instruction in ("Be long.", "Be kind."):
            report = await runtime.reload(config(wire, instruction=instruction))
            assert report.rebuilt == ("agents.root",)
            assert await ask(runtime, wire) == "completed"
        assert len(wire.ports) == 3
        assert len(set(wire.ports)) == 1
        assert wire.connected == set(wire.ports)
        assert [body["instructions"] for body in wire.bodies] == [
            "Be brief.",
            "Be long.",
            "Be kind.",
        ]


async def test_a_model_that_changed_connects_anew_and_lets_go_of_the_old_when_nobody_reads(
    wire: WireServer,
) -> None:
    """A stream that is under way ends on its own connection, which closes only then."""
    async with Runtime.open(config(wire), env={}) as runtime:
        wire.say_events(*events(text_item("Fine.")))
        async with aclosing(runtime.run("root", "hi")) as stream:
            async for event in stream:
                if event.kind == "delta":
                    break
            await runtime.reload(config(wire, temperature=0.5))
            assert await ask(runtime, wire) == "completed"
            old, new = wire.ports
            assert old != new
            assert wire.connected == {old, new}
            rest = [event async for event in stream]
        assert rest[-1].outcome == "completed"
        async with asyncio.timeout(10):
            while wire.connected != {new}:
                await asyncio.sleep(0.001)
        assert await ask(runtime, wire) == "completed"
        assert wire.ports[-1] == new
