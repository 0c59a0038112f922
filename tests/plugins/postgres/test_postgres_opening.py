"""What the settings refuse, and what the store says instead of opening."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import pytest
from postgres_server import NoPostgresError, PostgresServer, find_programs
from server_process import free_port

from hector import Runtime
from hector.errors import SessionError
from hector.spi import Secret, SessionKey
from hector_plugin_postgres import PostgresSettings, pool, schema
from hector_plugin_postgres.store import PostgresSessions

pytestmark = pytest.mark.service

SettingsOf: TypeAlias = Any


async def refusal(settings: PostgresSettings) -> tuple[str, str | None]:
    """What the store says instead of opening."""
    with pytest.raises(SessionError) as caught:
        async with PostgresSessions(settings):
            pass
    return caught.value.message, caught.value.hint


@asynccontextmanager
async def as_admin(postgres: PostgresServer, database: str = "postgres") -> AsyncGenerator[Any]:
    connection = await asyncpg.connect(postgres.url.replace("/postgres", f"/{database}"))
    try:
        yield connection
    finally:
        await connection.close()


# ------------------------------------------------------------------------------------ settings


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "one of url and database is missing: say which database to use"),
        (
            {"url": Secret("postgresql://h/d"), "host": "h"},
            "host has no effect beside url: leave it out",
        ),
        *(
            (
                {"url": Secret(url)},
                (
                    "url is no address of a database: write postgresql://user:password@host:5432/database, "
                    "with special characters of the password percent-encoded"
                ),
            )
            for url in ("mysql://h/d", "postgresql://u:geheim@h:port/d", "postgresql://h", "d", "")
        ),
    ],
)
def test_settings_that_name_no_database_are_refused(given: Any, message: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        PostgresSettings(**given)
    assert str(caught.value) == message


def test_messages_name_the_database_without_its_user() -> None:
    url = Secret("postgresql://ada:geheim%21@db.example:6432/my%20data?sslmode=require")
    settings = PostgresSettings(url=url)
    assert settings.where == "db.example:6432/my data"
    assert set(settings.secrets) == {"geheim%21", "geheim!", url.reveal()}
    assert PostgresSettings(database="d").where == "localhost:5432/d"


def test_declaring_the_plugin_imports_no_driver() -> None:
    code = (
        "import sys, hector_plugin_postgres\n"
        "hector_plugin_postgres.hector_session_backends()\n"
        "assert 'asyncpg' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# ------------------------------------------------------------------------------------ the way


async def test_the_keys_lead_where_the_url_does(postgres: PostgresServer, tmp_path: Path) -> None:
    settings = PostgresSettings(
        host="127.0.0.1",
        port=postgres.port,
        database="postgres",
        username="hector",
        password=Secret("correct horse battery staple"),
        ssl_mode="disable",
        schema="by_keys",
    )
    async with PostgresSessions(settings) as sessions:
        await sessions.create(SessionKey("app", "ada", "s1"))
    by_url = PostgresSettings(
        url=Secret(postgres.url), schema="by_keys", password=Secret("of another database")
    )
    async with PostgresSessions(by_url) as sessions:
        assert await sessions.load(SessionKey("app", "ada", "s1")) is not None


async def test_a_server_that_is_not_there_is_named() -> None:
    port = free_port()
    settings = PostgresSettings(host="127.0.0.1", port=port, database="d", username="u")
    message, hint = await refusal(settings)
    assert message.startswith(f"the session database 127.0.0.1:{port}/d cannot be reached: ")
    assert hint == "check `host` and `port`, and that the server is up"


async def test_a_server_that_does_not_answer_is_named_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        settings = PostgresSettings(
            host="127.0.0.1", port=port, database="d", username="u", timeout=0.2
        )
        assert await refusal(settings) == (
            f"the session database 127.0.0.1:{port}/d gave no answer within 0.2 s",
            "check `host` and `port`; raise `timeout` if the server is only slow",
        )


async def test_a_database_that_is_not_there_is_named(
    postgres: PostgresServer, settings_of: SettingsOf, tmp_path: Path
) -> None:
    url = Secret(postgres.url.replace("/postgres", "/nowhere"))
    assert await refusal(settings_of(tmp_path, url=url)) == (
        (
            f"the session database 127.0.0.1:{postgres.port}/nowhere has no such database: "
            'database "nowhere" does not exist'
        ),
        "create it, or check its name",
    )


async def test_a_server_without_encryption_is_not_taken_for_one_with(
    postgres: PostgresServer, settings_of: SettingsOf, tmp_path: Path
) -> None:
    url = Secret(f"{postgres.url}?sslmode=require")
    message, hint = await refusal(settings_of(tmp_path, url=url))
    assert "SSL" in message
    assert hint is not None


# ------------------------------------------------------------------------------------ the schema


async def test_a_user_who_may_not_make_the_schema_is_told_how(
    postgres: PostgresServer, settings_of: SettingsOf, tmp_path: Path
) -> None:
    """And once the schema is there, needs no right to make one."""
    async with as_admin(postgres) as admin:
        await admin.execute("CREATE ROLE plain LOGIN PASSWORD 'x'")
        await admin.execute("REVOKE CREATE ON DATABASE postgres FROM plain")
        url = Secret(f"postgresql://plain:x@127.0.0.1:{postgres.port}/postgres")
        settings = settings_of(tmp_path, url=url)
        message, hint = await refusal(settings)
        assert message.startswith(
            f"the session database 127.0.0.1:{postgres.port}/postgres does not allow this: "
        )
        assert hint is not None
        assert "CREATE SCHEMA" in hint
        await admin.execute(f"CREATE SCHEMA {settings.schema} AUTHORIZATION plain")
    async with PostgresSessions(settings) as sessions:
        await sessions.create(SessionKey("app", "ada", "s1"))


async def test_a_newer_schema_is_refused(
    postgres: PostgresServer, settings_of: SettingsOf, tmp_path: Path
) -> None:
    settings = settings_of(tmp_path)
    async with PostgresSessions(settings):
        pass
    async with as_admin(postgres) as admin:
        await admin.execute(f"UPDATE {settings.schema}.hector_schema SET version = 7")
    assert await refusal(settings) == (
        (
            f"the session database 127.0.0.1:{postgres.port}/postgres was written by a newer version of "
            f"Hector: its schema `{settings.schema}` is version 7, this one knows up to "
            f"{len(schema.MIGRATIONS)}"
        ),
        "update Hector, or choose another `schema`",
    )


async def test_tables_of_another_program_are_left_alone(
    postgres: PostgresServer, settings_of: SettingsOf, tmp_path: Path
) -> None:
    """And nothing of ours is left beside them."""
    settings = settings_of(tmp_path)
    async with as_admin(postgres) as admin:
        await admin.execute(f"CREATE SCHEMA {settings.schema}")
        await admin.execute(f"CREATE TABLE {settings.schema}.events (x int)")
        message, hint = await refusal(settings)
        assert message.startswith(
            f"the session database 127.0.0.1:{postgres.port}/postgres has tables of another program "
            f"in schema `{settings.schema}`: "
        )
        assert hint == "give Hector's sessions a schema of their own: set `schema`"
        query = "SELECT tablename FROM pg_tables WHERE schemaname = $1"
        assert await admin.fetchval(query, settings.schema) == "events"


async def test_many_may_make_the_schema_at_once(settings_of: SettingsOf, tmp_path: Path) -> None:
    """As replicas do that start together: each finds it whole, whoever made it."""

    async def make(settings: PostgresSettings, number: int) -> None:
        async with PostgresSessions(settings) as sessions:
            await sessions.create(SessionKey("app", "ada", str(number)))

    for attempt in range(3):
        settings = settings_of(tmp_path / str(attempt))
        async with asyncio.TaskGroup() as group:
            for number in range(6):
                group.create_task(make(settings, number))
        async with PostgresSessions(settings) as sessions:
            assert len((await sessions.list("app")).sessions) == 6


# ------------------------------------------------------------------------------------ the server


async def test_a_read_only_server_is_refused(
    postgres: PostgresServer, settings_of: SettingsOf, tmp_path: Path
) -> None:
    """A standby, or a role that may only read."""
    url = Secret(f"{postgres.url}?default_transaction_read_only=on")
    assert await refusal(settings_of(tmp_path, url=url)) == (
        f"the session database 127.0.0.1:{postgres.port}/postgres is read-only",
        "use the address of the primary server, and a user who may write",
    )


async def test_a_database_without_room_for_every_character_is_refused(
    postgres: PostgresServer, settings_of: SettingsOf, tmp_path: Path
) -> None:
    async with as_admin(postgres) as admin:
        await admin.execute("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
    url = Secret(postgres.url.replace("/postgres", "/latin"))
    assert await refusal(settings_of(tmp_path, url=url)) == (
        (
            f"the session database 127.0.0.1:{postgres.port}/latin keeps text as LATIN1, "
            "which has no room for every character"
        ),
        "make a database for Hector with ENCODING 'UTF8'",
    )


async def test_a_server_that_is_too_old_is_refused(
    postgres: PostgresServer,
    settings_of: SettingsOf,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Tried by asking for a newer one than there is."""
    monkeypatch.setattr(pool, "OLDEST", 99)
    message, hint = await refusal(settings_of(tmp_path))
    assert message.endswith(", which is too old")
    assert hint == "use PostgreSQL 99 or newer"


async def test_what_was_returned_is_durable_whatever_the_default(
    postgres: PostgresServer, settings_of: SettingsOf, tmp_path: Path
) -> None:
    """A server that is set to commit without waiting for the disk is asked to wait."""
    url = Secret(
        f"{postgres.url}?synchronous_commit=off&default_transaction_isolation=serializable"
    )
    async with (
        pool.open_pool(settings_of(tmp_path, url=url)) as opened,
        opened.lend() as connection,
    ):
        assert await connection.fetchval("SHOW synchronous_commit") == "on"
        assert await connection.fetchval("SHOW transaction_isolation") == "read committed"


async def test_a_store_that_is_closed_says_so(settings_of: SettingsOf, tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    store = PostgresSessions(settings)
    for _ in range(2):
        with pytest.raises(SessionError, match="is not open"):
            await store.load(SessionKey("app", "ada", "s1"))
        async with store:
            assert await store.load(SessionKey("app", "ada", "s1")) is None


async def test_a_runtime_keeps_its_sessions_there(
    postgres: PostgresServer, settings_of: SettingsOf, tmp_path: Path
) -> None:
    """By the config alone, from one process to the next, under either of its names."""
    for driver in ("postgres", "postgresql"):
        config: dict[str, Any] = {
            "name": "notes",
            "databases": {"main": {"driver": driver, "url": postgres.url, "schema": "of_runtime"}},
            "server": {"sessions": {"backend": "sql", "database": "main"}},
            "llms": {"default": {"provider": "offline"}},
            "agents": {"assistant": {}},
        }
        async with Runtime.open(config, env={}) as runtime:
            async for _ in runtime.run("assistant", "Hello", user="ada", session="one"):
                pass
    settings = settings_of(tmp_path, schema="of_runtime")
    async with PostgresSessions(settings) as sessions:
        session = await sessions.load(SessionKey("notes", "ada", "one"))
        assert session is not None
        asked = [event for event in session.events if event.author == "user"]
        assert len(asked) == 2


def test_a_run_without_a_server_fails_and_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HECTOR_TEST_POSTGRES", os.devnull)
    with pytest.raises(NoPostgresError, match="no PostgreSQL: `make test` installs one"):
        find_programs()
