"""Messages that dictate calls, such as `convert {"amount": 3}`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

import attrs

from hector.message import JSONValue

__all__ = ["Dictated", "read_dictated"]


@attrs.frozen
class Dictated:
    """The name of a tool, offered or not, and what it is to be called with."""

    name: str
    arguments: Mapping[str, JSONValue]


def _refuse(constant: str) -> JSONValue:
    raise ValueError(f"{constant} is no JSON")


_NAME = re.compile(r"([\w-]+)\s*(?=\{)")
_DECODER = json.JSONDecoder(parse_constant=_refuse)


def read_dictated(message: str) -> Sequence[Dictated]:
    """The calls that a message consists of, in order; none if it is anything else."""
    found: list[Dictated] = []
    rest = message.strip()
    while rest:
        named = _NAME.match(rest)
        if named is None:
            return ()
        try:
            arguments, end = _DECODER.raw_decode(rest, named.end())
        except (ValueError, RecursionError):
            return ()
        found.append(Dictated(named[1], arguments))
        rest = rest[end:].strip()
    return found
