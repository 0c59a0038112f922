"""Which collections document stores of this process are using: nobody may drop those."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import attrs

from hector.spi import VectorStore

__all__ = ["CollectionUse", "is_in_use", "is_replaced", "use_collection"]


@attrs.define(eq=False)
class CollectionUse:
    """One document store that is open.

    Attributes:
        base: the collection as the config calls it, which every pipeline derives its own from.
        collection: the one in use.
        is_complete: whether its first pass has ended well.
    """

    base: str
    collection: str
    is_complete: bool = False


_open: dict[int, list[CollectionUse]] = {}
"""By the identity of the vector store, which is open as long as what stands here; in order of opening."""


@contextmanager
def use_collection(store: VectorStore, *, base: str, collection: str) -> Generator[CollectionUse]:
    """Say that a collection is in use, until the block ends."""
    uses = _open.setdefault(id(store), [])
    use = CollectionUse(base, collection)
    uses.append(use)
    try:
        yield use
    finally:
        uses.remove(use)
        if not uses:
            del _open[id(store)]


def is_in_use(collection: str) -> bool:
    """Whether an open document store uses a collection of that name.

    In whichever vector store: after a reload another object may speak to the same database.
    """
    return any(use.collection == collection for uses in _open.values() for use in uses)


def is_replaced(store: VectorStore, use: CollectionUse) -> bool:
    """Whether a document store that was opened later has a complete index of the same documents in another collection.

    Then the older collection is of no use to anybody once its own store closes.
    """
    uses = _open.get(id(store), [])
    later = uses[uses.index(use) + 1 :]
    return any(
        other.is_complete and other.base == use.base and other.collection != use.collection
        for other in later
    ) and not any(other.collection == use.collection for other in uses if other is not use)
