"""Which plugins' code this process runs: code is imported once, whatever is installed or removed afterwards."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import attrs

from hector.plugin.records import PluginRecord

__all__ = [
    "formerly_offered",
    "is_imported",
    "remember_import",
    "removed",
    "running_code",
    "running_version",
]

_imported: dict[tuple[str, str], PluginRecord] = {}
"""(distribution, module) -> the record of its first import, with what it offered when it was last asked."""


def _known() -> list[tuple[tuple[str, str], PluginRecord]]:
    """At this moment: a config may be checked in one thread while another is read in a second one."""
    return list(_imported.items())


def _module(record: PluginRecord) -> str:
    return record.module.partition(":")[0]


def remember_import(record: PluginRecord) -> None:
    """Note which version of a plugin's code this process runs, and what it offers."""
    if _module(record) not in sys.modules:
        return
    key = (record.distribution, record.module)
    first = _imported.get(key, record)
    _imported[key] = attrs.evolve(first, providers=record.providers)


def running_code() -> frozenset[tuple[str, str]]:
    """(distribution, module) of every plugin whose code is loaded."""
    return frozenset(key for key, record in _known() if _module(record) in sys.modules)


def running_version(distribution: str) -> str | None:
    """The version that this process has code of, or None when it has none."""
    for (name, _), record in _known():
        if name == distribution and _module(record) in sys.modules:
            return record.version
    return None


def is_imported(distribution: str, module: str) -> bool:
    """Whether this process runs that entry point's code."""
    record = _imported.get((distribution, module))
    return record is not None and _module(record) in sys.modules


def removed(installed: Iterable[PluginRecord]) -> list[PluginRecord]:
    """A record for every plugin whose code is loaded and whose distribution is not installed any more."""
    distributions = {record.distribution for record in installed}
    return [
        attrs.evolve(
            record,
            state="removed",
            providers=(),
            installed_version=None,
            error="it is not installed any more",
            remedy=f"install it again: pip install {record.distribution}",
        )
        for (distribution, _), record in _known()
        if distribution not in distributions and _module(record) in sys.modules
    ]


def formerly_offered(record: PluginRecord) -> frozenset[tuple[str, str]]:
    """(kind, type) of what a plugin offered while it was installed."""
    known = _imported.get((record.distribution, record.module))
    providers = known.providers if known is not None else ()
    return frozenset((provider.kind, provider.type) for provider in providers)
