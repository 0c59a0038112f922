"""Filters in Qdrant's words, exact in meaning.

Both engines have the same words as classes of their own; a `Dialect` names them. Two conditions
carry everything: a tag is among the point's tags, and a number is in a range (see `payload`).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Generic, TypeVar

import attrs

from hector.spi import All, AnyOf, Compare, Equals, Exists, Filter, In, Not
from hector_plugin_qdrant.payload import number_parts, number_path, tag

__all__ = ["Dialect", "condition"]

F = TypeVar("F")

# From here on, floats stand further apart than integers.
_FIRST_INEXACT = 2.0**53


@attrs.frozen
class Dialect(Generic[F]):
    """One engine's way of writing filters of its class `F`.

    Attributes:
        tagged: with any of these tags.
        within: `within(path, operator, bound)`: the number at `path` stands in this relation.
        every: all of these hold; not empty.
        some: at least one of these holds; not empty.
        none: none of these holds; not empty.
    """

    tagged: Callable[[list[str]], F]
    within: Callable[[str, str, float], F]
    every: Callable[[list[F]], F]
    some: Callable[[list[F]], F]
    none: Callable[[list[F]], F]


def condition(where: Filter, dialect: Dialect[F]) -> F:
    """Translate `where`, so that it holds for a point where `matches` holds for its metadata."""
    match where:
        case Equals():
            return dialect.tagged([tag(where.key, where.value)])
        case In():
            return _tagged([tag(where.key, value) for value in where.values], dialect)
        case Compare():
            return _compare(where, dialect)
        case Exists():
            return dialect.tagged([tag(where.key)])
        case All(filters=()):
            return dialect.none([_never(dialect)])
        case All():
            return dialect.every([condition(item, dialect) for item in where.filters])
        case AnyOf(filters=()):
            return _never(dialect)
        case AnyOf():
            return dialect.some([condition(item, dialect) for item in where.filters])
        case Not():
            return dialect.none([condition(where.filter, dialect)])


def _never(dialect: Dialect[F]) -> F:
    """Hold for nothing. Engines differ in what they make of an empty list; a tag is never empty."""
    return dialect.tagged([""])


def _tagged(tags: list[str], dialect: Dialect[F]) -> F:
    return dialect.tagged(tags) if tags else _never(dialect)


def _compare(where: Compare, dialect: Dialect[F]) -> F:
    path = number_path(where.key, "nearest")
    try:
        nearest, rest = number_parts(where.value)
    except OverflowError:
        nearest, rest = math.inf if where.value > 0 else -math.inf, 0.0
    if math.isnan(nearest):
        return _never(dialect)
    if math.isinf(nearest):  # JSON has no word for it, but every number is on one side of it
        is_true = (nearest > 0) == where.operator.startswith("<")
        return dialect.within(path, "<=", sys.float_info.max) if is_true else _never(dialect)
    if abs(nearest) < _FIRST_INEXACT:
        return dialect.within(path, where.operator, nearest)
    # Several integers have this nearest float: among them the rest decides.
    same = [dialect.within(path, "<=", nearest), dialect.within(path, ">=", nearest)]
    rest_path = number_path(where.key, "rest")
    return dialect.some(
        [
            dialect.within(path, where.operator[0], nearest),
            dialect.every([*same, dialect.within(rest_path, where.operator, rest)]),
        ]
    )
