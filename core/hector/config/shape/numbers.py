"""Shapes of numbers and durations."""

from __future__ import annotations

import math
import re
from typing import Any

import attrs

from hector.config.node import INVALID, Node, value_problem
from hector.config.scalar import resolve_scalar
from hector.config.shape.shape import Reading, Shape, typed_value, wrong_type
from hector.spi import Range

__all__ = ["NumberShape"]

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")
_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@attrs.frozen(kw_only=True)
class NumberShape(Shape):
    """An integer or a number, in bounds; or a duration in seconds."""

    is_integer: bool
    range: Range | None = None
    is_duration: bool = False

    @property
    def expected(self) -> str:  # type: ignore[override]
        """See `Shape`."""
        if self.is_duration:
            return "a duration (seconds, or such as `500ms`, `30s`, `5m`, `2h`, `1d`)"
        return "an integer" if self.is_integer else "a number"

    def read(self, node: Node, path: str, reading: Reading) -> Any:
        """See `Shape`."""
        value = typed_value(node)
        if value is INVALID:
            return INVALID
        number = self._number(value)
        if number is None:
            is_quoted = (
                isinstance(value, str)
                and not node.is_whole
                and self._number(resolve_scalar(value)) is not None
            )
            hint = "write it without quotes" if is_quoted else None
            reading.problems.append(wrong_type(node, path, self.expected, hint=hint))
            return INVALID
        if message := self._out_of_range(number):
            reading.problems.append(value_problem(node, "H104", path, message))
            return INVALID
        return number

    def _number(self, value: object) -> int | float | None:
        if self.is_duration and isinstance(value, str):
            match = _DURATION.fullmatch(value)
            return float(match[1]) * _UNIT_SECONDS[match[2]] if match else None
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        if self.is_integer:  # JSON knows one kind of number: 5.0 is the integer 5, there and here
            return int(value) if isinstance(value, int) or value.is_integer() else None
        try:
            return float(value)
        except OverflowError:
            return None

    def _out_of_range(self, number: float) -> str | None:
        unit = " seconds" if self.is_duration else ""
        if not math.isfinite(number):
            return "must be a finite number"
        if self.range is None:
            return None
        low, high, is_exclusive = (
            self.range.minimum,
            self.range.maximum,
            self.range.is_minimum_exclusive,
        )
        is_low = low is not None and (number <= low if is_exclusive else number < low)
        if not is_low and (high is None or number <= high):
            return None
        if low is not None and high is not None and not is_exclusive:
            return f"must be {low:g} to {high:g}{unit}"
        lower = (
            f"{'greater than' if is_exclusive else 'at least'} {low:g}" if low is not None else ""
        )
        upper = f"at most {high:g}" if high is not None else ""
        return f"must be {' and '.join(filter(None, (lower, upper)))}{unit}"

    def accepts(self, value: object) -> bool:
        """See `Shape`."""
        return self._number(value) is not None

    def schema(self) -> dict[str, Any]:
        """See `Shape`."""
        schema: dict[str, Any] = {"type": "integer" if self.is_integer else "number"}
        if self.range is not None:
            low = "exclusiveMinimum" if self.range.is_minimum_exclusive else "minimum"
            schema |= {low: self.range.minimum} if self.range.minimum is not None else {}
            schema |= {"maximum": self.range.maximum} if self.range.maximum is not None else {}
        if not self.is_duration:
            return schema
        return {"anyOf": [schema, {"type": "string", "pattern": f"^(?:{_DURATION.pattern})$"}]}
