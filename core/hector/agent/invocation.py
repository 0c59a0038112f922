"""The invocation as the runtime hands it to agents: model and tool calls as recorded steps."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, MutableMapping, Sequence
from types import AsyncGeneratorType
from typing import cast

from hector.agent.approving import Approver
from hector.agent.branch import join
from hector.agent.drafts import Drafts
from hector.agent.history import build_history
from hector.agent.log import SessionLog
from hector.agent.model_call import close_iterator, generate
from hector.agent.replay import NOTHING_RECORDED
from hector.agent.tool_calls import DEFAULT_TOOL_TIMEOUT_S, call_tools
from hector.errors import MemoryIndexError, RunError
from hector.message import (
    Actions,
    Approval,
    Event,
    EventKind,
    JSONObject,
    JSONValue,
    Message,
    Part,
    ToolCall,
)
from hector.message.event import ISOLATED
from hector.spi import (
    LLM,
    Agent,
    Artifacts,
    LLMRequest,
    MemoryHit,
    MemoryIndex,
    Progress,
    RequestMaker,
    Span,
    Tool,
)

__all__ = ["AgentInvocation"]

MAX_DEPTH = 32
"""How many agents may be nested; a config cannot be circular, but agents built in code can."""


NO_SPANS: dict[str, Span] = {}
"""Of every invocation that nobody watches; stays empty."""


class AgentInvocation:
    """Implements `hector.spi.Invocation`; children share the log, the id and the generation.

    Attributes:
        span: what watches it, or None.
        call_spans: of the tool calls that run, by call id: an agent called as a tool is below its call.
        run_name: what this run is called in checkpoints; the runs it begins have longer names.
        approver: who is asked for approvals before the invocation pauses, or None.
    """

    __slots__ = (
        "_depth",
        "_drafts",
        "_memory",
        "_opened",
        "_resumed",
        "_runs",
        "agent",
        "approver",
        "branch",
        "call_spans",
        "generation",
        "id",
        "log",
        "message",
        "run_name",
        "span",
    )

    def __init__(
        self,
        *,
        id: str,
        agent: str,
        message: Message,
        log: SessionLog,
        generation: int,
        branch: str = "",
        memory: MemoryIndex | None = None,
        span: Span | None = None,
        depth: int = 0,
        run_name: str = "",
        approver: Approver | None = None,
    ) -> None:
        self.id = id
        self.agent = agent
        self.message = message
        self.log = log
        self.generation = generation
        self.branch = branch
        self.span = span
        self.call_spans: dict[str, Span] = NO_SPANS if span is None else {}
        self.run_name = run_name
        self.approver = approver
        self._depth = depth
        self._runs = 0
        self._resumed: Progress | None = None
        self._drafts: Drafts | None = None
        self._memory = memory
        self._opened: list[AsyncGenerator[Event]] = []

    def _own(self, events: AsyncGenerator[Event]) -> AsyncGenerator[Event]:
        """Keep a step's generator until the agent is done: an agent that is closed midway leaves its steps open."""
        self._opened = [step for step in self._opened if not _is_over(step)]
        self._opened.append(events)
        return events

    @property
    def app(self) -> str:
        return self.log.key.app

    @property
    def user(self) -> str:
        return self.log.key.user

    @property
    def session(self) -> str:
        return self.log.key.id

    @property
    def state(self) -> MutableMapping[str, JSONValue]:
        return self._opened_drafts().state

    @property
    def artifacts(self) -> Artifacts:
        return self._opened_drafts().artifacts

    def _opened_drafts(self) -> Drafts:
        if self._drafts is None:
            self._drafts = Drafts(self.log)
        return self._drafts

    def _has_changes(self) -> bool:
        return self._drafts is not None and self._drafts.has_changes

    def history(self) -> tuple[Message, ...]:
        """See `hector.spi.Invocation.history`."""
        return build_history(self.log.events, agent=self.agent, branch=self.branch)

    def make(
        self,
        kind: EventKind,
        parts: tuple[Part, ...] = (),
        *,
        author: str | None = None,
        actions: Actions | None = None,
        idempotency_key: str | None = None,
        approval: Approval | None = None,
        metadata: JSONObject | None = None,
    ) -> Event:
        """An unrecorded event of this invocation."""
        return Event(
            id=self.next_id(),
            kind=kind,
            invocation_id=self.id,
            author=author or self.agent,
            parts=parts,
            branch=self.branch,
            timestamp=time.time(),
            generation=self.generation,
            actions=actions,
            idempotency_key=idempotency_key,
            approval=approval,
            metadata=metadata,
        )

    def next_id(self) -> str:
        """Another one at each call."""
        return f"{self.id}.{self.log.next_suffix()}"

    def recorded(self, kind: EventKind, *, event: Event | None = None) -> Event | None:
        """The recorded event that stands in the place of the next step, or None when the step is to be done.

        Args:
            kind: of the event.
            event: what the agent made for it, if it did already.
        """
        log = self.log
        if log.replay is NOTHING_RECORDED:
            return None
        branch, author = (event.branch, event.author) if event else (self.branch, self.agent)
        found = log.replay.take(branch, kind=kind, author=author)
        if found is not None and self._drafts is not None:
            log.keep(self._drafts.state.temporary())  # the rest came with the recorded event
            self._drafts.drop()
        return found

    def event(
        self, *parts: Part, actions: Actions | None = None, metadata: JSONObject | None = None
    ) -> Event:
        """See `hector.spi.Invocation.event`."""
        return self.make("message" if parts else "state", parts, actions=actions, metadata=metadata)

    async def record(self, event: Event) -> Event:
        """See `hector.spi.Invocation.record`."""
        recorded = self.recorded(event.kind, event=event)
        if recorded is not None:
            return recorded
        if self._drafts is not None and self._drafts.has_changes:
            return await self._drafts.record(event)
        (recorded,) = await self.log.append(event)
        return recorded

    async def record_steps(self, events: Sequence[Event]) -> Sequence[Event]:
        """Append the events of one step; what the agent changed before goes with the first."""
        if self._has_changes():
            first = await self.record(events[0])
            return first, *(await self.log.append(*events[1:]) if len(events) > 1 else ())
        return await self.log.append(*events)

    def resumed(self) -> JSONValue:
        """See `hector.spi.Invocation.resumed`."""
        track = self.log.track
        said = track.progress.get(self.run_name) if track is not None else None
        if said is None or self.log.replay is NOTHING_RECORDED:
            return None
        self.log.replay.skip(self.branch, said.sequence)
        self._resumed = said
        return said.value

    def progress(self, value: JSONValue) -> None:
        """See `hector.spi.Invocation.progress`."""
        self._runs = 0
        said, self._resumed = self._resumed, None
        if (
            said is None or said.value != value
        ):  # else it is where it was, and so are the runs below it
            self.log.say(self.run_name, self.branch, value)

    async def search_memory(self, query: str, *, limit: int = 10) -> Sequence[MemoryHit]:
        """See `hector.spi.Invocation.search_memory`."""
        if self._memory is None:
            raise MemoryIndexError(
                "there is no memory index to search",
                hint="add `index: {type: keyword}` under `server` in the config",
            )
        own = self._own_sayings()
        hits = await self._memory.search(self.app, self.user, query, limit=limit + len(own))
        others = [hit for hit in hits if hit.key.id != self.session or hit.event_id not in own]
        return others[:limit]

    def _own_sayings(self) -> set[str]:
        """Ids of what was said in this invocation."""
        own: set[str] = set()
        for event in reversed(self.log.events):
            if event.invocation_id != self.id:
                break
            if event.kind in ("started", "message"):
                own.add(event.id)
        return own

    def generate(self, llm: LLM, request: LLMRequest | RequestMaker) -> AsyncIterator[Event]:
        """See `hector.spi.Invocation.generate`."""
        return self._own(generate(self, llm, request))

    def call_tools(
        self,
        calls: Sequence[ToolCall],
        tools: Mapping[str, Tool],
        *,
        timeout_s: float | None = None,
    ) -> AsyncIterator[Event]:
        """See `hector.spi.Invocation.call_tools`."""
        deadline_s = DEFAULT_TOOL_TIMEOUT_S if timeout_s is None else timeout_s
        return self._own(call_tools(self, calls, tools, timeout_s=deadline_s))

    def run(self, agent: Agent, *, branch: str | None = None) -> AsyncIterator[Event]:
        """See `hector.spi.Invocation.run`."""
        place = self.branch if branch is None else join(self.branch, branch)
        run = branch or f"{self._runs}.{agent.name}"
        self._runs += 1
        events = self._child(agent, place, self.message, run=run).drive(agent)
        return self._own(self._run(events) if self._has_changes() else events)

    async def _run(self, events: AsyncGenerator[Event]) -> AsyncGenerator[Event]:
        """The events of another agent, which sees what this one has changed."""
        try:
            yield await self.record(self.make("state"))
            async for event in events:
                yield event
        finally:
            await events.aclose()

    def call_agent(self, agent: Agent, request: str, *, call_id: str) -> AsyncIterator[Event]:
        """See `hector.spi.Invocation.call_agent`."""
        return self._own(self._call_agent(agent, request, call_id=call_id))

    async def _call_agent(
        self, agent: Agent, request: str, *, call_id: str
    ) -> AsyncGenerator[Event]:
        message = Message.user(request)
        place = join(self.branch, f"{ISOLATED}{call_id}")
        child = self._child(
            agent,
            place,
            message,
            run=f"{ISOLATED}{call_id}",
            span=self.call_spans.get(call_id),
        )
        yield await self.record(child.make("message", message.parts, author="user"))
        events = child.drive(agent)
        try:
            async for event in events:
                yield event
        finally:
            await events.aclose()

    def _child(
        self, agent: Agent, branch: str, message: Message, *, run: str, span: Span | None = None
    ) -> AgentInvocation:
        if self._depth >= MAX_DEPTH:
            raise RunError(
                self.agent,
                f"calls agents {MAX_DEPTH} deep",
                hint="an agent reaches itself through its sub-agents or agent tools; break the circle",
            )
        return AgentInvocation(
            id=self.id,
            agent=agent.name,
            message=message,
            log=self.log,
            generation=self.generation,
            branch=branch,
            memory=self._memory,
            span=span or self.span,
            depth=self._depth + 1,
            run_name=f"{self.run_name}/{run}",
            approver=self.approver,
        )

    async def drive(self, agent: Agent) -> AsyncGenerator[Event]:
        """Run `agent` on this invocation: what it yields unrecorded is recorded, then passed on."""
        parent = self.span
        if parent is not None:
            self.span = parent.child("invoke_agent", agent.name)
        failure: BaseException | None = None
        events = agent.run(self)
        try:
            async for event in events:
                if event.sequence is None and event.kind != "delta":
                    yield await self.record(event)
                else:
                    yield event
            if self._has_changes():
                yield await self.record(self.make("state"))
        except BaseException as error:
            failure = error
            if self._drafts is not None:
                self._drafts.drop()
            raise
        finally:
            try:
                await close_iterator(events)
            finally:
                await self._close_steps()
                if self.span is not None:
                    self.span.end(error=failure)

    async def _close_steps(self) -> None:
        while self._opened:
            try:
                await self._opened.pop().aclose()
            except BaseException:  # a step that cannot clean up leaves none of the others open
                await self._close_steps()
                raise


def _is_over(step: AsyncGenerator[Event]) -> bool:
    return cast("AsyncGeneratorType[Event, None]", step).ag_frame is None
