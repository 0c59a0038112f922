"""Chromem keeps the laws of a vector store, in memory and in a folder."""

from __future__ import annotations

import itertools
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from hector.spi import VectorStore
from hector.testing import VectorStoreSuite
from hector_std.chromem import ChromemSettings
from hector_std.chromem.store import open_chromem


class TestChromemInMemory(VectorStoreSuite):
    """Without `persist_path`."""

    def open(self) -> AbstractAsyncContextManager[VectorStore]:
        return open_chromem(ChromemSettings())


class TestChromemInAFolder(VectorStoreSuite):
    """With `persist_path`."""

    max_examples = 15

    @pytest.fixture(autouse=True)
    def _folders(self, tmp_path: Path) -> None:
        self._fresh = (tmp_path / str(number) for number in itertools.count())

    def open(self) -> AbstractAsyncContextManager[VectorStore]:
        return open_chromem(ChromemSettings(persist_path=next(self._fresh)))
