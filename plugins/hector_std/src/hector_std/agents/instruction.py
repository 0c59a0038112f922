"""Instructions with places for state and artifacts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from contextlib import aclosing
from typing import Any, cast

import attrs

from hector.errors import ArtifactNotFoundError, InstructionError
from hector.message import JSONValue
from hector.spi import Invocation

__all__ = ["MAXIMUM_ARTIFACT_BYTES", "PLACE", "Instruction"]

MAXIMUM_ARTIFACT_BYTES = 128 * 1024
"""The most of an artifact that an instruction takes in, about 30,000 tokens."""

_KNOWN = 20
"""How many keys an error names."""

_KEY = r"(?:app:|user:|temp:)?[A-Za-z_][A-Za-z0-9_]*|artifact\.[^{}\s?]+"
PLACE = re.compile(
    rf"(?<!\$)(?:\{{(?P<escaped>\{{(?:{_KEY})\??\}})\}}|\{{(?P<key>{_KEY})(?P<optional>\?)?\}})"
)
"""What is filled in, or was meant to be text by doubled braces."""

_BESIDE = "write `{{{key}?}}` where it may be missing, or `{{{{{key}}}}}` for the braces themselves"


@attrs.frozen
class _Place:
    """Something to be filled in."""

    key: str
    is_optional: bool


class Instruction:
    """A text in which `{key}` stands for what the session's state has under that key.

    - `{key}`, `{app:key}`, `{user:key}`, `{temp:key}`: a string as it is, anything else as JSON.
    - `{artifact.name}`: the newest version of an artifact, as UTF-8 text of at most `MAXIMUM_ARTIFACT_BYTES`.
    - `{key?}`: nothing, where there is no such key or artifact.
    - `{{key}}`: the text `{key}`; of more pairs of braces, too, one is taken off.

    A key is a letter or `_`, then letters, digits and `_` (all ASCII). Every other brace stands for itself, so that
    examples of JSON need nothing, and so does `${name}`. What is filled in is not looked through again.
    """

    __slots__ = ("_agent", "_pieces", "_text")

    def __init__(self, text: str, *, agent: str) -> None:
        """Find the places.

        Args:
            text: the template.
            agent: whose instruction it is, for errors.
        """
        self._agent = agent
        self._pieces = tuple(_pieces(text))
        is_plain = all(isinstance(piece, str) for piece in self._pieces)
        self._text = "".join(cast("tuple[str, ...]", self._pieces)) if is_plain else None

    async def fill(self, invocation: Invocation) -> str:
        """The text for the next model call, as the state and the artifacts are now.

        Raises:
            InstructionError: a key or an artifact that is not optional is missing; an artifact is no text, or too
                large.
            SessionError: an artifact could not be read.
        """
        if self._text is not None:
            return self._text
        return "".join(
            [
                piece if isinstance(piece, str) else await self._filled(piece, invocation)
                for piece in self._pieces
            ]
        )

    async def _filled(self, place: _Place, invocation: Invocation) -> str:
        kind, dot, name = place.key.partition(".")
        if dot and kind == "artifact":
            return await self._artifact(place, name, invocation)
        value = invocation.state.get(place.key)
        if value is not None:
            return _as_text(value)
        if place.is_optional:
            return ""
        raise self._missing(place.key, f"the state has no key `{place.key}`", invocation.state)

    async def _artifact(self, place: _Place, name: str, invocation: Invocation) -> str:
        data = bytearray()
        try:
            async with aclosing(cast("Any", invocation.artifacts.stream(name))) as pieces:
                async for piece in pieces:
                    data += piece
                    if len(data) > MAXIMUM_ARTIFACT_BYTES:
                        raise self._unfit(place.key, f"is above {MAXIMUM_ARTIFACT_BYTES:,} bytes")
        except ArtifactNotFoundError as error:
            if place.is_optional:
                return ""
            names = [f"artifact.{item.name}" for item in await invocation.artifacts.list()]
            raise self._missing(place.key, f"there is no artifact `{name}`", names) from error
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise self._unfit(place.key, "is not UTF-8 text") from error

    def _missing(self, key: str, problem: str, there: Iterable[str]) -> InstructionError:
        known = tuple(sorted(there))
        more = f" and {len(known) - _KNOWN} more" if len(known) > _KNOWN else ""
        names = ", ".join(f"`{item}`" for item in known[:_KNOWN]) + more
        return InstructionError(
            self._agent,
            f"has `{{{key}}}` in its instruction, and {problem}",
            key=key,
            known=known,
            hint=f"there is {names or 'nothing yet'}; {_BESIDE.format(key=key)}",
        )

    def _unfit(self, key: str, problem: str) -> InstructionError:
        return InstructionError(
            self._agent,
            f"has `{{{key}}}` in its instruction, and that artifact {problem}",
            key=key,
            hint="let the agent read it with a tool, or save a shorter text as an artifact",
        )


def _pieces(text: str) -> Iterable[str | _Place]:
    """The text in order: what stands for itself, and the places."""
    end = 0
    for found in PLACE.finditer(text):
        yield text[end : found.start()]
        escaped = found["escaped"]
        yield escaped or _Place(found["key"], found["optional"] is not None)
        end = found.end()
    yield text[end:]


def _as_text(value: JSONValue) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
