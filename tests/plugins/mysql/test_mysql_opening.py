"""What the settings refuse, and what the store says instead of opening, on MariaDB."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from mariadb_server import DATABASE, MariaDBServer
from server_process import free_port

from hector import Runtime
from hector.errors import SessionError
from hector.message import Event, TextPart
from hector.spi import Secret, SessionKey
from hector_plugin_mysql import MySQLSettings, pool, schema
from hector_plugin_mysql.pool import connect
from hector_plugin_mysql.store import MySQLSessions

pytestmark = pytest.mark.service

SettingsOf: TypeAlias = Any


async def refusal(settings: MySQLSettings) -> tuple[str, str | None]:
    """What the store says instead of opening."""
    with pytest.raises(SessionError) as caught:
        async with MySQLSessions(settings):
            pass
    return caught.value.message, caught.value.hint


def test_declaring_the_plugin_imports_no_driver() -> None:
    code = (
        "import sys, hector_plugin_mysql\n"
        "hector_plugin_mysql.hector_session_backends()\n"
        "assert 'asyncmy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("url", ["postgresql://h/d", "mysql://u:geheim@h:port/d", "mysql://h", ""])
def test_a_url_that_names_no_database_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="url is no address of a database") as caught:
        MySQLSettings(url=Secret(url))
    assert "geheim" not in str(caught.value)


async def test_the_keys_lead_where_the_url_does(mariadb: MariaDBServer) -> None:
    settings = MySQLSettings(
        host="127.0.0.1",
        port=mariadb.port,
        database=DATABASE,
        username="hector",
        password=Secret("correct horse battery staple"),
    )
    async with MySQLSessions(settings) as sessions:
        await sessions.create(SessionKey("app", "ada", "keys"))
    by_url = MySQLSettings(url=Secret(mariadb.url), password=Secret("of another database"))
    async with MySQLSessions(by_url) as sessions:
        assert await sessions.load(SessionKey("app", "ada", "keys")) is not None


async def test_a_server_that_is_not_there_is_named() -> None:
    port = free_port()
    settings = MySQLSettings(host="127.0.0.1", port=port, database="d", username="u")
    message, hint = await refusal(settings)
    assert message.startswith(f"the session database 127.0.0.1:{port}/d cannot be reached: ")
    assert hint == "check `host` and `port`, and that the server is up"


async def test_a_database_that_is_not_there_is_named(mariadb: MariaDBServer) -> None:
    url = Secret(mariadb.url.removesuffix(DATABASE) + "nowhere")
    assert await refusal(MySQLSettings(url=url)) == (
        (
            f"the session database 127.0.0.1:{mariadb.port}/nowhere has no such database: "
            "Unknown database 'nowhere'"
        ),
        "create it, or check its name",
    )


async def test_a_newer_schema_is_refused(settings_of: SettingsOf, tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    async with MySQLSessions(settings):
        pass
    other = await connect(settings)
    await other.execute("UPDATE hector_schema SET version = 7")
    await other.close()
    assert await refusal(settings) == (
        (
            f"the session database {settings.where} was written by a newer version of Hector: "
            f"its schema is version 7, this one knows up to {len(schema.MIGRATIONS)}"
        ),
        "update Hector, or choose another database",
    )


async def test_tables_of_another_program_are_left_alone(
    settings_of: SettingsOf, tmp_path: Path
) -> None:
    settings = settings_of(tmp_path)
    other = await connect(settings)
    await other.execute("CREATE TABLE events (x int)")
    assert await refusal(settings) == (
        f"the session database {settings.where} has tables of another program: events",
        "give Hector's sessions a database of their own",
    )
    assert [row[0] for row in await other.fetch("SHOW TABLES")] == ["events"]
    await other.close()


async def test_a_migration_that_was_interrupted_goes_on(
    settings_of: SettingsOf, tmp_path: Path
) -> None:
    """Each statement commits by itself; the next start finds how far it came."""
    settings = settings_of(tmp_path)
    async with MySQLSessions(settings):
        pass
    other = await connect(settings)
    for table in ("pieces", "contents", "artifacts"):
        await other.execute(f"DROP TABLE {table}")
    done = len(schema.MIGRATIONS[0]) - 4  # of the last one it was not noted that it was done
    await other.execute("UPDATE hector_schema SET version = 0, done = %s", (done,))
    await other.close()
    async with MySQLSessions(settings) as sessions:
        await sessions.create(SessionKey("app", "ada", "s1"))
        assert not await sessions.list_artifacts(SessionKey("app", "ada", "s1"))


async def test_a_first_start_that_was_killed_goes_on(
    settings_of: SettingsOf, tmp_path: Path
) -> None:
    """Behind the first table, before it was noted that it is there: it is not that of another program."""
    settings = settings_of(tmp_path)
    other = await connect(settings)
    await other.execute("CREATE TABLE hector_schema (version int NOT NULL, done int NOT NULL)")
    await other.execute("INSERT INTO hector_schema VALUES (0, 0)")
    await other.execute(schema.MIGRATIONS[0][0])
    await other.close()
    async with MySQLSessions(settings) as sessions:
        await sessions.create(SessionKey("app", "ada", "s1"))


async def test_many_may_make_the_tables_at_once(settings_of: SettingsOf, tmp_path: Path) -> None:
    """As replicas do that start together: each finds them whole, whoever made them."""

    async def make(number: int) -> None:
        async with MySQLSessions(settings) as sessions:
            await sessions.create(SessionKey("app", "ada", str(number)))

    settings = settings_of(tmp_path)
    async with asyncio.TaskGroup() as group:
        for number in range(6):
            group.create_task(make(number))
    async with MySQLSessions(settings) as sessions:
        assert len((await sessions.list("app")).sessions) == 6


async def test_a_server_that_takes_too_little_is_refused(
    settings_of: SettingsOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too old, or with packets that are too small for an event: tried by asking for more than there is."""
    settings = settings_of(tmp_path)
    monkeypatch.setattr(pool, "_OLDEST_MARIADB", (99, 0))
    message, hint = await refusal(settings)
    assert message.endswith(", which is too old")
    assert hint == "use MySQL 8.0 or MariaDB 10.6, or newer"
    monkeypatch.setattr(pool, "_OLDEST_MARIADB", (10, 6))
    monkeypatch.setattr(pool, "_PACKET_BYTES", 10**12)
    assert await refusal(settings) == (
        (
            f"the session database {settings.where} takes packets of 67,108,864 bytes, "
            "too few for the largest events"
        ),
        "raise max_allowed_packet of the server to 64M",
    )


async def test_the_mode_of_the_server_does_not_change_what_names_and_texts_mean(
    settings_of: SettingsOf, mariadb: MariaDBServer, tmp_path: Path
) -> None:
    """Values are escaped by the driver: a name with a quote is a name, also where backslashes escape nothing."""
    settings = settings_of(tmp_path)
    key = SessionKey("app", "ada' OR user <> '", "s\\' OR 1 = 1 -- ")
    told = Event(
        id="a", kind="message", invocation_id="i", author="a", parts=(TextPart('it\'s "so"\n\\'),)
    )
    admin = await connect(MySQLSettings(url=Secret(mariadb.url)))
    ((before,),) = await admin.fetch("SELECT @@GLOBAL.sql_mode")
    await admin.execute("SET GLOBAL sql_mode = 'NO_BACKSLASH_ESCAPES'")
    try:
        async with MySQLSessions(settings) as sessions:
            await sessions.create(SessionKey("app", "eve", "s"), state={"user:it's": "\\'"})
            await sessions.create(key)
            await sessions.append(key, [told], head=0)
            session = await sessions.load(key)
            assert session is not None
            assert session.events[0].text == told.text
            assert session.state == {}
            page = await sessions.list("app", user=key.user)
            assert [item.key for item in page.sessions] == [key]
    finally:
        await admin.execute("SET GLOBAL sql_mode = %s", (before,))
        await admin.close()


async def test_a_server_that_does_not_keep_what_it_confirms_is_told_of(
    settings_of: SettingsOf, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings_of(tmp_path)
    async with MySQLSessions(settings):
        assert not caplog.messages
    admin = await connect(settings)
    await admin.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 2")
    try:
        async with MySQLSessions(settings):
            pass
    finally:
        await admin.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 1")
        await admin.close()
    assert caplog.messages == [
        (
            "the database server has innodb_flush_log_at_trx_commit = 2: what was answered may be lost when the "
            "server's machine fails; 1 keeps it"
        )
    ]


async def test_a_runtime_keeps_its_sessions_there(settings_of: SettingsOf, tmp_path: Path) -> None:
    """By the config alone, from one process to the next, under either of its names."""
    settings = settings_of(tmp_path)
    for driver in ("mysql", "mariadb"):
        config: dict[str, Any] = {
            "name": "notes",
            "databases": {"main": {"driver": driver, "url": settings.url.reveal()}},
            "server": {"sessions": {"backend": "sql", "database": "main"}},
            "llms": {"default": {"provider": "offline"}},
            "agents": {"assistant": {}},
        }
        async with Runtime.open(config, env={}) as runtime:
            async for _ in runtime.run("assistant", "Hello", user="ada", session="one"):
                pass
    async with MySQLSessions(settings) as sessions:
        session = await sessions.load(SessionKey("notes", "ada", "one"))
        assert session is not None
        assert len([event for event in session.events if event.author == "user"]) == 2
