"""One MariaDB server for all tests, and a database of its own for each store."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "services"))  # the tests are no package
sys.path.insert(0, str(Path(__file__).parent))

from mariadb_server import DATABASE, MariaDBServer, NoMariaDBError, running_mariadb
from mysql_stage import MySQLStage

from hector.spi import Secret
from hector_plugin_mysql import MySQLSettings
from hector_plugin_mysql.conformance import ADDRESS_VARIABLE
from hector_plugin_mysql.pool import connect

SettingsOf: TypeAlias = Callable[..., MySQLSettings]


@pytest.fixture(scope="session")
def mariadb() -> Generator[MariaDBServer]:
    """The server; an error, never a skip, if there is none."""
    try:
        with running_mariadb() as server:
            yield server
    except NoMariaDBError as error:
        pytest.fail(str(error), pytrace=False)


async def _create(settings: MySQLSettings, database: str) -> None:
    admin = await connect(settings)
    if not await admin.fetch("SHOW DATABASES LIKE %s", (database,)):
        await admin.execute(f"CREATE DATABASE {database}")
    await admin.close()


@pytest.fixture
def settings_of(mariadb: MariaDBServer) -> SettingsOf:
    """The settings of the store that belongs to a folder: a database named after it."""

    def settings(folder: Path, **more: Any) -> MySQLSettings:
        digest = hashlib.blake2b(str(folder).encode(), digest_size=12).hexdigest()
        url = mariadb.url.removesuffix(DATABASE) + f"h_{digest}"
        made = MySQLSettings(url=Secret(mariadb.url))
        with ThreadPoolExecutor(1) as thread:  # the caller may be in a loop of its own
            thread.submit(asyncio.run, _create(made, f"h_{digest}")).result()
        given: dict[str, Any] = {"url": Secret(url)}
        return MySQLSettings(**(given | more))

    return settings


@pytest.fixture
def stage(mariadb: MariaDBServer, settings_of: SettingsOf) -> MySQLStage:
    """Stores on the server."""
    return MySQLStage(mariadb, settings_of)


@pytest.fixture
def named_server(mariadb: MariaDBServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name the server to the plugin's own conformance classes."""
    monkeypatch.setenv(ADDRESS_VARIABLE, mariadb.url)
