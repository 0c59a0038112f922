"""What every session store does alike: keys, sequences, page cursors, words of errors.

A store that uses these behaves like the others at the edges, which is what `hector.testing` checks.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Sequence

import attrs

from hector.errors import (
    ArtifactNotFoundError,
    CursorExpiredError,
    EventTooLargeError,
    SessionConflictError,
    SessionError,
    SessionExistsError,
    SessionNotFoundError,
    UsageError,
)
from hector.message import Actions, Event, FilePart, TextPart, ThinkingPart, dump_event
from hector.message.event_copy import numbered_copy
from hector.spi.session_state import TEMPORARY_PREFIX, is_storable
from hector.spi.session_values import Session, SessionKey

__all__ = [
    "MAXIMUM_EVENT_BYTES",
    "MAXIMUM_KEY_LENGTH",
    "MAXIMUM_PAGE",
    "Cursor",
    "artifact_not_found",
    "check_event_size",
    "check_ids",
    "check_key",
    "check_listing",
    "check_name",
    "check_sizes",
    "check_slice",
    "check_whole",
    "conflict",
    "cursor_expired",
    "no_cursor",
    "numbered",
    "session_exists",
    "session_not_found",
]

MAXIMUM_KEY_LENGTH = 255
"""Characters of an app, user, session id, artifact name or key of the state: any database's index takes so many."""

MAXIMUM_PAGE = 1000
"""Rows in a page of a listing, and of the feed."""

MAXIMUM_EVENT_BYTES = 16 * 1024 * 1024
"""Of an event's text form (`dump_event`, which is ASCII): what every database takes in one value."""


# ------------------------------------------------------------------------------------ keys


def check_key(key: SessionKey) -> None:
    """Refuse a key that not every store could keep.

    Raises:
        UsageError: a part is empty, too long, or holds a lone surrogate.
    """
    app, user, id = key.app, key.user, key.id
    if (  # each at every call of a store: what is all right is seen at a glance
        0 < len(app) <= MAXIMUM_KEY_LENGTH
        and 0 < len(user) <= MAXIMUM_KEY_LENGTH
        and 0 < len(id) <= MAXIMUM_KEY_LENGTH
        and app.isprintable()
        and user.isprintable()
        and id.isprintable()
    ):
        return
    check_name("app", key.app)
    check_name("user", key.user)
    check_name("session id", key.id)


def check_name(what: str, name: str) -> None:
    """Refuse a name that not every store could keep; `what` says whose.

    Raises:
        UsageError: it is empty, too long, or holds a lone surrogate or NUL.
    """
    if not name:
        raise UsageError(f"the {what} is empty")
    if len(name) > MAXIMUM_KEY_LENGTH:
        raise UsageError(
            f"the {what} has {len(name)} characters, at most {MAXIMUM_KEY_LENGTH} are possible: "
            f"{name[:40]!r}…",
            hint="use a shorter one, or a hash of it",
        )
    if not is_storable(name):
        raise UsageError(
            f"the {what} {name!r} holds a character that cannot be stored",
            hint="leave out NUL and lone surrogates",
        )


def check_listing(app: str, user: str | None, limit: int) -> None:
    """Refuse what no listing can be asked for.

    Raises:
        UsageError: a name could be nobody's, or `limit` is not in 1…`MAXIMUM_PAGE`.
    """
    check_name("app", app)
    if user is not None:
        check_name("user", user)
    if not 1 <= limit <= MAXIMUM_PAGE:
        raise UsageError(f"limit is {limit}, it must be in 1…{MAXIMUM_PAGE}")


def check_slice(last: int | None, limit: int | None) -> None:
    """Refuse a `load` that asks for what there cannot be.

    Raises:
        UsageError: a number is negative, or both are given.
    """
    if last is not None and limit is not None:
        raise UsageError(
            "`last` and `limit` cannot go together",
            hint="`last` gives the newest events, `limit` the oldest after `after`",
        )
    for name, value in (("last", last), ("limit", limit)):
        if value is not None and value < 0:
            raise UsageError(f"{name} is {value}, it cannot be negative")


# ------------------------------------------------------------------------------------ events


def numbered(event: Event, sequence: int) -> Event:
    """The event as the log keeps it: with its sequence, and without `temp:` state.

    Returns:
        The very same object if nothing had to change.

    Raises:
        UsageError: it is a `delta`, which is never durable.
    """
    if event.kind == "delta":
        raise UsageError(
            f"event `{event.id}` is a delta, which is never durable",
            hint="append the whole message once it is there",
        )
    actions = event.actions
    if actions is not None and any(key.startswith(TEMPORARY_PREFIX) for key in actions.state_delta):
        actions = _without_temporary(actions)
    elif event.sequence == sequence:
        return event
    return numbered_copy(event, sequence=sequence, actions=actions)


def check_ids(key: SessionKey, events: Sequence[Event]) -> None:
    """Refuse an append in which two events have one id.

    Raises:
        SessionError: they have.
    """
    if len(events) < 2 or len({event.id for event in events}) == len(events):
        return
    seen: set[str] = set()
    for event in events:
        if event.id in seen:
            raise SessionError(
                f"{_of(key)} cannot take two events with the id `{event.id}`",
                hint="give each event an id of its own",
            )
        seen.add(event.id)


def check_event_size(event: Event, size_bytes: int) -> None:
    """Refuse an event that not every database could keep.

    Args:
        event: the event.
        size_bytes: length of its text form.

    Raises:
        EventTooLargeError: it is above `MAXIMUM_EVENT_BYTES`.
    """
    if size_bytes > MAXIMUM_EVENT_BYTES:
        raise EventTooLargeError(
            f"event `{event.id}` by `{event.author}` has {size_bytes:,} bytes, "
            f"at most {MAXIMUM_EVENT_BYTES:,} can be stored",
            size_bytes=size_bytes,
            limit_bytes=MAXIMUM_EVENT_BYTES,
            hint="keep large content as an artifact and name it in the event",
        )


def check_sizes(events: Iterable[Event]) -> None:
    """For a store that needs no text form: refuse an event whose text form no database could keep.

    To write it would take longer than the append, so it is written only if it might be too large:
    a message or a file is seen to be small, anything else is tried.

    Raises:
        EventTooLargeError: one is above `MAXIMUM_EVENT_BYTES`.
        SessionError: what is tried cannot be stored at all.
    """
    for event in events:
        if not _is_surely_small(event):
            check_event_size(event, len(dump_event(event)))


def _is_surely_small(event: Event) -> bool:
    if event.actions is not None or event.metadata is not None or event.failure is not None:
        return False
    size = len(event.id) + len(event.invocation_id) + len(event.author) + len(event.branch)
    for part in event.parts:
        if isinstance(part, TextPart | ThinkingPart) and part.provider_data is None:
            size += len(part.text)
        elif isinstance(part, FilePart) and part.url is None:
            size += len(part.data or b"") + len(part.media_type) + len(part.name or "")
        else:
            return False
    return size < MAXIMUM_EVENT_BYTES // 16  # a character takes at most 12 bytes


_EARLIEST, _LATEST = -62_135_596_800.0, 253_402_300_799.0  # the years 1 to 9999


def check_whole(session: Session) -> None:
    """Refuse to restore a session whose log is not whole.

    Raises:
        SessionError: sequences do not run from 1 to `head`, an id comes twice, or a time is none.
        UsageError: an event is a `delta`.
    """
    for expected, event in enumerate(session.events, 1):
        if event.sequence != expected:
            raise SessionError(
                f"{_of(session.key)} is not whole: event `{event.id}` has sequence "
                f"{event.sequence} where {expected} belongs",
                hint="restore all events in their order, from the first on",
            )
        numbered(event, expected)
    if session.head != len(session.events):
        raise SessionError(
            f"{_of(session.key)} is not whole: its head is {session.head}, "
            f"there are {len(session.events)} events",
            hint="restore all events in their order, from the first on",
        )
    if not all(_EARLIEST <= at <= _LATEST for at in (session.created_at, session.updated_at)):
        raise SessionError(
            f"{_of(session.key)} has times of no calendar", hint="give seconds since the epoch"
        )
    check_ids(session.key, session.events)


def _without_temporary(actions: Actions) -> Actions:
    delta = actions.state_delta
    kept = {key: value for key, value in delta.items() if not key.startswith(TEMPORARY_PREFIX)}
    return attrs.evolve(actions, state_delta=kept)


# ------------------------------------------------------------------------------------ listing


@attrs.frozen(order=True)
class Cursor:
    """Where a page of a listing ended: the next begins with the first session ordered after it.

    The order is that of the fields `(-updated_at, user, id)`, so a page does not move when sessions
    are added, and a session that is touched while somebody pages moves to the front.
    """

    updated_at: float
    user: str
    id: str

    def __str__(self) -> str:
        """The opaque text that callers hold."""
        text = json.dumps([self.updated_at, self.user, self.id], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Read what `__str__` wrote.

        Raises:
            UsageError: it is something else.
        """
        try:
            padded = text.encode("ascii") + b"=" * (-len(text) % 4)
            updated_at, user, session = json.loads(
                base64.b64decode(padded, altchars=b"-_", validate=True)
            )
            if not (
                isinstance(updated_at, float | int)
                and isinstance(user, str)
                and isinstance(session, str)
            ):
                raise TypeError("wrong types")
        except (binascii.Error, ValueError, TypeError, RecursionError) as error:
            raise UsageError(
                f"{text[:80]!r} is no cursor of a listing of sessions",
                hint="pass `next_cursor` of the page before, or none for the first page",
            ) from error
        return cls(updated_at, user, session)


# ------------------------------------------------------------------------------------ errors


def _of(key: SessionKey) -> str:
    return f"session `{key.id}` of user `{key.user}` in app `{key.app}`"


def session_not_found(key: SessionKey) -> SessionNotFoundError:
    """For a method that needs the session to exist."""
    return SessionNotFoundError(
        f"there is no {_of(key)}",
        hint="create it first, or check the three parts of the key",
    )


def session_exists(key: SessionKey) -> SessionExistsError:
    """For `create` and `restore`."""
    return SessionExistsError(
        f"{_of(key)} exists already",
        hint="load it, or create one with another id",
    )


def conflict(
    key: SessionKey, *, head: int, epoch: int, stored_head: int, stored_epoch: int
) -> SessionConflictError:
    """For an append whose `head` or `epoch` is not the stored one."""
    if epoch != stored_epoch:
        message = (
            f"{_of(key)} was taken over: its epoch is {stored_epoch}, the append came under {epoch}"
        )
        hint = "stop this work: another writer continues it"
    else:
        message = f"{_of(key)} has moved on: its head is {stored_head}, the append expected {head}"
        hint = (
            "another writer appended first; load the session again before deciding what to append"
        )
    return SessionConflictError(
        message,
        head=head,
        epoch=epoch,
        stored_head=stored_head,
        stored_epoch=stored_epoch,
        hint=hint,
    )


def artifact_not_found(key: SessionKey, name: str, version: int | None) -> ArtifactNotFoundError:
    """For `load_artifact` and `stream_artifact`."""
    what = f"artifact `{name}`" if version is None else f"version {version} of artifact `{name}`"
    return ArtifactNotFoundError(
        f"{_of(key)} has no {what}", hint="`list_artifacts` shows what there is"
    )


def no_cursor(cursor: str) -> UsageError:
    """For `changes` with something that is no cursor of it."""
    return UsageError(
        f"{cursor[:80]!r} is no cursor of a feed of changes",
        hint="pass `cursor` of the page before, or none to begin",
    )


def cursor_expired(app: str) -> CursorExpiredError:
    """For `changes` after a cursor that is older than the oldest deletion that is remembered."""
    return CursorExpiredError(
        f"the feed of app `{app}` does not reach back to this cursor any more",
        hint="drop what was derived from it and follow the feed from the beginning",
    )
