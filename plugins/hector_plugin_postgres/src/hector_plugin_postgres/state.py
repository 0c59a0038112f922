"""State in the form in which it is stored."""

from __future__ import annotations

import json
from collections.abc import Mapping

from hector.message import JSONValue

__all__ = ["StateRows", "state_rows"]

StateRows = tuple[list[str], list[str | None]]
"""Keys, and values as JSON text; None: the key is deleted."""


def state_rows(values: Mapping[str, JSONValue]) -> StateRows:
    """One scope, in columns."""
    return (
        list(values),
        [None if value is None else json.dumps(value) for value in values.values()],
    )
