"""Stores of tasks with one fault each in listings, in the end of rows, or in executors; and the table of all."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from typing import Any

import attrs
from broken_task_claims import BROKEN_CLAIMS
from broken_task_rows import BROKEN_ROWS
from law_runs import Broken
from task_stores import Rows, StoreOfTasks, suite_of_rows, suite_of_store

from hector.spi import Executor, Session, SessionKey, TaskPage, TaskRecord

__all__ = ["BROKEN", "GOOD"]

HISTORIES = frozenset({"TSK-030"})
"""Any history sees some faults, too."""


# ------------------------------------------------------------------------------ listings


class AsksForTheUserFirst(Rows):
    """Lists those of a session only where the user is given, too."""

    async def list(
        self, app: str, *, user: str | None = None, session: str | None = None, **asked: Any
    ) -> TaskPage:
        whose = None if user is None and session else session
        return await super().list(app, user=user, session=whose, **asked)


class ListsTheMomentToo(Rows):
    """Lists what was changed before a moment, or in it."""

    async def list(
        self, app: str, *, updated_before: float | None = None, **asked: Any
    ) -> TaskPage:
        later = None if updated_before is None else math.nextafter(updated_before, math.inf)
        return await super().list(app, updated_before=later, **asked)


class PutsOffOnce(Rows):
    """Leaves a task that waits due when it was first to be."""

    async def update(self, task: TaskRecord, *, epoch: int) -> bool:
        row = await self.get(task.id)
        if row is not None and row.state == task.state == "waiting":
            task = attrs.evolve(task, expires_at=row.expires_at)
        return await super().update(task, epoch=epoch)


class CountsWhatItHasShown(Rows):
    """Pages by offset."""

    async def list(
        self, app: str, *, limit: int = 100, cursor: str | None = None, **asked: Any
    ) -> TaskPage:
        if cursor is None or not cursor.isdecimal():
            await super().list(app, limit=limit, cursor=cursor, **asked)
        shown = int(cursor or 0)
        rest = (await super().list(app, limit=1000, **asked)).tasks[shown:]
        more = str(shown + limit) if len(rest) > limit else None
        return TaskPage(tasks=rest[:limit], next_cursor=more)


class ListsUnderTheStateBefore(Rows):
    """Leaves a task that is claimed where it was in the index of states."""

    def _put(self, row: Any) -> None:
        before = self._rows.get(row.record.id)
        states = (before.record.state if before else "", row.record.state)
        if states == ("ready", "running"):
            self._rows[row.record.id] = row
        else:
            super()._put(row)


class TakesNoUserForAll(Rows):
    """Lists the tasks of all users for one without a name."""

    async def list(self, app: str, *, user: str | None = None, **asked: Any) -> TaskPage:
        return await super().list(app, user=user or None, **asked)


# ------------------------------------------------------------------------------ ends of rows


class KeepsWhatHasEnded(Rows):
    """Leaves the ended tasks of a session that is deleted."""

    def drop_session(self, key: SessionKey) -> None:
        kept = [
            row for row in self._rows.values() if row.record.key == key and row.record.has_ended
        ]
        super().drop_session(key)
        for row in kept:
            self._put(row)


class PurgesTheMomentToo(Rows):
    """Removes what ended before a moment, or in it."""

    async def purge(self, app: str, *, before: float) -> int:
        return await super().purge(app, before=math.nextafter(before, math.inf))


# ------------------------------------------------------------------------------ executors


class BelievesTheirClocks(Rows):
    """Takes the time of a beat from who sends it, where there is one."""

    async def beat(self, executor: Executor) -> None:
        await super().beat(executor)
        if executor.beat_at:
            self._executors[executor.id] = executor


class WritesAllOfThem(Rows):
    """Reads the table of executors, adds one, and writes it back."""

    async def beat(self, executor: Executor) -> None:
        read = dict(self._executors)
        await asyncio.sleep(0)
        self._executors = read
        await super().beat(executor)


# ------------------------------------------------------------------------------ histories


class TakesTasksWithTheSession(StoreOfTasks):
    """Raises the epochs of a session's tasks, too, when the session is claimed."""

    async def claim(self, key: SessionKey) -> Session:
        claimed = await super().claim(key)
        for task in (await self.tasks.list(key.app, user=key.user, session=key.id)).tasks:
            await self.tasks.update(attrs.evolve(task, epoch=task.epoch + 1), epoch=task.epoch)
        return claimed


_BROKEN_LISTINGS: Mapping[str, type[Rows]] = {
    "TSK-020": AsksForTheUserFirst,
    "TSK-021": ListsTheMomentToo,
    "TSK-022": PutsOffOnce,
    "TSK-023": CountsWhatItHasShown,
    "TSK-024": ListsUnderTheStateBefore,
    "TSK-025": TakesNoUserForAll,
    "TSK-026": KeepsWhatHasEnded,
    "TSK-027": PurgesTheMomentToo,
    "TSK-028": BelievesTheirClocks,
    "TSK-029": WritesAllOfThem,
}

GOOD = (suite_of_store(StoreOfTasks),)

BROKEN = (
    *(
        Broken(law, suite_of_rows(kind), also=HISTORIES)
        for law, kind in {**BROKEN_ROWS, **BROKEN_CLAIMS, **_BROKEN_LISTINGS}.items()
    ),
    Broken("TSK-030", suite_of_store(TakesTasksWithTheSession, histories=100)),
)
