"""Stores of tasks with one fault each in who owns a task."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
from task_stores import Rows

from hector.message import Event
from hector.spi import SessionKey, TaskRecord

__all__ = ["BROKEN_CLAIMS"]


class ComparesEventsOnly(Rows):
    """Does not look at the session where an append brings a row and no event."""

    async def append(
        self,
        key: SessionKey,
        events: Sequence[Event],
        *,
        head: int,
        epoch: int = 0,
        **rest: Any,
    ) -> Sequence[Event]:
        session = await self.sessions.load(key, last=0)
        if session is not None and not events:
            head, epoch = session.head, session.epoch
        return await super().append(key, events, head=head, epoch=epoch, **rest)


class LetsTheIdleGoOn(Rows):
    """Thinks that a task which nobody worked on has nobody to be shut out."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._idle: set[str] = set()

    async def append(
        self, key: SessionKey, events: Sequence[Event], *, task: TaskRecord, **rest: Any
    ) -> Sequence[Event]:
        row = await self.get(task.id)
        if row is not None and task.id in self._idle:
            task = attrs.evolve(task, epoch=row.epoch)
        return await super().append(key, events, task=task, **rest)

    async def claim(self, id: str, *, owner: str, epoch: int) -> TaskRecord | None:
        before = await self.get(id)
        claimed = await super().claim(id, owner=owner, epoch=epoch)
        if before is not None and before.state != "running":
            self._idle.add(id)
        return claimed


class TriesFailedOnesAgain(Rows):
    """Lets a task that has failed be claimed."""

    async def claim(self, id: str, *, owner: str, epoch: int) -> TaskRecord | None:
        row = await self.get(id)
        if row is not None and row.state == "failed":
            await self.update(attrs.evolve(row, state="ready"), epoch=epoch)
        return await super().claim(id, owner=owner, epoch=epoch)


class ClaimsWithoutLookingAgain(Rows):
    """Compares the epoch, gives way to others, and then takes whatever there is by now."""

    async def claim(self, id: str, *, owner: str, epoch: int) -> TaskRecord | None:
        row = await self.get(id)
        if row is None or row.epoch != epoch or row.has_ended:
            return await super().claim(id, owner=owner, epoch=epoch)
        await asyncio.sleep(0)
        now = await self.get(id)
        return await super().claim(id, owner=owner, epoch=now.epoch if now else epoch)


class WritesWithoutLookingAgain(Rows):
    """Compares session and row, gives way to others, and then writes behind what is there by now."""

    async def append(
        self,
        key: SessionKey,
        events: Sequence[Event],
        *,
        head: int,
        epoch: int = 0,
        task: TaskRecord,
        **rest: Any,
    ) -> Sequence[Event]:
        row = await self.get(task.id)
        session = await self.sessions.load(key, last=0)
        is_good = (
            row is not None
            and row.epoch == task.epoch
            and session is not None
            and (session.head, session.epoch) == (head, epoch)
        )
        if is_good:
            await asyncio.sleep(0)
            row, session = await self.get(task.id), await self.sessions.load(key, last=0)
            if row is not None and session is not None:
                head, epoch = session.head, session.epoch
                task = attrs.evolve(task, epoch=row.epoch)
        return await super().append(key, events, head=head, epoch=epoch, task=task, **rest)


class RaisesTheSessionToo(Rows):
    """Shuts everybody out of the session when a row takes the next epoch."""

    async def update(self, task: TaskRecord, *, epoch: int) -> bool:
        is_done = await super().update(task, epoch=epoch)
        if is_done and task.epoch > epoch:
            self._raise_epoch(task.key)
        return is_done


class BendsEpochs(Rows):
    """Takes the nearest epoch that makes sense."""

    async def update(self, task: TaskRecord, *, epoch: int) -> bool:
        nearest = min(max(task.epoch, epoch), epoch + 1)
        return await super().update(attrs.evolve(task, epoch=nearest), epoch=epoch)


class UpdatesWithoutLookingAgain(Rows):
    """Compares the epoch, gives way to others, and then replaces whatever there is by now."""

    async def update(self, task: TaskRecord, *, epoch: int) -> bool:
        row = await self.get(task.id)
        if row is None or row.epoch != epoch:
            return await super().update(task, epoch=epoch)
        await asyncio.sleep(0)
        now = await self.get(task.id)
        if now is not None and now.epoch != epoch:
            task, epoch = attrs.evolve(task, epoch=now.epoch), now.epoch
        return await super().update(task, epoch=epoch)


BROKEN_CLAIMS: Mapping[str, type[Rows]] = {
    "TSK-012": ComparesEventsOnly,
    "TSK-013": LetsTheIdleGoOn,
    "TSK-014": TriesFailedOnesAgain,
    "TSK-015": ClaimsWithoutLookingAgain,
    "TSK-016": WritesWithoutLookingAgain,
    "TSK-017": RaisesTheSessionToo,
    "TSK-018": BendsEpochs,
    "TSK-019": UpdatesWithoutLookingAgain,
}
"""Law to rows that break it, and only it."""
