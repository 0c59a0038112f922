"""What a client missed: from the position it names to where its task stands."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import attrs

from hector.message import Event
from hector_server.tasks.artifact import Artifact
from hector_server.tasks.position import Position
from hector_server.tasks.projection import Projection
from hector_server.tasks.subscription import Subscription, Update
from hector_server.tasks.task import Task

__all__ = ["Standing", "missed_updates", "standing_of"]


@attrs.frozen
class Standing:
    """Where a task stands at one moment.

    Attributes:
        position: which recorded events were applied.
        open_artifacts: into which messages are being streamed, as they are now.
    """

    position: Position
    open_artifacts: Sequence[Artifact]


def standing_of(task: Task) -> Standing:
    """A copy: the task goes on."""
    artifacts = [item.opened() for item in task.artifacts.values() if item.has_open_text]
    return Standing(task.position.copy(), artifacts)


def missed_updates(
    task: Task, events: Sequence[Event], *, since: Position, is_torn: bool, until: Standing
) -> Sequence[Update] | None:
    """The task as it was, and what was published since; None if the log has no such place.

    Args:
        task: whose readers.
        events: all that the task has recorded, in order.
        since: what the client has.
        is_torn: whether it has pieces beyond that, which are in no log: what they belong to is published anew.
        until: what readers get that begin now.
    """
    known = [(event.sequence or 0, event) for event in events]
    if not known or since.first != known[0][0] or since.last > until.position.last:
        return None
    earlier = Task(
        id=task.id,
        context_id=task.context_id,
        agent=task.agent,
        user=task.user,
        closes_streams=False,
    )
    projection = Projection(earlier)
    for sequence, event in known:
        if sequence in since:
            projection.apply(event)
    reader: Subscription = earlier.subscribe(sys.maxsize, is_torn=is_torn)
    if is_torn:  # first: what follows may be taken for whole
        for artifact in earlier.artifacts.values():
            if not artifact.is_empty:  # else its first piece says that it begins
                projection.publish_anew(artifact)
    for sequence, event in known:
        if sequence in until.position:
            projection.apply(event)
    for artifact in until.open_artifacts:
        projection.restore_text(artifact)
    return reader.take()
