"""One PostgreSQL server for all tests, and a schema of its own for each store."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "services"))  # the tests are no package
sys.path.insert(0, str(Path(__file__).parent))

from postgres_server import NoPostgresError, PostgresServer, running_postgres
from postgres_stage import PostgresStage

from hector.spi import Secret
from hector_plugin_postgres import PostgresSettings
from hector_plugin_postgres.conformance import ADDRESS_VARIABLE

SettingsOf: TypeAlias = Callable[..., PostgresSettings]


@pytest.fixture(scope="session")
def postgres() -> Generator[PostgresServer]:
    """The server; an error, never a skip, if there is none."""
    try:
        with running_postgres() as server:
            yield server
    except NoPostgresError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture
def settings_of(postgres: PostgresServer) -> SettingsOf:
    """The settings of the store that belongs to a folder: a schema named after it."""

    def settings(folder: Path, **more: Any) -> PostgresSettings:
        digest = hashlib.blake2b(str(folder).encode(), digest_size=12).hexdigest()
        given: dict[str, Any] = {"url": Secret(postgres.url), "schema": f"h_{digest}"}
        return PostgresSettings(**(given | more))

    return settings


@pytest.fixture
def stage(postgres: PostgresServer, settings_of: SettingsOf) -> PostgresStage:
    """Stores on the server."""
    return PostgresStage(postgres, settings_of)


@pytest.fixture
def named_server(postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name the server to the plugin's own conformance classes."""
    monkeypatch.setenv(ADDRESS_VARIABLE, postgres.url)
