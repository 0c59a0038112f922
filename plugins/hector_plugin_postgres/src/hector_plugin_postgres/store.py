"""The session store over a PostgreSQL database."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from hector.spi import BuildContext, MemoryStore
from hector.spi.session_stores.dialect import Dialect
from hector.spi.session_stores.groups import GroupLimits
from hector.spi.session_stores.server import ServerSessions
from hector.spi.session_stores.sweeps import Sleep
from hector_plugin_postgres import artifacts, reading, tasks, writing
from hector_plugin_postgres.pool import AnyConnection, open_pool
from hector_plugin_postgres.settings import PostgresSettings

__all__ = ["PostgresSessions", "create"]

_DIALECT: Dialect[AnyConnection] = Dialect(
    reading=reading,
    writing=writing,
    artifacts=artifacts,
    tasks=tasks,
    write=artifacts.write_group,
    # An append with artifacts takes several round trips: others do not wait for them.
    limits=GroupLimits(appends=512, characters=32 * 1024 * 1024, are_artifacts_alone=True),
)


def create(settings: PostgresSettings, context: BuildContext) -> PostgresSessions:  # noqa: ARG001  # part of the contract
    """Build the store of an entry; entering it connects."""
    return PostgresSessions(settings)


class PostgresSessions(ServerSessions[AnyConnection]):
    """Sessions in a schema of a PostgreSQL database; see `ServerSessions`. A group is one statement."""

    def __init__(
        self,
        settings: PostgresSettings,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """Prepare the store of an entry; see `ServerSessions`."""
        open_ = functools.partial(open_pool, settings)
        super().__init__(settings, open_, _DIALECT, clock=clock, sleep=sleep)

    def keyword_memory(self, app: str) -> AbstractAsyncContextManager[MemoryStore]:
        """See `KeywordMemorySource`: in the same schema, in tables of its own."""
        from hector_plugin_postgres.memory import PostgresKeywords

        return PostgresKeywords(self._pool, app=app)
