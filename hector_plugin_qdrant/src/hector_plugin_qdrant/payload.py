"""A record as a Qdrant point, and back.

Qdrant takes only numbers and UUIDs as ids, and its filters have their own idea of equality. So the
payload of a point is:

- `id`, `text`, `metadata`: the record, as it is. `norm`: the length of its vector, as Qdrant keeps
  only the direction.
- `tags`: one string for each key and for each pair of key and value (of a list: each item), exact
  in type. A single keyword index over it serves every filter of equality and existence.
- `numbers`: for each number, by key, what comparisons need.
"""

from __future__ import annotations

import hashlib
import json
import math
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, cast

from hector.errors import VectorStoreError
from hector.message import JSONObject
from hector.spi import VectorHit, VectorRecord

__all__ = [
    "HIT_KEYS",
    "TAGS",
    "hit_from",
    "number_parts",
    "number_path",
    "payload_of",
    "point_id",
    "record_from",
    "tag",
    "unit",
]

TAGS = "tags"
HIT_KEYS = ["id", "text", "metadata"]

_NAMESPACE = uuid.UUID("6e0b5c0c-5d0f-5c44-9a5e-6c0a3b1d7f52")
_MAXIMUM_TAG = 256  # an index is no place for whole texts
_INT64 = range(-(2**63), 2**63)


def point_id(id: str) -> str:
    """Give the UUID (version 5) that stands for a record's id.

    Raises:
        VectorStoreError: the id is no Unicode text.
    """
    try:
        return str(uuid.uuid5(_NAMESPACE, id))
    except UnicodeEncodeError as error:
        raise VectorStoreError(f"the id {id!a} is not Unicode: {error.reason}") from error


def unit(vector: Sequence[float], dimension: int, what: str) -> tuple[list[float], float]:
    """Give the direction and the length of `vector`; a zero vector stays zero.

    Qdrant would do it too, but takes a vector that is very short for one that is normalized.

    Raises:
        VectorStoreError: not `dimension` long, or not finite.
    """
    if len(vector) != dimension:
        raise VectorStoreError(
            f"{what} has length {len(vector)}, the collection has dimension {dimension}",
            hint="embed with the model that the collection was made for, or make a new collection",
        )
    norm = math.hypot(*vector)
    if not math.isfinite(norm):
        raise VectorStoreError(f"{what} holds a number that is not finite, or is too large")
    return [float(number) / norm if norm else 0.0 for number in vector], norm


def payload_of(record: VectorRecord, norm: float) -> dict[str, Any]:
    """Write a record's payload.

    Raises:
        VectorStoreError: the record has no id, or holds what Qdrant cannot keep.
    """
    if not record.id:
        raise VectorStoreError("a record has an empty id")
    _check(record)
    return {
        "id": record.id,
        "text": record.text,
        "metadata": dict(record.metadata),
        "norm": norm,
        TAGS: _tags(record.metadata),
        "numbers": _numbers(record.metadata),
    }


def record_from(payload: Mapping[str, Any] | None, vector: Sequence[float]) -> VectorRecord:
    """Read a record; the reverse of `payload_of` and `unit`."""
    found = _own(payload)
    return VectorRecord(
        id=found["id"],
        vector=tuple(number * found["norm"] for number in vector),
        text=found["text"],
        metadata=found["metadata"],
    )


def hit_from(payload: Mapping[str, Any] | None, score: float) -> VectorHit:
    """Read a hit; sums of 32-bit numbers may leave [-1, 1] by a little, and are put back."""
    found = _own(payload)
    return VectorHit(
        id=found["id"],
        score=max(-1.0, min(1.0, score)),
        text=found["text"],
        metadata=found["metadata"],
    )


def tag(*parts: object) -> str:
    """Give the tag of a key, or of a key and a scalar; equal exactly where `matches` says equal."""
    text = json.dumps([_canonical(part) for part in parts], ensure_ascii=True)
    if len(text) <= _MAXIMUM_TAG:
        return text
    return hashlib.blake2b(text.encode(), digest_size=32).hexdigest()


def number_path(key: str, part: str) -> str:
    """Give the path of a number's part; keys are spelled in hex, as paths have a syntax."""
    return f"numbers.k{key.encode(errors='surrogatepass').hex()}.{part}"


def number_parts(value: float) -> tuple[float, float]:
    """Split a number into the nearest 64-bit float and the rest, so that large integers compare.

    Raises:
        OverflowError: beyond the range of floats.
    """
    nearest = float(value)
    rest = value - int(nearest) if isinstance(value, int) else 0
    return nearest, float(rest)


def _canonical(part: object) -> object:
    """Spell equal numbers alike: `1.0` as `1`. Booleans keep their own spelling."""
    return int(part) if isinstance(part, float) and part.is_integer() else part


def _tags(metadata: JSONObject) -> list[str]:
    tags: list[str] = []
    for key, value in metadata.items():
        if value is not None:
            tags.append(tag(key))
        items: Sequence[object] = value if isinstance(value, list | tuple) else [value]
        tags += [tag(key, item) for item in items if isinstance(item, str | int | float)]
    return sorted(set(tags))


def _numbers(metadata: JSONObject) -> dict[str, dict[str, float]]:
    numbers: dict[str, dict[str, float]] = {}
    for key, value in metadata.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            nearest, rest = number_parts(value)
            numbers[f"k{key.encode().hex()}"] = {"nearest": nearest, "rest": rest}
    return numbers


def _check(record: VectorRecord) -> None:
    try:
        text = json.dumps(
            [record.id, record.text, record.metadata], ensure_ascii=False, allow_nan=False
        )
        text.encode()
    except (TypeError, ValueError) as error:  # UnicodeEncodeError is a ValueError
        raise VectorStoreError(f"record {record.id!a} is not JSON in Unicode: {error}") from error
    if (path := _too_large(record.metadata)) is not None:
        raise VectorStoreError(
            f"metadata of record `{record.id}`: `{path}` is an integer of more than 64 bits",
            hint="Qdrant cannot keep it: give it as a string",
        )


def _too_large(value: object, path: str = "") -> str | None:
    """Find an integer that Qdrant would turn into a float."""
    if isinstance(value, int):
        return None if value in _INT64 else path
    items: list[tuple[Any, Any]] = []
    if isinstance(value, Mapping):
        items = list(cast("Mapping[Any, Any]", value).items())
    elif isinstance(value, list | tuple):
        items = list(enumerate(cast("Sequence[Any]", value)))
    for key, item in items:
        if (found := _too_large(item, f"{path}.{key}" if path else str(key))) is not None:
            return found
    return None


def _own(payload: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if payload is None or not payload.keys() >= set(HIT_KEYS):
        raise VectorStoreError(
            "the collection holds points that Hector did not write",
            hint="give Hector a collection of its own",
        )
    return payload
