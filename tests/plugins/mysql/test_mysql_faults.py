"""A MariaDB server that is killed, lost, busy or shared."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, TypeAlias

import attrs
import pytest
from mariadb_server import PASSWORD, MariaDBServer
from server_fault_laws import ServerFaultLaws
from session_stage import KEY

from hector.errors import SessionError
from hector.spi import Secret
from hector_plugin_mysql.store import MySQLSessions

pytestmark = pytest.mark.service

SettingsOf: TypeAlias = Any


class TestFaults(ServerFaultLaws):
    """Nothing is lost, and nothing is there twice."""

    async def test_creating_cancelled_while_it_waits_is_decided_by_then(self) -> None:
        async with self.stage.open(self.folder) as sessions:
            await sessions.create(attrs.evolve(KEY, id="other"))
            async with asyncio.TaskGroup() as group, self.held_up():
                task = group.create_task(sessions.create(KEY, state={"app:x": 1}))
                await self.stage.until_blocked(self.folder)
                task.cancel()
                await asyncio.sleep(0)
                assert not task.done()
            assert task.cancelled()
            session = await sessions.load(KEY)
            assert session is not None
            assert session.state == {"app:x": 1}


async def test_no_password_is_ever_said(
    mariadb: MariaDBServer, settings_of: SettingsOf, tmp_path: Path
) -> None:
    url = mariadb.url.replace(PASSWORD.replace(" ", "%20"), "wrong-9f3b")
    with pytest.raises(SessionError) as caught:
        async with MySQLSessions(settings_of(tmp_path, url=Secret(url))):
            pass
    assert "refuses the login: Access denied for user 'hector'@'127.0.0.1'" in caught.value.message
    assert caught.value.hint == "check `username` and `password`, or those in `url`"
    assert "9f3b" not in repr(caught.value) + repr(caught.value.__cause__)
