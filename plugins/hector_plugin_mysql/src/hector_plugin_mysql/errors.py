"""What the driver's errors mean."""

from __future__ import annotations

import ssl
from collections.abc import Mapping

from asyncmy.errors import MySQLError

from hector.errors import SessionError
from hector_plugin_mysql.settings import MySQLSettings

__all__ = ["DRIVER_ERRORS", "code_of", "explain", "is_fleeting", "is_lost"]

DRIVER_ERRORS = (MySQLError, OSError, EOFError, TimeoutError, ValueError)
"""What a call of the driver may raise: the server's errors, its own, and those of the network."""

_LOST = frozenset((0, 1053, 1158, 1159, 1160, 1161, 1927, 2006, 2013, 2014, 2055))
_FLEETING = frozenset((1205, 1213, 2003))
_LOGIN = ("refuses the login", "check `username` and `password`, or those in `url`")
_NOT_ALLOWED = (
    "does not allow this",
    "grant the user all rights on the database: `GRANT ALL ON name.* TO user`",
)
_READ_ONLY = ("is read-only", "use the address of the primary server, and a user who may write")
_MEANINGS: Mapping[int, tuple[str, str]] = {
    1044: _NOT_ALLOWED,
    1045: _LOGIN,
    1698: _LOGIN,
    1049: (
        "has no such database",
        "create it, or check its name",
    ),
    1142: _NOT_ALLOWED,
    1290: _READ_ONLY,
    1792: _READ_ONLY,
    1836: _READ_ONLY,
    1040: (
        "has no connection left",
        "lower `max_conns` here and in other programs, or raise max_connections of the server",
    ),
    1021: ("has no room left on its disk", "free some space on the server; nothing was written"),
    1114: ("has no room left on its disk", "free some space on the server; nothing was written"),
    1146: ("has lost a table", "restore the database from a backup, or choose another one"),
    1153: ("takes no packet that large", "raise max_allowed_packet of the server to 64M"),
    1205: ("was locked for too long", "try again in a moment"),
}


def code_of(error: BaseException) -> int:
    """The number of an error of the server or the driver; -1: it has none."""
    number = error.args[0] if isinstance(error, MySQLError) and error.args else -1
    return number if isinstance(number, int) else -1


def is_lost(error: BaseException) -> bool:
    """Whether the connection is gone, so that nobody knows whether a commit happened."""
    if isinstance(error, MySQLError):
        return code_of(error) in _LOST
    if isinstance(error, EOFError):
        return True
    return isinstance(error, ConnectionError) and not isinstance(error, ConnectionRefusedError)


def is_fleeting(error: BaseException) -> bool:
    """Whether nothing was written, and the same may go well a moment later."""
    return code_of(error) in _FLEETING or isinstance(error, ConnectionRefusedError)


def explain(settings: MySQLSettings, error: BaseException) -> SessionError:
    """An error of the driver or the network, said for people. `raise … from error` it."""
    where = f"the session database {settings.where}"
    code = code_of(error)
    text = str(error.args[1]) if code > -1 and len(error.args) > 1 else str(error)
    for secret in settings.secrets:
        text = text.replace(secret, "…")
    if meaning := _MEANINGS.get(code):
        return SessionError(f"{where} {meaning[0]}: {text}", hint=meaning[1])
    if is_lost(error):
        return SessionError(
            f"{where} was lost: {text or type(error).__name__}",
            hint="check that the server is up; load the session to see whether this was written",
        )
    if isinstance(error, TimeoutError):
        return SessionError(
            f"{where} gave no answer within {settings.timeout:g} s",
            hint="check `host` and `port`; raise `timeout` if the server is only slow",
        )
    if isinstance(error, ssl.SSLError):
        return SessionError(
            f"{where}: encryption failed: {text}", hint="check `enable_tls` and the certificate"
        )
    if code == 2003 or isinstance(error, OSError):
        return SessionError(
            f"{where} cannot be reached: {text}",
            hint="check `host` and `port`, and that the server is up",
        )
    return SessionError(f"{where} failed: {text}")
