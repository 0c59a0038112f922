"""The one writer of a session while an invocation runs: every agent of the invocation appends through it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import attrs

from hector.agent.artifact_drafts import SavedArtifact, draft_of
from hector.agent.replay import NOTHING_RECORDED, Replay
from hector.agent.running_calls import RunningCalls
from hector.errors import SessionConflictError, UsageError
from hector.message import Actions, Event, JSONValue
from hector.spi import ArtifactDraft, Progress, Session, SessionKey, Sessions, TaskRecord

if TYPE_CHECKING:
    from hector.checkpoint import TaskTrack  # who runs without checkpoints does without

__all__ = ["SessionLog"]

ATTEMPTS = 16
"""How often an append is tried while other writers are faster."""


class SessionLog:
    """Appends in order, keeps the head, and holds what was read or written for building histories.

    Attributes:
        key: the session.
        sessions: the store.
        events: the session's events, this invocation's included, in order of `sequence`.
        state: the session's state with this invocation's changes, `temp:` keys included.
        track: the row of the task, or None: nobody could go on with it.
        replay: what the invocation had recorded before it was interrupted.
        running_calls: the tool calls under way.
    """

    __slots__ = (
        "_counter",
        "_epoch",
        "_head",
        "_is_head_unsure",
        "_lock",
        "_state",
        "_versions",
        "events",
        "key",
        "replay",
        "running_calls",
        "sessions",
        "track",
    )

    def __init__(
        self,
        sessions: Sessions,
        session: Session,
        *,
        track: TaskTrack | None = None,
        replay: Replay = NOTHING_RECORDED,
    ) -> None:
        self.sessions = sessions
        self._head = session.head
        self._epoch = session.epoch
        self._is_head_unsure = False
        self._lock = asyncio.Lock()
        self._counter = 0
        self._state = session.state
        self._versions = {name: item.version for name, item in session.artifacts.items()}
        self.key: SessionKey = session.key
        self.events: list[Event] = session.events
        self.track = track
        self.replay = replay
        self.running_calls = RunningCalls()

    @property
    def state(self) -> Mapping[str, JSONValue]:
        return self._state

    def next_suffix(self) -> str:
        """Another one at each call, also after the task was taken up again: for ids unique within the invocation."""
        self._counter += 1
        epoch = self.track.record.epoch if self.track is not None else 0
        return f"{epoch}-{self._counter}" if epoch else str(self._counter)

    def say(self, run: str, branch: str, value: JSONValue) -> None:
        """Keep how far a run has come; see `hector.spi.Invocation.progress`."""
        if self.track is not None and self.track.is_checkpointing:
            taken = self.replay.position(branch)
            sequence = self._head if taken is None else taken
            self.track.say(run, Progress(sequence, value))

    def keep(self, temporary: Mapping[str, JSONValue]) -> None:
        """Let `temp:` keys be seen that no event brings: they were written before, and no store has them."""
        self._merge(temporary)

    async def append(self, *events: Event) -> tuple[Event, ...]:
        """Make `events` durable, all or none, after everything appended before.

        What another process appended to the session meanwhile comes before them. Events that are in the log already,
        because an append was cancelled while the store decided, are not appended twice.

        Raises:
            SessionConflictError: another writer took the session, or the task, over.
        """
        return await self._append_locked(events, ())

    async def append_saved(self, event: Event, saved: Collection[SavedArtifact]) -> Event:
        """As `append` of one event, together with artifacts, which become the next versions of theirs.

        Raises:
            SessionConflictError: another writer took the session over, or was faster every time.
            ArtifactTooLargeError, EventTooLargeError: nothing was written.
        """
        (recorded,) = await self._append_locked((event,), saved)
        return recorded

    async def append_unless(
        self, event: Event, is_void: Callable[[Sequence[Event]], bool]
    ) -> Event | None:
        """As `append` of one event, if it still makes sense after all that is in the log by then; None: it does not.

        Args:
            event: to append.
            is_void: whether the events of the log, in order, leave nothing to be said.
        """
        recorded = await self._append_locked((event,), (), is_void)
        return recorded[0] if recorded else None

    async def find(self, id: str) -> Event | None:
        """The event if it is in the log: a cancelled append left that open."""
        async with self._lock:
            if self._is_head_unsure:
                await self._find_head(())
        return next((event for event in reversed(self.events) if event.id == id), None)

    async def checkpoint_before_llm(self) -> None:
        """Take a checkpoint if one is due before a model call.

        Raises:
            SessionConflictError: another writer took the task over.
        """
        track = self.track
        row = track.row_before_llm(head=self._head) if track is not None else None
        if track is None or row is None:
            return
        async with self._lock:
            try:
                await track.tasks.append(self.key, (), head=self._head, epoch=self._epoch, task=row)
            except SessionConflictError as error:
                if error.is_taken_over and not await self._is_still_ours():
                    raise
            else:
                track.wrote(row)

    async def hand_over(self, row: TaskRecord) -> None:
        """Write the row alone, and append nothing more: another worker goes on with the task.

        Raises:
            SessionConflictError: another writer took the task over.
        """
        track = self.track
        if track is None:
            raise UsageError("a log without a task has nothing to hand over")
        async with self._lock:
            if not await track.tasks.update(row, epoch=row.epoch):
                raise SessionConflictError(
                    f"task {row.id} was taken over",
                    head=self._head,
                    epoch=row.epoch,
                    stored_head=self._head,
                    stored_epoch=row.epoch + 1,
                )

    # -------------------------------------------------------------------------------- inside

    async def _append_locked(
        self,
        events: tuple[Event, ...],
        saved: Collection[SavedArtifact],
        is_void: Callable[[Sequence[Event]], bool] | None = None,
    ) -> tuple[Event, ...]:
        async with self._lock:  # parallel agents share the head
            try:
                made, recorded = await self._append(events, saved, is_void)
            except asyncio.CancelledError:
                self._is_head_unsure = True  # the store decided, and nobody heard how
                raise
            if recorded and recorded[0].sequence == self._head + 1:
                self._head += len(recorded)
                self.events.extend(recorded)
                self._apply(made)  # as they were made: the store leaves `temp:` keys out
        return recorded

    async def _append(
        self,
        events: tuple[Event, ...],
        saved: Collection[SavedArtifact],
        is_void: Callable[[Sequence[Event]], bool] | None,
    ) -> tuple[tuple[Event, ...], tuple[Event, ...]]:
        """The events as made and as stored; if they were in the log already, the log has caught up with them."""
        for attempt in range(1, ATTEMPTS + 1):
            if self._is_head_unsure and (found := await self._find_head(events)):
                return found, found
            if is_void is not None and is_void(
                self.events
            ):  # if others wrote since, the store will say so
                return (), ()
            made, drafts = self._versioned(events, saved) if saved else (events, ())
            try:
                return made, tuple(await self._store(made, drafts))
            except SessionConflictError as error:
                if attempt == ATTEMPTS or not await self._may_try_again(error):
                    raise
                self._is_head_unsure = True
        raise AssertionError("unreachable")

    async def _store(
        self, events: tuple[Event, ...], drafts: Sequence[ArtifactDraft]
    ) -> Sequence[Event]:
        key, head, epoch, track = self.key, self._head, self._epoch, self.track
        row = track.row_with(events, head=head + len(events)) if track is not None else None
        if track is None or row is None:
            return await self.sessions.append(key, events, head=head, epoch=epoch, artifacts=drafts)
        stored = await track.tasks.append(
            key, events, head=head, epoch=epoch, artifacts=drafts, task=row
        )
        track.wrote(row)
        return stored

    async def _may_try_again(self, error: SessionConflictError) -> bool:
        if error.is_taken_over:
            return await self._is_still_ours()
        return error.stored_head >= self._head

    async def _is_still_ours(self) -> bool:
        """Whether only the session was claimed, for another task in it, and this one still belongs to this worker.

        The session is read before the row: a claim of this task in between shows in the row, and one after that
        makes the next append fail again.
        """
        if self.track is None:
            return False
        session = await self.sessions.load(self.key, last=0)
        row = await self.track.tasks.get(self.track.record.id)
        if session is None or row is None or row.epoch != self.track.record.epoch:
            return False
        self._epoch = session.epoch
        return True

    async def _find_head(self, events: tuple[Event, ...]) -> tuple[Event, ...]:
        """Catch up with the store; those of `events` that it has already, all or none."""
        session = await self.sessions.load(self.key, after=self._head)
        self._is_head_unsure = False
        if session is None or session.epoch != self._epoch:
            return ()
        self._head = session.head
        self.events.extend(session.events)
        self._apply(session.events)
        ids = {event.id for event in events}
        return tuple(event for event in session.events if event.id in ids)

    def _versioned(
        self, events: tuple[Event, ...], saved: Collection[SavedArtifact]
    ) -> tuple[tuple[Event, ...], Sequence[ArtifactDraft]]:
        """The first event names the artifacts' next versions."""
        versions = {item.name: self._versions.get(item.name, 0) + 1 for item in saved}
        drafts = [draft_of(item, versions[item.name]) for item in saved]
        return (_with_versions(events[0], versions), *events[1:]), drafts

    def _apply(self, events: Iterable[Event]) -> None:
        for event in events:
            if event.actions is not None:
                self._merge(event.actions.state_delta)
                self._versions.update(event.actions.artifact_delta)

    def _merge(self, delta: Mapping[str, JSONValue]) -> None:
        for name, value in delta.items():
            if value is None:
                self._state.pop(name, None)
            else:
                self._state[name] = value


def _with_versions(event: Event, versions: Mapping[str, int]) -> Event:
    actions = event.actions or Actions()
    delta = {**actions.artifact_delta, **versions}
    return attrs.evolve(event, actions=attrs.evolve(actions, artifact_delta=delta))
