"""The two engines of the plugin, opened empty."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeAlias

from qdrant_client import AsyncQdrantClient

from hector.spi import VectorStore
from hector_plugin_qdrant.server import ServerQdrant
from hector_plugin_qdrant.settings import QdrantSettings

Opening: TypeAlias = Callable[[], AbstractAsyncContextManager[VectorStore]]


@asynccontextmanager
async def on_local_engine() -> AsyncGenerator[VectorStore]:
    """The store for a server, on the engine that the client itself brings for tests.

    No real server can be had here: this is the vendor's own second implementation of it, behind
    the same class and the same models.
    """
    client = AsyncQdrantClient(":memory:")
    try:
        yield ServerQdrant(client, QdrantSettings(host="localhost"))
    finally:
        await client.close()
