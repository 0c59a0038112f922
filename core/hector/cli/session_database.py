"""What the commands of `hector sessions` share: the database, whose sessions, and text that is safe on a terminal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import click

from hector.cli.files import find_config
from hector.errors import SessionNotFoundError, UsageError
from hector.runtime.sessions import open_stored_sessions
from hector.spi import SessionKey, Sessions, SessionSummary

__all__ = [
    "all_sessions",
    "app_option",
    "find_keys",
    "on_database",
    "plain",
    "shown_time",
    "user_option",
]

T = TypeVar("T")

_PAGE = 1000

app_option = click.option("--app", help="Whose sessions. Default: the name of the config.")
user_option = click.option("--user", help="Only this user's. Default: every user's.")


def on_database(
    config_file: Path | None, app: str | None, work: Callable[[Sessions, str], Awaitable[T]]
) -> T:
    """Do something with the session database of a config.

    Args:
        config_file: as the user named it.
        app: as the user named it.
        work: is given the database and the app.

    Raises:
        HectorError: the config keeps no sessions, or the database did not come up.
    """
    file = find_config(config_file)

    async def do() -> T:
        async with open_stored_sessions(file) as (name, sessions):
            return await work(sessions, app or name)

    return asyncio.run(do())


async def all_sessions(
    sessions: Sessions, app: str, user: str | None
) -> AsyncGenerator[SessionSummary]:
    """Every session of an app, or of one user, newest first."""
    cursor: str | None = None
    while True:
        page = await sessions.list(app, user=user, limit=_PAGE, cursor=cursor)
        for summary in page.sessions:
            yield summary
        cursor = page.next_cursor
        if cursor is None:
            return


async def find_keys(
    sessions: Sessions, app: str, ids: Sequence[str], user: str | None
) -> list[SessionKey]:
    """The keys of sessions by their ids, in the order of `ids`, each once.

    Raises:
        SessionNotFoundError: there is none of an id.
        UsageError: several users have one of an id, and `user` does not say whose is meant.
    """
    wanted: dict[str, list[SessionKey]] = {id: [] for id in ids}
    if user is not None:
        for id, keys in wanted.items():
            key = SessionKey(app, user, id)
            if await sessions.load(key, last=0) is not None:
                keys.append(key)
    else:
        async for summary in all_sessions(sessions, app, None):
            if summary.key.id in wanted:
                wanted[summary.key.id].append(summary.key)
    for id, keys in wanted.items():
        if not keys:
            whose = f" of user `{plain(user)}`" if user is not None else ""
            raise SessionNotFoundError(
                f"app `{plain(app)}` has no session `{plain(id)}`{whose}",
                hint="`hector sessions ls` lists what there is",
            )
        if len(keys) > 1:
            users = ", ".join(sorted(plain(key.user) for key in keys))
            raise UsageError(
                f"several users have a session `{plain(id)}`: {users}", hint="say whose with --user"
            )
    return [keys[0] for keys in wanted.values()]


def plain(text: str) -> str:
    """Text of strangers for a line on a terminal: what is not printable is escaped."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


def shown_time(seconds: float) -> str:
    """UTC, to the second."""
    return datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
