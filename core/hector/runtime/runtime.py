"""The runtime: opens a config, runs agents, reloads."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, cast

import attrs

from hector.config import Config
from hector.errors import RuntimeClosedError
from hector.message import Event, Message
from hector.observe import open_observer
from hector.plugin.records import PluginRecord
from hector.plugin.registry import Registry
from hector.runtime.build import Builder
from hector.runtime.changes import is_same, reload_report
from hector.runtime.context import not_found
from hector.runtime.factories import (
    EmbedderFactory,
    Factories,
    Injections,
    LLMFactory,
    ToolsetFactory,
    VectorFactory,
)
from hector.runtime.generation import Generation
from hector.runtime.invoke import invoke, new_id
from hector.runtime.loading import ConfigInput, Loaded, load_config
from hector.runtime.plan import make_plan
from hector.runtime.reload_report import ReloadReport
from hector.runtime.report import AgentInfo, Health
from hector.runtime.sessions import open_sessions
from hector.runtime.tasks import task_scope
from hector.runtime.turns import Turns
from hector.spi import (
    LLM,
    Agent,
    DocumentStore,
    Embedder,
    Observer,
    Provider,
    SessionKey,
    Sessions,
    Tool,
    Toolset,
    VectorStore,
)

__all__ = ["Runtime"]

logger = logging.getLogger("hector.runtime")


class Runtime:
    """Agents built from a config, ready to run. Make one with `Runtime.open`."""

    def __init__(
        self,
        *,
        source: ConfigInput,
        env: Mapping[str, str] | None,
        providers: tuple[Provider, ...],
        builder: Builder,
        generation: Generation,
        sessions: Sessions,
        observer: Observer | None,
    ) -> None:
        self._source = source
        self._env = env
        self._providers = providers
        self._builder = builder
        self._generation = generation
        self._name = generation.plan.config.name
        self._sessions = sessions
        self._observer = observer
        self._turns = Turns()
        self._reloading = asyncio.Lock()
        self._draining: dict[int, Generation] = {}
        self._is_closing = False

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        config: ConfigInput,
        *,
        loaded: Loaded | None = None,
        env: Mapping[str, str] | None = None,
        sessions: Sessions | None = None,
        observer: Observer | None = None,
        llm_factory: LLMFactory | None = None,
        embedder_factory: EmbedderFactory | None = None,
        toolset_factory: ToolsetFactory | None = None,
        vector_factory: VectorFactory | None = None,
        sub_agents: Mapping[str, Sequence[Agent]] | None = None,
        agent_tools: Mapping[str, Sequence[Agent]] | None = None,
        direct_tools: Mapping[str, Sequence[Tool]] | None = None,
        providers: Iterable[Provider] = (),
    ) -> AsyncGenerator[Runtime]:
        """Build everything a config names, and close it again at the end, in reverse order.

        What is handed over here is not closed by the runtime and survives reloads.

        Args:
            config: a file, or its structure as a mapping.
            loaded: what `load_config` made of it a moment ago, with the same `env` and `providers`; it is not read
                again then. `reload` reads `config` anew.
            env: takes the place of the process's environment.
            sessions: takes the place of `server.sessions`.
            observer: takes the place of `server.observability`.
            llm_factory: takes the place of, or wraps, what the providers build; see `LLMFactory`.
            embedder_factory: the same for embedders.
            toolset_factory: the same for toolsets.
            vector_factory: the same for vector stores.
            sub_agents: by agent, agents it may transfer to.
            agent_tools: by agent, agents it may call.
            direct_tools: by agent, tools it may use.
            providers: providers beside those of installed plugins; they win over them.

        Yields:
            The runtime. Leaving the block refuses new invocations, waits up to `server.reload.drain_timeout` for
            those under way, and closes every component.

        Raises:
            ConfigError: the config cannot be used; carries every problem.
            ComponentError: a component did not come up; nothing stays open.
        """
        extra = tuple(providers)
        checked, registry = loaded or load_config(config, env=env, providers=extra)
        plan = make_plan(checked, registry)
        injections = Injections(
            sub_agents=sub_agents or {},
            agent_tools=agent_tools or {},
            direct_tools=direct_tools or {},
        )
        injections.check(checked)
        async with task_scope() as group, AsyncExitStack() as services:
            watch = observer
            if watch is None:
                watch = await services.enter_async_context(
                    open_observer(checked.server.observability)
                )
            builder = Builder(
                group=group,
                factories=Factories(
                    llm=llm_factory,
                    embedder=embedder_factory,
                    toolset=toolset_factory,
                    vector_store=vector_factory,
                ),
                injections=injections,
                state_dir=checked.source.folder / ".hector",
                env=env,
                build_timeout_s=checked.server.build_timeout,
            )
            async with open_sessions(plan, sessions, builder) as store:
                generation = Generation(1, plan, await builder.build(plan, {}))
                runtime = cls(
                    source=config,
                    env=env,
                    providers=extra,
                    builder=builder,
                    generation=generation,
                    sessions=store,
                    observer=watch,
                )
                try:
                    yield runtime
                finally:
                    await runtime._close()

    # What there is

    @property
    def name(self) -> str:
        """The app: sessions belong to it. The config's `name` as it was when the runtime opened."""
        return self._name

    @property
    def config(self) -> Config:
        """The running config."""
        return self._generation.plan.config

    @property
    def registry(self) -> Registry:
        """The providers the running generation was built with."""
        return self._generation.plan.registry

    @property
    def plugins(self) -> tuple[PluginRecord, ...]:
        """Every installed plugin, as of the running generation."""
        return self.registry.records

    @property
    def generation(self) -> int:
        """Number of the generation that new invocations run on."""
        return self._generation.number

    @property
    def agents(self) -> Mapping[str, AgentInfo]:
        """The agents of the current generation, in config order."""
        return self._generation.infos

    @property
    def sessions(self) -> Sessions:
        """The session service: the source of truth, the same for the life of the runtime."""
        return self._sessions

    def agent(self, name: str) -> Agent:
        """An agent of the current generation. Raises `ComponentNotFoundError`."""
        return cast("Agent", self._component("agent", "agents", name))

    def llm(self, name: str) -> LLM:
        """An LLM of the current generation. Raises `ComponentNotFoundError`."""
        return cast("LLM", self._component("llm", "llms", name))

    def embedder(self, name: str) -> Embedder:
        """An embedder of the current generation. Raises `ComponentNotFoundError`."""
        return cast("Embedder", self._component("embedder", "embedders", name))

    def vector_store(self, name: str) -> VectorStore:
        """A vector store of the current generation. Raises `ComponentNotFoundError`."""
        return cast("VectorStore", self._component("vector_store", "vector_stores", name))

    def toolset(self, name: str) -> Toolset:
        """A toolset of the current generation. Raises `ComponentNotFoundError`."""
        return cast("Toolset", self._component("toolset", "tools", name))

    def document_store(self, name: str) -> DocumentStore:
        """A document store of the current generation. Raises `ComponentNotFoundError`."""
        return cast("DocumentStore", self._component("document_store", "document_stores", name))

    def _component(self, kind: str, section: str, name: str) -> Any:
        components = self._generation.components(kind)
        if name not in components:
            raise not_found(section, name, tuple(components))
        return components[name]

    def health(self) -> Health:
        """The state of the current generation."""
        cells = self._generation.cells
        is_degraded = any(cell.is_down for cell in cells.values())
        return Health(
            status="closing" if self._is_closing else "degraded" if is_degraded else "ok",
            generation=self.generation,
            components={path: "down" if cell.is_down else "ok" for path, cell in cells.items()},
            leases=self._generation.leases,
            draining={number: generation.leases for number, generation in self._draining.items()},
        )

    def metrics(self) -> tuple[bytes, str] | None:
        """What `/metrics` answers and its content type, or None when metrics are off."""
        return self._observer.metrics() if self._observer is not None else None

    # What it does

    async def run(
        self, agent: str, message: str | Message, *, user: str = "local", session: str | None = None
    ) -> AsyncGenerator[Event]:
        """Let an agent answer a message.

        Args:
            agent: its name in the config.
            message: text, or a `user` message.
            user: whose session; must come from authentication where there are several users.
            session: continue this session, which is made if it does not exist; None begins a new one.

        Yields:
            `started` with the user's message, then what happens, then exactly one `finished`. Everything but `delta`
            events is durable before it is yielded. What goes wrong after `started` is told by `finished`.
            Messages to one session are answered one after the other.

        Raises:
            ComponentNotFoundError: no such agent.
            RuntimeClosedError: the runtime is closing.
            SessionError: the session could not be opened or written.

        Closing the iterator or cancelling the caller cancels the work; the log then ends with outcome `canceled`.
        """
        if self._is_closing:
            raise RuntimeClosedError("the runtime is closing and takes no new message")
        generation = self._generation
        if agent not in generation.agents:
            raise not_found("agents", agent, tuple(generation.agents))
        generation.lease()
        events = invoke(
            generation,
            agent,
            Message.user(message) if isinstance(message, str) else message,
            key=SessionKey(self.name, user, session or new_id()),
            is_new=session is None,
            sessions=self._sessions,
            turns=self._turns,
            observer=self._observer,
        )
        try:
            async for event in events:
                yield event
        finally:
            try:
                await events.aclose()
            finally:
                generation.give_back()

    async def reload(self, config: ConfigInput | None = None) -> ReloadReport:
        """Build a new generation beside the running one, swap, and close what nobody uses any more.

        Args:
            config: takes the place of what the runtime was opened with; None reads that again.

        Returns:
            What was done. Components whose fingerprint is unchanged are carried over as they are.

        Raises:
            ConfigError, ComponentError: the new config cannot be used; the running generation is as it was, and
                whatever was built for the new one is closed. Cancellation does the same.
            RuntimeClosedError: the runtime is closing.
        """
        async with self._reloading:
            if self._is_closing:
                raise RuntimeClosedError("the runtime is closing and does not reload")
            started = time.perf_counter()
            source = self._source if config is None else config
            # In a thread: files are read and plugins imported, and conversations go on meanwhile.
            loaded, registry = await asyncio.to_thread(
                load_config, source, env=self._env, providers=self._providers
            )
            self._builder.injections.check(loaded)
            old = self._generation
            plan = make_plan(loaded, registry)
            builder = attrs.evolve(self._builder, build_timeout_s=loaded.server.build_timeout)
            cells = await builder.build(plan, old.cells)
            self._source = source
            if is_same(cells, loaded, old):
                return reload_report(old, old, loaded, started=started)
            new = Generation(old.number + 1, plan, cells)
            self._generation = new
            self._draining[old.number] = old
            self._builder.group.create_task(
                self._retire(old), name=f"retire generation {old.number}"
            )
            return reload_report(old, new, loaded, started=started)

    async def _retire(self, generation: Generation) -> None:
        await generation.wait_until_idle(None)
        await generation.release(timeout_s=self._builder.close_timeout_s)
        self._draining.pop(generation.number, None)

    async def _close(self) -> None:
        self._is_closing = True
        # In a task of the group, so that a cancellation cuts the draining short but never the closing.
        closing = self._builder.group.create_task(self._close_generations(), name="close")
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:
            for generation in (*self._draining.values(), self._generation):
                generation.abandon_leases()
            await asyncio.wait([closing])
            raise

    async def _close_generations(self) -> None:
        async with self._reloading:  # a reload under way ends first
            deadline = time.monotonic() + self.config.server.reload.drain_timeout
            for generation in (*self._draining.values(), self._generation):
                if not await generation.wait_until_idle(max(0.0, deadline - time.monotonic())):
                    logger.warning(
                        "%d invocations of generation %d did not end in time",
                        generation.leases,
                        generation.number,
                    )
                    generation.abandon_leases()
            await self._generation.release(timeout_s=self._builder.close_timeout_s)
