"""How `extends` lays one config over another."""

from __future__ import annotations

from hector.config.node import Node

__all__ = ["merge"]


def merge(base: Node, over: Node) -> Node:
    """Merge maps key by key, in the base's order; replace everything else, lists among it.

    Neither tree is changed; every node keeps the place in its own file. A null in `over` replaces
    like any value.
    """
    if not isinstance(base.value, dict) or not isinstance(over.value, dict):
        return over
    entries = dict(base.entries)
    for key, item in over.entries.items():
        entries[key] = merge(entries[key], item) if key in entries else item
    return over.with_value(entries)
