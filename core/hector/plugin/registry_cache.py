"""The registry from one reload to the next: the same one as long as nothing was installed, upgraded or removed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import attrs

from hector.plugin.discovery import discover, refresh
from hector.plugin.imported import running_code
from hector.plugin.installation import Installation, installation
from hector.plugin.records import PluginRecord
from hector.plugin.registry import Registry, build_registry
from hector.spi import Provider

__all__ = ["RegistryCache"]


class _Section(Protocol):
    """What the `plugins` section of a config says."""

    @property
    def disable(self) -> Sequence[str]: ...

    @property
    def prefer(self) -> Mapping[str, str]: ...


@attrs.frozen
class _Known:
    disable: tuple[str, ...]
    prefer: Mapping[str, str]
    installed: Installation
    code: frozenset[tuple[str, str]]
    found: tuple[PluginRecord, ...]
    registry: Registry


class RegistryCache:
    """Gives registries; for one caller at a time."""

    def __init__(self, providers: Iterable[Provider] = ()) -> None:
        """Remember the providers of the embedding program; see `build_registry`."""
        self._providers = tuple(providers)
        self._known: _Known | None = None
        self._unmet: tuple[Installation, tuple[str, ...], Mapping[str, str]] | None = None

    def get(self, section: _Section) -> Registry:
        """The registry for what is installed now and a config's `plugins` section.

        It is the last one if that was made from the same, as a look at the folders of `sys.path` tells in some
        microseconds. A plugin that failed is tried again each time, for its fault may lie outside these folders.
        """
        installed = installation()
        code = running_code()
        disable, prefer = tuple(section.disable), dict(section.prefer)
        known = self._known
        if known is not None and known.disable == disable and known.prefer == prefer:
            if known.code == code and installed.is_still(known.installed):
                return known.registry
            refresh()
            found = discover(disable=disable)
            if found == known.found:
                self._known = attrs.evolve(known, installed=installed, code=running_code())
                return known.registry
        registry = build_registry(disable=disable, prefer=prefer, providers=self._providers)
        if any(record.state == "failed" for record in registry.records):
            self._known = None
        else:
            found = discover(disable=disable)
            self._known = _Known(disable, prefer, installed, running_code(), found, registry)
        return registry

    def unmet(self, require: Sequence[str]) -> Mapping[str, str]:
        """Which requirements are not met, and why not."""
        installed = installation()
        known, wanted = self._unmet, tuple(require)
        if known is None or known[1] != wanted or not installed.is_still(known[0]):
            from hector.plugin.requirements import (
                unmet_requirements,  # most configs require nothing
            )

            known = self._unmet = (installed, wanted, dict(unmet_requirements(wanted)))
        return known[2]
