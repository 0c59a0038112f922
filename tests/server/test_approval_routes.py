"""Approvals and cancellations over plain HTTP."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from a2a.types.a2a_pb2 import SubscribeToTaskRequest, TaskState
from approval_stage import App, Recorder, serving_app
from server_calls import ask, call, events_with_ids, official_client, params, send, text_of

from hector.message import ToolCall
from hector.testing import Reply

JSON = {"Content-Type": "application/json"}


def delete(path: str, id: str = "c1") -> ToolCall:
    return ToolCall(id=id, name="delete", arguments={"path": path})


async def approvals(app: App, **query: str) -> dict[str, Any]:
    answer = await app.http.get("/v1/approvals", params=query)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    page: dict[str, Any] = answer.json()
    return page


async def decide(app: App, item: dict[str, Any], decision: str, **more: Any) -> httpx.Response:
    path = f"/v1/tasks/{item['taskId']}/approvals/{item['callId']}"
    return await app.http.post(
        path, json={"decision": decision, "callHash": item["callHash"], **more}
    )


async def test_a_call_is_listed_and_approved_and_the_stream_of_its_task_goes_on() -> None:
    tool = Recorder()
    async with serving_app([delete("/tmp/x", "a/b c")], "Gone.", tools=[tool]) as app:
        asked = await send(await official_client(app.http, is_streaming=False), ask())
        reader = await official_client(app.http)
        stream = reader.subscribe(SubscribeToTaskRequest(id=asked.id))
        await anext(stream)
        (item,) = (await approvals(app))["approvals"]
        answer = await decide(app, {**item, "callId": "a%2Fb%20c"}, "approve")
        rest = [event async for event in stream]
        empty = await approvals(app)

    assert {name: item[name] for name in ("taskId", "contextId", "taskAgent", "agent", "tool")} == {
        "taskId": asked.id,
        "contextId": asked.context_id,
        "taskAgent": "helper",
        "agent": "helper",
        "tool": "delete",
    }
    assert item["prompt"] == "Delete /tmp/x?"
    assert answer.status_code == 200
    assert answer.json()["taskId"] == asked.id
    assert answer.json()["state"] in ("TASK_STATE_WORKING", "TASK_STATE_COMPLETED")
    assert text_of(rest) == ["Gone."]
    assert rest[-1].status_update.status.state == TaskState.TASK_STATE_COMPLETED
    assert tool.calls == [{"path": "/tmp/x"}]
    assert empty == {"approvals": [], "nextPageToken": ""}


async def settled(app: App, task_id: str) -> dict[str, Any]:
    """The task when it is over."""
    async with events_with_ids(app.http, "SubscribeToTask", {"id": task_id}) as events:
        async for _ in events:
            pass
    answer = await call(app.http, "GetTask", {"id": task_id})
    task: dict[str, Any] = answer["result"]
    return task


@pytest.mark.parametrize(
    ("decision", "more", "calls"),
    [("deny", {"reason": "no"}, []), ("edit", {"arguments": {"path": "/y"}}, [{"path": "/y"}])],
)
async def test_a_call_is_denied_and_edited(
    decision: str, more: dict[str, Any], calls: list[dict[str, Any]]
) -> None:
    tool = Recorder()
    async with serving_app([delete("/tmp/x")], "Done.", tools=[tool]) as app:
        await call(app.http, "SendMessage", params())
        (item,) = (await approvals(app))["approvals"]
        answer = await decide(app, item, decision, **more)
        task = await settled(app, item["taskId"])

    assert answer.status_code == 200
    assert task["status"]["state"] == "TASK_STATE_COMPLETED"
    assert tool.calls == calls


async def test_the_listing_has_pages_and_filters() -> None:
    tool = Recorder()
    script: list[Reply] = [[delete(f"/{number}")] for number in range(5)]
    async with serving_app(*script, tools=[tool]) as app:
        tasks = [(await call(app.http, "SendMessage", params()))["result"]["task"] for _ in script]
        paths: list[str] = []
        token, pages = "", 0
        while token or not pages:
            page = await approvals(app, pageSize="2", pageToken=token)
            paths += [item["arguments"]["path"] for item in page["approvals"]]
            token, pages = page["nextPageToken"], pages + 1
        by_task = await approvals(app, taskId=tasks[3]["id"])
        by_context = await approvals(app, contextId=tasks[4]["contextId"])
        nobody = await approvals(app, contextId="another")

    assert sorted(paths) == ["/0", "/1", "/2", "/3", "/4"]
    assert pages == 3
    assert [item["arguments"]["path"] for item in by_task["approvals"]] == ["/3"]
    assert [item["arguments"]["path"] for item in by_context["approvals"]] == ["/4"]
    assert nobody["approvals"] == []


async def test_what_does_not_count_is_told_by_the_status() -> None:
    tool = Recorder()
    async with serving_app([delete("/tmp/x")], "Done.", tools=[tool]) as app:
        task = (await call(app.http, "SendMessage", params()))["result"]["task"]
        (item,) = (await approvals(app))["approvals"]
        changed = await decide(app, {**item, "callHash": "0" * 64}, "approve")
        unknown = await decide(app, {**item, "callId": "c9"}, "approve")
        nowhere = await decide(app, {**item, "taskId": "none"}, "approve")
        odd = await decide(app, item, "approve", because="yes")
        other = await decide(app, item, "deny", callId="c2")
        empty = await app.http.post(f"/v1/tasks/{task['id']}/approvals/c1", headers=JSON)
        typed = await app.http.post(f"/v1/tasks/{task['id']}/approvals/c1", content=b"{}")
        broken = await app.http.post(
            f"/v1/tasks/{task['id']}/approvals/c1", content=b"{", headers=JSON
        )
        assert (await decide(app, item, "deny")).status_code == 200
        await settled(app, task["id"])
        late = await decide(app, item, "approve")
        size = await app.http.get("/v1/approvals?pageSize=1000")
        query = await app.http.get("/v1/approvals?task=1")

    assert changed.status_code == 409
    assert changed.json() == {
        "error": {
            "code": 409,
            "status": "FAILED_PRECONDITION",
            "message": f"task `{task['id']}` would run call `c1` otherwise than it was shown",
            "details": [{"reason": "DECISION_NOT_COUNTED", "metadata": {"because": "changed"}}],
        }
    }
    assert [unknown.status_code, nowhere.status_code, late.status_code] == [404, 404, 409]
    assert [odd.status_code, other.status_code, empty.status_code] == [400, 400, 400]
    assert [typed.status_code, broken.status_code] == [415, 400]
    assert [size.status_code, query.status_code] == [400, 400]
    assert query.json()["error"]["message"] == (
        "task: is no parameter of this request; there is taskId, contextId, pageSize, pageToken"
    )
    assert tool.calls == []


async def test_arguments_that_do_not_fit_the_tool_are_refused_and_the_call_waits_on() -> None:
    """With what does not fit, and where; others are taken."""
    tool = Recorder(parameters={"properties": {"path": {"type": "string"}}, "required": ["path"]})
    async with serving_app([delete("/tmp/x")], "Done.", tools=[tool]) as app:
        task = (await call(app.http, "SendMessage", params()))["result"]["task"]
        (item,) = (await approvals(app))["approvals"]
        refused = await decide(app, item, "edit", arguments={"path": 5})
        assert (await approvals(app))["approvals"] == [item]
        taken = await decide(app, item, "edit", arguments={"path": "/tmp/y"})
        assert taken.status_code == 200
        await settled(app, task["id"])

    assert refused.status_code == 422
    assert refused.json()["error"]["message"] == (
        f"task `{task['id']}` got arguments for call `c1` that do not fit its tool: "
        "`path`: expected string, got the integer 5"
    )
    (detail,) = refused.json()["error"]["details"]
    assert detail["metadata"] == {"because": "arguments"}
    assert tool.calls == [{"path": "/tmp/y"}]


async def test_a_task_that_waits_or_runs_is_canceled() -> None:
    tool = Recorder(needs_approval=False, waits=True)
    asking = Recorder("ask")
    script: list[Reply] = [[ToolCall(id="c1", name="ask")], [delete("/x")]]
    async with serving_app(*script, tools=[tool, asking]) as app:
        waiting = (await call(app.http, "SendMessage", params()))["result"]["task"]
        answer = await app.http.post(f"/v1/tasks/{waiting['id']}/cancel", headers=JSON)
        again = await app.http.post(f"/v1/tasks/{waiting['id']}/cancel", headers=JSON)
        async with events_with_ids(app.http, "SendStreamingMessage", params()) as events:
            _, first = await anext(events)
            await tool.reached.wait()
            running = await app.http.post(f"/v1/tasks/{first['task']['id']}/cancel", json={})
            *_, (_, last) = [pair async for pair in events]

    assert answer.json()["state"] == "TASK_STATE_CANCELED"
    assert again.status_code == 409
    assert running.json()["state"] == "TASK_STATE_CANCELED"
    assert last["statusUpdate"]["status"]["state"] == "TASK_STATE_CANCELED"
    assert tool.ended_by == ["CancelledError"]


async def test_one_call_of_a_running_task_is_canceled_and_the_agent_goes_on() -> None:
    """Also where no checkpoints are taken, so that the task has no row."""
    tool = Recorder(needs_approval=False, waits=True)
    async with (
        serving_app([delete("/x")], "I give up.", tools=[tool]) as app,
        events_with_ids(app.http, "SendStreamingMessage", params()) as events,
    ):
        _, first = await anext(events)
        await tool.reached.wait()
        path = f"/v1/tasks/{first['task']['id']}/calls"
        none = await app.http.post(f"{path}/c7/cancel", headers=JSON)
        answer = await app.http.post(f"{path}/c1/cancel", headers=JSON)
        *_, (_, last) = [pair async for pair in events]

    assert none.status_code == 409
    assert answer.json()["state"] == "TASK_STATE_WORKING"
    assert last["statusUpdate"]["status"]["state"] == "TASK_STATE_COMPLETED"
    assert tool.ended_by == ["CancelledError"]
    assert "The call was canceled." in str(app.llm.requests[-1].messages[-1])


async def test_the_routes_are_behind_the_check_of_the_host_header() -> None:
    async with serving_app(tools=[]) as app:
        answer = await app.http.get("/v1/approvals", headers={"Host": "evil.example"})

    assert answer.status_code == 421
