"""A PostgreSQL server that is killed, lost, busy or shared."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, TypeAlias

import attrs
import pytest
from postgres_server import PASSWORD, PostgresServer
from server_fault_laws import ServerFaultLaws
from session_stage import KEY

from hector.errors import SessionError
from hector.spi import Secret
from hector_plugin_postgres.store import PostgresSessions

pytestmark = pytest.mark.service

SettingsOf: TypeAlias = Any


class TestFaults(ServerFaultLaws):
    """Nothing is lost, and nothing is there twice."""

    async def test_creating_cancelled_while_it_waits_leaves_all_or_nothing(self) -> None:
        async with self.stage.open(self.folder) as sessions:
            await sessions.create(attrs.evolve(KEY, id="other"))
            async with asyncio.TaskGroup() as group, self.held_up():
                task = group.create_task(sessions.create(KEY, state={"app:x": 1}))
                await self.stage.until_blocked(self.folder)
                task.cancel()
                await asyncio.wait([task])
            assert await sessions.load(KEY) is None
            assert (await sessions.create(KEY)).state == {}


async def test_no_password_is_ever_said(
    postgres: PostgresServer, settings_of: SettingsOf, tmp_path: Path
) -> None:
    url = postgres.url.replace(PASSWORD.replace(" ", "%20"), "wrong-9f3b")
    with pytest.raises(SessionError) as caught:
        async with PostgresSessions(settings_of(tmp_path, url=Secret(url))):
            pass
    assert caught.value.message == (
        f"the session database 127.0.0.1:{postgres.port}/postgres refuses the login: "
        'password authentication failed for user "hector"'
    )
    assert caught.value.hint == "check `username` and `password`, or those in `url`"
    assert "9f3b" not in repr(caught.value) + repr(caught.value.__cause__)
