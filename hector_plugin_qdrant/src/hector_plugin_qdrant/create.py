"""Opens the store that the settings ask for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib import import_module

from hector.spi import BuildContext, VectorStore
from hector_plugin_qdrant.settings import QdrantSettings

__all__ = ["create"]


@asynccontextmanager
async def create(settings: QdrantSettings, _context: BuildContext) -> AsyncGenerator[VectorStore]:
    """Open a store; what `vector_stores.<name>` with `type: qdrant` becomes.

    The embedded engine takes its folder for itself; a server is asked for its collections, so that
    a wrong address or key shows now. Raises `VectorStoreError`.
    """
    engine = "embedded" if settings.path is not None else "server"
    # The client of the server takes 2.5 s of CPU to import: off the loop, and only where needed.
    module = await asyncio.to_thread(import_module, f"hector_plugin_qdrant.{engine}")
    async with module.open_store(settings) as store:
        yield store
