"""Shapes: what the config may hold, derived from attrs classes; they check it and describe it as JSON Schema."""

from __future__ import annotations

from hector.config.shape.annotation import record_shape
from hector.config.shape.record import Alias, RecordShape, read_records
from hector.config.shape.scalars import SECRET_EXPECTED
from hector.config.shape.shape import Reading, Shape, UsedReference, wrong_type

__all__ = [
    "SECRET_EXPECTED",
    "Alias",
    "Reading",
    "RecordShape",
    "Shape",
    "UsedReference",
    "read_records",
    "record_shape",
    "wrong_type",
]
