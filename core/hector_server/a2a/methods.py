"""The methods of A2A 1.0 for one server."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

import attrs

from hector.message import JSONObject
from hector_server.a2a.listing import list_tasks
from hector_server.a2a.message import MAX_ID, SendParams, read_send_params
from hector_server.host import AgentInfo
from hector_server.options import ServerOptions
from hector_server.tasks import Subscription, Task, TaskTable
from hector_server.wire.errors import (
    BusyError,
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
        subscription: where they are read; give it back to the task at the end.
    """

    task: Task
    subscription: Subscription


Answer: TypeAlias = JSONObject | TaskStream
Method: TypeAlias = Callable[[Caller, Fields], Awaitable[Answer]]


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

    async def call(self, method: str, caller: Caller, params: object) -> Answer:
        """Answer one call.

        Raises:
            A2AError: with what the client should read.
        """
        handler = self._methods.get(method)
        if handler is None:
            raise MethodNotFoundError(
                f"there is no method `{method[:64]}`; A2A 1.0 has {', '.join(self._methods)}"
            )
        return await handler(caller, Fields(params))

    async def _send(self, caller: Caller, params: Fields) -> JSONObject:
        sent = read_send_params(params, input_modes=caller.agent.input_modes)
        task = await self._task_for(caller, sent)
        self._tasks.start(task, sent.message)
        if not sent.returns_immediately:
            await task.settled.wait()  # the run has a deadline of its own
        return {"task": task.to_json(history_length=sent.history_length)}

    async def _stream(self, caller: Caller, params: Fields) -> TaskStream:
        sent = read_send_params(params, input_modes=caller.agent.input_modes)
        task = await self._task_for(caller, sent)
        subscription = self._tasks.subscribe(task)
        try:
            self._tasks.start(task, sent.message)
        except BusyError:
            task.unsubscribe(subscription)
            raise
        return TaskStream(task, subscription)

    async def _get(self, caller: Caller, params: Fields) -> JSONObject:
        history_length = params.integer("historyLength", minimum=0)
        return self._find(caller, params).to_json(history_length=history_length)

    async def _list(self, caller: Caller, params: Fields) -> JSONObject:
        return list_tasks(self._tasks.of(agent=caller.agent.name, user=caller.user), params)

    async def _cancel(self, caller: Caller, params: Fields) -> JSONObject:
        task = self._find(caller, params)
        await self._tasks.cancel(task)
        return task.to_json()

    async def _subscribe(self, caller: Caller, params: Fields) -> TaskStream:
        task = self._find(caller, params)
        if task.is_terminal:
            raise UnsupportedOperationError(
                f"the task has ended ({task.state}): read it with GetTask"
            )
        return TaskStream(task, self._tasks.subscribe(task))

    async def _refuse_push(self, caller: Caller, params: Fields) -> JSONObject:
        raise PushNotificationNotSupportedError("push notifications are not supported")

    async def _refuse_extended_card(self, caller: Caller, params: Fields) -> JSONObject:
        raise ExtendedAgentCardNotConfiguredError(
            "there is no extended card: the public one says everything"
        )

    def _find(self, caller: Caller, params: Fields) -> Task:
        task_id = params.text("id", is_required=True, max_length=MAX_ID)
        return self._tasks.get(task_id, agent=caller.agent.name, user=caller.user)

    async def _task_for(self, caller: Caller, sent: SendParams) -> Task:
        """The task that a message begins or goes on with; it is not running."""
        if not sent.task_id:
            return self._tasks.new_task(
                agent=caller.agent.name,
                user=caller.user,
                context_id=sent.context_id or str(uuid.uuid4()),
                message=sent.record,
            )
        task = self._tasks.get(sent.task_id, agent=caller.agent.name, user=caller.user)
        if sent.context_id and sent.context_id != task.context_id:
            raise InvalidParamsError("message.contextId", "is not the context of this task")
        if task.is_terminal:
            raise UnsupportedOperationError(
                f"the task has ended ({task.state}): send it without taskId to begin another"
            )
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
                    await task.settled.wait()
            except TimeoutError as error:
                raise BusyError("the task is still winding up; try again") from error
        if task.is_running or task.state != "TASK_STATE_INPUT_REQUIRED":
            raise UnsupportedOperationError(
                "the task is being worked on and has not asked for input: wait for it, or cancel it"
            )
