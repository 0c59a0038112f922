"""JSON Schema: values under a schema, with the place of everything that does not fit."""

from __future__ import annotations

from hector.spi._schema.compiling import compiled
from hector.spi._schema.judging import Check, Judging, SchemaMistakeError, TooMuchError

__all__ = ["Check", "Judging", "SchemaMistakeError", "TooMuchError", "compiled"]
