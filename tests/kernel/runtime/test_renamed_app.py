"""Sessions belong to the name of a config: one that changed it is told about what it left behind."""

from __future__ import annotations

import logging

import pytest

from hector.errors import SessionError
from hector.runtime.sessions import warn_of_other_apps
from hector.session import InMemorySessions
from hector.spi import SessionKey


async def warning(caplog: pytest.LogCaptureFixture, *apps: str) -> str:
    sessions = InMemorySessions()
    for app in apps:
        await sessions.create(SessionKey(app, "u", "s"))
    with caplog.at_level(logging.WARNING):
        await warn_of_other_apps("shop", sessions)
    return caplog.text


@pytest.mark.parametrize("apps", [(), ("shop",), ("old", "shop")])
async def test_nothing_is_said_where_nothing_was_left_behind(
    caplog: pytest.LogCaptureFixture, apps: tuple[str, ...]
) -> None:
    assert await warning(caplog, *apps) == ""


async def test_other_apps_are_named_but_not_all_of_many(caplog: pytest.LogCaptureFixture) -> None:
    text = await warning(caplog, *"abcdefg")

    assert "the session database has no session of shop, but of a, b, c, d, e, …: " in text
    assert "`hector sessions mv-app <old name> shop`" in text


async def test_a_database_that_cannot_be_read_is_no_reason_not_to_start(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(InMemorySessions):
        async def apps(self) -> list[str]:
            raise SessionError("it is damaged")

    await warn_of_other_apps("shop", Broken())

    assert "the session database cannot be read: it is damaged" in caplog.text
