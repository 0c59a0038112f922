"""Values in the form in which MySQL takes them."""

from __future__ import annotations

import math

__all__ = ["finite", "marks"]

_MOST = 1.7e308


def marks(count: int, one: str = "%s") -> str:
    """So many placeholders, parted by commas."""
    return ",".join([one] * count)


def finite(number: float) -> float:
    """The nearest number that a column of type double holds; 0 for none."""
    return 0.0 if math.isnan(number) else max(-_MOST, min(number, _MOST))
