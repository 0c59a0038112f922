"""Globs over relative paths, with `**` in its usual meaning and no pattern that is slow."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable

import attrs

from hector.errors import UsageError

__all__ = ["Glob", "GlobSet"]

_BRACES = re.compile(r"\{([^{}]*)\}")
_MOST_ALTERNATIVES = 64


def _alternatives(pattern: str) -> list[str]:
    """`a.{b,c}` as `a.b` and `a.c`."""
    pending, done = [pattern], list[str]()
    while pending:
        candidate = pending.pop(0)
        match = _BRACES.search(candidate)
        if match is None:
            done.append(candidate)
            continue
        before, after = candidate[: match.start()], candidate[match.end() :]
        pending.extend(before + option + after for option in match[1].split(","))
        if len(pending) + len(done) > _MOST_ALTERNATIVES:
            raise UsageError(f"the pattern `{pattern}` has too many alternatives")
    return done


@attrs.frozen
class Glob:
    """One pattern over paths with `/` between segments.

    `*`, `?` and `[…]` stay within a segment, `**` stands for any number of segments, `{a,b}` for
    either. A pattern without `/` matches the last segment at any depth; one that begins with `/`
    is anchored at the root. Case matters.
    """

    pattern: str
    _segments: tuple[tuple[re.Pattern[str] | None, ...], ...] = attrs.field(
        init=False, eq=False, repr=False
    )

    def __attrs_post_init__(self) -> None:
        """Compile; a pattern is compiled once and matched often."""
        compiled = tuple(_compiled(option) for option in _alternatives(self.pattern))
        object.__setattr__(self, "_segments", compiled)

    def matches(self, path: str) -> bool:
        """Whether the whole path matches."""
        parts = path.split("/")
        return any(_match(segments, parts) for segments in self._segments)


def _compiled(pattern: str) -> tuple[re.Pattern[str] | None, ...]:
    stripped = pattern.rstrip("/")
    segments = stripped.lstrip("/").split("/") if stripped else []
    if len(segments) == 1 and not stripped.startswith("/"):
        segments = ["**", *segments]
    return tuple(
        None if segment == "**" else re.compile(fnmatch.translate(segment)) for segment in segments
    )


def _match(segments: tuple[re.Pattern[str] | None, ...], parts: list[str]) -> bool:
    """Dynamic programming over both lengths, so that many `**` cost no more than one."""
    reachable = {0}
    for segment in segments:
        if segment is None:
            reachable = set(range(min(reachable), len(parts) + 1)) if reachable else reachable
        else:
            reachable = {
                index + 1
                for index in reachable
                if index < len(parts) and segment.match(parts[index])
            }
    return len(parts) in reachable


@attrs.frozen
class GlobSet:
    """Several patterns, of which one must match."""

    globs: tuple[Glob, ...]

    @classmethod
    def of(cls, patterns: Iterable[str]) -> GlobSet:
        """Compile patterns; of none, nothing matches."""
        return cls(tuple(Glob(pattern) for pattern in patterns))

    def matches(self, path: str) -> bool:
        """Whether one of the patterns matches the path."""
        return any(glob.matches(path) for glob in self.globs)
