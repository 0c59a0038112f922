"""A task: the A2A face of one or (when the agent asked back) several invocations."""

from __future__ import annotations

import asyncio
import time
import uuid
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from hector.message import JSONObject, JSONValue
from hector_server.tasks.artifact import Artifact
from hector_server.tasks.subscription import Subscription
from hector_server.wire.json_text import write_json

__all__ = ["SETTLED_STATES", "STATES", "TERMINAL_STATES", "Task", "TaskState", "to_timestamp"]

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

    Every change is published to the readers, in order.

    Attributes:
        id: of the task.
        context_id: of the conversation, which is the session's id.
        agent: who works on it.
        user: whose it is.
        state: see `TaskState`.
        updated_s: when the state was last set, in seconds since the epoch.
        artifacts: by id, in order of creation.
        history: A2A messages, oldest first.
        run: the server's own asyncio task that works on it, while it runs.
        settled: set when a run is over and cleared when the next begins.
    """

    def __init__(self, *, context_id: str, agent: str, user: str) -> None:
        self.id = str(uuid.uuid4())
        self.context_id = context_id
        self.agent = agent
        self.user = user
        self.state: TaskState = "TASK_STATE_SUBMITTED"
        self.updated_s = time.time()
        self.artifacts: dict[str, Artifact] = {}
        self.history: list[JSONObject] = []
        self.run: asyncio.Task[None] | None = None
        self.settled = asyncio.Event()
        self._status_message: JSONObject | None = None
        self._history_size = 0
        self._subscriptions: set[Subscription] = set()

    @property
    def is_terminal(self) -> bool:
        """Whether it has ended for good."""
        return self.state in TERMINAL_STATES

    @property
    def is_running(self) -> bool:
        """Whether an invocation works on it."""
        return self.run is not None

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
        text: str = "",
        metadata: JSONObject | None = None,
    ) -> None:
        """Change the state and publish it; an end or a question also closes the readers' streams.

        Args:
            state: the new one, or the same again to publish `metadata`.
            text: what the agent has to say to it, such as why it failed.
            metadata: about the update.
        """
        self.state = state
        self.updated_s = time.time()
        self._status_message = self._agent_message(text) if text else None
        self.publish_status(metadata)
        if state in SETTLED_STATES:
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

    def subscribe(self, limit: int) -> Subscription:
        """Read along from now on; the first update is the task as it is."""
        subscription = Subscription(limit)
        subscription.put(write_json({"task": self.to_json()}))
        self._subscriptions.add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Stop reading along."""
        self._subscriptions.discard(subscription)

    def close_subscriptions(self) -> None:
        """End the streams of all readers."""
        for subscription in self._subscriptions:
            subscription.close()
        self._subscriptions.clear()

    def to_json(
        self, *, history_length: int | None = None, with_artifacts: bool = True
    ) -> JSONObject:
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

    def _agent_message(self, text: str) -> JSONObject:
        return {
            "messageId": str(uuid.uuid4()),
            "contextId": self.context_id,
            "taskId": self.id,
            "role": "ROLE_AGENT",
            "parts": [{"text": text}],
        }

    def _publish(self, update: JSONObject) -> None:
        data = write_json(update)
        for subscription in self._subscriptions:
            subscription.put(data)
        if any(item.is_closed for item in self._subscriptions):
            self._subscriptions = {item for item in self._subscriptions if not item.is_closed}


def to_timestamp(seconds: float) -> str:
    """ISO 8601 in UTC with milliseconds (A2A 1.0 section 5.6.1)."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
