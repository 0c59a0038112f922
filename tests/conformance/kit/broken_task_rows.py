"""Stores of tasks with one fault each in what is written, or in who may write it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
from task_stores import Rows

from hector.errors import SessionConflictError, SessionError
from hector.message import Event
from hector.spi import Checkpoint, SessionKey, TaskRecord
from hector.spi.task_codec import dump_checkpoint

__all__ = ["BROKEN_ROWS"]


# ------------------------------------------------------------------------------ appends


class KeepsTheCheckpoint(Rows):
    """Leaves the checkpoint of a row alone where the new one has none."""

    async def append(
        self, key: SessionKey, events: Sequence[Event], *, task: TaskRecord, **rest: Any
    ) -> Sequence[Event]:
        before = await self.get(task.id)
        if before is not None and task.checkpoint is None:
            task = attrs.evolve(task, checkpoint=before.checkpoint)
        return await super().append(key, events, task=task, **rest)


class WritesTheRowBeforeFiles(Rows):
    """Has written the row when it sees that an artifact does not fit."""

    async def append(
        self, key: SessionKey, events: Sequence[Event], *, task: TaskRecord, **rest: Any
    ) -> Sequence[Event]:
        try:
            return await super().append(key, events, task=task, **rest)
        except SessionError:
            if rest.get("artifacts"):
                await self.update(task, epoch=task.epoch)
            raise


class WritesTheRowBeforeEvents(Rows):
    """Has written the row when it sees that an event cannot be stored."""

    async def append(
        self, key: SessionKey, events: Sequence[Event], *, task: TaskRecord, **rest: Any
    ) -> Sequence[Event]:
        try:
            return await super().append(key, events, task=task, **rest)
        except SessionConflictError:
            raise
        except SessionError:
            if not rest.get("artifacts"):
                await self.update(task, epoch=task.epoch)
            raise


class HasItsOwnWords(Rows):
    """Says of a row that was taken over that there was a conflict."""

    async def append(
        self, key: SessionKey, events: Sequence[Event], **rest: Any
    ) -> Sequence[Event]:
        try:
            return await super().append(key, events, **rest)
        except SessionConflictError as error:
            raise SessionConflictError(
                "409 Conflict",
                head=error.head,
                epoch=error.epoch,
                stored_head=error.stored_head,
                stored_epoch=error.stored_epoch,
            ) from error


class LooksBeforeItMakesARow(Rows):
    """Sees that there is no task of an id, gives way to others, and then makes one whatever there is by now."""

    async def append(
        self, key: SessionKey, events: Sequence[Event], *, task: TaskRecord, **rest: Any
    ) -> Sequence[Event]:
        if await self.get(task.id) is None:
            await asyncio.sleep(0)
            if await self.get(task.id) is not None:
                self._remove(task.id)
        return await super().append(key, events, task=task, **rest)


class HasTenConnections(Rows):
    """Fails where more append at once than it has connections."""

    free = 10

    async def append(
        self, key: SessionKey, events: Sequence[Event], **rest: Any
    ) -> Sequence[Event]:
        if not self.free:
            raise SessionError("no connection is free")
        self.free -= 1
        try:
            await asyncio.sleep(0)
            return await super().append(key, events, **rest)
        finally:
            self.free += 1


class UndoesTheRowOnly(Rows):
    """Takes the row of an append that is cancelled back, and leaves its events."""

    async def append(
        self, key: SessionKey, events: Sequence[Event], *, task: TaskRecord, **rest: Any
    ) -> Sequence[Event]:
        written = await super().append(key, events, task=task, **rest)
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            self._remove(task.id)
            raise
        return written


# ------------------------------------------------------------------------------ values


class RoundsTimes(Rows):
    """Keeps milliseconds."""

    async def append(
        self, key: SessionKey, events: Sequence[Event], *, task: TaskRecord, **rest: Any
    ) -> Sequence[Event]:
        task = attrs.evolve(task, updated_at=round(task.updated_at, 3))
        return await super().append(key, events, task=task, **rest)


class DecodesOnce(Rows):
    """Gives the same checkpoint to all who read one of the same text."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._decoded: dict[str, Checkpoint] = {}

    async def get(self, id: str) -> TaskRecord | None:
        found = await super().get(id)
        if found is None or found.checkpoint is None:
            return found
        text = dump_checkpoint(found.checkpoint)
        return attrs.evolve(found, checkpoint=self._decoded.setdefault(text, found.checkpoint))


class CutsLongOwners(Rows):
    """Writes owners to a column of 255 characters that takes longer ones, too."""

    async def append(
        self, key: SessionKey, events: Sequence[Event], *, task: TaskRecord, **rest: Any
    ) -> Sequence[Event]:
        task = attrs.evolve(task, owner=task.owner[:255])
        return await super().append(key, events, task=task, **rest)


class TrimsIds(Rows):
    """Keeps ids in a column that trims."""

    async def append(
        self, key: SessionKey, events: Sequence[Event], *, task: TaskRecord, **rest: Any
    ) -> Sequence[Event]:
        task = attrs.evolve(task, id=task.id.rstrip())
        return await super().append(key, events, task=task, **rest)

    async def get(self, id: str) -> TaskRecord | None:
        return await super().get(id.rstrip())


BROKEN_ROWS: Mapping[str, type[Rows]] = {
    "TSK-001": KeepsTheCheckpoint,
    "TSK-002": WritesTheRowBeforeFiles,
    "TSK-003": WritesTheRowBeforeEvents,
    "TSK-004": HasItsOwnWords,
    "TSK-005": LooksBeforeItMakesARow,
    "TSK-006": HasTenConnections,
    "TSK-007": UndoesTheRowOnly,
    "TSK-008": RoundsTimes,
    "TSK-009": DecodesOnce,
    "TSK-010": CutsLongOwners,
    "TSK-011": TrimsIds,
}
"""Law to rows that break it, and only it."""
