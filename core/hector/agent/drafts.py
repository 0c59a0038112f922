"""What a tool call or an agent has changed and no event has recorded yet."""

from __future__ import annotations

import attrs

from hector.agent.artifact_drafts import ArtifactDrafts
from hector.agent.log import SessionLog
from hector.agent.state_draft import StateDraft
from hector.message import Actions, Event, JSONValue

__all__ = ["Drafts"]


class Drafts:
    """State and artifacts that go with the next event.

    Attributes:
        state: see `hector.spi.ToolContext`.
        artifacts: see `hector.spi.Artifacts`.
    """

    __slots__ = ("_log", "artifacts", "state")

    def __init__(self, log: SessionLog) -> None:
        self._log = log
        self.state = StateDraft(log.state)
        self.artifacts = ArtifactDrafts(log.sessions, log.key)

    @property
    def has_changes(self) -> bool:
        """Whether anything waits for an event."""
        return self.state.has_changes or self.artifacts.has_changes

    async def record(self, event: Event) -> Event:
        """Append an event together with the changes.

        What the event itself says about a key of the state wins over what was written before. If it cannot be
        appended, the changes wait for the next one.

        Raises:
            SessionError: as `Sessions.append`.
        """
        delta, saved = self.state.take(), self.artifacts.take()
        is_stored = False
        try:
            recorded = await self._log.append_saved(_with_delta(event, delta), saved.values())
            is_stored = True
        finally:
            self.state.settle(delta, is_stored=is_stored)
            if not is_stored:
                self.artifacts.give_back(saved)
        return recorded

    def drop(self) -> None:
        """Forget the changes: what made them failed."""
        self.state.drop()
        self.artifacts.drop()

    def close(self) -> None:
        """Refuse changes from now on."""
        self.state.close()
        self.artifacts.close()


def _with_delta(event: Event, delta: dict[str, JSONValue]) -> Event:
    if not delta:
        return event
    actions = event.actions or Actions()
    return attrs.evolve(
        event, actions=attrs.evolve(actions, state_delta={**delta, **actions.state_delta})
    )
