"""How far the index of a document store is."""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

from hector.spi import DocumentFailure

__all__ = ["IndexState", "IndexStatus"]

IndexState: TypeAlias = Literal["waiting", "indexing", "ready", "failed"]
"""`ready` when a pass has ended, even if some documents failed; `failed` when it broke off."""


@attrs.frozen(kw_only=True)
class IndexStatus:
    """The progress or the result of the last indexing pass.

    Attributes:
        state: see `IndexState`.
        indexed: documents that were new or changed and are now in the index.
        skipped: documents that had not changed.
        failed: documents that could not be read or indexed; what the index held of them stays.
        chunks: chunks written in this pass.
        removed: chunks deleted that belonged to nothing any more.
        seconds: how long the pass has taken so far, or took.
        reason: why it was broken off, or empty.
    """

    state: IndexState = "waiting"
    indexed: int = 0
    skipped: int = 0
    failed: tuple[DocumentFailure, ...] = ()
    chunks: int = 0
    removed: int = 0
    seconds: float = 0.0
    reason: str = ""
