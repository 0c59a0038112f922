"""Filters in Qdrant's words, exact in meaning.

Both engines have the same words as classes of their own; a `Dialect` names them. Two conditions
carry everything: a tag is among the point's tags, and a number is in a range (see `payload`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import attrs

from hector.spi import All, AnyOf, Compare, Equals, Exists, Filter, In, Not
from hector_plugin_qdrant.payload import NUMBER_PARTS, number_parts, number_path, tag

__all__ = ["Dialect", "condition"]

F = TypeVar("F")


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
    try:
        bounds = number_parts(where.value)
    except ValueError:  # nothing stands in any relation to NaN
        return _never(dialect)
    paths = [number_path(where.key, part) for part in NUMBER_PARTS]
    found = dialect.within(paths[-1], where.operator, bounds[-1])
    for path, bound in zip(paths[-2::-1], bounds[-2::-1], strict=True):
        same = [dialect.within(path, "<=", bound), dialect.within(path, ">=", bound)]
        beyond = dialect.within(path, where.operator[0], bound)
        found = dialect.some([beyond, dialect.every([*same, found])])
    return found
