"""Both engines keep the laws of a vector store."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

import pytest
from qdrant_engines import Opening

from hector.spi import VectorStore
from hector.testing import VectorStoreSuite

# The engine of the client makes no index, and says so.
pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect:UserWarning")


class TestQdrant(VectorStoreSuite):
    """The suite that every store of Hector passes, a state machine among it."""

    max_examples = 20

    @pytest.fixture(autouse=True)
    def _engine(self, open_engine: Opening) -> None:
        self._open_engine = open_engine

    def open(self) -> AbstractAsyncContextManager[VectorStore]:
        return self._open_engine()
