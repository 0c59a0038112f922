"""The scopes of a session's state, which every store keeps apart alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

import attrs

from hector.errors import StateError
from hector.message import JSONValue
from hector.message.codec import MAXIMUM_DEPTH

__all__ = [
    "APP_PREFIX",
    "MAXIMUM_STATE_KEY_LENGTH",
    "TEMPORARY_PREFIX",
    "USER_PREFIX",
    "ScopedState",
    "check_state_key",
    "copy_json",
    "is_storable",
    "split_state",
    "state_value_error",
]

APP_PREFIX = "app:"
"""State shared by every session of the app."""

USER_PREFIX = "user:"
"""State shared by every session of the same user in the app."""

TEMPORARY_PREFIX = "temp:"
"""State of one invocation; no store keeps it, in the log or in the state."""

_NO_KEYS = frozenset(("", APP_PREFIX, USER_PREFIX, TEMPORARY_PREFIX))

MAXIMUM_STATE_KEY_LENGTH = 255
"""Characters of a key of the state, its prefix included."""


def is_storable(text: str) -> bool:
    """Whether every database keeps this text: no NUL, no lone surrogate."""
    return text.isprintable() or not any(
        char == "\0" or "\ud800" <= char <= "\udfff" for char in text
    )


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
        StateError: a key is no string or empty after its prefix, or a value is not JSON.
    """
    scopes = ScopedState()
    for key, value in state.items():
        scope = _scope(scopes, key)
        if scope is None:
            continue
        try:
            scope[key] = copy_json(value)
        except (TypeError, RecursionError) as error:
            raise state_value_error(key, error) from error
    return scopes


def state_value_error(key: str, error: Exception) -> StateError:
    """For a value that is not JSON."""
    return StateError(
        f"state `{key}` cannot be stored: {error}",
        hint="state holds only what JSON has: null, booleans, numbers, strings, lists and "
        f"objects with string keys, at most {MAXIMUM_DEPTH} levels deep",
    )


def check_state_key(key: object) -> str:
    """Refuse a key that not every store could keep.

    Raises:
        StateError: it is no string, empty after its prefix, too long, or holds NUL or a lone surrogate.
    """
    if (
        not isinstance(key, str)
        or key in _NO_KEYS
        or len(key) > MAXIMUM_STATE_KEY_LENGTH
        or not is_storable(key)
    ):
        raise StateError(
            f"{str(key)[:80]!r} cannot be a key of the state",
            hint=f"a key is a string of 1 to {MAXIMUM_STATE_KEY_LENGTH} characters without NUL and lone "
            "surrogates, with or without the prefix `app:`, `user:` or `temp:`",
        )
    return key


def _scope(scopes: ScopedState, key: object) -> dict[str, JSONValue] | None:
    key = check_state_key(key)
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
