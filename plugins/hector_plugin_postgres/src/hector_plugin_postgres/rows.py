"""Events, state and keys in the form in which they are stored."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence

import attrs

from hector.message import Event, JSONValue, dump_event
from hector.spi import SessionKey
from hector.spi.session_rules import check_event_size
from hector.spi.session_state import ScopedState, split_state

__all__ = [
    "LARGEST",
    "EventRow",
    "StateRows",
    "bounded",
    "delta_of",
    "identity",
    "row_of",
    "state_rows",
]

LARGEST = 2**63 - 1
"""What a bigint holds."""

EventRow = tuple[int, float, str]
"""sequence, timestamp, payload."""

StateRows = tuple[list[str], list[str | None]]
"""Keys, and values as JSON text; None: the key is deleted."""


def identity(key: SessionKey) -> bytes:
    """A digest of the three names, which hold no NUL: what the unique index is over."""
    text = f"{key.app}\0{key.user}\0{key.id}"
    return hashlib.blake2b(text.encode(), digest_size=20).digest()


def bounded(number: int) -> int:
    """The nearest number that a bigint holds."""
    return max(-LARGEST, min(number, LARGEST))


def row_of(event: Event) -> EventRow:
    """The row of an event that has its sequence. Raises `EventTooLargeError`."""
    payload = dump_event(event)
    if len(payload) > 1_000_000:
        check_event_size(event, len(payload))
    timestamp = event.timestamp
    return (event.sequence or 0, 0.0 if math.isnan(timestamp) else timestamp, payload)


def delta_of(events: Sequence[Event]) -> ScopedState | None:
    """What the events do to the state, together; None: nothing."""
    merged: dict[str, JSONValue] = {}
    for event in events:
        if event.actions is not None:
            merged.update(event.actions.state_delta)
    if not merged:
        return None
    state = split_state(merged)
    return state if attrs.astuple(state, recurse=False) != ({}, {}, {}) else None


def state_rows(values: Mapping[str, JSONValue]) -> StateRows:
    """One scope, in columns."""
    return (
        list(values),
        [None if value is None else json.dumps(value) for value in values.values()],
    )
