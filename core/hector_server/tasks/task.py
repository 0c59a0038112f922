"""A task: the A2A face of one or (when the agent asked back) several invocations."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Sequence
from typing import Literal, TypeAlias

from hector.message import Event, JSONObject, JSONValue, Usage
from hector_server.tasks.artifact import Artifact
from hector_server.tasks.position import Position
from hector_server.tasks.subscription import Subscription
from hector_server.wire.json_text import write_json
from hector_server.wire.timestamps import to_timestamp

__all__ = ["SETTLED_STATES", "STATES", "TERMINAL_STATES", "Task", "TaskState"]

TaskState: TypeAlias = Literal[
    "TASK_STATE_SUBMITTED",
    "TASK_STATE_WORKING",
    "TASK_STATE_COMPLETED",
    "TASK_STATE_FAILED",
    "TASK_STATE_CANCELED",
    "TASK_STATE_INPUT_REQUIRED",
]

STATES = frozenset(
    {
        "TASK_STATE_SUBMITTED",
        "TASK_STATE_WORKING",
        "TASK_STATE_COMPLETED",
        "TASK_STATE_FAILED",
        "TASK_STATE_CANCELED",
        "TASK_STATE_INPUT_REQUIRED",
        "TASK_STATE_REJECTED",
        "TASK_STATE_AUTH_REQUIRED",
    }
)
"""All states of A2A 1.0 that a client may ask for."""

TERMINAL_STATES = frozenset({"TASK_STATE_COMPLETED", "TASK_STATE_FAILED", "TASK_STATE_CANCELED"})

SETTLED_STATES = TERMINAL_STATES | {"TASK_STATE_INPUT_REQUIRED"}
"""Where no invocation works on a task: it has ended, or waits for the user."""

OVERHEAD = 1_024


class Task:
    """State, artifacts, history and readers of one task.

    Every change is published to the readers, in order, with the id that the reader may go on from later.

    Attributes:
        id: of the task.
        context_id: of the conversation, which is the session's id.
        agent: who works on it.
        user: whose it is.
        state: see `TaskState`.
        updated_s: when the state was last set, in seconds since the epoch.
        artifacts: by id, in order of creation.
        history: A2A messages, oldest first.
        questions: by branch and call, the recorded events that ask about calls that wait.
        usage: tokens so far, or None.
        position: which recorded events were applied.
        run: the server's own asyncio task that works on it, while it runs.
        is_resumed: whether the runtime works on it, which took it up from its log.
        is_let_go: whether this process gave the work up, for another to go on with.
        waiters: how many requests wait for it.
        rested: set while nothing works on it, or nobody here knows any more.
        begun: set once it has been more than submitted: what began it is recorded, or it has ended.
    """

    def __init__(
        self, *, context_id: str, agent: str, user: str, id: str = "", closes_streams: bool = True
    ) -> None:
        """`closes_streams` ends the readers' streams when the task ends or asks."""
        self.id = id or str(uuid.uuid4())
        self.context_id = context_id
        self.agent = agent
        self.user = user
        self.state: TaskState = "TASK_STATE_SUBMITTED"
        self.updated_s = time.time()
        self.artifacts: dict[str, Artifact] = {}
        self.history: list[JSONObject] = []
        self.questions: dict[tuple[str, str], Event] = {}
        self.usage: Usage | None = None
        self.position = Position()
        self.run: asyncio.Task[None] | None = None
        self.is_resumed = False
        self.is_let_go = False
        self.waiters = 0
        self.rested = asyncio.Event()
        self.begun = asyncio.Event()
        self._closes_streams = closes_streams
        self._status_message: JSONObject | None = None
        self._history_size = 0
        self._subscriptions: set[Subscription] = set()
        self._pieces = 0
        self._batch: list[bytes] | None = None
        self._is_closing = False

    @property
    def is_terminal(self) -> bool:
        """Whether it has ended for good."""
        return self.state in TERMINAL_STATES

    @property
    def is_running(self) -> bool:
        """Whether an invocation in this process works on it."""
        return self.run is not None or self.is_resumed

    @property
    def is_held(self) -> bool:
        """Whether anybody reads it or waits for it."""
        return bool(self._subscriptions or self.waiters)

    @property
    def size(self) -> int:
        """What it weighs, roughly in bytes."""
        artifacts = sum(artifact.size for artifact in self.artifacts.values())
        return OVERHEAD + self._history_size + artifacts

    @property
    def is_congested(self) -> bool:
        """Whether a reader should get a turn before more is published."""
        return any(item.is_congested for item in self._subscriptions)

    @property
    def subscriber_count(self) -> int:
        """How many read along."""
        return len(self._subscriptions)

    def add_message(self, message: JSONObject) -> None:
        """Add what the user said."""
        self.history.append(message)
        self._history_size += len(write_json(message))

    def set_state(
        self,
        state: TaskState,
        *,
        parts: Sequence[JSONValue] = (),
        metadata: JSONObject | None = None,
        at_s: float | None = None,
        message_id: str = "",
    ) -> None:
        """Change the state and publish it; an end or a question also closes the readers' streams.

        Args:
            state: the new one, or the same again to publish `metadata`.
            parts: what the agent has to say to it, such as why it failed.
            metadata: about the update.
            at_s: when, in seconds since the epoch; now if None.
            message_id: of what it has to say.
        """
        self.state = state
        if state != "TASK_STATE_SUBMITTED":
            self.begun.set()
        self.updated_s = time.time() if at_s is None else at_s
        self._status_message = self._agent_message(parts, message_id) if parts else None
        self.publish_status(metadata)
        if state in SETTLED_STATES:
            self.close_subscriptions()
            if not self.is_running:
                self.rested.set()
        else:
            self.rested.clear()

    def let_go(self) -> None:
        """Say that this process works on it no more, although it has not ended: its readers may come again."""
        self.is_let_go = True
        self.close_subscriptions()
        if not self.is_running:
            self.rested.set()

    def rest(self) -> None:
        """Say that the work in this process is over."""
        self.run = None
        self.is_resumed = False
        if self.is_let_go or self.state in SETTLED_STATES:
            self.rested.set()

    def begin_event(self) -> None:
        """What is published from here on belongs to one recorded event."""
        self._batch = []

    def end_event(self, sequence: int) -> None:
        """A reader that gets the last update of the event has it; one that gets fewer has only pieces of it.

        A reader also has only pieces while other branches stream a message.
        """
        updates, self._batch = self._batch or [], None
        for update in updates[:-1]:
            self._put(update)
        self.position.add(sequence)
        self._pieces = any(item.has_open_text for item in self.artifacts.values())
        if updates:
            self._put(updates[-1], is_whole=True)
        if self._is_closing:
            self.close_subscriptions()

    def publish_status(self, metadata: JSONObject | None) -> None:
        """Publish the state as it is, with something about it."""
        if not self._subscriptions:
            return
        update: dict[str, JSONValue] = {**self._ids(), "status": self._status()}
        if metadata:
            update["metadata"] = metadata
        self._publish({"statusUpdate": update})

    def publish_artifact(
        self, artifact: Artifact, parts: list[JSONValue], *, append: bool, is_last: bool = False
    ) -> None:
        """Publish `parts` of an artifact: more of it, or (not `append`) all of it."""
        if not self._subscriptions:
            return
        update: dict[str, JSONValue] = {**self._ids(), "artifact": artifact.to_json(parts)}
        if append:
            update["append"] = True
        if is_last:
            update["lastChunk"] = True
        self._publish({"artifactUpdate": update})

    def subscribe(
        self,
        limit: int,
        *,
        begins_with: TaskState | None = None,
        is_silent: bool = False,
        is_torn: bool = False,
    ) -> Subscription:
        """Read along from now on; the first update is the task as it is.

        Args:
            limit: how far the reader may lag behind.
            begins_with: the state that the first update gives it.
            is_silent: leave the first update out.
            is_torn: the reader has pieces of what was never recorded.
        """
        self._pieces += is_torn
        subscription = Subscription(limit)
        if not is_silent:
            task = self.to_json()
            if begins_with is not None:
                task["status"] = {"state": begins_with, "timestamp": to_timestamp(time.time())}
            subscription.put((self._mark(), write_json({"task": task})))
        self._subscriptions.add(subscription)
        return subscription

    def read(self, subscription: Subscription) -> None:
        """Publish to a reader that was made elsewhere."""
        self._subscriptions.add(subscription)

    def unsubscribe(self, subscription: Subscription) -> None:
        """Stop reading along."""
        self._subscriptions.discard(subscription)

    def close_subscriptions(self) -> None:
        """End the streams of all readers."""
        if not self._closes_streams:
            return
        if self._batch is not None:  # its updates are not out yet
            self._is_closing = True
            return
        self._is_closing = False
        for subscription in self._subscriptions:
            subscription.close()
        self._subscriptions.clear()

    def to_json(
        self, *, history_length: int | None = None, with_artifacts: bool = True
    ) -> dict[str, JSONValue]:
        """The A2A task; `history_length` None gives the whole history, 0 none (section 3.2.4)."""
        task: dict[str, JSONValue] = {
            "id": self.id,
            "contextId": self.context_id,
            "status": self._status(),
        }
        artifacts = [item.to_json() for item in self.artifacts.values() if not item.is_empty]
        if with_artifacts and artifacts:
            task["artifacts"] = artifacts
        history = self.history if history_length is None else self.history[-history_length:]
        if history and history_length != 0:
            task["history"] = history
        task["metadata"] = {"hector:agent": self.agent}
        return task

    def _ids(self) -> dict[str, JSONValue]:
        return {"taskId": self.id, "contextId": self.context_id}

    def _status(self) -> JSONObject:
        status: dict[str, JSONValue] = {
            "state": self.state,
            "timestamp": to_timestamp(self.updated_s),
        }
        if self._status_message is not None:
            status["message"] = self._status_message
        return status

    def _agent_message(self, parts: Sequence[JSONValue], message_id: str) -> JSONObject:
        return {
            "messageId": message_id or str(uuid.uuid4()),
            "contextId": self.context_id,
            "taskId": self.id,
            "role": "ROLE_AGENT",
            "parts": list(parts),
        }

    def _publish(self, update: JSONObject) -> None:
        data = write_json(update)
        if self._batch is not None:
            self._batch.append(data)
        else:
            self._put(data)

    def _put(self, data: bytes, *, is_whole: bool = False) -> None:
        if not is_whole:
            self._pieces += 1
        mark = self._mark()
        for subscription in self._subscriptions:
            subscription.put((mark, data))
        if any(item.is_closed for item in self._subscriptions):
            self._subscriptions = {item for item in self._subscriptions if not item.is_closed}

    def _mark(self) -> bytes:
        """What a reader has that reads up to here; empty before anything was recorded."""
        text = self.position.text
        return b"%b.%d" % (text, self._pieces) if self._pieces and text else text
