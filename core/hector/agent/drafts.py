"""What a tool call or an agent has changed and no event has recorded yet."""

from __future__ import annotations

import asyncio

import attrs

from hector.agent.artifact_drafts import ArtifactDrafts, SavedArtifact
from hector.agent.log import SessionLog
from hector.agent.state_draft import StateDraft
from hector.message import Actions, Event, JSONValue
from hector.spi.session_state import TEMPORARY_PREFIX

__all__ = ["Drafts"]


@attrs.frozen
class _Doubt:
    """Changes whose append was cancelled; whether it happened is in the log."""

    event_id: str
    delta: dict[str, JSONValue]
    saved: dict[str, SavedArtifact]


class Drafts:
    """State and artifacts that go with the next event.

    Attributes:
        state: see `hector.spi.ToolContext`.
        artifacts: see `hector.spi.Artifacts`.
    """

    __slots__ = ("_doubt", "_log", "artifacts", "state")

    def __init__(self, log: SessionLog) -> None:
        self._log = log
        self._doubt: _Doubt | None = None
        self.state = StateDraft(log.state)
        self.artifacts = ArtifactDrafts(log.sessions, log.key)

    @property
    def has_changes(self) -> bool:
        """Whether anything waits for an event."""
        return self._doubt is not None or self.state.has_changes or self.artifacts.has_changes

    async def record(self, event: Event) -> Event:
        """Append an event together with the changes.

        What the event itself says about a key of the state wins over what was written before. If it cannot be
        appended, the changes wait for the next one; if it is cancelled, only if they turn out not to be in the log.

        Raises:
            SessionError: as `Sessions.append`.
        """
        found = await self._settle_doubt()
        if found is not None and found.id == event.id:
            return found
        delta, saved = self.state.take(), self.artifacts.take()
        is_stored = False
        try:
            recorded = await self._log.append_saved(_with_delta(event, delta), saved.values())
            is_stored = True
        except asyncio.CancelledError:
            self._doubt = _Doubt(event.id, delta, saved)
            raise
        finally:
            if self._doubt is None:
                self._settle(delta, saved, is_stored=is_stored)
        return recorded

    async def _settle_doubt(self) -> Event | None:
        """The event of a cancelled append, if it was stored."""
        doubt = self._doubt
        if doubt is None:
            return None
        found = await self._log.find(doubt.event_id)
        self._doubt, is_stored = None, found is not None
        temporary = {key: it for key, it in doubt.delta.items() if key.startswith(TEMPORARY_PREFIX)}
        if is_stored:  # but no store keeps these, so that the log has not told of them
            self.state.settle(temporary, is_stored=False)
        self._settle(doubt.delta, doubt.saved, is_stored=is_stored)
        return found

    def _settle(
        self, delta: dict[str, JSONValue], saved: dict[str, SavedArtifact], *, is_stored: bool
    ) -> None:
        self.state.settle(delta, is_stored=is_stored)
        if not is_stored:
            self.artifacts.give_back(saved)

    def drop(self) -> None:
        """Forget the changes: what made them failed."""
        self._doubt = None
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
