"""Finding installed plugins without importing them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Collection, Iterator
from typing import Any

import attrs
from importlib_metadata import (
    Distribution,
    EntryPoint,
    MetadataPathFinder,
    entry_points,  # pyright: ignore[reportUnknownVariableType] - (see _points)
)

from hector.plugin.api import level_problem, parse_level
from hector.plugin.records import PluginRecord, PluginState

__all__ = ["API_GROUP", "PLUGIN_GROUP", "discover", "refresh", "remember_import"]

PLUGIN_GROUP = "hector.plugins"
API_GROUP = "hector.api"

_imported: dict[tuple[str, str], str] = {}
"""(distribution, module) -> version, as it was when this process first imported it: code is never re-imported."""


def refresh() -> None:
    """Forget cached directory listings, so that a distribution installed a moment ago is found.

    Both families of caches must go: `importlib.invalidate_caches()` alone leaves the metadata finder's path cache in
    place where the directory's mtime did not move (CPython gh-116811).
    """
    importlib.invalidate_caches()
    MetadataPathFinder.invalidate_caches()


def _points(group: str) -> Iterator[tuple[EntryPoint, Distribution]]:
    """By group, not by distribution: only the few in the group get their metadata parsed."""
    found: Any = entry_points(group=group)  # the library leaves this function's types open
    for point in found:
        if point.dist is not None:
            yield point, point.dist


def _record(
    distribution: Distribution, point: EntryPoint, level: int | None, blocked: Collection[str]
) -> PluginRecord:
    name, version = distribution.metadata["Name"], distribution.version
    running = _imported.get((name, point.value), version)
    record = PluginRecord(
        name=point.name,
        distribution=name,
        version=running,
        installed_version=version if version != running else None,
        module=point.value,
        api_level=level,
    )
    if point.name in blocked or name in blocked:
        return _with(
            record, "blocked", "it is listed in plugins.disable", "take it off that list to use it"
        )
    problem = level_problem(level)
    return _with(record, "incompatible", *problem) if problem else record


def _with(record: PluginRecord, state: PluginState, error: str, remedy: str) -> PluginRecord:
    return attrs.evolve(record, state=state, error=error, remedy=remedy)


def discover(*, disable: Collection[str] = ()) -> tuple[PluginRecord, ...]:
    """List every installed plugin, importing none.

    Args:
        disable: plugin or distribution names that must not be imported.

    Returns:
        Records in the states `discovered`, `blocked` or `incompatible`, sorted by (distribution, entry point).
    """
    levels = {
        (distribution.name, point.name): parse_level(point.value)
        for point, distribution in _points(API_GROUP)
    }
    records = [
        _record(distribution, point, levels.get((distribution.name, point.name)), disable)
        for point, distribution in _points(PLUGIN_GROUP)
    ]
    return tuple(sorted(records, key=lambda record: (record.distribution.lower(), record.name)))


def remember_import(record: PluginRecord) -> None:
    """Note which version of a plugin's code this process runs."""
    if record.module.partition(":")[0] in sys.modules:
        _imported.setdefault((record.distribution, record.module), record.version)
