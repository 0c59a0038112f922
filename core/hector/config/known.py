"""Entries that are known from an earlier reading: taken as they were, or read and remembered."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import attrs

from hector.config.component import ComponentEntry, ReferenceUse
from hector.config.entries import CHUNKING, SOURCE, ReadEntry, Section, component_kind
from hector.config.fingerprint import fingerprint
from hector.config.memory import KnownEntry, Memory, Recorded, are_same
from hector.config.node import Node
from hector.config.pace import give_way
from hector.config.providers import ProviderIndex
from hector.config.reader import RawConfig
from hector.config.shape import Reading

__all__ = ["Known"]

_Key = tuple[str, str]


class Known:
    """What one pass over a config takes from the last one, and what it leaves to the next.

    Attributes:
        is_first: whether there is nothing to take from.
        changed: kind and name of every entry whose references are not known to be those of the last time.
        has_new_claims: whether an entry that changed claims something that only one can hold.
        is_stale: whether an entry gave a message although its places may be out of date.
    """

    def __init__(self, memory: Memory | None, raw: RawConfig, providers: ProviderIndex) -> None:
        self.is_first = memory is None
        self._raw = raw
        self._providers = providers
        self._old: Mapping[_Key, KnownEntry] = {} if memory is None else memory.entries
        self._is_same_context = (
            memory is not None
            and memory.providers is providers
            and memory.folder == raw.source.folder
        )
        self._old_names: Mapping[str, list[str]] = {} if memory is None else memory.names
        self._names: dict[str, list[str]] = {}
        self._moved_kinds: set[str] = set()
        self._new: dict[_Key, KnownEntry] = {}
        self.changed: list[_Key] = []
        self.has_new_claims = False
        self.is_stale = False

    def read(
        self,
        section: Section,
        name: str,
        node: Node,
        reading: Reading,
        read: Callable[[Section, str, Node], ReadEntry],
    ) -> ReadEntry:
        """The entry as it was read before if nothing it was made from changed, else as `read` gives it."""
        give_way()
        key = (section.key, name)
        old = self._old.get(key)
        filled = self._raw.filled.get(key)
        is_kept = old is not None and filled is not None and old.filled is filled
        if (
            old is not None
            and is_kept
            and self._is_same_context
            and are_same(old.variables, reading.variables)
            and are_same(old.defaults, reading.default_names)
        ):
            reading.problems += old.problems
            self._new[key] = old
            return old.read
        start = len(reading.problems)
        asked, asked_defaults = Recorded(reading.variables), Recorded(reading.default_names)
        with _asking(reading, asked, asked_defaults):
            item = read(section, name, node)
        problems = tuple(reading.problems[start:])
        has_old_places = is_kept or self._raw.has_old_places
        self.is_stale = self.is_stale or (has_old_places and bool(problems))
        self._new[key] = KnownEntry(
            filled=filled,
            variables=asked.seen,
            defaults=asked_defaults.seen,
            read=item,
            problems=problems,
        )
        return item

    def compare_names(self, read: Mapping[str, Mapping[str, ReadEntry]]) -> None:
        """Find the kinds whose entries are others, or in another order, than the last time."""
        for kind, items in read.items():
            names = [name for name, item in items.items() if item.is_enabled]
            self._names[kind] = names
            if names != self._old_names.get(kind):
                self._moved_kinds.add(kind)

    def uses(self, item: ReadEntry) -> tuple[ReferenceUse, ...] | None:
        """What an entry's references mean, if that is what they meant the last time."""
        key = (item.section.key, item.name)
        old = self._old.get(key)
        if old is None or old is not self._new[key] or old.entry is None:
            return None
        if self._moved_kinds and any(
            component_kind(used.reference.kind) in self._moved_kinds for used in item.used
        ):
            return None
        return old.uses

    def entry(
        self, item: ReadEntry, fresh: ComponentEntry, uses: tuple[ReferenceUse, ...]
    ) -> ComponentEntry:
        """The entry with its references; the same object as the last time if it is equal."""
        give_way()
        key = (item.section.key, item.name)
        old, new = self._old.get(key), self._new[key]
        if old is not None and old is new and old.entry is not None and old.uses is uses:
            return old.entry
        entry = with_references(fresh, tuple(dict.fromkeys(uses)))
        before = old.entry if old is not None else None
        if before is not None and _is_equal(before, entry):
            entry = before
        else:
            self.has_new_claims = self.has_new_claims or bool(entry.exclusive)
        if old is None or old.uses != uses:
            self.changed.append((item.section.kind, item.name))
        self._new[key] = attrs.evolve(new, uses=uses, entry=entry)
        return entry

    def memory(self, *, has_warnings: bool) -> Memory:
        """What to remember."""
        raw = self._raw
        return Memory(
            providers=self._providers,
            folder=raw.source.folder,
            files=raw.files,
            entries=self._new,
            names=self._names,
            has_warnings=has_warnings,
        )


@contextmanager
def _asking(reading: Reading, variables: Recorded, defaults: Recorded) -> Generator[None]:
    """Let a reading ask these for a while."""
    before = reading.variables, reading.default_names
    reading.variables, reading.default_names = variables, defaults
    try:
        yield
    finally:
        reading.variables, reading.default_names = before


def _is_equal(old: ComponentEntry, new: ComponentEntry) -> bool:
    # Not by `==` alone: to Python, 1 is true and 0.0 is -0.0, also inside of settings.
    return old == new and fingerprint(old, ()) == fingerprint(new, ())


def with_references(entry: ComponentEntry, uses: Sequence[ReferenceUse]) -> ComponentEntry:
    """The entry with its references; the parts of a document store get theirs."""
    if entry.kind != "document_store":
        return attrs.evolve(entry, references=tuple(uses))
    settings = entry.settings
    parts: dict[str, Any] = {}
    for key in (SOURCE.key, CHUNKING.key):
        part = cast("ComponentEntry", getattr(settings, key))
        own = tuple(use for use in uses if use.path.startswith(f"{part.path}."))
        parts[key] = attrs.evolve(part, references=own)
    return attrs.evolve(entry, references=tuple(uses), settings=attrs.evolve(settings, **parts))
