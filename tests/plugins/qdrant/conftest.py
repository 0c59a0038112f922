"""Both engines, opened empty."""

from __future__ import annotations

import itertools
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the tests are no package, and share modules

from qdrant_engines import Opening, on_local_engine

from hector.spi import VectorStore
from hector_plugin_qdrant import embedded
from hector_plugin_qdrant.settings import QdrantSettings


@pytest.fixture(params=["embedded", "server"])
def open_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Opening:
    """Gives a fresh, empty store at each call."""
    if request.param == "server":
        return on_local_engine
    fresh = (tmp_path / f"store-{number}" for number in itertools.count())
    return lambda: embedded.open_store(QdrantSettings(path=next(fresh)))


@pytest.fixture
async def store(open_engine: Opening) -> AsyncGenerator[VectorStore]:
    """A store with one empty collection `c` of dimension 2."""
    async with open_engine() as opened:
        await opened.create_collection("c", dimension=2)
        yield opened
