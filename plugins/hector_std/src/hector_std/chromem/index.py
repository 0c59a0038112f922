"""The vectors of one collection in memory, and the exact search over them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar, cast

import numpy as np
import numpy.typing as npt

from hector.errors import VectorStoreError
from hector.message import JSONObject
from hector.spi import Filter, Vector
from hector_std.chromem.columns import Columns

__all__ = ["Floats", "Index", "Rows", "as_floats"]

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.intp]
Number = TypeVar("Number", bound=np.generic)

_SMALLEST = 16
_SPARE = 0.25
"""Room that growth adds, as a share: the matrix stays within 1.3 times what it holds."""
_RESCORE_MARGIN = 2e-5
"""Wider than the error of a float32 product, so that no hit is lost before rescoring."""
_RESCORE_BLOCK = 1024
_GATHER_BELOW = 0.4
"""Share of rows up to which copying the wanted rows is cheaper than multiplying all of them."""


def as_floats(vector: Vector, dimension: int, *, what: str) -> Floats:
    """The vector as float32.

    Raises:
        VectorStoreError: it has another length, or a component that is not finite in float32.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        try:
            floats = np.asarray(vector, dtype=np.float32)
        except (TypeError, ValueError, OverflowError) as error:
            raise VectorStoreError(f"{what} is not a sequence of numbers") from error
    if floats.shape != (dimension,):
        length = floats.shape[0] if floats.ndim == 1 else f"shape {floats.shape}"
        raise VectorStoreError(
            f"{what} has length {length}, the collection's dimension is {dimension}",
            hint="use the embedder that the collection was made with, or another collection",
        )
    if not np.isfinite(floats).all():
        raise VectorStoreError(f"{what} holds a component that is not a finite 32-bit number")
    return floats


class Index:
    """Rows of vectors, ids and filter columns; one thread at a time.

    Each row is kept scaled by a power of two, so that its length lies in [0.5, 1): nothing
    overflows, and the vector given can be handed back exactly.

    Attributes:
        revision: the state of the stored collection that the index mirrors.
    """

    def __init__(self, dimension: int, *, capacity: int = 0, revision: int = 0) -> None:
        """Begin empty with room for `capacity` rows."""
        capacity = max(capacity, _SMALLEST)
        self.revision = revision
        self._dimension = dimension
        self._ids: list[str] = []
        self._rows: dict[str, int] = {}
        self._matrix: Floats = np.empty((capacity, dimension), dtype=np.float32)
        self._inverse_lengths: Floats = np.zeros(capacity, dtype=np.float32)
        self._exponents: npt.NDArray[np.int16] = np.zeros(capacity, dtype=np.int16)
        self._columns = Columns(capacity)

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def ids(self) -> Sequence[str]:
        """Id of each row."""
        return self._ids

    def row(self, key: str) -> int | None:
        """Row of an id, if there is one."""
        return self._rows.get(key)

    def put(self, key: str, vector: Floats, metadata: JSONObject | None) -> None:
        """Insert or replace; `metadata` None while no column exists yet (a first load)."""
        row = self._rows.get(key)
        if row is None:
            row = len(self._ids)
            if row == len(self._matrix):
                self._resize(row + max(_SMALLEST, int(row * _SPARE)))
            self._ids.append(key)
            self._rows[key] = row
        length = float(np.sqrt(np.dot(vector.astype(np.float64), vector.astype(np.float64))))
        exponent = int(np.frexp(length)[1])
        np.ldexp(vector, -exponent, out=self._matrix[row])
        self._exponents[row] = exponent
        self._inverse_lengths[row] = 1 / np.ldexp(length, -exponent) if length else 0.0
        if metadata is not None:
            self._columns.put(row, metadata)

    def remove(self, key: str) -> None:
        """Take a row out, if it is there; the last row takes its place."""
        row = self._rows.pop(key, None)
        if row is None:
            return
        last = len(self._ids) - 1
        moved = self._ids.pop()
        if row != last:
            self._ids[row] = moved
            self._rows[moved] = row
            self._matrix[row] = self._matrix[last]
            self._exponents[row] = self._exponents[last]
            self._inverse_lengths[row] = self._inverse_lengths[last]
            self._columns.move(last, row)
        self._columns.prune(last)
        if last * 4 < len(self._matrix) and len(self._matrix) > _SMALLEST:
            self._resize(max(_SMALLEST, last + int(last * _SPARE)))

    def vector(self, key: str) -> list[float]:
        """The vector as it was given, in float32."""
        row = self._rows[key]
        vector: list[float] = np.ldexp(self._matrix[row], int(self._exponents[row])).tolist()
        return vector

    def select(self, where: Filter, read: Callable[[], Iterable[tuple[str, JSONObject]]]) -> Rows:
        """Rows that satisfy `where`; `read` gives all ids and metadata for a missing column."""

        def rows() -> Iterable[tuple[int, JSONObject]]:
            return ((self._rows[key], metadata) for key, metadata in read())

        return np.flatnonzero(self._columns.mask(where, len(self), rows))

    def search(self, query: Floats, limit: int, rows: Rows | None) -> list[tuple[str, float]]:
        """Ids and cosines of the nearest (of `rows` if given), nearest first, ties in id order."""
        exact = query.astype(np.float64)
        length = float(np.sqrt(np.dot(exact, exact)))
        exact = exact / length if length else exact
        best = self._candidates(exact.astype(np.float32), limit, rows)
        scores = self._rescore(best, exact)
        hits = [
            (self._ids[row], score)
            for row, score in zip(cast("list[int]", best.tolist()), scores, strict=True)
        ]
        hits.sort(key=lambda hit: (-hit[1], hit[0]))
        return hits[:limit]

    def _candidates(self, unit: Floats, limit: int, rows: Rows | None) -> Rows:
        """Rows among which the nearest surely are."""
        scores = self._scores(unit, rows)
        if limit < len(scores):
            cut = np.partition(scores, len(scores) - limit)[len(scores) - limit] - _RESCORE_MARGIN
            chosen = np.flatnonzero(scores >= cut)
        else:
            chosen = np.arange(len(scores))
        return chosen if rows is None else rows[chosen]

    def _scores(self, unit: Floats, rows: Rows | None) -> Floats:
        count = len(self)
        if rows is not None and len(rows) < count * _GATHER_BELOW:
            gathered: Floats = (self._matrix[rows] @ unit) * self._inverse_lengths[rows]
            return gathered
        scores: Floats = (self._matrix[:count] @ unit) * self._inverse_lengths[:count]
        return scores if rows is None else scores[rows]

    def _rescore(self, rows: Rows, unit: npt.NDArray[np.float64]) -> list[float]:
        # A BLAS product rounds by position: equal vectors may differ in the last bit. This does not.
        scores: list[float] = []
        for start in range(0, len(rows), _RESCORE_BLOCK):
            block = self._matrix[rows[start : start + _RESCORE_BLOCK]].astype(np.float64)
            lengths = np.sqrt((block * block).sum(axis=1))
            products = (block * unit).sum(axis=1)
            cosines = np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)
            scores += np.clip(cosines, -1.0, 1.0).tolist()
        return scores

    def _resize(self, capacity: int) -> None:
        count = len(self._ids)
        # In place where the allocator can, so that growth does not need the matrix twice.
        self._matrix.resize((capacity, self._dimension), refcheck=False)
        self._inverse_lengths = _resized(self._inverse_lengths, capacity, count)
        self._exponents = _resized(self._exponents, capacity, count)
        self._columns.resize(capacity)


def _resized(values: npt.NDArray[Number], capacity: int, count: int) -> npt.NDArray[Number]:
    fresh = np.zeros(capacity, dtype=values.dtype)
    fresh[:count] = values[:count]
    return fresh
