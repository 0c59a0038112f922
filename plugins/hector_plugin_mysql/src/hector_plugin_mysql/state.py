"""The state tables."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hector.message import JSONValue
from hector.spi import SessionKey
from hector.spi.session_state import ScopedState
from hector_plugin_mysql.pool import MySQLConnection
from hector_plugin_mysql.rows import marks

__all__ = ["merge", "read_state"]

_TABLES = (
    ("app_state", ("app", "name")),
    ("user_state", ("app", "user", "name")),
    ("session_state", ("session", "name")),
)


async def read_state(
    connection: MySQLConnection, key: SessionKey, app: int, session: int
) -> dict[str, JSONValue]:
    """The merged view of a session's state."""
    rows = await connection.fetch(
        "SELECT name, value FROM app_state WHERE app = %s"
        " UNION ALL SELECT name, value FROM user_state WHERE app = %s AND user = %s"
        " UNION ALL SELECT name, value FROM session_state WHERE session = %s",
        (app, app, key.user.encode(), session),
    )
    return {bytes(name).decode(): json.loads(value) for name, value in rows}


async def merge(
    connection: MySQLConnection,
    app: int,
    deltas: Sequence[tuple[SessionKey, int, ScopedState]],
    *,
    is_shared_kept: bool = False,
) -> None:
    """Apply the deltas of sessions in their order; None deletes. A statement per table and kind of change.

    Args:
        connection: in a transaction that holds the app.
        app: the app's number.
        deltas: whose session, its number, and what to do.
        is_shared_kept: `app:` and `user:` keys that are there stay.
    """
    scopes: tuple[dict[tuple[Any, ...], JSONValue], ...] = ({}, {}, {})
    for key, session, delta in deltas:
        user = key.user.encode()
        scopes[0].update({(app, name.encode()): it for name, it in delta.app.items()})
        scopes[1].update({(app, user, name.encode()): it for name, it in delta.user.items()})
        scopes[2].update({(session, name.encode()): it for name, it in delta.session.items()})
    for (table, columns), values in zip(_TABLES, scopes, strict=True):
        is_kept = is_shared_kept and table != "session_state"
        gone = [] if is_kept else [place for place, it in values.items() if it is None]
        there = [
            (*place, json.dumps(it).encode()) for place, it in values.items() if it is not None
        ]
        names = ", ".join(columns)
        if gone:
            await connection.execute(
                f"DELETE FROM {table} WHERE ({names}) IN"  # noqa: S608 - constants
                f" ({marks(len(gone), f'({marks(len(columns))})')})",
                [part for place in gone for part in place],
            )
        if there:
            value = "value" if is_kept else "VALUES(value)"
            await connection.execute(
                f"INSERT INTO {table} ({names}, value)"  # noqa: S608 - constants
                f" VALUES {marks(len(there), f'({marks(len(columns) + 1)})')}"
                f" ON DUPLICATE KEY UPDATE value = {value}",
                [part for row in there for part in row],
            )
