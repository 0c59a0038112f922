"""The memory index of a runtime: it lives across generations, as the sessions do."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from hector.config import ComponentEntry, IndexConfig
from hector.errors import ComponentOpenError, MemoryIndexError
from hector.runtime.borrowed import BorrowedVectorStore, Lender
from hector.runtime.build import Builder, builder_for
from hector.runtime.cell import close_all
from hector.runtime.factories import Factories, Injections
from hector.runtime.generation import Generation
from hector.runtime.live import Live
from hector.runtime.loading import ConfigInput, ConfigLoader
from hector.runtime.plan import Plan
from hector.runtime.sessions import open_sessions
from hector.runtime.tasks import TaskScope
from hector.spi import KeywordMemorySource, MemoryIndex, MemoryStore, Sessions

__all__ = ["open_memory", "open_store_and_memory", "rebuild_index"]

_VECTOR_PAGE_SIZE = 100
"""Changes taken in at once: a crash embeds at most so many texts a second time."""


@asynccontextmanager
async def open_store_and_memory(
    plan: Plan, builder: Builder, sessions: Sessions | None, index: MemoryIndex | None
) -> AsyncGenerator[tuple[Sessions, MemoryIndex | None, Lender]]:
    """The sessions and the memory index over them, handed over or as the config says; see `open_memory`."""
    async with (
        open_sessions(plan, sessions, builder) as store,
        open_memory(plan, index, store, builder) as (memory, lender),
    ):
        yield store, memory, lender


@asynccontextmanager
async def open_memory(
    plan: Plan, given: MemoryIndex | None, sessions: Sessions, builder: Builder
) -> AsyncGenerator[tuple[MemoryIndex | None, Lender]]:
    """What was handed over, which stays open, or else what `server.index` asks for; None if it asks for nothing.

    A vector index has an embedder and a vector store of its own, made from the same entries as those of the
    generations: a reload that changes an entry does not mix vectors of two models, it is told to need a restart. A
    vector store that only one component can hold is borrowed from the current generation.

    Yields:
        The index, and who must be told of the generations once there are any.

    Raises:
        ComponentError: its embedder or its vector store did not come up.
        MemoryIndexError: the keyword index did not.
    """
    config, lender = plan.config.server.index, Lender()
    if given is not None or config is None:
        yield given, lender
        return
    from hector.memory import SessionMemory  # a config without an index does without

    async with AsyncExitStack() as stack:
        app = plan.config.name
        if config.type == "keyword":
            store = await _keywords(app, sessions, stack)
            memory = SessionMemory(sessions, store, app=app)
        else:
            store = await _vectors(plan, config, builder, stack, lender)
            memory = SessionMemory(sessions, store, app=app, page_size=_VECTOR_PAGE_SIZE)
        yield await stack.enter_async_context(memory), lender


async def _keywords(app: str, sessions: Sessions, stack: AsyncExitStack) -> MemoryStore:
    from hector.memory import InMemoryKeywords

    if isinstance(sessions, KeywordMemorySource):
        return await stack.enter_async_context(sessions.keyword_memory(app))
    return InMemoryKeywords(app)


async def _vectors(
    plan: Plan, config: IndexConfig, builder: Builder, stack: AsyncExitStack, lender: Lender
) -> MemoryStore:
    from hector.memory import VectorMemory

    async def opened(entry: ComponentEntry) -> Any:
        cell = await builder.service(plan, entry)
        stack.push_async_callback(close_all, [cell], timeout_s=builder.close_timeout_s)
        return cell.component

    embedder, kept = config.embedder_entry, config.vector_store_entry
    if embedder is None or kept is None:
        raise ComponentOpenError("server.index", "has no embedder or no vector store")
    if embedder.exclusive:
        raise ComponentOpenError(
            embedder.path,
            "can be open only once, and the memory index needs one of its own",
            hint="name another one under `server.index`",
        )
    return VectorMemory(
        await opened(embedder),
        BorrowedVectorStore(lender, kept.name) if kept.exclusive else await opened(kept),
        app=plan.config.name,
        batch_size=config.batch_size,
    )


async def rebuild_index(config: ConfigInput, *, env: Mapping[str, str] | None = None) -> None:
    """Derive the index of a config again; opens the sessions and nothing else that it can do without.

    Raises:
        ConfigError, ComponentError: the config cannot be used, or the sessions did not open.
        MemoryIndexError: there is no index, or it cannot be rebuilt.
    """
    plan = ConfigLoader(env=env, providers=()).plan(config).plan
    server = plan.config.server
    if server.index is None:
        raise MemoryIndexError(
            "the config has no memory index", hint="add `index: {type: keyword}` under `server`"
        )
    if server.sessions.entry is None:
        raise MemoryIndexError(
            "the sessions live in memory, and their index is made with them",
            hint="there is nothing to rebuild unless `server.sessions` keeps them",
        )
    async with TaskScope() as group:
        builder = builder_for(plan.config, group, Factories(), Injections(), env)
        async with (
            open_store_and_memory(plan, builder, None, None) as (_, memory, lender),
            _only(plan, builder, server.index.vector_store_entry) as generation,
        ):
            lender.lend(Live(generation))
            if memory is not None:
                await memory.rebuild()


@asynccontextmanager
async def _only(
    plan: Plan, builder: Builder, kept: ComponentEntry | None
) -> AsyncGenerator[Generation]:
    """A generation of nothing but the vector store, if it is one that the index borrows."""
    wanted = [plan.specs[kept.path]] if kept is not None and kept.exclusive else []
    cells = await builder.build(plan, wanted, {})
    try:
        yield Generation(1, plan, cells)
    finally:
        await builder.discard(cells.values())
