"""From what a function returns to JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import Any, TypeGuard

import attrs

from hector.message import JSONValue
from hector.spi._arguments.shapes import is_array, is_object

__all__ = ["to_json"]


def to_json(value: Any) -> JSONValue:
    """Scalars, lists, maps, sets, enums, dataclasses and attrs instances as JSON.

    A set becomes a sorted list. A float that JSON cannot write becomes the string `NaN`, `Infinity`
    or `-Infinity`.

    Raises:
        TypeError: something in it has no JSON form; the message names its type.
    """
    if isinstance(value, Enum):
        return to_json(value.value)
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else _unwritable(value)
    if isinstance(value, bytes | bytearray | memoryview):
        raise TypeError("bytes are not JSON")
    if is_object(value):
        return _object(value)
    if is_array(value):
        return [to_json(item) for item in value]
    if _is_set(value):
        return sorted((to_json(item) for item in value), key=repr)
    return _instance(value)


def _is_set(value: Any) -> TypeGuard[AbstractSet[Any]]:
    return isinstance(value, AbstractSet)


def _unwritable(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _object(value: Mapping[Any, Any]) -> dict[str, JSONValue]:
    written: dict[str, JSONValue] = {}
    for key, item in value.items():
        name = key.value if isinstance(key, Enum) else key
        if not isinstance(name, str | int | float):
            raise TypeError(f"a key of type `{type(key).__name__}` is not JSON")
        written[str(name)] = to_json(item)
    return written


def _instance(value: Any) -> JSONValue:
    if isinstance(value, type):
        raise TypeError(f"the class `{value.__name__}` is not JSON")
    cls: Any = value.__class__
    names: Iterable[str] | None = None
    if attrs.has(cls):
        names = [field.name for field in attrs.fields(cls)]
    elif hasattr(cls, "__dataclass_fields__"):
        names = cls.__dataclass_fields__
    if names is None:
        raise TypeError(f"`{cls.__name__}` is not JSON")
    return {name: to_json(getattr(value, name)) for name in names}
