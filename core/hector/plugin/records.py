"""What is known about each installed plugin, as data."""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

from hector.plugin.swap_hook import SwapHook
from hector.spi import Provider

__all__ = ["PluginRecord", "PluginState"]

PluginState: TypeAlias = Literal[
    "discovered", "blocked", "incompatible", "failed", "loaded", "removed"
]
"""`discovered` is what it is before anybody tried to import it; `removed` is one that this process has imported and
that is installed no more: it offers nothing."""


@attrs.frozen(kw_only=True)
class PluginRecord:
    """One entry point of group `hector.plugins`.

    Attributes:
        name: the entry point's name.
        distribution: the installed distribution that brings it.
        version: the distribution's version in this process: the one that was imported, for a loaded plugin.
        module: the entry point's value.
        state: see `PluginState`.
        error: why it is blocked, incompatible, failed or removed; None otherwise.
        remedy: what to do about `error`, or None.
        api_level: what the plugin says it was written for; None when it does not say.
        import_s: seconds the import took (0 when the module was there already).
        installed_version: the version on disk now, when it differs from `version`: a restart is needed to use it.
        providers: what it offers, in the order of the hooks.
        before_swap, after_swap: its lifecycle hooks.
    """

    name: str
    distribution: str
    version: str
    module: str
    state: PluginState = "discovered"
    error: str | None = None
    remedy: str | None = None
    api_level: int | None = None
    import_s: float = 0.0
    installed_version: str | None = None
    providers: tuple[Provider, ...] = ()
    before_swap: SwapHook | None = attrs.field(default=None, repr=False)
    after_swap: SwapHook | None = attrs.field(default=None, repr=False)

    @property
    def label(self) -> str:
        """`name (distribution version)`, for messages."""
        return f"{self.name} ({self.distribution} {self.version})"
