"""The methods of A2A 1.0 for one server."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import TypeAlias

import attrs

from hector.message import JSONObject
from hector_server.a2a.listing import list_tasks
from hector_server.a2a.message import MAX_ID, SendParams, read_send_params
from hector_server.host import AgentInfo
from hector_server.options import ServerOptions
from hector_server.tasks import (
    Subscription,
    Task,
    TaskState,
    TaskTable,
    missed_updates,
    parse_position,
    standing_of,
)
from hector_server.wire.errors import (
    BusyError,
    DecisionNotCountedError,
    ExtendedAgentCardNotConfiguredError,
    InvalidParamsError,
    MethodNotFoundError,
    PushNotificationNotSupportedError,
    UnsupportedOperationError,
)
from hector_server.wire.fields import Fields

__all__ = ["Caller", "Methods", "TaskStream"]


@attrs.frozen
class Caller:
    """Who calls whom.

    Attributes:
        agent: who is called.
        user: whose tasks and sessions may be seen. It comes from authentication only, never from a
            message.
    """

    agent: AgentInfo
    user: str


@attrs.frozen
class TaskStream:
    """An answer that goes on until its task settles.

    Attributes:
        task: whose updates are read.
        subscription: where they are read.
        table: where the task is.
    """

    task: Task
    subscription: Subscription
    table: TaskTable

    def close(self) -> None:
        """Read no more."""
        self.task.unsubscribe(self.subscription)
        self.table.release(self.task)


Answer: TypeAlias = JSONObject | TaskStream
Method: TypeAlias = Callable[[Caller, Fields, str], Awaitable[Answer]]
"""Gets the caller, the parameters, and the id of the last event that the client has, possibly empty."""


class Methods:
    """Answers calls from a table of tasks."""

    def __init__(self, tasks: TaskTable, options: ServerOptions) -> None:
        self._tasks = tasks
        self._options = options
        self._methods: Mapping[str, Method] = {
            "SendMessage": self._send,
            "SendStreamingMessage": self._stream,
            "GetTask": self._get,
            "ListTasks": self._list,
            "CancelTask": self._cancel,
            "SubscribeToTask": self._subscribe,
            "CreateTaskPushNotificationConfig": self._refuse_push,
            "GetTaskPushNotificationConfig": self._refuse_push,
            "ListTaskPushNotificationConfigs": self._refuse_push,
            "DeleteTaskPushNotificationConfig": self._refuse_push,
            "GetExtendedAgentCard": self._refuse_extended_card,
        }

    async def call(
        self, method: str, caller: Caller, params: object, *, last_event_id: str = ""
    ) -> Answer:
        """Answer one call.

        Args:
            method: its name.
            caller: who calls whom.
            params: not yet checked.
            last_event_id: of a stream that was cut off, possibly empty.

        Raises:
            A2AError: with what the client should read.
        """
        handler = self._methods.get(method)
        if handler is None:
            raise MethodNotFoundError(
                f"there is no method `{method[:64]}`; A2A 1.0 has {', '.join(self._methods)}"
            )
        return await handler(caller, Fields(params), last_event_id)

    async def _send(self, caller: Caller, params: Fields, _: str) -> JSONObject:
        sent = self._read(caller, params)
        if sent.decisions:
            return await self._decide(caller, sent)
        task = await self._task_for(caller, sent)
        self._tasks.start(task, sent.message)
        if sent.returns_immediately:
            await _until_begun(task)
        else:
            await task.rested.wait()  # the run has a deadline of its own
        return {"task": task.to_json(history_length=sent.history_length)}

    async def _stream(self, caller: Caller, params: Fields, _: str) -> TaskStream:
        sent = self._read(caller, params)
        if sent.decisions:
            return await self._stream_decided(caller, sent)
        task = await self._task_for(caller, sent)
        stream = self._subscribed(task, None)
        try:
            self._tasks.start(task, sent.message)
            await _until_begun(task)
        except BaseException:
            stream.close()
            raise
        return stream

    async def _decide(self, caller: Caller, sent: SendParams) -> JSONObject:
        async with self._deciding(caller, sent) as (task, decide):
            await decide()
            if not sent.returns_immediately:
                with contextlib.suppress(TimeoutError):  # the task goes on
                    async with asyncio.timeout(self._options.task_timeout_s):
                        await task.rested.wait()
            return {"task": task.to_json(history_length=sent.history_length)}

    async def _stream_decided(self, caller: Caller, sent: SendParams) -> TaskStream:
        async with self._deciding(caller, sent) as (task, decide):
            # Before it is decided, so that nothing is missed: the first update shows it as it will be then.
            stream = self._subscribed(task, "TASK_STATE_SUBMITTED")
            try:
                await decide()
            except BaseException:
                stream.close()
                raise
            return stream

    @contextlib.asynccontextmanager
    async def _deciding(
        self, caller: Caller, sent: SendParams
    ) -> AsyncGenerator[tuple[Task, Callable[[], Awaitable[None]]]]:
        """The task that a message decides about, and what records the decisions."""
        agent, user = caller.agent.name, caller.user
        async with self._tasks.holding(sent.task_id, agent=agent, user=user) as task:
            _check_context(task, sent)
            if task.is_terminal:
                raise DecisionNotCountedError(
                    f"the task has ended ({task.state}): nothing waits in it", because="decided"
                )
            kept = self._tasks.kept
            if kept is None:
                raise UnsupportedOperationError(
                    "decisions cannot be taken: the session store of this server keeps no tasks"
                )
            self._tasks.require_capacity()
            yield task, functools.partial(kept.decide, task, sent.decisions)

    async def _get(self, caller: Caller, params: Fields, _: str) -> JSONObject:
        history_length = params.integer("historyLength", minimum=0)
        task = await self._tasks.find(_task_id(params), agent=caller.agent.name, user=caller.user)
        return task.to_json(history_length=history_length)

    async def _list(self, caller: Caller, params: Fields, _: str) -> JSONObject:
        return await list_tasks(self._tasks, params, agent=caller.agent.name, user=caller.user)

    async def _cancel(self, caller: Caller, params: Fields, _: str) -> JSONObject:
        agent, user = caller.agent.name, caller.user
        async with self._tasks.holding(_task_id(params), agent=agent, user=user) as task:
            await self._tasks.cancel(task)
            return task.to_json()

    async def _subscribe(self, caller: Caller, params: Fields, last_event_id: str) -> TaskStream:
        agent, user = caller.agent.name, caller.user
        async with self._tasks.holding(_task_id(params), agent=agent, user=user) as task:
            stream = await self._going_on(task, last_event_id) if last_event_id else None
            if stream is not None:
                return stream
            if task.is_terminal:
                raise UnsupportedOperationError(
                    f"the task has ended ({task.state}): read it with GetTask"
                )
            return self._subscribed(task, None)

    async def _going_on(self, task: Task, last_event_id: str) -> TaskStream | None:
        """A stream from where another was cut off; None if the log has no such place."""
        known, kept = parse_position(last_event_id), self._tasks.kept
        if known is None or kept is None:
            return None
        self._tasks.require_reader(task)
        # What happens from here on is queued while what happened before is read.
        standing = standing_of(task)
        stream = TaskStream(
            task, task.subscribe(self._options.max_queued_updates, is_silent=True), self._tasks
        )
        missed = None
        try:
            events = await kept.events(task)
            position, is_torn = known
            missed = missed_updates(task, events, since=position, is_torn=is_torn, until=standing)
        finally:
            if missed is None:
                stream.close()
        if missed is None or (task.is_terminal and len(missed) < 2):
            stream.close()
            return None
        stream.subscription.put_first(missed)
        if task.is_terminal:
            stream.subscription.close()
        return stream

    def _subscribed(self, task: Task, begins_with: TaskState | None) -> TaskStream:
        self._tasks.require_reader(task)
        limit = self._options.max_queued_updates
        return TaskStream(task, task.subscribe(limit, begins_with=begins_with), self._tasks)

    async def _refuse_push(self, caller: Caller, params: Fields, _: str) -> JSONObject:
        raise PushNotificationNotSupportedError("push notifications are not supported")

    async def _refuse_extended_card(self, caller: Caller, params: Fields, _: str) -> JSONObject:
        raise ExtendedAgentCardNotConfiguredError(
            "there is no extended card: the public one says everything"
        )

    def _read(self, caller: Caller, params: Fields) -> SendParams:
        return read_send_params(params, input_modes=caller.agent.input_modes, user=caller.user)

    async def _task_for(self, caller: Caller, sent: SendParams) -> Task:
        """The task that a message begins or goes on with; it is not running."""
        if not sent.task_id:
            return self._tasks.new_task(
                agent=caller.agent.name,
                user=caller.user,
                context_id=sent.context_id or str(uuid.uuid4()),
                message=sent.record,
            )
        task = await self._tasks.find(sent.task_id, agent=caller.agent.name, user=caller.user)
        _check_going_on(task, sent)
        if self._tasks.kept is not None and task.state == "TASK_STATE_INPUT_REQUIRED":
            raise InvalidParamsError("message.parts", _how_to_decide(task))
        await self._await_question(task)
        self._tasks.require_capacity()
        task.set_state("TASK_STATE_SUBMITTED")
        task.add_message({**sent.record, "taskId": task.id, "contextId": task.context_id})
        return task

    async def _await_question(self, task: Task) -> None:
        """Let the run that asked wind up; refuse while one has not asked yet."""
        if task.state == "TASK_STATE_INPUT_REQUIRED" and task.is_running:
            try:
                async with asyncio.timeout(self._options.cancel_timeout_s):
                    await task.rested.wait()
            except TimeoutError as error:
                raise BusyError("the task is still winding up; try again") from error
        if task.is_running or task.state != "TASK_STATE_INPUT_REQUIRED":
            raise UnsupportedOperationError(
                "the task is being worked on and has not asked for input: wait for it, or cancel it"
            )


BEGIN_TIMEOUT_S = 5.0
"""How long a caller who wants no answer waits for its task to begin; one whose session is busy begins later."""


async def _until_begun(task: Task) -> None:
    """Wait until what the task begins with is recorded: a caller who is told of it earlier may find it gone."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(BEGIN_TIMEOUT_S):
            await task.begun.wait()


def _task_id(params: Fields) -> str:
    return params.text("id", is_required=True, max_length=MAX_ID)


def _check_context(task: Task, sent: SendParams) -> None:
    if sent.context_id and sent.context_id != task.context_id:
        raise InvalidParamsError("message.contextId", "is not the context of this task")


def _check_going_on(task: Task, sent: SendParams) -> None:
    _check_context(task, sent)
    if task.is_terminal:
        raise UnsupportedOperationError(
            f"the task has ended ({task.state}): send it without taskId to begin another"
        )


def _how_to_decide(task: Task) -> str:
    calls = ", ".join(f"`{call_id}`" for _, call_id in task.questions)
    return (
        f"the task waits for decisions about calls ({calls}) and takes no other message: send a data part "
        '{"type": "tool_approval", "callId": …, "callHash": …, "decision": "approve", "deny" or "edit"} '
        "with the values that the status message of the task names"
    )
