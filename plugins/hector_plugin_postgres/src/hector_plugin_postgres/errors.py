"""What the driver's errors mean."""

from __future__ import annotations

import ssl
from collections.abc import Mapping

from asyncpg.exceptions import InterfaceError, InternalClientError, PostgresError

from hector.errors import SessionError
from hector_plugin_postgres.settings import PostgresSettings

__all__ = ["DRIVER_ERRORS", "explain", "is_fleeting", "is_lost"]

DRIVER_ERRORS = (
    PostgresError,
    InterfaceError,
    InternalClientError,
    OSError,
    TimeoutError,
    ValueError,
    OverflowError,
)
"""What a call of the driver may raise: the server's errors, its own, and those of the network."""

_LOST = frozenset(("08000", "08003", "08006", "57P01", "57P02", "57P05"))
_FLEETING = frozenset(("40001", "40P01", "57P03"))
_STARTING = "57P03"

_MEANINGS: Mapping[str, tuple[str, str]] = {
    "28P01": ("refuses the login", "check `username` and `password`, or those in `url`"),
    "28000": (
        "refuses the login",
        "check `username` and `password`, `ssl_mode`, and the server's pg_hba.conf",
    ),
    "3D000": ("has no such database", "create it, or check its name"),
    "42501": (
        "does not allow this",
        "let the user create schemas, or make him one: `CREATE SCHEMA hector AUTHORIZATION …`",
    ),
    "25006": ("is read-only", "use the address of the primary server, and a user who may write"),
    "53300": (
        "has no connection left",
        "lower `max_conns` here and in other programs, or raise max_connections of the server",
    ),
    "53100": ("has no room left on its disk", "free some space on the server; nothing was written"),
    "53200": ("is out of memory", "give the server more memory; nothing was written"),
    _STARTING: ("is starting or shutting down", "try again in a moment"),
    "42P01": ("has lost a table", "restore the schema from a backup, or choose another `schema`"),
    "57014": ("cancelled the statement", "raise `timeout`, or the server's statement_timeout"),
}


def is_lost(error: BaseException) -> bool:
    """Whether the connection is gone, so that nobody knows whether a commit happened."""
    if isinstance(error, PostgresError):
        return error.sqlstate in _LOST
    if isinstance(error, InterfaceError):
        return "closed" in str(error)
    if isinstance(error, InternalClientError):  # the server's farewell came between two calls
        return True
    return isinstance(error, ConnectionError) and not isinstance(error, ConnectionRefusedError)


def is_fleeting(error: BaseException) -> bool:
    """Whether nothing was written, and the same may go well a moment later."""
    if isinstance(error, PostgresError):
        return error.sqlstate in _FLEETING
    return isinstance(error, ConnectionRefusedError)


def explain(settings: PostgresSettings, error: BaseException) -> SessionError:
    """An error of the driver or the network, said for people. `raise … from error` it."""
    where = f"the session database {settings.where}"
    text = str(error)
    for secret in settings.secrets:
        text = text.replace(secret, "…")
    if is_lost(error):
        return SessionError(
            f"{where} was lost: {text or type(error).__name__}",
            hint="check that the server is up; load the session to see whether this was written",
        )
    if isinstance(error, PostgresError) and (meaning := _MEANINGS.get(error.sqlstate or "")):
        return SessionError(f"{where} {meaning[0]}: {text}", hint=meaning[1])
    if isinstance(error, TimeoutError):
        return SessionError(
            f"{where} gave no answer within {settings.timeout:g} s",
            hint="check `host` and `port`; raise `timeout` if the server is only slow",
        )
    if isinstance(error, ssl.SSLError):
        return SessionError(
            f"{where}: encryption failed: {text}", hint="check `ssl_mode` and the certificate"
        )
    if isinstance(error, OSError):
        return SessionError(
            f"{where} cannot be reached: {text}",
            hint="check `host` and `port`, and that the server is up",
        )
    return SessionError(f"{where} failed: {text}")
