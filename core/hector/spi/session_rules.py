"""What every session store does alike: keys, scopes of state, page cursors, words of errors.

A store that uses these behaves like the others at the edges, which is what `hector.testing` checks.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

import attrs

from hector.errors import (
    ArtifactNotFoundError,
    SessionConflictError,
    SessionError,
    SessionExistsError,
    SessionNotFoundError,
    UsageError,
)
from hector.message import Actions, Event, JSONValue
from hector.message.codec import MAXIMUM_DEPTH
from hector.spi.session import SessionKey

__all__ = [
    "APP_PREFIX",
    "MAXIMUM_KEY_LENGTH",
    "MAXIMUM_PAGE",
    "TEMPORARY_PREFIX",
    "USER_PREFIX",
    "Cursor",
    "ScopedState",
    "artifact_not_found",
    "check_key",
    "check_listing",
    "check_name",
    "conflict",
    "copy_json",
    "duplicate_event",
    "numbered",
    "session_exists",
    "session_not_found",
    "split_state",
]

APP_PREFIX = "app:"
"""State shared by every session of the app."""

USER_PREFIX = "user:"
"""State shared by every session of the same user in the app."""

TEMPORARY_PREFIX = "temp:"
"""State of one invocation; no store keeps it, in the log or in the state."""

_NO_KEYS = frozenset(("", APP_PREFIX, USER_PREFIX, TEMPORARY_PREFIX))

MAXIMUM_KEY_LENGTH = 255
"""Characters of an app, user, session id, artifact name or key of the state.

An index of any database takes that much.
"""

MAXIMUM_PAGE = 1000
"""Rows in a page of a listing."""


# ------------------------------------------------------------------------------------ keys


def check_key(key: SessionKey) -> None:
    """Refuse a key that not every store could keep.

    Raises:
        UsageError: a part is empty, too long, or holds a lone surrogate.
    """
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
    if not _is_storable(name):
        raise UsageError(
            f"the {what} {name!r} holds a character that cannot be stored",
            hint="leave out NUL and lone surrogates",
        )


def _is_storable(text: str) -> bool:
    return text.isprintable() or not any(
        char == "\0" or "\ud800" <= char <= "\udfff" for char in text
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


# ------------------------------------------------------------------------------------ state


@attrs.frozen(kw_only=True)
class ScopedState:
    """State, or a delta of it (None deletes), by scope. Keys keep their prefix.

    Attributes:
        app: keys beginning with `app:`.
        user: keys beginning with `user:`.
        session: keys without prefix.
    """

    app: dict[str, JSONValue] = attrs.field(factory=dict[str, JSONValue])
    user: dict[str, JSONValue] = attrs.field(factory=dict[str, JSONValue])
    session: dict[str, JSONValue] = attrs.field(factory=dict[str, JSONValue])


def split_state(state: Mapping[str, JSONValue]) -> ScopedState:
    """Divide by scope, leaving `temp:` out; the values are copies.

    Raises:
        SessionError: a key is no string or empty after its prefix, or a value is not JSON.
    """
    scopes = ScopedState()
    for key, value in state.items():
        scope = _scope(scopes, key)
        if scope is None:
            continue
        try:
            scope[key] = copy_json(value)
        except (TypeError, RecursionError) as error:
            raise SessionError(
                f"state `{key}` cannot be stored: {error}",
                hint="state holds only what JSON has: null, booleans, numbers, strings, lists and "
                f"objects with string keys, at most {MAXIMUM_DEPTH} levels deep",
            ) from error
    return scopes


def _scope(scopes: ScopedState, key: object) -> dict[str, JSONValue] | None:
    if (
        not isinstance(key, str)
        or key in _NO_KEYS
        or len(key) > MAXIMUM_KEY_LENGTH
        or not _is_storable(key)
    ):
        raise SessionError(
            f"{str(key)[:80]!r} cannot be a key of the state",
            hint=f"a key is a string of 1 to {MAXIMUM_KEY_LENGTH} characters without NUL and lone "
            "surrogates, with or without the prefix `app:`, `user:` or `temp:`",
        )
    if key.startswith(TEMPORARY_PREFIX):
        return None
    if key.startswith(APP_PREFIX):
        return scopes.app
    return scopes.user if key.startswith(USER_PREFIX) else scopes.session


def copy_json(value: JSONValue, depth: int = MAXIMUM_DEPTH) -> JSONValue:
    """A copy that shares nothing mutable, with lists for tuples, as JSON would give it back.

    Raises:
        TypeError: something in it is not JSON, or it is nested deeper than `depth`.
    """
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if depth <= 0:
        raise TypeError("it is nested too deeply")
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in cast("Iterable[object]", value)):
            raise TypeError("the keys of an object must be strings")
        return {key: copy_json(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [copy_json(item, depth - 1) for item in value]
    raise TypeError(f"a {type(value).__name__} is not JSON")


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
    # Written out: attrs.evolve takes three times as long, and every append comes through here.
    return Event(
        id=event.id,
        kind=event.kind,
        invocation_id=event.invocation_id,
        author=event.author,
        parts=event.parts,
        branch=event.branch,
        sequence=sequence,
        timestamp=event.timestamp,
        generation=event.generation,
        usage=event.usage,
        finish_reason=event.finish_reason,
        model=event.model,
        actions=actions,
        idempotency_key=event.idempotency_key,
        outcome=event.outcome,
        failure=event.failure,
        metadata=event.metadata,
    )


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


def session_not_found(key: SessionKey) -> SessionNotFoundError:
    """For a method that needs the session to exist."""
    return SessionNotFoundError(
        f"there is no session `{key.id}` of user `{key.user}` in app `{key.app}`",
        hint="create it first, or check the three parts of the key",
    )


def session_exists(key: SessionKey) -> SessionExistsError:
    """For `create`."""
    return SessionExistsError(
        f"session `{key.id}` of user `{key.user}` in app `{key.app}` exists already",
        hint="load it, or create one with another id",
    )


def conflict(
    key: SessionKey, *, head: int, epoch: int, stored_head: int, stored_epoch: int
) -> SessionConflictError:
    """For an append whose `head` or `epoch` is not the stored one."""
    where = f"session `{key.id}` of user `{key.user}` in app `{key.app}`"
    if epoch != stored_epoch:
        return SessionConflictError(
            f"{where} was taken over: its epoch is {stored_epoch}, the append came under {epoch}",
            hint="stop this work: another writer continues it",
        )
    return SessionConflictError(
        f"{where} has moved on: its head is {stored_head}, the append expected {head}",
        hint="another writer appended first; load the session again before deciding what to append",
    )


def duplicate_event(key: SessionKey, events: Sequence[Event]) -> SessionError:
    """For an append with an event whose id is in the log already, or twice in `events`."""
    ids = ", ".join(f"`{event.id}`" for event in events)
    return SessionError(
        f"session `{key.id}` of user `{key.user}` in app `{key.app}` cannot take {ids}: "
        "the id of an event is unique within its session",
        hint="give each event an id of its own",
    )


def artifact_not_found(key: SessionKey, name: str, version: int | None) -> ArtifactNotFoundError:
    """For `load_artifact`."""
    what = f"artifact `{name}`" if version is None else f"version {version} of artifact `{name}`"
    return ArtifactNotFoundError(
        f"session `{key.id}` of user `{key.user}` in app `{key.app}` has no {what}",
        hint="`list_artifacts` shows what there is",
    )
