"""A runtime over sessions that outlive it, with models and tools that can be held up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import attrs

from hector import Runtime
from hector.message import Decision, Event, JSONObject
from hector.session import InMemorySessions
from hector.spi import (
    LLM,
    BuildContext,
    Provider,
    TaskRecord,
    Tool,
    ToolContext,
    ToolEffect,
    ToolSpec,
)
from hector.testing import Reply, ScriptedLLM, ScriptedSettings

__all__ = ["HeldTool", "Stage", "approve", "ended", "last_of"]


class HeldTool:
    """Waits, once it was called, until it is let go.

    Attributes:
        called: set when a call has begun.
        go: lets calls go on; set from the beginning unless the tool is held.
        keys: of the calls that had their effect.
    """

    def __init__(
        self,
        name: str = "work",
        *,
        effect: ToolEffect = "unsafe",
        asks: bool = False,
        is_held: bool = False,
    ) -> None:
        self.spec = ToolSpec(name=name, description=name, effect=effect, needs_approval=asks)
        self.called = asyncio.Event()
        self.go = asyncio.Event()
        self.keys: list[str] = []
        self.arguments: list[JSONObject] = []
        if not is_held:
            self.go.set()

    async def call(self, arguments: JSONObject, context: ToolContext) -> str:
        self.called.set()
        await self.go.wait()
        self.keys.append(context.idempotency_key)
        self.arguments.append(arguments)
        return f"{self.spec.name} done"


@attrs.define
class Stage:
    """What outlives runtimes.

    Attributes:
        sessions: with the tasks in them.
        tools: of the agent `main`.
        config: more of it, by section.
    """

    tools: Sequence[Tool] = ()
    sessions: InMemorySessions = attrs.field(factory=InMemorySessions)
    server: dict[str, Any] = attrs.field(factory=dict[str, Any])
    agent: dict[str, Any] = attrs.field(factory=dict[str, Any])
    recovery: dict[str, Any] = attrs.field(factory=dict[str, Any])

    def config(self, **agent: Any) -> dict[str, Any]:
        """The config, with other settings of the agent."""
        return {
            "name": "app",
            "llms": {"default": {"provider": "scripted"}},
            "agents": {"main": {**self.agent, **agent}},
            "server": {
                "checkpoint": {"recovery": {"heartbeat": "0.1s", **self.recovery}},
                **self.server,
            },
        }

    def opened(self, *replies: Reply, **agent: Any) -> AbstractAsyncContextManager[Runtime]:
        """A runtime whose model says `replies`."""
        return self.open_with(ScriptedLLM(*replies), **agent)

    @asynccontextmanager
    async def open_with(self, llm: LLM, **agent: Any) -> AsyncGenerator[Runtime]:
        """A runtime with a model of the test's own."""
        async with (
            asyncio.timeout(30),
            Runtime.open(
                self.config(**agent),
                env={},
                sessions=self.sessions,
                providers=[_provider(llm)],
                direct_tools={"main": self.tools},
            ) as runtime,
        ):
            yield runtime


def _provider(llm: LLM) -> Provider:
    def create(settings: ScriptedSettings, context: BuildContext) -> LLM:
        return llm

    return Provider(
        kind="llm", type="scripted", settings=ScriptedSettings, create=create, summary="a script"
    )


async def ended(runtime: Runtime, task: str = "t") -> TaskRecord:
    """Wait until a task has ended or waits for a person."""
    while True:
        record = await runtime.tasks.get(task)
        if record.has_ended or record.state == "waiting":
            return record
        await asyncio.sleep(0)


async def last_of(events: AsyncGenerator[Event]) -> Event:
    """The last event of a run."""
    last: Event | None = None
    async for event in events:
        last = event
    assert last is not None
    return last


async def approve(runtime: Runtime, task: str = "t", **how: Any) -> None:
    """Decide about the one call of a task that waits."""
    (pending,) = await runtime.tasks.approvals(task=task)
    assert pending.event.approval is not None
    decision = Decision(
        call_id=pending.call.id, call_hash=pending.event.approval.call_hash, choice="approve"
    )
    await runtime.tasks.decide(task, attrs.evolve(decision, **how))
