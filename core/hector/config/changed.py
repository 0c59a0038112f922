"""Which keys of an entry changed, in words that a config is written in; never a value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import attrs

from hector.config.component import ComponentEntry
from hector.config.entries import CHUNKING, SECTIONS, SOURCE
from hector.config.fingerprint import built_from, canonical, provider_identity
from hector.config.node import child_path

__all__ = ["changed_keys", "changed_values"]

_SELECTORS = {section.kind: section.selector for section in (*SECTIONS, SOURCE, CHUNKING)}


def changed_keys(old: ComponentEntry, new: ComponentEntry) -> tuple[str, ...]:
    """The keys that make two entries of one place build something else.

    Args:
        old: the entry as it was.
        new: the entry as it is.

    Returns:
        Paths, sorted: `llms.main.temperature`, `tools.web.headers.Accept`, items of lists by position as in
        `tools.files.roots[1]`; the selector, such as `llms.main.provider`, when another type is selected; the key
        of a reference when it means other components now. A key that was not written is named where it would stand.
        Empty when nothing that matters to the component changed.
    """
    return tuple(sorted(dict.fromkeys(_entry_keys(old, new))))


def changed_values(path: str, old: object, new: object) -> tuple[str, ...]:
    """The same for two values of a section, such as `server.sessions`.

    Args:
        path: where the values stand; empty for the root.
        old: the value as it was, as the config room made it.
        new: the value as it is.
    """
    return tuple(sorted(dict.fromkeys(_keys(path, old, new))))


def _entry_keys(old: ComponentEntry, new: ComponentEntry) -> Iterator[str]:
    if old is new:
        return
    selector = _SELECTORS.get(new.kind, "")
    is_other_provider = provider_identity(old.provider) != provider_identity(new.provider)
    if selector and is_other_provider and old.type != new.type:
        yield child_path(new.path, selector)
    if type(old.settings) is type(new.settings):
        yield from _fields(new.path, old.settings, new.settings)
    elif not is_other_provider:
        yield new.path
    before = built_from(old.common)
    for key, value in built_from(new.common).items():
        if before.get(key) != value:
            yield child_path(new.path, key)
    if old.references != new.references:
        yield from _references(old, new)


def _references(old: ComponentEntry, new: ComponentEntry) -> Iterator[str]:
    """The keys whose references mean other components, or mean them in another order."""
    before = [(use.path, use.kind, use.name) for use in old.references]
    after = [(use.path, use.kind, use.name) for use in new.references]
    for path in dict.fromkeys(use[0] for use in (*before, *after)):
        if [use for use in before if use[0] == path] != [use for use in after if use[0] == path]:
            yield path


def _keys(path: str, old: Any, new: Any) -> Iterator[str]:
    if old is new:
        return
    if isinstance(old, ComponentEntry) and isinstance(new, ComponentEntry):
        if old.path == new.path:
            yield from _entry_keys(old, new)
        else:
            yield path
    elif type(old) is not type(new):
        yield path
    elif hasattr(old, "__attrs_attrs__"):
        yield from _fields(path, old, new)
    elif isinstance(old, Mapping):
        yield from _items(path, cast("Mapping[str, Any]", old), cast("Mapping[str, Any]", new))
    elif isinstance(old, list | tuple):
        yield from _positions(path, list(cast("Iterable[Any]", old)), list(new))
    elif canonical(old) != canonical(new):
        yield path


def _fields(path: str, old: Any, new: Any) -> Iterator[str]:
    for field in attrs.fields(cast("type[attrs.AttrsInstance]", type(old))):
        key = child_path(path, field.alias or field.name)
        yield from _keys(key, getattr(old, field.name), getattr(new, field.name))


def _items(path: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for key in dict.fromkeys((*old, *new)):
        place = child_path(path, str(key))
        if key in old and key in new:
            yield from _keys(place, old[key], new[key])
        else:
            yield place


def _positions(path: str, old: list[Any], new: list[Any]) -> Iterator[str]:
    for index in range(max(len(old), len(new))):
        place = f"{path}[{index}]"
        if index < len(old) and index < len(new):
            yield from _keys(place, old[index], new[index])
        else:
            yield place
