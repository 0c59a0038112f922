"""The tasks of the session store in memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from hector.session import InMemorySessions
from hector.spi.session import Sessions
from hector.testing import TasksSuite


class TestInMemoryTasks(TasksSuite):
    """It keeps the laws of every store of tasks."""

    histories = 50

    def open_store(self, folder: Path) -> AbstractAsyncContextManager[Sessions]:
        return opened()


@asynccontextmanager
async def opened() -> AsyncGenerator[Sessions]:
    yield InMemorySessions()
