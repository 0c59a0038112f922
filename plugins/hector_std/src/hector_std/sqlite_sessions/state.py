"""The state tables."""

from __future__ import annotations

import json
import sqlite3

from hector.message import JSONValue
from hector.spi.session import SessionKey
from hector.spi.session_state import ScopedState

__all__ = ["merge", "read_state"]

_SET_APP = """INSERT INTO app_state (app, key, value) VALUES (?, ?, ?)
    ON CONFLICT (app, key) DO UPDATE SET value = excluded.value"""
_SET_USER = """INSERT INTO user_state (app, user, key, value) VALUES (?, ?, ?, ?)
    ON CONFLICT (app, user, key) DO UPDATE SET value = excluded.value"""
_SET_SESSION = """INSERT INTO session_state (session, key, value) VALUES (?, ?, ?)
    ON CONFLICT (session, key) DO UPDATE SET value = excluded.value"""
_UNSET_APP = "DELETE FROM app_state WHERE app = ? AND key = ?"
_UNSET_USER = "DELETE FROM user_state WHERE app = ? AND user = ? AND key = ?"
_UNSET_SESSION = "DELETE FROM session_state WHERE session = ? AND key = ?"


def read_state(
    connection: sqlite3.Connection, key: SessionKey, session: int
) -> dict[str, JSONValue]:
    """The merged view of a session's state."""
    rows = connection.execute(
        "SELECT key, value FROM app_state WHERE app = ?"
        " UNION ALL SELECT key, value FROM user_state WHERE app = ? AND user = ?"
        " UNION ALL SELECT key, value FROM session_state WHERE session = ?",
        (key.app, key.app, key.user, session),
    )
    return {name: json.loads(value) for name, value in rows}


def merge(
    connection: sqlite3.Connection,
    key: SessionKey,
    session: int,
    delta: ScopedState,
    *,
    is_shared_kept: bool = False,
) -> None:
    """Apply a delta; None deletes. With `is_shared_kept`, `app:` and `user:` keys that are there stay."""
    keep = " DO NOTHING" if is_shared_kept else None
    scopes: tuple[tuple[str, str, tuple[str | int, ...], dict[str, JSONValue]], ...] = (
        (_kept(_SET_APP, keep), _UNSET_APP, (key.app,), delta.app),
        (_kept(_SET_USER, keep), _UNSET_USER, (key.app, key.user), delta.user),
        (_SET_SESSION, _UNSET_SESSION, (session,), delta.session),
    )
    for set_value, unset, owner, values in scopes:
        for name, value in values.items():
            if value is None:
                connection.execute(unset, (*owner, name))
            else:
                connection.execute(set_value, (*owner, name, json.dumps(value)))


def _kept(statement: str, keep: str | None) -> str:
    return statement if keep is None else statement.partition(" DO UPDATE")[0] + keep
