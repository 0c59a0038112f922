"""A plugin's implementation of a lifecycle hook, as data: to know of it takes no event loop."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from hector.spi import GenerationChange

__all__ = ["SwapHook"]


@attrs.frozen
class SwapHook:
    """One plugin's implementation of a lifecycle hook.

    Attributes:
        plugin: `name (distribution version)`.
        name: the hook's.
        call: takes the change; a coroutine function, or a plain one, which is called in a thread.
    """

    plugin: str
    name: str
    call: Callable[[GenerationChange], object]
