"""The official SDK's client, over a real socket, gets what A2A 1.0 promises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest
from a2a.client import Client
from a2a.types.a2a_pb2 import (
    CancelTaskRequest,
    DeleteTaskPushNotificationConfigRequest,
    GetExtendedAgentCardRequest,
    GetTaskRequest,
    ListTasksRequest,
    SendMessageConfiguration,
    SubscribeToTaskRequest,
    Task,
    TaskState,
)
from a2a.utils.errors import (
    PushNotificationNotSupportedError,
    TaskNotCancelableError,
    TaskNotFoundError,
    UnsupportedOperationError,
)
from google.protobuf.json_format import MessageToDict
from server_calls import ask, leave, official_client, send, text_of
from server_stage import Agent, Stage, Turn, serving, text_agent

from hector.message import Event, Failure


class Gate:
    """An agent that says a word, waits to be let on, and says another; it knows how it ended."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()
        self.ended_by: list[str] = []
        self.agent = Agent(name="helper", script=self._script)

    async def _script(self, turn: Turn) -> AsyncGenerator[Event, None]:
        try:
            yield turn.delta("before ")
            self.reached.set()
            await self.opened.wait()
            yield turn.delta("after")
            yield turn.says("before after")
        except BaseException as error:
            self.ended_by.append(type(error).__name__)
            raise


async def test_a_message_is_answered_when_the_task_is_done() -> None:
    async with serving(Stage(text_agent("Good ", "day."))) as http:
        client = await official_client(http, is_streaming=False)
        task = await send(client, ask())

    assert task.status.state == TaskState.TASK_STATE_COMPLETED
    assert [part.text for part in task.artifacts[0].parts] == ["Good day."]
    assert [message.parts[0].text for message in task.history] == ["Hello"]
    assert task.context_id
    assert task.id not in ("", task.context_id)
    assert task.history[0].task_id == task.id


async def test_a_stream_brings_the_text_in_pieces_in_order_and_once() -> None:
    async with serving(Stage(text_agent("Good ", "day", "."))) as http:
        client = await official_client(http)
        events = [event async for event in client.send_message(ask())]

    assert events[0].task.status.state == TaskState.TASK_STATE_SUBMITTED
    assert events[1].status_update.status.state == TaskState.TASK_STATE_WORKING
    assert text_of(events) == ["Good ", "day", "."]
    updates = [event.artifact_update for event in events if event.HasField("artifact_update")]
    assert [update.append for update in updates] == [False, True, True, True]
    assert [update.last_chunk for update in updates] == [False, False, False, True]
    assert {update.artifact.artifact_id for update in updates} == {"answer"}
    assert events[-1].status_update.status.state == TaskState.TASK_STATE_COMPLETED
    assert {event.task.context_id or event.status_update.context_id for event in events[:2]} == {
        events[0].task.context_id
    }


async def test_the_stored_task_holds_the_text_once() -> None:
    async with serving(Stage(text_agent("Good ", "day."))) as http:
        client = await official_client(http)
        events = [event async for event in client.send_message(ask())]
        task = await client.get_task(GetTaskRequest(id=events[0].task.id))

    assert [part.text for part in task.artifacts[0].parts] == ["Good day."]


async def test_a_conversation_goes_on_in_its_context() -> None:
    stage = Stage(text_agent("Yes."))
    async with serving(stage) as http:
        client = await official_client(http, is_streaming=False)
        first = await send(client, ask())
        second = await send(client, ask(context_id=first.context_id))

    assert second.context_id == first.context_id
    assert second.id != first.id
    assert stage.users == ["local", "local"]


async def test_returning_immediately_leaves_the_work_running() -> None:
    gate = Gate()
    async with serving(Stage(gate.agent)) as http:
        client = await official_client(http, is_streaming=False)
        now = SendMessageConfiguration(return_immediately=True)
        task = await send(client, ask(configuration=now))
        await gate.reached.wait()
        working = await client.get_task(GetTaskRequest(id=task.id))
        gate.opened.set()
        done = await _settled(await official_client(http), task.id)

    assert task.status.state == TaskState.TASK_STATE_WORKING
    assert working.status.state == TaskState.TASK_STATE_WORKING
    assert working.artifacts[0].parts[0].text == "before "
    assert done.artifacts[0].parts[0].text == "before after"


async def test_a_client_that_goes_away_stops_nothing_and_can_subscribe_again() -> None:
    gate = Gate()
    async with serving(Stage(gate.agent)) as http:
        client = await official_client(http)
        stream = client.send_message(ask())
        first = await anext(stream)
        await gate.reached.wait()
        await leave(stream)
        again = client.subscribe(SubscribeToTaskRequest(id=first.task.id))
        current = await anext(again)
        gate.opened.set()
        rest = [event async for event in again]

    assert current.task.id == first.task.id
    assert current.task.artifacts[0].parts[0].text == "before "
    assert text_of(rest) == ["after"]
    assert rest[-1].status_update.status.state == TaskState.TASK_STATE_COMPLETED
    assert gate.ended_by == []


async def test_all_subscribers_see_the_same_updates() -> None:
    gate = Gate()
    async with serving(Stage(gate.agent)) as http:
        client = await official_client(http)
        sender = client.send_message(ask())
        first = await anext(sender)
        await gate.reached.wait()
        reader = client.subscribe(SubscribeToTaskRequest(id=first.task.id))
        await anext(reader)
        gate.opened.set()
        sent = [MessageToDict(event) async for event in sender]
        read = [MessageToDict(event) async for event in reader]

    assert sent[-len(read) :] == read
    assert len(read) == 3  # the rest of the text, its end, and the end of the task


async def test_cancel_stops_the_work_and_tells_whoever_reads() -> None:
    gate = Gate()
    async with serving(Stage(gate.agent)) as http:
        client = await official_client(http)
        stream = client.send_message(ask())
        first = await anext(stream)
        await gate.reached.wait()
        task = await client.cancel_task(CancelTaskRequest(id=first.task.id))
        rest = [event async for event in stream]

        assert task.status.state == TaskState.TASK_STATE_CANCELED
        assert gate.ended_by == ["CancelledError"]
        assert rest[-1].status_update.status.state == TaskState.TASK_STATE_CANCELED
        with pytest.raises(TaskNotCancelableError):
            await client.cancel_task(CancelTaskRequest(id=first.task.id))


async def test_concurrent_cancels_are_one() -> None:
    gate = Gate()
    async with serving(Stage(gate.agent)) as http:
        client = await official_client(http)
        stream = client.send_message(ask())
        first = await anext(stream)
        await gate.reached.wait()
        cancel = CancelTaskRequest(id=first.task.id)
        tasks = await asyncio.gather(*(client.cancel_task(cancel) for _ in range(3)))

    assert {task.status.state for task in tasks} == {TaskState.TASK_STATE_CANCELED}
    assert gate.ended_by == ["CancelledError"]


async def test_an_ended_task_takes_no_subscriber_no_message_and_no_cancel() -> None:
    async with serving(Stage(text_agent("Done."))) as http:
        client = await official_client(http, is_streaming=False)
        reader = await official_client(http)
        task = await send(client, ask())
        with pytest.raises(UnsupportedOperationError):
            await anext(reader.subscribe(SubscribeToTaskRequest(id=task.id)))
        with pytest.raises(UnsupportedOperationError):
            await send(client, ask(task_id=task.id))
        with pytest.raises(TaskNotCancelableError):
            await client.cancel_task(CancelTaskRequest(id=task.id))


async def test_a_failure_says_why_and_what_to_do() -> None:
    async def script(turn: Turn) -> AsyncGenerator[Event, None]:
        yield turn.delta("Well, ")
        failure = Failure(code="H513", message="too many requests", hint="wait", is_retryable=True)
        yield turn.event("finished", outcome="failed", failure=failure)

    async with serving(Stage(Agent(name="helper", script=script))) as http:
        client = await official_client(http)
        events = [event async for event in client.send_message(ask())]

    last = events[-1].status_update
    assert last.status.state == TaskState.TASK_STATE_FAILED
    assert last.status.message.parts[0].text == "[H513] too many requests\n  hint: wait"
    assert MessageToDict(last.metadata)["hector:failure"] == {
        "code": "H513",
        "message": "too many requests",
        "hint": "wait",
        "isRetryable": True,
    }
    assert text_of(events) == ["Well, "]


async def test_an_agent_that_asks_back_gets_its_answer_in_the_same_task() -> None:
    async def script(turn: Turn) -> AsyncGenerator[Event, None]:
        if turn.message.text == "Delete it":
            yield turn.event("finished", outcome="input_required")
        else:
            yield turn.says(f"You said {turn.message.text}.")

    async with serving(Stage(Agent(name="helper", script=script))) as http:
        client = await official_client(http, is_streaming=False)
        asked = await send(client, ask("Delete it"))
        done = await send(client, ask("yes", task_id=asked.id))

    assert asked.status.state == TaskState.TASK_STATE_INPUT_REQUIRED
    assert done.id == asked.id
    assert done.context_id == asked.context_id
    assert done.status.state == TaskState.TASK_STATE_COMPLETED
    assert done.artifacts[0].parts[0].text == "You said yes."
    assert [message.parts[0].text for message in done.history] == ["Delete it", "yes"]


async def test_the_history_is_as_long_as_asked() -> None:
    async with serving(Stage(text_agent("Done."))) as http:
        client = await official_client(http, is_streaming=False)
        task = await send(client, ask(configuration=SendMessageConfiguration(history_length=0)))
        none = await client.get_task(GetTaskRequest(id=task.id, history_length=0))
        one = await client.get_task(GetTaskRequest(id=task.id, history_length=1))
        everything = await client.get_task(GetTaskRequest(id=task.id))

    assert [len(item.history) for item in (task, none, one, everything)] == [0, 0, 1, 1]


async def test_tasks_are_listed_newest_first_in_pages() -> None:
    async with serving(Stage(text_agent("Done."))) as http:
        client = await official_client(http, is_streaming=False)
        made = [(await send(client, ask())).id for _ in range(5)]
        pages: list[list[str]] = []
        token = ""
        while True:
            page = await client.list_tasks(ListTasksRequest(page_size=2, page_token=token))
            assert page.total_size == 5
            assert page.page_size == 2
            assert not any(task.artifacts for task in page.tasks)
            pages.append([task.id for task in page.tasks])
            token = page.next_page_token
            if not token:
                break

    assert [len(page) for page in pages] == [2, 2, 1]
    assert sorted(task for page in pages for task in page) == sorted(made)
    assert pages[0][0] == made[-1] or pages[0][1] == made[-1]  # two may share a millisecond


async def test_tasks_are_listed_by_context_and_state() -> None:
    async with serving(Stage(text_agent("Done."))) as http:
        client = await official_client(http, is_streaming=False)
        task = await send(client, ask())
        await send(client, ask())
        one = await client.list_tasks(
            ListTasksRequest(context_id=task.context_id, include_artifacts=True)
        )
        none = await client.list_tasks(ListTasksRequest(status=TaskState.TASK_STATE_WORKING))

    assert [item.id for item in one.tasks] == [task.id]
    assert one.tasks[0].artifacts[0].parts[0].text == "Done."
    assert list(none.tasks) == []
    assert none.total_size == 0


async def test_a_task_belongs_to_its_agent() -> None:
    async with serving(Stage(text_agent("A"), text_agent("B", name="other"))) as http:
        helper = await official_client(http, is_streaming=False)
        other = await official_client(http, "other", is_streaming=False)
        task = await send(helper, ask())
        with pytest.raises(TaskNotFoundError):
            await other.get_task(GetTaskRequest(id=task.id))
        listed = await other.list_tasks(ListTasksRequest())

    assert list(listed.tasks) == []


async def test_push_and_the_extended_card_are_refused() -> None:
    async with serving(Stage(text_agent("A"))) as http:
        client = await official_client(http)
        with pytest.raises(PushNotificationNotSupportedError):
            await client.delete_task_push_notification_config(
                DeleteTaskPushNotificationConfigRequest(task_id="t", id="c")
            )
        card = await client.get_extended_agent_card(GetExtendedAgentCardRequest())

    assert card.name == "helper"  # the SDK does not even ask, as the card says there is no other


async def _settled(client: Client, task_id: str) -> Task:
    stream = client.subscribe(SubscribeToTaskRequest(id=task_id))
    try:
        async for _ in stream:
            pass
    except UnsupportedOperationError:  # it had ended before we could subscribe
        pass
    return await client.get_task(GetTaskRequest(id=task_id))
