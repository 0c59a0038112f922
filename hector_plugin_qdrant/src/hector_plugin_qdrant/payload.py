"""A record as a Qdrant point, and back.

Qdrant takes only numbers and UUIDs as ids, its filters have their own idea of equality, and it
reads one float in seven as its neighbour (its JSON parser does not round correctly). So the payload
of a point is:

- `id`, `text`, `metadata`: the record; the metadata as JSON text, so that it comes back as it was.
  `norm`: the length of its vector, as Qdrant keeps only the direction.
- `tags`: one string for each key and for each pair of key and value (of a list: each item), exact
  in type. A single keyword index over it serves every filter of equality and existence.
- `numbers`: for each number, by key, the integers that order it; see `number_parts`.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
import uuid
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from hector.errors import VectorStoreError
from hector.message import JSONObject
from hector.spi import VectorHit, VectorRecord

__all__ = [
    "HIT_KEYS",
    "NUMBER_PARTS",
    "TAGS",
    "hit_from",
    "missing_indexes",
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
NUMBER_PARTS = ("high", "low", "rest")

_NAMESPACE = uuid.UUID("6e0b5c0c-5d0f-5c44-9a5e-6c0a3b1d7f52")
_MAXIMUM_TAG = 256  # an index is no place for whole texts
_MAXIMUM_REST = 2**52
_MAXIMUM_INDEXES = 64  # keys may be data; what has no index is still found, by reading payloads


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
    try:
        record.text.encode()
        metadata = json.dumps(dict(record.metadata), allow_nan=False)
    except (TypeError, ValueError) as error:  # UnicodeEncodeError is a ValueError
        raise VectorStoreError(f"record `{record.id}` is not JSON in Unicode: {error}") from error
    return {
        "id": record.id,
        "text": record.text,
        "metadata": metadata,
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
        metadata=json.loads(found["metadata"]),
    )


def hit_from(payload: Mapping[str, Any] | None, score: float) -> VectorHit:
    """Read a hit; sums of 32-bit numbers may leave [-1, 1] by a little, and are put back."""
    found = _own(payload)
    return VectorHit(
        id=found["id"],
        score=max(-1.0, min(1.0, score)),
        text=found["text"],
        metadata=json.loads(found["metadata"]),
    )


def tag(*parts: object) -> str:
    """Give the tag of a key, or of a key and a scalar; equal exactly where `matches` says equal."""
    text = json.dumps([_canonical(part) for part in parts], ensure_ascii=True)
    if len(text) <= _MAXIMUM_TAG:
        return text
    return hashlib.blake2b(text.encode(), digest_size=32).hexdigest()


def number_path(key: str, part: str) -> str:
    """Give the path of a number's part."""
    return f"numbers.{_spelled(key)}.{part}"


def missing_indexes(
    payloads: Iterable[Mapping[str, Any]], indexed: AbstractSet[str]
) -> Sequence[str]:
    """Give the paths in these payloads that want an index over integers and are not `indexed`.

    With it, Qdrant finds numbers in a range without reading every payload. There are at most 64
    indexes in a collection.
    """
    wanted = {f"numbers.{name}.high" for payload in payloads for name in payload["numbers"]}
    return sorted(wanted - indexed)[: max(0, _MAXIMUM_INDEXES - len(indexed))]


def number_parts(value: float) -> tuple[int, int, int]:
    """Write a number as three integers that stand in the same order, one after the other.

    The first two are the halves of the nearest 64-bit float: its bits, made two's complement, order
    as floats do (IEEE 754, 5.10). The third is what an integer has more than that float, so all are
    told apart up to 105 bits. Qdrant compares integers of 52 bits exactly.

    Raises:
        ValueError: the value is not a number.
    """
    try:
        nearest = float(value)
    except OverflowError:
        nearest = math.inf if value > 0 else -math.inf
    if math.isnan(nearest):
        raise ValueError("NaN stands in no order")
    (bits,) = struct.unpack(">q", struct.pack(">d", nearest))
    if bits < 0:
        bits = -(bits & (2**63 - 1))
    rest = value - int(nearest) if isinstance(value, int) and math.isfinite(nearest) else 0
    return bits >> 32, bits & 0xFFFF_FFFF, max(-_MAXIMUM_REST, min(_MAXIMUM_REST, rest))


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


def _numbers(metadata: JSONObject) -> dict[str, dict[str, int]]:
    return {
        _spelled(key): dict(zip(NUMBER_PARTS, number_parts(value), strict=True))
        for key, value in metadata.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _spelled(key: str) -> str:
    """Spell a key as a name that is one step of a path, whatever it holds."""
    return f"k{key.encode(errors='surrogatepass').hex()}"


def _own(payload: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if payload is None or not payload.keys() >= set(HIT_KEYS):
        raise VectorStoreError(
            "the collection holds points that Hector did not write",
            hint="give Hector a collection of its own",
        )
    return payload
