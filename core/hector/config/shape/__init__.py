"""Shapes: what the config may hold, derived from attrs classes, for check and JSON Schema."""

from __future__ import annotations

from hector.config.shape.annotation import record_shape
from hector.config.shape.record import Alias, RecordShape, Resolved, read_records
from hector.config.shape.shape import SECRET_EXPECTED, Reading, Shape, UsedReference, wrong_type

__all__ = [
    "SECRET_EXPECTED",
    "Alias",
    "Reading",
    "RecordShape",
    "Resolved",
    "Shape",
    "UsedReference",
    "read_records",
    "record_shape",
    "wrong_type",
]
