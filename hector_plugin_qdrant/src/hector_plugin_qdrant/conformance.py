"""The laws that this plugin keeps: `hector plugins check qdrant` runs these classes, and needs no server.

The class for a server is tried on the engine that the vendor's client brings along for tests: the vendor's own second
implementation of the server, behind the same client and the same models.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import strategies as st
from qdrant_client import AsyncQdrantClient

from hector.spi import VectorStore
from hector.testing import ProviderSuite, SettingsKeys, VectorStoreSuite
from hector_plugin_qdrant import hector_vector_providers
from hector_plugin_qdrant.embedded import open_store
from hector_plugin_qdrant.server import ServerQdrant
from hector_plugin_qdrant.settings import QdrantSettings

__all__ = ["TestEmbedded", "TestQdrantProvider", "TestServer", "on_local_engine"]

_OF_A_SERVER = ("url", "host", "port", "enable_tls", "prefer_grpc", "grpc_port", "timeout", "exact")


class TestQdrantProvider(ProviderSuite):
    """What every provider does, embedded: a server is asked when the store opens."""

    provider = hector_vector_providers()[0]

    def setups(self) -> Sequence[SettingsKeys]:
        """See `ProviderSuite`."""
        return ({"path": st.just("vectors"), **dict.fromkeys(_OF_A_SERVER)},)


@asynccontextmanager
async def on_local_engine() -> AsyncGenerator[VectorStore]:
    """The store for a server, empty, on the engine of the client."""
    client = AsyncQdrantClient(":memory:")
    try:
        yield ServerQdrant(client, QdrantSettings(host="localhost"))
    finally:
        await client.close()


class TestEmbedded(VectorStoreSuite):
    """The engine in this process, in a folder."""

    max_examples = 20

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[VectorStore]:
        """See `VectorStoreSuite`."""
        with tempfile.TemporaryDirectory() as folder:
            async with open_store(QdrantSettings(path=Path(folder) / "store")) as store:
                yield store


# The engine of the client makes no index, and says so.
@pytest.mark.filterwarnings("ignore:Payload indexes have no effect:UserWarning")
class TestServer(VectorStoreSuite):
    """The store for a server, on the engine of the client."""

    max_examples = 20

    def open(self) -> AbstractAsyncContextManager[VectorStore]:
        """See `VectorStoreSuite`."""
        return on_local_engine()
