"""What the admin API answers: never cached, and every failure in one shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from hector.errors import (
    ConfigError,
    GenerationNotFoundError,
    HectorError,
    ReloadConflictError,
    ReloadError,
    ReloadTimeoutError,
    RuntimeClosedError,
    UsageError,
)
from hector_server.http.replies import json_reply

__all__ = ["RequestRefusedError", "admin_reply", "failure", "reply_to_error", "status_of"]

_STATUSES: Mapping[type[HectorError], int] = {
    ConfigError: 422,
    UsageError: 422,  # the config does not go with what the program handed over
    ReloadConflictError: 412,
    GenerationNotFoundError: 404,
    ReloadTimeoutError: 504,
    ReloadError: 409,  # superseded, refused by a plugin, or nothing to return to
    RuntimeClosedError: 503,
}


class RequestRefusedError(Exception):
    """A request that cannot be answered, for a reason that HTTP has a status for."""

    def __init__(self, status: int, message: str, hint: str = "", *, is_last: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.hint = hint
        self.is_last = is_last
        """The connection is closed, because the rest of the request is still on its way."""


def admin_reply(
    value: Mapping[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A JSON document that nobody may keep."""
    return json_reply(
        dict(value), status=status, headers={"Cache-Control": "no-store", **(headers or {})}
    )


def failure(
    status: int,
    message: str,
    hint: str | None = None,
    *,
    code: str | None = None,
    more: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """`{"error": {"status", "code", "message", "hint"}}`, and what else belongs to it."""
    error = {"status": status, "code": code, "message": message, "hint": hint or None}
    return admin_reply({"error": error, **(more or {})}, status=status, headers=headers)


def status_of(error: HectorError) -> int:
    """The HTTP status that tells best what an error is."""
    return next((_STATUSES[cls] for cls in type(error).__mro__ if cls in _STATUSES), 500)


def reply_to_error(error: HectorError, *, problems: list[dict[str, Any]] | None = None) -> Response:
    """What is told of an error: its code, message and hint.

    Args:
        error: what went wrong.
        problems: of a config, as JSON.
    """
    message = error.message
    more: dict[str, Any] = {}
    headers: dict[str, str] = {}
    if problems is not None:
        message, more = "the config cannot be used", {"problems": problems}
    if isinstance(error, ReloadConflictError):
        more, headers = {"etag": error.running}, {"ETag": f'"{error.running}"'}
    if isinstance(error, GenerationNotFoundError):
        more = {"known": list(error.known)}
    return failure(
        status_of(error), message, error.hint, code=error.code, more=more, headers=headers
    )
