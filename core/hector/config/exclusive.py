"""Things that only one component can hold, such as a folder that an embedded database locks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from hector.config.node import key_problem
from hector.errors import Diagnostic
from hector.spi import Provider

if TYPE_CHECKING:
    from hector.config.entries import ReadEntry

__all__ = ["claimed_twice", "exclusive_claims"]


def exclusive_claims(provider: Provider, settings: Any) -> frozenset[str] | str:
    """What a component with these settings would hold alone; a text when the plugin cannot say."""
    if provider.exclusive is None:
        return frozenset()
    # The border to a plugin's code: it is asked while a config is read, which must not fail with it.
    try:
        claims: list[object] = list(provider.exclusive(settings))
    except Exception as error:  # noqa: BLE001 - the border to plugins
        kind = type(error).__name__  # its text may hold what the settings hold
        return f"the plugin of `{provider.type}` is broken: `exclusive` raised {kind}"
    names = frozenset(claim for claim in claims if isinstance(claim, str))
    if not all(isinstance(claim, str) for claim in claims):
        return (
            f"the plugin of `{provider.type}` is broken: `exclusive` gave something else than names"
        )
    return names


def claimed_twice(read: Iterable[ReadEntry]) -> list[Diagnostic]:
    """H120 for every entry that claims what an enabled entry before it claims."""
    holders: dict[str, ReadEntry] = {}
    problems: list[Diagnostic] = []
    for item in read:
        if item.entry is None or not item.is_enabled:
            continue
        for claim in sorted(item.entry.exclusive):
            holder = holders.setdefault(claim, item)
            if holder is not item:
                problems.append(_problem(item, holder, claim))
    return problems


def _problem(item: ReadEntry, holder: ReadEntry, claim: str) -> Diagnostic:
    return key_problem(
        item.node,
        "H120",
        item.path,
        f"`{claim}` belongs to `{holder.path}` already, and only one can hold it",
        hint=f"use `{holder.path}` for both, or give one of them another place",
    )
