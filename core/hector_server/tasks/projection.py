"""From the events of an invocation to the updates of its task."""

from __future__ import annotations

import attrs

from hector.message import Event, Failure, JSONObject, JSONValue, TextPart, Usage
from hector_server.tasks.artifact import Artifact
from hector_server.tasks.compact import compact_event, compact_usage
from hector_server.tasks.task import Task, TaskState
from hector_server.wire.parts import part_to_json

__all__ = ["Projection", "failure_metadata", "failure_text"]

OUTCOMES: dict[str, TaskState] = {
    "completed": "TASK_STATE_COMPLETED",
    "failed": "TASK_STATE_FAILED",
    "canceled": "TASK_STATE_CANCELED",
    "input_required": "TASK_STATE_INPUT_REQUIRED",
}


class Projection:
    """Applies the events of one invocation to its task, in order.

    What agents say to the user streams into artifacts: one for the conversation itself, and one for
    each branch that talks beside it (agents that run in parallel). A message adds to its deltas
    only what these did not bring, so that no text stands twice; when it says something else than
    its deltas did, or the model begins its answer anew, the artifact is published anew. Tool calls,
    tool results, reasoning, transfers and all that agents called as tools do (branches with a
    `call:` segment) are status updates with the event as `hector:event` in the metadata.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._usage: Usage | None = None

    def apply(self, event: Event) -> None:
        """Change the task by one event."""
        match event.kind:
            case "delta":
                self._on_delta(event)
            case "message":
                self._on_message(event)
            case "finished":
                self._on_finished(event)
            case "started":
                self._on_started(event)
            case "tool_intent" | "tool_result" | "approval" | "decision":
                self._tell(event)
            case "state":
                if event.actions and (event.actions.transfer_to or event.actions.escalate):
                    self._tell(event)

    def _on_started(self, event: Event) -> None:
        metadata = None
        if self._task.subscriber_count:
            metadata = _metadata(attrs.evolve(event, parts=()))  # the client knows what it said
        self._task.set_state("TASK_STATE_WORKING", metadata=metadata)

    def _on_delta(self, event: Event) -> None:
        if not _is_answer(event):
            return
        if event.is_restart:
            artifact = self._artifact(event)
            if artifact.open_text:
                self._replace_text(artifact, "", event)
        for part in event.parts:
            if not isinstance(part, TextPart):
                self._tell(event)
            elif part.text:
                self._add_text(self._artifact(event), part.text, event)

    def _on_message(self, event: Event) -> None:
        if event.usage is not None:
            self._usage = event.usage if self._usage is None else self._usage + event.usage
        if event.author == "user":
            return
        if not _is_answer(event):
            self._tell(event)
            return
        text = event.text
        artifact = self._artifact(event)
        streamed = artifact.open_text
        if text.startswith(streamed):
            if text != streamed:
                self._add_text(artifact, text[len(streamed) :], event)
            artifact.end_text()
        else:
            self._replace_text(artifact, text, event)
        for part in event.parts:
            content = None if isinstance(part, TextPart) else part_to_json(part)
            if content is not None:
                is_first = artifact.is_empty
                whole = artifact.add_part(content, {"hector:author": event.author})
                self._task.publish_artifact(artifact, [whole], append=not is_first)

    def _on_finished(self, event: Event) -> None:
        for artifact in self._task.artifacts.values():
            artifact.end_text()
            if not artifact.is_empty:
                self._task.publish_artifact(artifact, [{"text": ""}], append=True, is_last=True)
        metadata: dict[str, JSONValue] = dict(_metadata(event))
        if self._usage is not None:
            metadata["hector:usage"] = compact_usage(self._usage)
        text = event.text
        if event.failure is not None:
            metadata.update(failure_metadata(event.failure))
            text = failure_text(event.failure)
        self._task.set_state(OUTCOMES[event.outcome or "failed"], text=text, metadata=metadata)

    def _tell(self, event: Event) -> None:
        """Publish an event as activity, which is kept nowhere: without readers it is not told."""
        if self._task.subscriber_count:
            self._task.publish_status(_metadata(event))

    def _artifact(self, event: Event) -> Artifact:
        artifact_id = f"answer/{event.branch}" if event.branch else "answer"
        artifact = self._task.artifacts.get(artifact_id)
        if artifact is None:
            artifact = self._task.artifacts[artifact_id] = Artifact(artifact_id, event.author)
        return artifact

    def _add_text(self, artifact: Artifact, text: str, event: Event) -> None:
        is_first = artifact.is_empty
        part = artifact.add_text(text, {"hector:author": event.author})
        self._task.publish_artifact(artifact, [part], append=not is_first)

    def _replace_text(self, artifact: Artifact, text: str, event: Event) -> None:
        artifact.drop_text()
        if text:
            artifact.add_text(text, {"hector:author": event.author})
        artifact.end_text()
        parts = artifact.parts() or [{"text": ""}]
        self._task.publish_artifact(artifact, parts, append=False)


def failure_text(failure: Failure) -> str:
    """What a person should read."""
    text = f"[{failure.code}] {failure.message}"
    return f"{text}\n  hint: {failure.hint}" if failure.hint else text


def failure_metadata(failure: Failure) -> JSONObject:
    """What a program should read."""
    value: dict[str, JSONValue] = {
        "code": failure.code,
        "message": failure.message,
        "isRetryable": failure.is_retryable,
    }
    if failure.hint:
        value["hint"] = failure.hint
    return {"hector:failure": value}


def _metadata(event: Event) -> JSONObject:
    return {"hector:event": compact_event(event)}


def _is_answer(event: Event) -> bool:
    """Whether it is said to the user, not to an agent that called another as a tool."""
    return not any(segment.startswith("call:") for segment in event.branch.split("/"))
