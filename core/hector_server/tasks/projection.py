"""From the events of an invocation to the updates of its task."""

from __future__ import annotations

import attrs

from hector.message import Event, Failure, JSONObject, JSONValue, TextPart, ToolCall, ToolResult
from hector_server.tasks.artifact import Artifact
from hector_server.tasks.compact import compact_event, compact_usage
from hector_server.tasks.questions import decision_json, question_parts
from hector_server.tasks.task import Task, TaskState
from hector_server.wire.parts import part_to_json

__all__ = ["Projection", "failure_metadata", "failure_parts"]

OUTCOMES: dict[str, TaskState] = {
    "completed": "TASK_STATE_COMPLETED",
    "failed": "TASK_STATE_FAILED",
    "canceled": "TASK_STATE_CANCELED",
    "input_required": "TASK_STATE_INPUT_REQUIRED",
}


class Projection:
    """Applies the events of one invocation to its task, as they happen or from the log.

    What agents say to the user streams into artifacts: one for the conversation itself, and one for
    each branch that talks beside it (agents that run in parallel). A message adds to its deltas
    only what these did not bring, so that no text stands twice; when it says something else than
    its deltas did, the model begins its answer anew, or another message takes the place of one that
    never came whole, the artifact is published anew. Tool calls, tool results, questions and
    decisions about them, reasoning, transfers and all that agents called as tools do (branches with
    a `call:` segment) are status updates with the event as `hector:event` in the metadata. A
    recorded event that was applied before changes nothing.
    """

    def __init__(self, task: Task) -> None:
        self._task = task

    def apply(self, event: Event) -> None:
        """Change the task by one event."""
        task, sequence = self._task, event.sequence
        if sequence is None:
            self._apply(event)
        elif sequence not in task.position:
            task.begin_event()
            try:
                self._apply(event)
            finally:
                task.end_event(sequence)

    def _apply(self, event: Event) -> None:
        if self._task.state == "TASK_STATE_INPUT_REQUIRED" and event.kind != "finished":
            self._task.set_state("TASK_STATE_WORKING", at_s=event.timestamp)
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
                self._on_call(event)
            case "state":
                if event.actions and (event.actions.transfer_to or event.actions.escalate):
                    self._tell(event)

    def _on_started(self, event: Event) -> None:
        metadata = None
        if self._task.subscriber_count:
            metadata = _metadata(attrs.evolve(event, parts=()))  # the client knows what it said
        if not self._task.history:  # it was loaded
            parts = [part_to_json(part) for part in event.parts]
            self._remember(event, [part for part in parts if part is not None])
        self._task.set_state("TASK_STATE_WORKING", metadata=metadata, at_s=event.timestamp)

    def _on_call(self, event: Event) -> None:
        questions = self._task.questions
        if event.kind == "approval":
            for part in event.parts:
                if isinstance(part, ToolCall):
                    questions[event.branch, part.id] = event
        elif event.decision is not None:
            questions.pop((event.branch, event.decision.call_id), None)
            data: JSONObject = {
                "data": decision_json(event.decision),
                "mediaType": "application/json",
            }
            self._remember(event, [data])
        else:
            for part in event.parts:
                if isinstance(part, ToolCall):
                    questions.pop((event.branch, part.id), None)
                elif isinstance(part, ToolResult):
                    questions.pop((event.branch, part.call_id), None)
        self._tell(event)

    def _remember(self, event: Event, parts: list[JSONObject]) -> None:
        """Add to the history what the user said."""
        task = self._task
        message: dict[str, JSONValue] = {
            "messageId": event.id,
            "role": "ROLE_USER",
            "parts": [*parts],
            "taskId": task.id,
            "contextId": task.context_id,
        }
        task.add_message(message)

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
            usage = self._task.usage
            self._task.usage = event.usage if usage is None else usage + event.usage
        if event.author == "user":
            return
        if not _is_answer(event):
            self._tell(event)
            return
        self._say(self._artifact(event), event.text, event)
        for part in event.parts:
            content = None if isinstance(part, TextPart) else part_to_json(part)
            if content is not None:
                self._add_part(self._artifact(event), content, event)

    def _say(self, artifact: Artifact, text: str, event: Event) -> None:
        """What a whole message says, of which pieces may have been streamed."""
        streamed = artifact.open_text
        if streamed and artifact.open_id != event.id:  # of a message that never came whole
            self._replace_text(artifact, text, event)
        elif text.startswith(streamed):
            if text != streamed:
                self._add_text(artifact, text[len(streamed) :], event)
            artifact.end_text()
        else:
            self._replace_text(artifact, text, event)

    def _add_part(self, artifact: Artifact, content: JSONObject, event: Event) -> None:
        is_first = artifact.is_empty
        whole = artifact.add_part(content, {"hector:author": event.author})
        self._publish(artifact, [whole], is_first=is_first)

    def _on_finished(self, event: Event) -> None:
        task = self._task
        if event.outcome == "interrupted":
            task.let_go()
            return
        is_waiting = event.outcome == "input_required"
        for artifact in task.artifacts.values():
            artifact.end_text()
            if not (artifact.is_empty or is_waiting):
                self._publish(artifact, [{"text": ""}], is_first=False, is_last=True)
        metadata: dict[str, JSONValue] = dict(_metadata(event))
        if task.usage is not None:
            metadata["hector:usage"] = compact_usage(task.usage)
        parts: list[JSONValue] = [{"text": event.text}] if event.text else []
        if event.failure is not None:
            metadata.update(failure_metadata(event.failure))
            parts = failure_parts(event.failure)
        if is_waiting:
            parts += question_parts(task.questions.values())
        task.set_state(
            OUTCOMES[event.outcome or "failed"],
            parts=parts,
            metadata=metadata,
            at_s=event.timestamp,
            message_id=event.id,
        )

    def restore_text(self, artifact: Artifact) -> None:
        """Take over the message that is being streamed into an artifact, as one piece."""
        own = self._task.artifacts.setdefault(artifact.id, Artifact(artifact.id, artifact.name))
        own.open_id = artifact.open_id
        is_first = own.is_empty
        part = own.add_text(artifact.open_text, {"hector:author": artifact.author})
        self._publish(own, [part], is_first=is_first)

    def publish_anew(self, artifact: Artifact) -> None:
        """Publish all of an artifact, of which a reader may have pieces that are no more."""
        artifact.is_torn = True
        self._publish(artifact, [], is_first=False)

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
        if artifact.open_id != event.id:
            if artifact.has_open_text:  # of a message that never came whole
                artifact.drop_text()
                artifact.is_torn = True
            artifact.open_id = event.id
        is_first = artifact.is_empty and not artifact.is_torn
        part = artifact.add_text(text, {"hector:author": event.author})
        self._publish(artifact, [part], is_first=is_first)

    def _replace_text(self, artifact: Artifact, text: str, event: Event) -> None:
        artifact.drop_text()
        if text:
            artifact.add_text(text, {"hector:author": event.author})
        artifact.end_text()
        self.publish_anew(artifact)

    def _publish(
        self, artifact: Artifact, parts: list[JSONValue], *, is_first: bool, is_last: bool = False
    ) -> None:
        """Publish `parts`, or everything if a reader may have what is no more."""
        if artifact.is_torn:
            artifact.is_torn = False
            parts, is_first = artifact.parts() or [{"text": ""}], True
        self._task.publish_artifact(artifact, parts, append=not is_first, is_last=is_last)


def failure_parts(failure: Failure) -> list[JSONValue]:
    """What a person should read, as the parts of a message."""
    text = f"[{failure.code}] {failure.message}"
    return [{"text": f"{text}\n  hint: {failure.hint}" if failure.hint else text}]


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
