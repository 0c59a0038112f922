"""Events, state and keys in the form in which they are stored."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import attrs

from hector.message import Event, JSONValue, dump_event
from hector.spi import SessionKey
from hector.spi.session_rules import check_event_size
from hector.spi.session_state import ScopedState, split_state

__all__ = [
    "LARGEST",
    "EventRow",
    "bounded",
    "delta_of",
    "finite",
    "identity",
    "marks",
    "row_of",
]

LARGEST = 2**63 - 1
"""What a bigint holds."""

_MOST = 1.7e308

EventRow = tuple[int, float, str]
"""sequence, timestamp, payload."""


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
    return (event.sequence or 0, finite(event.timestamp), payload)


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


def marks(count: int, one: str = "%s") -> str:
    """So many placeholders, parted by commas."""
    return ",".join([one] * count)


def finite(number: float) -> float:
    """The nearest number that a column of type double holds; 0 for none."""
    return 0.0 if math.isnan(number) else max(-_MOST, min(number, _MOST))
