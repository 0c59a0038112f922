"""Streams on a real server: cut off, gone on with, over a restart; and what waits costs no memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
from approval_stage import Recorder, app_config, data_json, decision_for, serving_app
from server_calls import call, events_with_ids, params

from hector import Runtime
from hector.message import ToolCall
from hector.testing import ScriptedLLM, scripted_provider
from hector_server import ServerOptions, create_app
from hector_server.tasks import TaskTable

Pair = tuple[str, dict[str, Any]]

CHECKPOINT = {"checkpoint": {"recovery": {"heartbeat": "100ms"}}}
ACT = ToolCall(id="c1", name="act", arguments={})


def kind_of(result: dict[str, Any]) -> str:
    """What an update is about."""
    if "statusUpdate" in result:
        event = result["statusUpdate"].get("metadata", {}).get("hector:event", {})
        return str(event.get("kind", "status"))
    return next(iter(result))


async def read_until(events: AsyncIterator[Pair], kind: str) -> list[Pair]:
    """Up to the first update of a kind."""
    read: list[Pair] = []
    async for pair in events:
        read.append(pair)
        if kind_of(pair[1]) == kind:
            break
    return read


def texts(pairs: list[Pair]) -> list[str]:
    return [
        part["text"]
        for _, result in pairs
        for part in result.get("artifactUpdate", {}).get("artifact", {}).get("parts", [])
        if part["text"]
    ]


async def test_a_client_goes_on_where_its_stream_was_cut_off() -> None:
    tool = Recorder("act", needs_approval=False, waits=True)
    async with serving_app(
        ["Let me ", "see. ", ACT], ["It is ", "done."], tools=[tool], server=CHECKPOINT
    ) as app:
        async with events_with_ids(app.http, "SendStreamingMessage", params()) as events:
            before = await read_until(events, "tool_intent")
        task_id = before[0][1]["task"]["id"]
        last_id = before[-1][0]
        async with events_with_ids(
            app.http, "SubscribeToTask", {"id": task_id}, last_event_id=last_id
        ) as events:
            first = await anext(events)
            tool.opened.set()
            after = [pair async for pair in events]

    assert last_id == "1-3"
    assert first[1]["task"]["artifacts"][0]["parts"][0]["text"] == "Let me see. "
    assert texts(before) == ["Let me ", "see. "]
    assert texts(after) == ["It is ", "done."]
    assert [kind_of(result) for _, result in after if "statusUpdate" in result] == [
        "tool_result",
        "finished",
    ]
    assert after[-1][1]["statusUpdate"]["status"]["state"] == "TASK_STATE_COMPLETED"


async def test_the_end_that_a_client_missed_is_told_when_it_comes_again() -> None:
    async with serving_app(["Good ", "day."], tools=[], server=CHECKPOINT) as app:
        async with events_with_ids(app.http, "SendStreamingMessage", params()) as events:
            whole = [pair async for pair in events]
        task = {"id": whole[0][1]["task"]["id"]}
        cut = next(event_id for event_id, result in whole if "artifactUpdate" in result)
        async with events_with_ids(app.http, "SubscribeToTask", task, last_event_id=cut) as events:
            after = [pair async for pair in events]
        done = await call(app.http, "SubscribeToTask", task)
        async with events_with_ids(
            app.http, "SubscribeToTask", task, last_event_id=whole[-1][0]
        ) as events:
            (nothing,) = [pair async for pair in events]

    assert cut == "1.1"
    assert kind_of(after[0][1]) == "task"
    assert texts(after) == ["Good day."]
    assert not after[1][1]["artifactUpdate"].get("append")
    assert after[-1] == whole[-1]
    assert done["error"]["code"] == -32004
    assert nothing[1]["error"]["code"] == -32004


async def test_an_id_that_is_none_of_this_task_begins_anew() -> None:
    tool = Recorder("act", needs_approval=False, waits=True)
    async with serving_app(["See. ", ACT], "Done.", tools=[tool], server=CHECKPOINT) as app:
        async with events_with_ids(app.http, "SendStreamingMessage", params()) as events:
            before = await read_until(events, "tool_intent")
        task = {"id": before[0][1]["task"]["id"]}
        for last_id in ("nonsense", "77", "2-3", "1-9", "1" * 5_000):
            async with events_with_ids(
                app.http, "SubscribeToTask", task, last_event_id=last_id
            ) as events:
                _, first = await anext(events)
            assert first["task"]["artifacts"][0]["parts"][0]["text"] == "See. "
        tool.opened.set()


async def test_a_server_that_stops_leaves_the_task_to_the_next_one(tmp_path: Path) -> None:
    """Streams end without an end of the task; a client goes on with its last id at the next server."""
    tool, database = (
        Recorder("act", needs_approval=False, waits=True, effect="idempotent"),
        tmp_path / "s.db",
    )
    last_id, task_id = "", ""
    async with serving_app(
        ["See. ", ACT], tools=[tool], database=database, server=CHECKPOINT, shutdown_timeout_s=0
    ) as app:
        async with events_with_ids(app.http, "SendStreamingMessage", params()) as events:
            before = await read_until(events, "tool_intent")
        last_id, task_id = before[-1][0], before[0][1]["task"]["id"]
    assert tool.ended_by == ["CancelledError"]
    tool.reached.clear()
    async with serving_app(
        ["It is ", "done."], tools=[tool], database=database, server=CHECKPOINT
    ) as app:
        await tool.reached.wait()
        running = await call(app.http, "GetTask", {"id": task_id})
        async with events_with_ids(
            app.http, "SubscribeToTask", {"id": task_id}, last_event_id=last_id
        ) as events:
            first = await anext(events)
            tool.opened.set()
            after = [pair async for pair in events]

    assert running["result"]["status"]["state"] == "TASK_STATE_WORKING"
    assert first[1]["task"]["id"] == task_id
    assert texts(after) == ["It is ", "done."]
    assert after[-1][1]["statusUpdate"]["status"]["state"] == "TASK_STATE_COMPLETED"
    assert len(tool.calls) == 2


async def test_the_streams_of_a_stopping_server_end_and_name_no_end_of_the_task(
    tmp_path: Path,
) -> None:
    tool = Recorder("act", needs_approval=False, waits=True)
    pairs: list[Pair] = []
    async with (
        serving_app(
            [ACT], tools=[tool], database=tmp_path / "s.db", server=CHECKPOINT, shutdown_timeout_s=0
        ) as app,
        events_with_ids(app.http, "SendStreamingMessage", params()) as events,
    ):
        pairs += await read_until(events, "tool_intent")
        app.stop.set()
        pairs += [pair async for pair in events]

    states = {
        result["statusUpdate"]["status"]["state"] for _, result in pairs if "statusUpdate" in result
    }
    assert states == {"TASK_STATE_WORKING"}


async def test_tasks_that_wait_are_in_no_memory() -> None:
    tool, count = Recorder(), 30
    calls = [[ToolCall(id=f"c{number}", name="delete", arguments={})] for number in range(count)]
    options = ServerOptions()
    async with Runtime.open(
        app_config(None),
        env={},
        providers=(scripted_provider(ScriptedLLM(*calls, "Gone.")),),
        direct_tools={"helper": (tool,)},
    ) as runtime:
        table = TaskTable(runtime, options)
        app = create_app(runtime, options=options, tasks=table)
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as http,
        ):
            asked = [
                (await call(http, "SendMessage", params()))["result"]["task"] for _ in range(count)
            ]
            assert table.count == 0
            listed = await call(http, "ListTasks", {"status": "TASK_STATE_INPUT_REQUIRED"})
            (_, question) = asked[7]["status"]["message"]["parts"]
            parts = [data_json(decision_for(question["data"]))]
            done = await call(http, "SendMessage", params(taskId=asked[7]["id"], parts=parts))
            assert done["result"]["task"]["status"]["state"] == "TASK_STATE_COMPLETED"
            assert table.count == 1  # what has ended is kept for a while
            for task in asked[:3]:
                await call(http, "GetTask", {"id": task["id"]})
            assert table.count == 1

    assert listed["result"]["totalSize"] == count
    assert [task["id"] for task in listed["result"]["tasks"]] == [
        task["id"] for task in reversed(asked)
    ]
    assert listed["result"]["tasks"][0]["status"] == asked[-1]["status"]


async def test_a_task_that_another_replica_works_on_is_followed_and_canceled(
    tmp_path: Path,
) -> None:
    """The one that works on it learns of it when it records its next step, and records nothing."""
    tool, database = Recorder("act", needs_approval=False, waits=True), tmp_path / "s.db"
    server = {"checkpoint": {"recovery": {"heartbeat": "1h"}}}
    async with (
        serving_app(
            ["See. ", ACT], "Done.", tools=[tool], database=database, server=server
        ) as first,
        serving_app(tools=[tool], database=database, server=server) as second,
        events_with_ids(first.http, "SendStreamingMessage", params()) as there,
    ):
        before = await read_until(there, "tool_intent")
        task = {"id": before[0][1]["task"]["id"]}
        async with events_with_ids(second.http, "SubscribeToTask", task) as here:
            _, current = await anext(here)
            listed = await call(second.http, "ListTasks", {"status": "TASK_STATE_WORKING"})
            canceled = await call(second.http, "CancelTask", task)
            rest = [pair async for pair in here]
        tool.opened.set()
        ended = [pair async for pair in there]
        told = await call(first.http, "GetTask", task)
        events = await second.runtime.tasks.events(task["id"])

    assert current["task"]["status"]["state"] == "TASK_STATE_WORKING"
    assert current["task"]["artifacts"][0]["parts"][0]["text"] == "See. "
    assert [item["id"] for item in listed["result"]["tasks"]] == [task["id"]]
    assert canceled["result"]["status"]["state"] == "TASK_STATE_CANCELED"
    assert rest[-1][1]["statusUpdate"]["status"]["state"] == "TASK_STATE_CANCELED"
    assert all("TASK_STATE_COMPLETED" not in str(result) for _, result in ended)
    assert told["result"]["status"]["state"] == "TASK_STATE_CANCELED"
    assert [event.kind for event in events][-2:] == ["tool_intent", "finished"]


async def test_what_another_replica_records_is_followed(tmp_path: Path) -> None:
    tool, database = Recorder("act", needs_approval=False, waits=True), tmp_path / "s.db"
    options = ServerOptions(follow_interval_s=0.05)
    async with (
        serving_app(
            ["See. ", ACT], "Done.", tools=[tool], database=database, server=CHECKPOINT
        ) as first,
        serving_app(tools=[tool], database=database, server=CHECKPOINT, options=options) as second,
        events_with_ids(first.http, "SendStreamingMessage", params()) as there,
    ):
        before = await read_until(there, "tool_intent")
        task = {"id": before[0][1]["task"]["id"]}
        async with events_with_ids(
            second.http, "SubscribeToTask", task, last_event_id=before[-1][0]
        ) as here:
            await anext(here)
            tool.opened.set()
            rest = [pair async for pair in here]
        ended = [pair async for pair in there]

    kinds = [kind_of(result) for _, result in rest]
    assert kinds == ["tool_result", "artifactUpdate", "artifactUpdate", "finished"]
    assert texts(rest) == ["Done."]
    assert rest[-1] == ended[-1]


async def test_the_tasks_of_a_host_that_has_them_in_no_memory_are_listed_by_time_and_page() -> None:
    """Those in memory and those that are not, of which the waiting ones are none."""
    tool = Recorder()
    calls = [[ToolCall(id="c", name="delete", arguments={})], "Done."] * 4
    async with serving_app(*calls, tools=[tool]) as app:
        made = [(await call(app.http, "SendMessage", params()))["result"]["task"] for _ in calls]
        found: list[str] = []
        token, pages = "", 0
        while token or not pages:
            page = await call(app.http, "ListTasks", {"pageSize": 3, "pageToken": token})
            assert page["result"]["totalSize"] == len(calls)
            found += [task["id"] for task in page["result"]["tasks"]]
            token, pages = page["result"]["nextPageToken"], pages + 1
        context = await call(app.http, "ListTasks", {"contextId": made[2]["contextId"]})

    assert found == [task["id"] for task in reversed(made)]
    assert [task["id"] for task in context["result"]["tasks"]] == [made[2]["id"]]


async def test_a_task_that_a_client_was_told_of_is_recorded() -> None:
    """Whoever has its id finds it again, though the server is killed the moment after."""
    tool = Recorder("act", needs_approval=False, waits=True)
    async with serving_app([ACT], ["It is done."], tools=[tool], server=CHECKPOINT) as app:
        now = {**params(), "configuration": {"returnImmediately": True}}
        task = (await call(app.http, "SendMessage", now))["result"]["task"]
        recorded = [event.kind for event in await app.runtime.tasks.events(task["id"])]
        tool.opened.set()

    assert task["status"]["state"] == "TASK_STATE_WORKING"
    assert recorded[0] == "started"
