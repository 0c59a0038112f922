"""The session store over a MySQL database."""

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
from hector_plugin_mysql import artifacts, reading, tasks, writing
from hector_plugin_mysql.appends import append_all
from hector_plugin_mysql.opening import open_pool
from hector_plugin_mysql.pool import MySQLConnection
from hector_plugin_mysql.settings import MySQLSettings

__all__ = ["MySQLSessions", "create"]

_DIALECT: Dialect[MySQLConnection] = Dialect(
    reading=reading,
    writing=writing,
    artifacts=artifacts,
    tasks=tasks,
    write=append_all,
    limits=GroupLimits(appends=256, characters=8 * 1024 * 1024, are_artifacts_alone=False),
)


def create(settings: MySQLSettings, context: BuildContext) -> MySQLSessions:  # noqa: ARG001  # part of the contract
    """Build the store of an entry; entering it connects."""
    return MySQLSessions(settings)


class MySQLSessions(ServerSessions[MySQLConnection]):
    """Sessions in a MySQL or MariaDB database; see `ServerSessions`. A group is one transaction."""

    def __init__(
        self,
        settings: MySQLSettings,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """Prepare the store of an entry; see `ServerSessions`."""
        open_ = functools.partial(open_pool, settings)
        super().__init__(settings, open_, _DIALECT, clock=clock, sleep=sleep)

    def keyword_memory(self, app: str) -> AbstractAsyncContextManager[MemoryStore]:
        """See `KeywordMemorySource`: in the same database, in tables of its own."""
        from hector_plugin_mysql.memory import MySQLKeywords

        return MySQLKeywords(self._pool, app=app)
