"""What one reading of a config leaves to the next, so that only what changed is read again.

A memory is never trusted where a message is made: when anything is wrong with a config, it is read once more without
one, so that problems, their texts and their places are those of a first reading.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from hector.config.component import ComponentEntry, ReferenceUse
from hector.config.node import Node
from hector.errors import Diagnostic

if TYPE_CHECKING:
    from hector.config.entries import ReadEntry
    from hector.config.providers import ProviderIndex
    from hector.config.yaml_again import KnownYaml

__all__ = ["Filled", "KnownEntry", "KnownFile", "Memory", "Recorded", "are_same"]


class Recorded(Mapping[str, str]):
    """A mapping that notes what it was asked for, so that the answers can be compared later.

    Attributes:
        seen: name to answer; None for what was not there.
    """

    __slots__ = ("_values", "seen")

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self.seen: dict[str, str | None] = {}

    def __getitem__(self, name: str) -> str:
        self.seen[name] = self._values.get(name)
        return self._values[name]

    def __contains__(self, name: object) -> bool:
        if isinstance(name, str):
            self.seen[name] = self._values.get(name)
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        raise TypeError("what depends on every name cannot be remembered")

    def __len__(self) -> int:
        raise TypeError("what depends on every name cannot be remembered")


def are_same(seen: Mapping[str, str | None], values: Mapping[str, str]) -> bool:
    """Whether a mapping would give every answer that it gave before."""
    return not seen or all(values.get(name) == answer for name, answer in seen.items())


@attrs.frozen
class KnownFile:
    """A file that was parsed.

    Attributes:
        data: its bytes, or the text.
        root: its tree.
        text: what was parsed.
        problems: what was found while parsing.
        yaml: the tree with its pieces, of a YAML file.
    """

    data: bytes | str = attrs.field(repr=False)
    root: Node = attrs.field(repr=False)
    text: str = attrs.field(repr=False)
    problems: tuple[Diagnostic, ...]
    yaml: KnownYaml | None = attrs.field(default=None, repr=False)


@attrs.frozen
class Filled:
    """An entry before and after interpolation.

    Attributes:
        raw: before.
        node: after.
        seen: the variables that were asked for.
    """

    raw: Node
    node: Node
    seen: Mapping[str, str | None] = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class KnownEntry:
    """An entry that was read.

    Attributes:
        filled: what it was read from; None for one that the kernel added.
        variables, defaults: what was asked for while reading.
        read: what came of it.
        problems: warnings, whose places count.
        uses: what its references mean.
        entry: with its references; None for one that is disabled.
    """

    filled: Filled | None
    variables: Mapping[str, str | None] = attrs.field(repr=False)
    defaults: Mapping[str, str | None]
    read: ReadEntry
    problems: tuple[Diagnostic, ...]
    uses: tuple[ReferenceUse, ...] = ()
    entry: ComponentEntry | None = None


@attrs.frozen(kw_only=True)
class Memory:
    """What is known from the last reading that gave a config.

    Attributes:
        providers: those it was checked against.
        folder: where relative paths started.
        files: name in messages and format, to file.
        entries: section and name to entry.
        names: kind to the names of its enabled entries, in order.
        has_warnings: whether there was something to say, with its place.
    """

    providers: ProviderIndex
    folder: Path
    files: Mapping[tuple[str | None, str], KnownFile]
    entries: Mapping[tuple[str, str], KnownEntry]
    names: Mapping[str, list[str]]
    has_warnings: bool
