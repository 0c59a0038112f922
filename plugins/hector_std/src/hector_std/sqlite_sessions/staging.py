"""Content that is too large for one row goes in pieces, before the append that names it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Sequence

import attrs

from hector.spi.session import ArtifactDraft, SessionKey, Sessions
from hector.spi.session_artifacts import PIECE_BYTES

__all__ = ["large_drafts", "pieces_of"]


async def pieces_of(data: AsyncIterable[bytes]) -> AsyncGenerator[bytes]:
    """The same bytes in pieces of `PIECE_BYTES`, but for the last."""
    held = bytearray()
    async for part in data:
        view = memoryview(part)
        while len(held) + len(view) >= PIECE_BYTES:
            room = PIECE_BYTES - len(held)
            held += view[:room]
            view = view[room:]
            yield bytes(held)
            held.clear()
        held += view
    if held:
        yield bytes(held)


async def large_drafts(
    sessions: Sessions, key: SessionKey, drafts: Sequence[ArtifactDraft]
) -> Sequence[ArtifactDraft]:
    """The drafts, with large content staged: a group of appends does not wait behind it."""
    return [
        attrs.evolve(draft, data=await sessions.stage(key, _whole(draft.data)))
        if isinstance(draft.data, bytes) and len(draft.data) > PIECE_BYTES
        else draft
        for draft in drafts
    ]


async def _whole(data: bytes) -> AsyncGenerator[bytes]:
    yield data
