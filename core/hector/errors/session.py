"""What is wrong with sessions."""

from __future__ import annotations

from hector.errors.root import HectorError

__all__ = [
    "ArtifactNotFoundError",
    "ArtifactTooLargeError",
    "CursorExpiredError",
    "EventTooLargeError",
    "SessionConflictError",
    "SessionError",
    "SessionExistsError",
    "SessionNotFoundError",
    "StateError",
]


class SessionError(HectorError):
    """Something about a session or the store that keeps it."""

    code = "H400"


class SessionConflictError(SessionError):
    """The append was refused: another writer moved the head or took the session over. Nothing was written.

    Who was taken over must stop: no further effect may follow. Who only lost a race for the head may load what is
    new and append again (`hector.spi.append_again`).

    Attributes:
        head, epoch: what the append expected.
        stored_head, stored_epoch: what it found.
    """

    code = "H401"

    def __init__(
        self,
        message: str,
        *,
        head: int,
        epoch: int,
        stored_head: int,
        stored_epoch: int,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.head = head
        self.epoch = epoch
        self.stored_head = stored_head
        self.stored_epoch = stored_epoch

    @property
    def is_taken_over(self) -> bool:
        """Whether another writer claimed the session, rather than being a little faster."""
        return self.epoch != self.stored_epoch


class SessionNotFoundError(SessionError, LookupError):
    """No such session for this app and user."""

    code = "H402"


class SessionExistsError(SessionError):
    """A session of that key exists already."""

    code = "H403"


class ArtifactNotFoundError(SessionError, LookupError):
    """No such artifact, or no such version of it."""

    code = "H404"


class ArtifactTooLargeError(SessionError):
    """An artifact is larger than the store takes. Nothing was written.

    Attributes:
        limit_bytes: the most that the store takes.
    """

    code = "H405"

    def __init__(self, message: str, *, limit_bytes: int, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.limit_bytes = limit_bytes


class EventTooLargeError(SessionError):
    """An event is larger than a store takes. Nothing was written.

    Attributes:
        size_bytes: of its text form.
        limit_bytes: the most that a store takes.
    """

    code = "H406"

    def __init__(
        self, message: str, *, size_bytes: int, limit_bytes: int, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.size_bytes = size_bytes
        self.limit_bytes = limit_bytes


class CursorExpiredError(SessionError):
    """The feed of changes no longer reaches back to this cursor; whoever follows it has to start over."""

    code = "H407"


class StateError(SessionError):
    """State or an artifact was written that cannot be kept: no JSON, no key, or after the call was over."""

    code = "H408"
