"""The rows of content in a database of a server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from hector.spi.session_stores.dialect import ArtifactRows
from hector.spi.session_stores.groups import Pool
from hector.spi.session_stores.staging import Doomed
from hector.spi.session_values import SessionKey

__all__ = ["PooledContents"]

C = TypeVar("C")


class PooledContents(Generic[C]):
    """The rows of content: `staging.Contents`, each method on a connection of its own.

    What removes may be done twice, so it is done again when the connection breaks.
    """

    def __init__(self, pool: Pool[C], rows: ArtifactRows[C]) -> None:
        """Over a pool that is open."""
        self._pool = pool
        self._rows = rows

    async def begin(self, key: SessionKey, now: float) -> int:
        """See `staging.Contents`."""
        return await self._pool.run(lambda it: self._rows.begin_content(it, key, now))

    async def name_blob(self, content: int, blob: str) -> None:
        """See `staging.Contents`."""
        await self._pool.run(lambda it: self._rows.name_blob(it, content, blob))

    async def add_piece(self, content: int, number: int, data: bytes) -> None:
        """See `staging.Contents`."""
        await self._pool.run(lambda it: self._rows.add_piece(it, content, number, data))

    async def finish(self, content: int, size_bytes: int) -> bool:
        """See `staging.Contents`."""
        return await self._pool.run(lambda it: self._rows.finish_content(it, content, size_bytes))

    async def drop(self, content: int) -> None:
        """See `staging.Contents`."""
        await self._pool.read(lambda it: self._rows.drop_content(it, content))

    async def doom(self, before: float, limit: int, *, with_blobs: bool) -> Sequence[Doomed]:
        """See `staging.Contents`."""
        return await self._pool.read(lambda it: self._rows.doom(it, before, limit, with_blobs))
