"""An agent that a reload removed, or hid, is gone from discovery and from every route at once."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from server_calls import params, request, stream_events
from server_stage import serving
from test_runtime import WaitingTool

from hector import Runtime
from hector.message import ToolCall
from hector.spi import Tool
from hector.testing import Reply, ScriptedLLM, scripted_provider

METHODS = (
    "SendMessage",
    "SendStreamingMessage",
    "GetTask",
    "CancelTask",
    "SubscribeToTask",
    "ListTasks",
)


def config(**agents: dict[str, Any]) -> dict[str, Any]:
    return {"llms": {"default": {"provider": "scripted"}}, "agents": agents}


@asynccontextmanager
async def serving_both(
    *replies: Reply, tools: tuple[Tool, ...] = ()
) -> AsyncGenerator[tuple[httpx.AsyncClient, Runtime]]:
    async with (
        Runtime.open(
            config(helper={}, other={"description": "Stays."}),
            env={},
            providers=(scripted_provider(ScriptedLLM(*replies)),),
            direct_tools={"other": tools} if tools else None,
        ) as runtime,
        serving(runtime) as http,
    ):
        yield http, runtime


async def everywhere(http: httpx.AsyncClient, name: str, task: str) -> dict[str, int]:
    """The status of every route that could lead to an agent."""
    found = {
        path: (await http.get(path)).status_code
        for path in (f"/agents/{name}", f"/agents/{name}/.well-known/agent-card.json")
    }
    for method in METHODS:
        arguments = params() if method.startswith("Send") else {"id": task}
        answer = await http.post(
            f"/agents/{name}", json=request(method, arguments), headers={"A2A-Version": "1.0"}
        )
        found[method] = answer.status_code
    return found


@pytest.mark.parametrize("visibility", ["removed", "internal", "private"])
async def test_it_is_gone_from_every_route(visibility: str) -> None:
    """Also for its own tasks from before, and from the lists and the default card."""
    async with serving_both("Done.") as (http, runtime):
        answer = await http.post(
            "/agents/helper",
            json=request("SendMessage", params()),
            headers={"A2A-Version": "1.0"},
        )
        task = answer.json()["result"]["task"]["id"]
        stays = {"other": {"description": "Stays."}}
        hidden = {} if visibility == "removed" else {"helper": {"visibility": visibility}}
        await runtime.reload(config(**hidden, **stays))

        assert set((await everywhere(http, "helper", task)).values()) == {404}
        listed = (await http.get("/agents")).json()
        assert [card["name"] for card in listed["agents"]] == ["other"]
        default = (await http.get("/.well-known/agent-card.json")).json()
        assert default["description"] == "Stays."
        assert "helper" not in (await http.get("/")).text


async def test_a_call_whose_body_comes_after_the_reload_is_refused() -> None:
    """A connection that was opened in time gives no access to what was hidden since."""
    async with serving_both("Done.") as (http, runtime):
        body = json.dumps(request("SendMessage", params())).encode()

        async def slowly() -> AsyncGenerator[bytes]:
            yield body[:20]
            await runtime.reload(
                config(helper={"visibility": "private"}, other={"description": "Stays."})
            )
            yield body[20:]

        answer = await http.post(
            "/agents/helper",
            content=slowly(),
            headers={"A2A-Version": "1.0", "Content-Type": "application/json"},
        )
        assert answer.status_code == 404


async def test_a_stream_that_runs_goes_on_to_its_end() -> None:
    """Nobody new is let in; who is in is answered."""
    tool = WaitingTool()
    replies: list[Reply] = [[ToolCall(id="c1", name="wait")], "It is over."]
    async with (
        serving_both(*replies, tools=(tool,)) as (http, runtime),
        stream_events(http, "SendStreamingMessage", params(), name="other") as events,
    ):
        first = await anext(events)
        await tool.reached.wait()
        with pytest.raises(Exception, match="is injected into agent `other`"):
            await runtime.reload(config(helper={}))
        await runtime.reload(config(helper={}, other={"visibility": "private"}))
        assert (await http.get("/agents/other")).status_code == 404
        tool.opened.set()
        rest = [event async for event in events]

    assert "task" in first
    assert rest[-1]["statusUpdate"]["status"]["state"] == "TASK_STATE_COMPLETED"
