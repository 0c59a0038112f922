"""Filters over many records at once, by a dictionary-encoded column per metadata key."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from hector.message import JSONObject, JSONValue
from hector.spi import All, AnyOf, Compare, Equals, Exists, Filter, In, Not, matches

__all__ = ["Columns", "Mask"]

Mask = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int32]
Leaf = Equals | In | Compare | Exists

_STALE_VALUES = 1024
"""Values a dictionary may hold beyond twice the rows before its column is dropped."""


class _Column:
    """One key: a code per row, and the value of each code. Code 0 is `absent`."""

    __slots__ = ("_by_form", "codes", "values")

    def __init__(self, capacity: int) -> None:
        self.codes: Codes = np.zeros(capacity, dtype=np.int32)
        self.values: list[JSONValue] = [None]
        self._by_form: dict[str, int] = {"null": 0}

    def code(self, value: JSONValue) -> int:
        # The JSON form tells 1, 1.0, true and "1" apart, as the filter language does.
        form = json.dumps(value)
        code = self._by_form.setdefault(form, len(self.values))
        if code == len(self.values):
            self.values.append(value)
        return code

    def resize(self, capacity: int) -> None:
        codes = np.zeros(capacity, dtype=np.int32)
        count = min(capacity, len(self.codes))
        codes[:count] = self.codes[:count]
        self.codes = codes


class Columns:
    """The columns that filters have asked for so far, kept in step with the rows of one collection.

    A leaf of a filter is decided by `hector.spi.matches` once per distinct value, then spread over
    the rows, so the meaning is the reference's by construction. A column costs four bytes per row,
    plus its distinct values.
    """

    def __init__(self, capacity: int) -> None:
        """Begin without columns, for `capacity` rows."""
        self._capacity = capacity
        self._columns: dict[str, _Column] = {}

    def mask(
        self, condition: Filter, count: int, read: Callable[[], Iterable[tuple[int, JSONObject]]]
    ) -> Mask:
        """Which of the first `count` rows satisfy `condition`.

        Args:
            condition: the filter.
            count: how many rows there are.
            read: gives row and metadata of every row, for columns that do not exist yet.
        """
        missing = {key for key in _keys(condition) if key not in self._columns}
        if missing:
            fresh = {key: _Column(self._capacity) for key in missing}
            for row, metadata in read():
                _fill(fresh, row, metadata)
            self._columns.update(fresh)
        return self._evaluate(condition, count)

    def put(self, row: int, metadata: JSONObject) -> None:
        """Say what the metadata of a row now is."""
        _fill(self._columns, row, metadata)

    def move(self, source: int, target: int) -> None:
        """Give row `target` the metadata of row `source`."""
        for column in self._columns.values():
            column.codes[target] = column.codes[source]

    def resize(self, capacity: int) -> None:
        """Make room for `capacity` rows, or give room back."""
        self._capacity = capacity
        for column in self._columns.values():
            column.resize(capacity)

    def prune(self, count: int) -> None:
        """Drop columns whose dictionaries hold mostly values that no row has any more."""
        limit = 2 * count + _STALE_VALUES
        stale = [key for key, column in self._columns.items() if len(column.values) > limit]
        for key in stale:
            del self._columns[key]

    def _evaluate(self, condition: Filter, count: int) -> Mask:
        match condition:
            case All(filters):
                return _fold(
                    np.logical_and, True, [self._evaluate(item, count) for item in filters], count
                )
            case AnyOf(filters):
                return _fold(
                    np.logical_or, False, [self._evaluate(item, count) for item in filters], count
                )
            case Not(inner):
                return ~self._evaluate(inner, count)
            case _:
                return self._leaf(condition, count)

    def _leaf(self, condition: Leaf, count: int) -> Mask:
        column = self._columns[condition.key]
        table = np.fromiter(
            (matches(condition, {condition.key: value}) for value in column.values),
            dtype=np.bool_,
            count=len(column.values),
        )
        return table[column.codes[:count]]


def _fill(columns: dict[str, _Column], row: int, metadata: JSONObject) -> None:
    for key, column in columns.items():
        column.codes[row] = column.code(metadata.get(key))


def _fold(operation: np.ufunc, empty: bool, masks: Sequence[Mask], count: int) -> Mask:
    result = np.full(count, empty, dtype=np.bool_)
    for mask in masks:
        operation(result, mask, out=result)
    return result


def _keys(condition: Filter) -> Iterator[str]:
    match condition:
        case All(filters) | AnyOf(filters):
            for item in filters:
                yield from _keys(item)
        case Not(inner):
            yield from _keys(inner)
        case _:
            yield condition.key
