"""Keeping secrets out of what components say when they fail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

import attrs

from hector.spi import Secret

__all__ = ["redacted"]


def redacted(text: str, settings: object) -> str:
    """`text` with every secret of `settings` as `***`: an SDK quotes what it was given."""
    values = {secret.reveal() for secret in _secrets(settings)}
    for value in sorted(filter(None, values), key=len, reverse=True):
        text = text.replace(value, "***")
    return text


def _secrets(value: object) -> Iterator[Secret]:
    if isinstance(value, Secret):
        yield value
    elif isinstance(value, Mapping):
        for item in cast("Mapping[object, object]", value).values():
            yield from _secrets(item)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in cast("list[object]", value):
            yield from _secrets(item)
    elif attrs.has(type(value)):
        for field in attrs.fields(cast("Any", type(value))):
            yield from _secrets(getattr(value, field.name))
