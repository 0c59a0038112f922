"""Components that keep a ledger: who is open, who uses whom, and every rule that was broken."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from typing import Annotated, Any, Literal

import attrs

from hector.message import Event, JSONObject, TextPart, ToolCall
from hector.rag import IndexedDocuments
from hector.spi import (
    BuildContext,
    EmbedPurpose,
    Filter,
    Invocation,
    Kind,
    LLMChunk,
    LLMRequest,
    LLMResponse,
    Provider,
    RawDocument,
    Reference,
    TextDelta,
    ToolContext,
    ToolSpec,
    Vector,
    VectorHit,
    VectorRecord,
)

__all__ = [
    "Ledger",
    "LedgerAgent",
    "LedgerAgentSettings",
    "LedgerSettings",
    "Part",
    "part_of",
]

SLOW_S = 5.0
"""For a loop whose time passes by itself."""


@attrs.frozen(kw_only=True)
class LedgerSettings:
    """How a component behaves; `answer` is what tells one from the next, and `slow` takes `SLOW_S` to open."""

    fails: Literal["no", "create", "open", "hang", "slow", "close"] = "no"
    answer: str = "a"


@attrs.frozen(kw_only=True)
class LedgerAgentSettings(LedgerSettings):
    """And what an agent holds."""

    llm: Annotated[str, Reference("llm")] = "default"
    tools: Annotated[tuple[str, ...], Reference("toolset")] = ()
    document_stores: Annotated[tuple[str, ...], Reference("document_store")] = ()
    sub_agents: Annotated[tuple[str, ...], Reference("agent")] = ()
    agent_tools: Annotated[tuple[str, ...], Reference("agent")] = ()


@attrs.define(eq=False)
class Part:
    """One component, from its opening to its closing.

    Attributes:
        path: where it stands in the config.
        number: counts the parts of a ledger.
        needs: what it holds.
        state: `closing` from when its closing began; `dead` when it ended by itself.
    """

    ledger: Ledger = attrs.field(repr=False)
    path: str
    number: int
    answer: str
    needs: tuple[Part, ...] = attrs.field(repr=False)
    state: Literal["open", "closing", "closed", "dead"] = "open"

    def use(self, generation: int | None = None) -> None:
        """Note that somebody uses it now, for an invocation of this generation if that is known."""
        if self.state in {"closing", "closed"}:
            self.ledger.faults.append(f"{self} used")
        if generation is not None:
            self.ledger.uses.setdefault(generation, set()).add(self)


@attrs.define
class Ledger:
    """Everything that happened to the components.

    Attributes:
        parts: every part that ever opened, in order.
        faults: rules that were broken; empty.
        uses: by generation number, what its invocations used.
        passes: paths of document sources that were read, in order.
        gates: invocations whose message is a key here wait for its event before they go on.
        hanging: how many components hang while they open.
    """

    parts: list[Part] = attrs.field(factory=list[Part])
    faults: list[str] = attrs.field(factory=list[str])
    uses: dict[int, set[Part]] = attrs.field(factory=dict[int, set[Part]])
    passes: list[str] = attrs.field(factory=list[str])
    gates: dict[str, asyncio.Event] = attrs.field(factory=dict[str, asyncio.Event])
    hanging: int = 0
    count: Iterator[int] = attrs.field(factory=itertools.count)

    @property
    def open(self) -> set[Part]:
        """What is open now."""
        return {part for part in self.parts if part.state == "open"}

    def providers(self) -> tuple[Provider, ...]:
        """A type `ledger` of every kind that components need."""
        makers: dict[Kind, Any] = {
            "llm": LedgerLLM,
            "toolset": LedgerToolset,
            "embedder": LedgerEmbedder,
            "vector_store": LedgerVectors,
            "document_source": LedgerSource,
            "agent": LedgerAgent,
        }
        return tuple(
            Provider(
                kind=kind,
                type="ledger",
                settings=LedgerAgentSettings if kind == "agent" else LedgerSettings,
                create=self._creator(maker),
            )
            for kind, maker in makers.items()
        )

    def _creator(self, maker: Any) -> Any:
        def create(settings: LedgerSettings, context: BuildContext) -> Any:
            if settings.fails == "create":
                raise RuntimeError("no luck")
            return _Life(self, maker, settings, context)

        return create


class _Life:
    """The time in which a component is open."""

    def __init__(
        self, ledger: Ledger, maker: Any, settings: LedgerSettings, context: BuildContext
    ) -> None:
        self._ledger = ledger
        self._maker = maker
        self._settings = settings
        self._context = context
        self._exits = 0

    async def __aenter__(self) -> Any:
        self._owner = asyncio.current_task()
        ledger, settings = self._ledger, self._settings
        self._part = Part(ledger, self._context.path, next(ledger.count), settings.answer, ())
        ledger.parts.append(self._part)
        try:
            component = self._maker(self._part, settings, self._context)
            self._part.needs = tuple(component.needs)
            for _ in range(2):
                await asyncio.sleep(0)
            if settings.fails == "open":
                raise ConnectionError("no route to host")
            if settings.fails == "hang":
                await self._hang()
            if settings.fails == "slow":
                await asyncio.sleep(SLOW_S)
        except BaseException:
            self._part.state = "closed"
            raise
        for need in self._part.needs:
            need.use()
        return component

    async def __aexit__(self, kind: object, error: object, trace: object) -> None:
        ledger, part = self._ledger, self._part
        if error is not None:
            part.state = "dead"
            return
        self._exits += 1
        if self._exits > 1:
            ledger.faults.append(f"{part} closed {self._exits} times")
        if asyncio.current_task() is not self._owner:
            ledger.faults.append(f"{part} closed in another task")
        users = [
            other
            for other in ledger.parts
            if part in other.needs and other.state in {"open", "closing"}
        ]
        if users:
            ledger.faults.append(f"{part} closed before {users}")
        part.state = "closing"
        try:
            await asyncio.sleep(0)
        finally:
            part.state = "closed"
        if self._settings.fails == "close":
            raise RuntimeError("cannot let go")

    async def _hang(self) -> None:
        self._ledger.hanging += 1
        try:
            await asyncio.Event().wait()
        finally:
            self._ledger.hanging -= 1


class LedgerLLM:
    """Says its answer three times."""

    provider = "ledger"
    needs: Sequence[Part] = ()

    def __init__(self, part: Part, settings: LedgerSettings, context: BuildContext) -> None:
        self.part = part
        self.model = settings.answer

    async def generate(self, request: LLMRequest) -> AsyncGenerator[LLMChunk]:
        for _ in range(3):
            self.part.use()
            await asyncio.sleep(0)
            yield TextDelta(f"{self.part.answer} ")
        self.part.use()
        yield LLMResponse(parts=(TextPart(f"{self.part.answer} " * 3),))


class LedgerToolset:
    """Has one tool, which says the answer."""

    needs: Sequence[Part] = ()

    def __init__(self, part: Part, settings: LedgerSettings, context: BuildContext) -> None:
        self.part = part
        self.spec = ToolSpec(name="say", description="says", effect="pure")

    def tools(self) -> Sequence[LedgerToolset]:
        self.part.use()
        return (self,)

    async def call(self, arguments: JSONObject, context: ToolContext) -> str:
        self.part.use(context.invocation.generation)
        await asyncio.sleep(0)
        self.part.use()
        return self.part.answer


class LedgerEmbedder:
    """Two dimensions."""

    dimension = 2
    needs: Sequence[Part] = ()

    def __init__(self, part: Part, settings: LedgerSettings, context: BuildContext) -> None:
        self.part = part
        self.model = settings.answer

    async def embed(
        self, texts: Sequence[str], *, purpose: EmbedPurpose = "document"
    ) -> Sequence[Vector]:
        self.part.use()
        await asyncio.sleep(0)
        self.part.use()
        return [(1.0, 0.0) for _ in texts]


class LedgerVectors:
    """Everything is equally near."""

    needs: Sequence[Part] = ()

    def __init__(self, part: Part, settings: LedgerSettings, context: BuildContext) -> None:
        self.part = part
        self._records: dict[str, dict[str, VectorRecord]] = {}

    async def create_collection(self, collection: str, *, dimension: int) -> None:
        self.part.use()
        self._records.setdefault(collection, {})

    async def drop_collection(self, collection: str) -> None:
        self.part.use()
        self._records.pop(collection, None)

    async def collections(self) -> Sequence[str]:
        self.part.use()
        return sorted(self._records)

    async def upsert(self, collection: str, records: Sequence[VectorRecord]) -> None:
        self.part.use()
        self._records[collection] |= {record.id: record for record in records}

    async def get(self, collection: str, ids: Sequence[str]) -> Sequence[VectorRecord]:
        self.part.use()
        return [record for key, record in self._records[collection].items() if key in ids]

    async def delete(
        self, collection: str, *, ids: Sequence[str] | None = None, where: Filter | None = None
    ) -> int:
        self.part.use()
        return 0

    async def search(
        self, collection: str, vector: Vector, *, limit: int = 10, where: Filter | None = None
    ) -> Sequence[VectorHit]:
        self.part.use()
        await asyncio.sleep(0)
        found = sorted(self._records[collection].values(), key=lambda record: record.id)[:limit]
        return [VectorHit(id=r.id, score=1.0, text=r.text, metadata=r.metadata) for r in found]

    async def count(self, collection: str, *, where: Filter | None = None) -> int:
        self.part.use()
        return len(self._records[collection])


class LedgerSource:
    """One document; it closes with the document store that reads it."""

    def __init__(self, part: Part, settings: LedgerSettings, context: BuildContext) -> None:
        self.part = part
        held = (context.embedder("default"), context.vector_store("default"))
        self.needs: Sequence[Part] = [part_of(item) for item in held]

    async def documents(self) -> AsyncIterator[RawDocument]:
        self.part.use()
        self.part.ledger.passes.append(self.part.path)
        await asyncio.sleep(0)
        yield RawDocument(id="a.txt", name="a.txt", data=f"It is {self.part.answer}.".encode())


def part_of(component: Any) -> Part:
    """The part behind a component of this module; behind a document store, its source's."""
    if isinstance(component, IndexedDocuments):
        component = vars(component)["_pipeline"].source  # nothing shows it
    part = component.part
    assert isinstance(part, Part)
    return part


class LedgerAgent:
    """Asks its model, calls its tools, searches its documents, then runs its agents, each in turn."""

    def __init__(self, part: Part, settings: LedgerAgentSettings, context: BuildContext) -> None:
        self.part = part
        self.name = context.name
        self.description = ""
        self._llm = context.llm(settings.llm)
        self._toolsets = [context.toolset(name) for name in settings.tools]
        self._stores = [context.document_store(name) for name in settings.document_stores]
        self._sub_agents = [context.agent(name) for name in settings.sub_agents]
        self._agent_tools = [context.agent(name) for name in settings.agent_tools]
        self._sources = [part_of(store) for store in self._stores]
        held = (self._llm, *self._toolsets, *self._sub_agents, *self._agent_tools)
        self.needs: Sequence[Part] = [*map(part_of, held), *self._sources]

    async def run(self, invocation: Invocation) -> AsyncGenerator[Event]:
        generation, ledger = invocation.generation, self.part.ledger
        self.part.use(generation)
        yield invocation.event(TextPart(f"{self.name} is {self.part.answer}"))
        gate = ledger.gates.get(invocation.message.text)
        if gate is not None:
            await gate.wait()
        part_of(self._llm).use(generation)
        request = LLMRequest(messages=invocation.history())
        async for event in invocation.generate(self._llm, request):
            yield event
        for index, toolset in enumerate(self._toolsets):
            tools = {tool.spec.name: tool for tool in toolset.tools()}
            call = ToolCall(id=f"{self.name}-{index}", name="say")
            async for event in invocation.call_tools([call], tools):
                yield event
        for store, source in zip(self._stores, self._sources, strict=True):
            await store.search("what is it?")
            source.use(generation)
        for agent in self._sub_agents:
            async for event in invocation.run(agent):
                yield event
        for agent in self._agent_tools:
            async for event in invocation.call_agent(agent, "and you?", call_id=agent.name):
                yield event
        self.part.use()
