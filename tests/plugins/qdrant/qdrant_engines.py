"""The two engines of the plugin, opened empty."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

from hector.spi import VectorStore
from hector_plugin_qdrant.conformance import on_local_engine

__all__ = ["Opening", "on_local_engine"]

Opening: TypeAlias = Callable[[], AbstractAsyncContextManager[VectorStore]]
