"""The models and embedders under the laws of their kinds."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from hector.errors import LLMOverloadedError
from hector.message import ToolCall
from hector.spi import LLM, Embedder, LLMRequest
from hector.testing import EmbedderSuite, LLMSuite, ScriptedLLM, Surroundings
from hector_std.embedder_cache.embedder import create_cached
from hector_std.embedder_cache.provider import CachedSettings
from hector_std.lexical import LexicalSettings
from hector_std.lexical.embedder import Lexical, create_lexical
from hector_std.offline import OfflineSettings
from hector_std.offline.model import create_offline
from hector_std.router.llm import RouterLLM
from hector_std.router.provider import RouterSettings, RouteSettings

__all__ = ["TestCachedEmbedder", "TestLexical", "TestOffline", "TestRouter"]


class TestOffline(LLMSuite):
    """The extractive model."""

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[LLM]:
        """See `LLMSuite`."""
        yield create_offline(OfflineSettings())


class TestRouter(LLMSuite):
    """A router over two models, of which the first is busy at its first request."""

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[LLM]:
        """See `LLMSuite`."""
        replies = [_replying()] * 40
        llms = (ScriptedLLM(LLMOverloadedError("busy"), *replies), ScriptedLLM(*replies))
        routes = (RouteSettings(llm="first"), RouteSettings(llm="second"))
        yield RouterLLM(RouterSettings(routes=routes), llms)


def _replying() -> Callable[[LLMRequest], str | ToolCall]:
    """A call of the first tool, where there is one; else text."""
    numbers = itertools.count(1)

    def reply(request: LLMRequest) -> str | ToolCall:
        if request.tools:
            return ToolCall(id=f"call_{next(numbers)}", name=request.tools[0].name)
        return "Hello to you"

    return reply


class TestLexical(EmbedderSuite):
    """The embedder that counts words."""

    max_examples = 60

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Embedder]:
        """See `EmbedderSuite`."""
        yield create_lexical(LexicalSettings(dimension=96))


class TestCachedEmbedder(EmbedderSuite):
    """Vectors of the lexical embedder, kept in a file."""

    max_examples = 10

    def open(self) -> AbstractAsyncContextManager[Embedder]:
        """See `EmbedderSuite`."""
        return _cached()


@asynccontextmanager
async def _cached() -> AsyncGenerator[Embedder]:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        components = {("embedder", "raw"): Lexical(64)}
        context = Surroundings(config_dir=folder, state_dir=folder, components=components)
        async with create_cached(CachedSettings(embedder="raw"), context) as embedder:
            yield embedder
