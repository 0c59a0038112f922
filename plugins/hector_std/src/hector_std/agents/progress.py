"""Reading what an agent has kept of itself."""

from __future__ import annotations

from hector.message import JSONValue

__all__ = ["count_of"]


def count_of(value: JSONValue) -> int:
    """A number of steps, >= 0; 0 for anything that is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
