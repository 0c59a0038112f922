"""Nothing grows without bound, and one client cannot harm another."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest
from server_calls import call, params, request, stream_events
from server_stage import Agent, Script, Stage, Turn, serving, text_agent

from hector.errors import LLMUnavailableError
from hector.message import Event
from hector_server import ServerOptions
from hector_server.http import create_app
from hector_server.tasks import TaskTable
from hector_server.tasks.subscription import Subscription


def _waiting(*, opened: asyncio.Event) -> Agent:
    async def script(turn: Turn) -> AsyncGenerator[Event, None]:
        await opened.wait()
        yield turn.says("Done.")

    return Agent(name="helper", script=script)


IMMEDIATELY = {**params(), "configuration": {"returnImmediately": True}}


async def test_a_client_that_leaves_while_it_sends_breaks_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is not answered, and the log does not speak of a defect of the server."""
    stage, options = Stage(text_agent("A")), ServerOptions()
    app = create_app(stage, bind="127.0.0.1", options=options, tasks=TaskTable(stage, options))
    sent: list[Any] = []
    begun = iter([{"type": "http.request", "body": b"{", "more_body": True}])

    async def receive() -> Any:
        return next(begun, {"type": "http.disconnect"})

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/agents/helper",
        "raw_path": b"/agents/helper",
    }
    scope |= {"query_string": b"", "headers": headers, "root_path": "", "scheme": "http"}
    await app(scope, receive, send)

    assert sent == []
    assert not [record for record in caplog.records if record.levelname in {"WARNING", "ERROR"}]


async def test_running_tasks_are_bounded() -> None:
    opened = asyncio.Event()
    async with serving(Stage(_waiting(opened=opened)), ServerOptions(max_running_tasks=2)) as http:
        for _ in range(2):
            await call(http, "SendMessage", IMMEDIATELY)
        refused = await http.post(
            "/agents/helper",
            json=request("SendMessage", params()),
            headers={"A2A-Version": "1.0"},
        )
        opened.set()

    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["error"]["code"] == -32000
    assert refused.json()["error"]["message"].startswith("2 tasks are running")


async def test_ended_tasks_are_forgotten_oldest_first() -> None:
    async with serving(Stage(text_agent("A")), ServerOptions(max_kept_tasks=2)) as http:
        made = [await _sent(http) for _ in range(3)]
        found = [await call(http, "GetTask", {"id": task}) for task in made]

    assert found[0]["error"]["code"] == -32001
    assert [answer["result"]["id"] for answer in found[1:]] == made[1:]


async def test_ended_tasks_are_forgotten_by_weight() -> None:
    options = ServerOptions(max_kept_bytes=100_000)
    async with serving(Stage(text_agent("x" * 60_000)), options) as http:
        made = [await _sent(http) for _ in range(2)]
        found = [await call(http, "GetTask", {"id": task}) for task in made]

    assert "error" in found[0]
    assert "result" in found[1]


async def test_a_task_that_grows_too_large_fails() -> None:
    closed: list[bool] = []

    async def script(turn: Turn) -> AsyncGenerator[Event, None]:
        try:
            while True:
                yield turn.delta("x" * 1_000)
        finally:
            closed.append(True)

    options = ServerOptions(max_task_bytes=50_000)
    async with serving(Stage(Agent(name="helper", script=script)), options) as http:
        task = (await call(http, "SendMessage", params()))["result"]["task"]

    assert task["status"]["state"] == "TASK_STATE_FAILED"
    text = task["status"]["message"]["parts"][0]["text"]
    assert text == "[H600] the task grew beyond 50000 bytes"
    assert closed == [True]


async def test_a_task_has_a_deadline() -> None:
    options = ServerOptions(task_timeout_s=0.05)
    async with serving(Stage(_waiting(opened=asyncio.Event())), options) as http:
        task = (await call(http, "SendMessage", params()))["result"]["task"]

    assert task["status"]["state"] == "TASK_STATE_FAILED"
    text = task["status"]["message"]["parts"][0]["text"]
    assert text == "[H600] the task did not end within 0.05 s"


async def _raises(turn: Turn) -> AsyncGenerator[Event, None]:
    yield turn.delta("So ")
    raise ValueError("the password is hunter2")


async def _raises_ours(turn: Turn) -> AsyncGenerator[Event, None]:
    yield turn.delta("So ")
    raise LLMUnavailableError("the provider is gone", hint="start it")


@pytest.mark.parametrize(
    ("script", "told"),
    [
        (_raises, "[H600] the server broke; its log says why"),
        (_raises_ours, "[H511] the provider is gone\n  hint: start it"),
    ],
)
async def test_a_run_that_raises_fails_its_task_only(script: Script, told: str) -> None:
    stage = Stage(Agent(name="helper", script=script), text_agent("Fine.", name="other"))
    async with serving(stage) as http:
        failed = (await call(http, "SendMessage", params()))["result"]["task"]
        fine = (await call(http, "SendMessage", params(), name="other"))["result"]["task"]

    assert failed["status"]["state"] == "TASK_STATE_FAILED"
    assert failed["status"]["message"]["parts"][0]["text"] == told
    assert "hunter2" not in json.dumps(failed)
    assert fine["status"]["state"] == "TASK_STATE_COMPLETED"


async def test_a_closing_host_fails_the_task_with_its_own_words() -> None:
    stage = Stage(text_agent("A"))
    async with serving(stage) as http:
        stage.status = "closing"
        task = (await call(http, "SendMessage", params()))["result"]["task"]

    assert task["status"]["state"] == "TASK_STATE_FAILED"
    assert task["status"]["message"]["parts"][0]["text"].startswith("[H306] the runtime is closing")


async def test_a_client_that_does_not_read_is_dropped_and_the_run_goes_on() -> None:
    """A kernel buffer takes some megabytes; what the agent says is more."""

    async def script(turn: Turn) -> AsyncGenerator[Event, None]:
        for _ in range(3_000):
            yield turn.event("tool_intent")
            yield turn.delta("x" * 4_000)

    options = ServerOptions(max_queued_updates=64, max_task_bytes=20_000_000)
    async with (
        serving(Stage(Agent(name="helper", script=script)), options) as http,
        stream_events(http, "SendStreamingMessage", params()) as events,
    ):
        first = await anext(events)
        task = await _ended(http, first["task"]["id"])
        with pytest.raises(KeyError, match="result"):  # the last event is an error
            async for _ in events:
                pass

    assert task["status"]["state"] == "TASK_STATE_COMPLETED"
    assert len(task["artifacts"][0]["parts"][0]["text"]) == 3_000 * 4_000


async def test_an_agent_that_never_waits_starves_no_reader() -> None:
    async def script(turn: Turn) -> AsyncGenerator[Event, None]:
        for number in range(5_000):
            yield turn.delta(f"{number} ")

    options = ServerOptions(max_queued_updates=256)
    async with (
        serving(Stage(Agent(name="helper", script=script)), options) as http,
        stream_events(http, "SendStreamingMessage", params()) as events,
    ):
        updates = [event async for event in events]

    text = "".join(
        part["text"]
        for update in updates
        if "artifactUpdate" in update
        for part in update["artifactUpdate"]["artifact"]["parts"]
    )
    assert text == "".join(f"{number} " for number in range(5_000))


async def test_a_silent_stream_is_kept_alive_with_comments() -> None:
    opened = asyncio.Event()
    options = ServerOptions(keep_alive_s=0.02)
    async with (
        serving(Stage(_waiting(opened=opened)), options) as http,
        http.stream(
            "POST",
            "/agents/helper",
            json=request("SendStreamingMessage", params()),
            headers={"A2A-Version": "1.0"},
        ) as response,
    ):
        lines: list[str] = []
        async for line in response.aiter_lines():
            lines.append(line)
            if lines.count(": alive") == 2:
                opened.set()

    assert lines.count(": alive") >= 2
    assert "TASK_STATE_COMPLETED" in lines[-2]


async def test_subscribers_of_a_task_are_bounded() -> None:
    opened = asyncio.Event()
    options = ServerOptions(max_subscribers=1)
    async with (
        serving(Stage(_waiting(opened=opened)), options) as http,
        stream_events(http, "SendStreamingMessage", params()) as events,
    ):
        task_id = (await anext(events))["task"]["id"]
        refused = await http.post(
            "/agents/helper",
            json=request("SubscribeToTask", {"id": task_id}),
            headers={"A2A-Version": "1.0"},
        )
        opened.set()

    assert refused.status_code == 503
    assert refused.json()["error"]["message"] == "1 clients read this task already"


async def test_a_lagging_subscription_is_dropped_at_its_limit() -> None:
    subscription = Subscription(2)
    for item in (b"a", b"b"):
        subscription.put((b"", item))
    assert not subscription.was_dropped
    subscription.put((b"", b"c"))

    assert subscription.was_dropped
    assert await subscription.read(0) is None


async def test_a_cancel_that_is_not_heeded_says_so() -> None:
    reached, opened = asyncio.Event(), asyncio.Event()

    async def script(turn: Turn) -> AsyncGenerator[Event, None]:
        reached.set()
        while not opened.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await opened.wait()
        yield turn.says("Still here.")

    options = ServerOptions(cancel_timeout_s=0.02)
    async with serving(Stage(Agent(name="helper", script=script)), options) as http:
        made = await call(http, "SendMessage", IMMEDIATELY)
        await reached.wait()
        answer = await call(http, "CancelTask", {"id": made["result"]["task"]["id"]})
        opened.set()

    assert answer["error"]["code"] == -32004
    assert answer["error"]["message"] == "the work was told to stop and has not within 0.02 s"


async def _sent(http: httpx.AsyncClient) -> str:
    task_id: str = (await call(http, "SendMessage", params()))["result"]["task"]["id"]
    return task_id


async def _ended(http: httpx.AsyncClient, task_id: str) -> dict[str, Any]:
    while True:
        task: dict[str, Any] = (await call(http, "GetTask", {"id": task_id}))["result"]
        if task["status"]["state"] not in ("TASK_STATE_SUBMITTED", "TASK_STATE_WORKING"):
            return task
