"""Writing a GGUF file, version 3: what a model says of itself, then its tensors."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Value", "gguf_bytes"]

Value: TypeAlias = str | int | float | Sequence[str] | Sequence[int] | Sequence[float]
"""Integers are written in 32 bits, those of a list with a sign; floats in 32 bits."""

_MAGIC, _VERSION, _ALIGNMENT = b"GGUF", 3, 32
_UNSIGNED, _SIGNED, _FLOAT, _TEXT, _LIST = 4, 5, 6, 8, 9
_FLOAT_TENSOR = 0


def gguf_bytes(fields: Mapping[str, Value], tensors: Mapping[str, NDArray[np.float32]]) -> bytes:
    """The content of a file.

    Args:
        fields: key to value; a list is not empty.
        tensors: name to weights; the last axis is the one that lies together.
    """
    written = [_MAGIC, struct.pack("<IQQ", _VERSION, len(tensors), len(fields))]
    written += [_text(key) + _field(value) for key, value in fields.items()]
    offset, data = 0, list[bytes]()
    for name, weights in tensors.items():
        shape = weights.shape[::-1]
        head = struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, _FLOAT_TENSOR, offset)
        written.append(_text(name) + head)
        data.append(_padded(weights.astype("<f4").tobytes()))
        offset += len(data[-1])
    return _padded(b"".join(written)) + b"".join(data)


def _padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % _ALIGNMENT)


def _text(text: str) -> bytes:
    content = text.encode()
    return struct.pack("<Q", len(content)) + content


def _field(value: Value) -> bytes:
    if isinstance(value, str):
        return struct.pack("<I", _TEXT) + _text(value)
    if isinstance(value, int):
        return struct.pack("<II", _UNSIGNED, value)
    if isinstance(value, float):
        return struct.pack("<If", _FLOAT, value)
    kind = {str: _TEXT, int: _SIGNED, float: _FLOAT}[type(value[0])]
    return struct.pack("<IIQ", _LIST, kind, len(value)) + b"".join(map(_item, value))


def _item(value: Any) -> bytes:
    if isinstance(value, str):
        return _text(value)
    return struct.pack("<i" if isinstance(value, int) else "<f", value)
