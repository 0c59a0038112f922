"""Moments on the wire."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["to_timestamp"]


def to_timestamp(seconds: float) -> str:
    """ISO 8601 in UTC with milliseconds (A2A 1.0 section 5.6.1)."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
