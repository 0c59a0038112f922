"""Telling plugins that one generation takes over from another."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from hector.spi import GenerationChange

__all__ = ["SWAP_TIMEOUT_S", "Lifecycle", "SwapHook"]

SWAP_TIMEOUT_S = 10.0
"""How long one plugin's hook may take."""


@attrs.frozen
class SwapHook:
    """One plugin's implementation of a lifecycle hook.

    Attributes:
        plugin: `name (distribution version)`.
        call: takes the change; gives None or an awaitable.
    """

    plugin: str
    call: Callable[[GenerationChange], object]


@attrs.frozen(kw_only=True)
class Lifecycle:
    """The lifecycle hooks of all loaded plugins.

    Attributes:
        before: in plugin order.
        after: in plugin order.
    """

    before: tuple[SwapHook, ...] = ()
    after: tuple[SwapHook, ...] = ()

    async def before_swap(
        self, change: GenerationChange, *, timeout_s: float = SWAP_TIMEOUT_S
    ) -> None:
        """Ask every plugin in turn; return when all agree.

        Args:
            change: what is about to happen.
            timeout_s: how long each hook may take.

        Raises:
            ReloadRefusedError: a hook raised, or took too long; those after it are not asked. Those before it are not
                told: they hear of the swap by `after_swap` or not at all.
        """
        raise NotImplementedError

    async def after_swap(
        self, change: GenerationChange, *, timeout_s: float = SWAP_TIMEOUT_S
    ) -> None:
        """Tell every plugin in turn. What a hook raises, or that it takes too long, is logged.

        Args:
            change: what has happened.
            timeout_s: how long each hook may take.

        Raises nothing but the caller's own cancellation.
        """
        raise NotImplementedError
