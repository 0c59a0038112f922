"""The runtime: opens a config, runs agents, reloads."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, cast

from hector.checkpoint import Checkpointing
from hector.config import Config, ConfigText
from hector.errors import Diagnostic
from hector.message import Event, Message
from hector.observe import open_observer
from hector.plugin.records import PluginRecord
from hector.plugin.registry import Registry
from hector.runtime.build import builder_for
from hector.runtime.closing import close_down
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
from hector.runtime.live import Live
from hector.runtime.loading import ConfigInput, ConfigLoader, Loaded
from hector.runtime.measures import gauges_of, health_of
from hector.runtime.plan import make_plan
from hector.runtime.recovery import Drive, Recovery, open_recovery
from hector.runtime.reload_queue import ReloadQueue, open_queue
from hector.runtime.reload_report import ReloadPlan, ReloadRecord, ReloadReport
from hector.runtime.reloading import Request
from hector.runtime.report import AgentInfo, Health
from hector.runtime.runs import Runs
from hector.runtime.services import open_services
from hector.runtime.start import Services, new_id
from hector.runtime.task_service import RuntimeTasks
from hector.runtime.tasks import TaskScope
from hector.spi import (
    LLM,
    Agent,
    DocumentStore,
    Embedder,
    MemoryIndex,
    Observer,
    Provider,
    SessionKey,
    Sessions,
    Tool,
    Toolset,
    VectorStore,
)

__all__ = ["Runtime"]


class Runtime:
    """Agents built from a config, ready to run. Make one with `Runtime.open`."""

    def __init__(
        self,
        *,
        live: Live,
        queue: ReloadQueue,
        services: Services,
    ) -> None:
        self._live = live
        self._queue = queue
        self._reloading = queue.reloading
        self._history = queue.history
        self._retirement = queue.reloading.retirement
        self._name = queue.reloading.app
        self._services = services
        self._runs = Runs(live, services)
        self._tasks = RuntimeTasks(self._name, services, self._runs)
        self._recovery: Recovery | None = None

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        config: ConfigInput,
        *,
        loaded: Loaded | None = None,
        env: Mapping[str, str] | None = None,
        sessions: Sessions | None = None,
        index: MemoryIndex | None = None,
        observer: Observer | None = None,
        checkpoints: Checkpointing | None = None,
        llm_factory: LLMFactory | None = None,
        embedder_factory: EmbedderFactory | None = None,
        toolset_factory: ToolsetFactory | None = None,
        vector_factory: VectorFactory | None = None,
        sub_agents: Mapping[str, Sequence[Agent]] | None = None,
        agent_tools: Mapping[str, Sequence[Agent]] | None = None,
        direct_tools: Mapping[str, Sequence[Tool]] | None = None,
        providers: Iterable[Provider] = (),
        resumes: bool = True,
    ) -> AsyncGenerator[Runtime]:
        """Build everything a config names, and close it again at the end, in reverse order.

        What is handed over here is not closed by the runtime and survives reloads.

        Args:
            config: a file, or its structure as a mapping.
            loaded: what `load_config` made of it a moment ago, with the same `env` and `providers`; it is not read
                again then. `reload` reads `config` anew.
            env: takes the place of the process's environment.
            sessions: takes the place of `server.sessions`.
            index: takes the place of `server.index`.
            observer: takes the place of `server.observability`.
            checkpoints: takes the place of `server.checkpoint`.
            llm_factory: takes the place of, or wraps, what the providers build; see `LLMFactory`.
            embedder_factory: the same for embedders.
            toolset_factory: the same for toolsets.
            vector_factory: the same for vector stores.
            sub_agents: by agent, agents it may transfer to.
            agent_tools: by agent, agents it may call.
            direct_tools: by agent, tools it may use.
            providers: providers beside those of installed plugins; they win over them.
            resumes: whether to go on, in the background, with tasks in the session store that nobody works on.

        Yields:
            The runtime. Leaving the block refuses new invocations, waits up to `server.shutdown_timeout` for
            those under way, and closes every component.

        Raises:
            ConfigError: the config cannot be used; carries every problem.
            ComponentError: a component did not come up; nothing stays open.
        """
        loader = ConfigLoader(env=env, providers=tuple(providers))
        plan = make_plan(*loaded) if loaded else loader.plan(config).plan
        checked = plan.config
        injections = Injections(
            sub_agents=sub_agents or {},
            agent_tools=agent_tools or {},
            direct_tools=direct_tools or {},
        )
        injections.check(checked)
        async with TaskScope() as group, AsyncExitStack() as services:
            watch = observer
            if watch is None:
                watch = await services.enter_async_context(
                    open_observer(checked.server.observability)
                )
            factories = Factories(
                llm=llm_factory,
                embedder=embedder_factory,
                toolset=toolset_factory,
                vector_store=vector_factory,
            )
            builder = builder_for(checked, group, factories, injections, env)
            async with open_services(
                plan,
                builder,
                sessions=sessions,
                index=index,
                observer=watch,
                checkpoints=checkpoints,
            ) as (kept, lender):
                # No name for the cells: this frame lives as long as the runtime, and would keep them.
                first = Live(
                    Generation(1, plan, await builder.build(plan, plan.specs.values(), {}))
                )
                live = lender.lend(first)
                runtime = cls(
                    live=live,
                    queue=open_queue(config, live, loader=loader, builder=builder, observer=watch),
                    services=kept,
                )
                if watch is not None:
                    watch.watch_runtime(lambda: gauges_of(runtime.health()))
                runs, tasks = runtime._runs, runtime._tasks
                async with open_recovery(kept, runs, tasks, group, resumes=resumes) as recovery:
                    runtime._recovery = recovery
                    try:
                        yield runtime
                    finally:
                        runs.is_closing = True
                        await close_down(runtime._queue, group)

    # What there is

    @property
    def name(self) -> str:
        """The app: sessions belong to it. The config's `name` as it was when the runtime opened."""
        return self._name

    @property
    def config(self) -> Config:
        """The running config."""
        return self._live.generation.plan.config

    @property
    def registry(self) -> Registry:
        """The providers the running generation was built with."""
        return self._live.generation.plan.registry

    @property
    def plugins(self) -> tuple[PluginRecord, ...]:
        """Every installed plugin, as of the running generation."""
        return self.registry.records

    @property
    def generation(self) -> int:
        """Number of the generation that new invocations run on."""
        return self._live.generation.number

    @property
    def agents(self) -> Mapping[str, AgentInfo]:
        """The agents of the current generation, in config order."""
        return self._live.generation.infos

    @property
    def sessions(self) -> Sessions:
        """The session service: the source of truth, the same for the life of the runtime."""
        return self._services.sessions

    @property
    def memory(self) -> MemoryIndex | None:
        """The search over what was said, the same for the life of the runtime; None when none is configured."""
        return self._services.memory

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
        components = self._live.generation.components(kind)
        if name not in components:
            raise not_found(section, name, tuple(components))
        return components[name]

    def health(self) -> Health:
        """The state of the current generation."""
        return health_of(self._live.generation, self._retirement, is_closing=self._runs.is_closing)

    def metrics(self) -> tuple[bytes, str] | None:
        """What `/metrics` answers and its content type, or None when metrics are off."""
        observer = self._services.observer
        return observer.metrics() if observer is not None else None

    async def run(
        self,
        agent: str,
        message: str | Message,
        *,
        user: str = "local",
        session: str | None = None,
        task: str | None = None,
    ) -> AsyncGenerator[Event]:
        """Let an agent answer a message.

        Args:
            agent: its name in the config.
            message: text, or a `user` message.
            user: whose session; must come from authentication where there are several users.
            session: continue this session, which is made if it does not exist; None begins a new one.
            task: id of the task, unique in the session store; None makes one up.

        Yields:
            `started` with the user's message, then what happens, then exactly one `finished`. Everything but `delta`
            events is durable before it is yielded. What goes wrong after `started` is told by `finished`.
            Messages to one session are answered one after the other.
            After a `finished` with `input_required` the task goes on once there is a decision: see `tasks`.

        Raises:
            ComponentNotFoundError: no such agent.
            RuntimeClosedError: the runtime is closing.
            SessionError: the session could not be opened or written.

        Closing the iterator or cancelling the caller cancels the work; the log then ends with outcome `canceled`.
        """
        events = self._runs.begin(
            agent,
            Message.user(message) if isinstance(message, str) else message,
            SessionKey(self.name, user, session or new_id()),
            is_new=session is None,
            task_id=task,
        )
        try:
            async for event in events:
                yield event
        finally:
            await events.aclose()

    @property
    def tasks(self) -> RuntimeTasks:
        """What is under way, what waits for a decision, and what became of it; the same for the life of the runtime."""
        return self._tasks

    def drive_resumed(self, drive: Drive) -> None:
        """Have the events of tasks that are resumed in the background read by `drive`, to the end, from now on."""
        if self._recovery is not None:
            self._recovery.drive = drive

    @property
    def etag(self) -> str:
        """Of the running config: changes with the bytes of its file and of all it extends."""
        return self.config.source.etag

    @property
    def history(self) -> tuple[ReloadRecord, ...]:
        """Every reload that was asked for, oldest first; bounded."""
        return self._history.records(current=self.generation)

    async def check(self, config: ConfigInput) -> tuple[Diagnostic, ...]:
        """Everything that is wrong or doubtful about a config; nothing is built. `ReloadTimeoutError` as for `plan`."""
        return await self._reloading.reading.check(config)

    async def plan(self, config: ConfigInput | None = None) -> ReloadPlan:
        """What `reload` would do with the same config; nothing is built.

        Raises:
            ConfigError: the config cannot be used.
            ReloadTimeoutError: it could not be read within `server.reload.timeout`.
        """
        return await self._reloading.plan(config)

    async def reload(
        self,
        config: ConfigInput | None = None,
        *,
        if_match: str | None = None,
        reason: str = "program",
    ) -> ReloadReport:
        """Build a new generation beside the running one, swap, and close what nobody uses any more.

        One at a time, and the latest config wins: one that waits or builds is replaced by a later one that can be
        used and wants something else, unless either has `if_match`; those that waited for the same share one answer.
        After `server.build_timeout` of replacing each other, the one under way is let to its end.

        Args:
            config: what is to run; None reads again what the runtime was opened with. Once it runs it takes the place
                of that, unless it is a `ConfigText`.
            if_match: the etag that the running config must have.
            reason: who asks, for history, metrics and hooks.

        Returns:
            What was done. Components whose fingerprint is unchanged are carried over as they are.

        Raises:
            ConfigError, ComponentError, UsageError: the new config cannot be used; the running generation is as it
                was, and whatever was built for the new one is closed. Cancellation does the same.
            ReloadConflictError: the running config has another etag.
            ReloadSupersededError: a later reload replaced this one.
            ReloadTimeoutError: it took longer than `server.reload.timeout`.
            ReloadRefusedError: a plugin does not want it.
            RuntimeClosedError: the runtime is closing.
        """
        request = Request(
            config=config,
            if_match=if_match,
            reason=reason,
            is_lasting=not isinstance(config, ConfigText),
        )
        return await self._queue.submit(request)

    async def rollback(
        self, generation: int | None = None, *, if_match: str | None = None
    ) -> ReloadReport:
        """Return to the config of an earlier generation, with the environment and the plugins of today.

        `reload` without a config still reads what the runtime was opened with.

        Args:
            generation: its number; None for the one before.
            if_match: as for `reload`.

        Raises:
            GenerationNotFoundError: that config is not kept.
            HectorError: as `reload`.
        """
        _, snapshot = self._history.config_of(generation, current=self.generation)
        request = Request(config=snapshot, if_match=if_match, reason="rollback")
        return await self._queue.submit(request)
