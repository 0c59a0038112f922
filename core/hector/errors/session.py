"""What is wrong with sessions."""

from __future__ import annotations

from hector.errors.root import HectorError

__all__ = [
    "ArtifactNotFoundError",
    "SessionConflictError",
    "SessionError",
    "SessionExistsError",
    "SessionNotFoundError",
]


class SessionError(HectorError):
    """Something about a session or the store that keeps it."""

    code = "H400"


class SessionConflictError(SessionError):
    """The append was refused: another writer moved the head or took the session over.

    The writer that gets this must stop: nothing was written, and no further effect may follow.
    """

    code = "H401"


class SessionNotFoundError(SessionError, LookupError):
    """No such session for this app and user."""

    code = "H402"


class SessionExistsError(SessionError):
    """A session of that key exists already."""

    code = "H403"


class ArtifactNotFoundError(SessionError, LookupError):
    """No such artifact, or no such version of it."""

    code = "H404"
