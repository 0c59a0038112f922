"""One MariaDB server for all tests, and a database of its own for each store."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "services"))  # the tests are no package

from mariadb_server import DATABASE, MariaDBServer, NoMariaDBError, running_mariadb

from hector.spi import Secret
from hector_plugin_mysql import MySQLSettings

SettingsOf: TypeAlias = Callable[..., MySQLSettings]


@pytest.fixture(scope="session")
def mariadb() -> Generator[MariaDBServer]:
    """The server; an error, never a skip, if there is none."""
    try:
        with running_mariadb() as server:
            yield server
    except NoMariaDBError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture
def settings_of(mariadb: MariaDBServer) -> SettingsOf:
    """The settings of the store that belongs to a folder: a database named after it."""

    def settings(folder: Path, **more: Any) -> MySQLSettings:
        digest = hashlib.blake2b(str(folder).encode(), digest_size=12).hexdigest()
        url = mariadb.url.removesuffix(DATABASE) + f"h_{digest}"
        given: dict[str, Any] = {"url": Secret(url)}
        return MySQLSettings(**(given | more))

    return settings
