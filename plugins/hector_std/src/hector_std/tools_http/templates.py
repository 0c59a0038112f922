"""Places for arguments: in the path and the query of an address, and in a JSON body."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import cast
from urllib.parse import quote, unquote

import attrs

from hector.errors import ToolArgumentsError
from hector.message import JSONValue
from hector_std.tools_http.names import NAME

__all__ = ["PathTemplate", "Place", "Template", "body_places", "fill_body"]

# Not compiled until it is used: every command that reads a config imports this module.
_PLACE = r"\{(" + NAME + r")\}"
_SIGN = r"(?:[A-Za-z0-9._~!$'()*+,;:@-]|%[0-9A-Fa-f]{2})"
_SEGMENT = rf"(?:{_SIGN}|[&=])*"
_QUERY_NAME = rf"(?:{_SIGN}|/|\?)+"
_QUERY_VALUE = rf"(?:{_SIGN}|[=/?])*"
_STEPS = r"[/\\]"


@attrs.frozen
class Place:
    """Where the argument of a name goes."""

    name: str


@attrs.frozen
class Template:
    """Text with places in it."""

    pieces: tuple[str | Place, ...]

    @classmethod
    def parse(cls, text: str) -> Template:
        """Read `{name}` as a place, and everything else as it is."""
        pieces: list[str | Place] = []
        end = 0
        for found in re.finditer(_PLACE, text):
            if found.start() > end:
                pieces.append(text[end : found.start()])
            pieces.append(Place(found.group(1)))
            end = found.end()
        if end < len(text):
            pieces.append(text[end:])
        return cls(tuple(pieces))

    @property
    def names(self) -> Sequence[str]:
        """The names of its places, in order."""
        return [piece.name for piece in self.pieces if isinstance(piece, Place)]

    @property
    def only(self) -> str | None:
        """The name of the place that it is all of, or None."""
        return self.names[0] if len(self.pieces) == 1 and self.names else None

    def fill(self, write: Callable[[str], str]) -> str:
        """The text with what `write` gives for each name."""
        return "".join(
            write(piece.name) if isinstance(piece, Place) else piece for piece in self.pieces
        )

    def fits(self, literal: str) -> bool:
        """Whether all that is no place matches a pattern."""
        return all(
            isinstance(piece, Place) or re.fullmatch(literal, piece) for piece in self.pieces
        )


@attrs.frozen
class PathTemplate:
    """A path and a query with places in segments and in values.

    Attributes:
        segments: what stands between the slashes; the first follows the first slash.
        query: names and values; no value where there is only a name.
    """

    segments: tuple[Template, ...]
    query: tuple[tuple[str, Template | None], ...] = ()

    @classmethod
    def parse(cls, text: str) -> PathTemplate:
        """Read `/orders/{order}?expand={expand}`.

        Raises:
            ValueError: it is no such path; the text says why, and shows nothing of it.
        """
        if not text.startswith("/"):
            raise ValueError("must begin with `/`")
        if "#" in text:
            raise ValueError("must have no `#`: a server never sees what stands behind it")
        path, mark, query = text.partition("?")
        segments = tuple(Template.parse(segment) for segment in path[1:].split("/"))
        for segment in segments:
            if not segment.fits(_SEGMENT):
                raise ValueError(
                    "holds a sign that stands for something else in an address: percent-encode it"
                )
            if not segment.names and _climbs(unquote(segment.fill(str))):
                raise ValueError("must not hold `.` or `..` as a step")
        return cls(segments, tuple(map(_pair, query.split("&"))) if mark else ())

    @property
    def path_names(self) -> Sequence[str]:
        """The names of the places in the path."""
        return [name for segment in self.segments for name in segment.names]

    @property
    def query_values(self) -> Sequence[Template]:
        """The values in the query."""
        return [value for _, value in self.query if value is not None]

    def fill(self, arguments: Mapping[str, JSONValue]) -> str:
        """The path and query with every argument encoded, so that it stays in its place.

        A value in the query whose argument is not there, or null, is left out with its name; a list gives the name
        once for each of its items.

        Raises:
            ToolArgumentsError: an argument cannot stand where it would have to.
        """
        path = "".join(f"/{_filled(segment, arguments)}" for segment in self.segments)
        pairs = [pair for name, value in self.query for pair in _pairs(name, value, arguments)]
        return f"{path}?{'&'.join(pairs)}" if pairs else path


def _pair(text: str) -> tuple[str, Template | None]:
    name, sign, value = text.partition("=")
    if not re.fullmatch(_QUERY_NAME, name):
        raise ValueError("must have a query such as `?name=value&other={place}`")
    template = Template.parse(value)
    if not template.fits(_QUERY_VALUE):
        raise ValueError(
            "holds a sign that stands for something else in an address: percent-encode it"
        )
    return name, template if sign else None


def _climbs(segment: str) -> bool:
    """Whether a server that reads `%2F` as `/`, or drops `;…`, might leave the folder that the segment is in."""
    steps = (step.partition(";")[0].strip(" \t\r\n\0") for step in re.split(_STEPS, segment))
    return any(step in (".", "..") for step in steps)


def _filled(segment: Template, arguments: Mapping[str, JSONValue]) -> str:
    filled = segment.fill(lambda name: _encoded(name, _required(name, arguments)))
    if segment.names and _climbs(unquote(filled, errors="replace")):
        raise ToolArgumentsError(
            f"argument `{segment.names[0]}` would lead to another path: it holds `.` or `..` as a step"
        )
    return filled


def _required(name: str, arguments: Mapping[str, JSONValue]) -> str:
    text = _written(name, arguments.get(name))
    if not text:
        raise ToolArgumentsError(f"argument `{name}` stands in a path, and must not be empty")
    return text


def _pairs(name: str, value: Template | None, arguments: Mapping[str, JSONValue]) -> Iterator[str]:
    if value is None:
        yield name
        return
    if any(arguments.get(place) is None for place in value.names):
        return
    given = arguments[value.only] if value.only is not None else None
    if isinstance(given, list):
        for item in given:
            yield f"{name}={_encoded(value.names[0], _written(value.names[0], item))}"
        return
    yield f"{name}={value.fill(lambda place: _encoded(place, _written(place, arguments[place])))}"


def _written(name: str, value: JSONValue) -> str:
    """A scalar as text."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int):
        return json.dumps(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    raise ToolArgumentsError(
        f"argument `{name}` stands in an address, and must be a string, a number or a boolean"
    )


def _encoded(name: str, text: str) -> str:
    try:
        return quote(text, safe="")
    except UnicodeEncodeError as error:
        raise ToolArgumentsError(
            f"argument `{name}` holds half of a character, which no address can"
        ) from error


def body_places(
    template: JSONValue, keys: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every place in a body, with the keys that lead to it."""
    if isinstance(template, str):
        for name in Template.parse(template).names:
            yield keys, name
    elif isinstance(template, Mapping):
        for key, item in template.items():
            yield from body_places(item, (*keys, key))
    elif isinstance(template, list):
        for item in template:
            yield from body_places(item, keys)


def fill_body(template: JSONValue, arguments: Mapping[str, JSONValue]) -> JSONValue:
    """The body with its arguments.

    A string that is one place and nothing else becomes the argument as it is; an entry or an item whose argument is
    not there is left out. In other strings an argument is written as text.
    """
    filled = _body(template, arguments)
    return None if filled is _ABSENT else cast("JSONValue", filled)


_ABSENT = object()
"""Stands for an argument that was not given."""


def _body(template: JSONValue, arguments: Mapping[str, JSONValue]) -> object:
    if isinstance(template, str):
        text = Template.parse(template)
        if text.only is not None:
            return arguments.get(text.only, _ABSENT)
        return text.fill(lambda name: _text(arguments.get(name, "")))
    if isinstance(template, Mapping):
        entries = ((key, _body(item, arguments)) for key, item in template.items())
        return {key: item for key, item in entries if item is not _ABSENT}
    if isinstance(template, list):
        items = (_body(item, arguments) for item in template)
        return [item for item in items if item is not _ABSENT]
    return template


def _text(value: JSONValue) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
