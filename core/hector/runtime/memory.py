"""The memory index of a runtime: it lives across generations, as the sessions do."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from hector.config import ComponentEntry, IndexConfig
from hector.errors import ComponentOpenError
from hector.runtime.build import Builder
from hector.runtime.cell import close_all
from hector.runtime.plan import Plan
from hector.spi import KeywordMemorySource, MemoryIndex, MemoryStore, Sessions

__all__ = ["open_memory"]

_VECTOR_PAGE_SIZE = 100
"""Changes taken in at once: a crash embeds at most so many texts a second time."""


@asynccontextmanager
async def open_memory(
    plan: Plan, given: MemoryIndex | None, sessions: Sessions, builder: Builder
) -> AsyncGenerator[MemoryIndex | None]:
    """What was handed over, which stays open, or else what `server.index` asks for; None if it asks for nothing.

    A vector index has an embedder and a vector store of its own, made from the same entries as those of the
    generations: a reload that changes an entry does not mix vectors of two models, it is told to need a restart.

    Raises:
        ComponentError: its embedder or its vector store did not come up.
        MemoryIndexError: the keyword index did not.
    """
    config = plan.config.server.index
    if given is not None or config is None:
        yield given
        return
    from hector.memory import SessionMemory  # a config without an index does without

    async with AsyncExitStack() as stack:
        app = plan.config.name
        if config.type == "keyword":
            store = await _keywords(app, sessions, stack)
            memory = SessionMemory(sessions, store, app=app)
        else:
            store = await _vectors(plan, config, builder, stack)
            memory = SessionMemory(sessions, store, app=app, page_size=_VECTOR_PAGE_SIZE)
        yield await stack.enter_async_context(memory)


async def _keywords(app: str, sessions: Sessions, stack: AsyncExitStack) -> MemoryStore:
    from hector.memory import InMemoryKeywords

    if isinstance(sessions, KeywordMemorySource):
        return await stack.enter_async_context(sessions.keyword_memory(app))
    return InMemoryKeywords(app)


async def _vectors(
    plan: Plan, config: IndexConfig, builder: Builder, stack: AsyncExitStack
) -> MemoryStore:
    from hector.memory import VectorMemory

    async def opened(entry: ComponentEntry | None) -> Any:
        if entry is None:
            raise ComponentOpenError("server.index", "has no embedder or no vector store")
        if entry.exclusive:
            raise ComponentOpenError(
                entry.path,
                "can be open only once, and the memory index needs one of its own",
                hint="name another one under `server.index`",
            )
        cell = await builder.service(plan, entry)
        stack.push_async_callback(close_all, [cell], timeout_s=builder.close_timeout_s)
        return cell.component

    return VectorMemory(
        await opened(config.embedder_entry),
        await opened(config.vector_store_entry),
        app=plan.config.name,
        batch_size=config.batch_size,
    )
