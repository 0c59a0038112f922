"""A store of tasks without a fault, which the broken ones each change one thing of."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

from session_stores import ticking

from hector.session import InMemorySessions
from hector.session.in_memory_tasks import InMemoryTasks
from hector.spi import Sessions
from hector.testing import TasksSuite

__all__ = ["Rows", "StoreOfTasks", "suite_of_rows", "suite_of_store"]


class Rows(InMemoryTasks):
    """The kernel's own.

    Attributes:
        sessions: the store that they are beside.
    """

    sessions: Sessions


class StoreOfTasks(InMemorySessions):
    """The kernel's own with a clock that is later each time, and with these rows.

    Attributes:
        rows: the class of the tasks.
    """

    rows: ClassVar[type[Rows]] = Rows

    def __init__(self) -> None:
        clock = ticking()
        super().__init__(clock=clock)
        rows = self.rows(self.append, raise_epoch=self._raise_epoch, clock=clock)
        rows.sessions = self
        self._tasks = rows


def suite_of_store(kind: type[StoreOfTasks], *, histories: int = 20) -> type[TasksSuite]:
    """The laws of tasks, on a store of this class."""

    @asynccontextmanager
    async def opened(_suite: Any, _folder: Path) -> AsyncGenerator[Sessions]:
        yield kind()

    return type(kind.__name__, (TasksSuite,), {"open_store": opened, "histories": histories})


def suite_of_rows(kind: type[Rows]) -> type[TasksSuite]:
    """The laws of tasks, on rows of this class."""
    return suite_of_store(type(kind.__name__, (StoreOfTasks,), {"rows": kind}))
