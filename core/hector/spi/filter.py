"""One small filter language over metadata, translated by each vector store.

A filter is a frozen value. A key that a record lacks equals nothing, is in nothing, compares with nothing and does
not exist; `Not` of such a condition is therefore true. Equality is by type and value: `1` is not `True`, `1` equals
`1.0`. A value that is a list matches `Equals` or `In` when one of its items does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, cast

import attrs

__all__ = [
    "All",
    "AnyOf",
    "Compare",
    "Equals",
    "Exists",
    "Filter",
    "In",
    "Not",
    "Scalar",
    "matches",
]

Scalar: TypeAlias = str | int | float | bool


@attrs.frozen
class Equals:
    """The value of `key` is `value`."""

    key: str
    value: Scalar


@attrs.frozen
class In:
    """The value of `key` is one of `values`; none of an empty tuple."""

    key: str
    values: tuple[Scalar, ...]


@attrs.frozen
class Compare:
    """The number at `key` stands in this relation to `value`."""

    key: str
    operator: Literal["<", "<=", ">", ">="]
    value: int | float


@attrs.frozen
class Exists:
    """The record has `key`, and it is not None."""

    key: str


@attrs.frozen
class All:
    """Every one holds; true when empty."""

    filters: tuple[Filter, ...]


@attrs.frozen
class AnyOf:
    """At least one holds; false when empty."""

    filters: tuple[Filter, ...]


@attrs.frozen
class Not:
    """`filter` does not hold."""

    filter: Filter


Filter: TypeAlias = "Equals | In | Compare | Exists | All | AnyOf | Not"


def _same(left: Any, right: Scalar) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)


def _holds(value: Any, wanted: tuple[Scalar, ...]) -> bool:
    items = tuple(cast("list[Any]", value)) if isinstance(value, list | tuple) else (value,)
    return any(_same(item, scalar) for item in items for scalar in wanted)


def _compares(value: Any, condition: Compare) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    match condition.operator:
        case "<":
            return value < condition.value
        case "<=":
            return value <= condition.value
        case ">":
            return value > condition.value
        case ">=":
            return value >= condition.value


def matches(condition: Filter, metadata: Mapping[str, Any]) -> bool:
    """Whether `metadata` satisfies `condition`: the reference meaning that every store's translation is held to."""
    match condition:
        case Equals():
            return _holds(metadata.get(condition.key), (condition.value,))
        case In():
            return _holds(metadata.get(condition.key), condition.values)
        case Compare():
            return _compares(metadata.get(condition.key), condition)
        case Exists():
            return metadata.get(condition.key) is not None
        case All():
            return all(matches(item, metadata) for item in condition.filters)
        case AnyOf():
            return any(matches(item, metadata) for item in condition.filters)
        case Not():
            return not matches(condition.filter, metadata)
