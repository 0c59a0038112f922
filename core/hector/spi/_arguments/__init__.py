"""The arguments of a tool that is a Python function: types, their schema, and how they are read."""

from __future__ import annotations

from hector.spi._arguments.objects import Field, ObjectShape
from hector.spi._arguments.shapes import MismatchError, Schema, Shape
from hector.spi._arguments.types import ShapeBuilder, type_hints

__all__ = ["Field", "MismatchError", "ObjectShape", "Schema", "Shape", "ShapeBuilder", "type_hints"]
