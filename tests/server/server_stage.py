"""A host for the server's tests: its agents are plain async generators of real events."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from typing import TypeAlias

import attrs
import httpx

from hector.errors import RuntimeClosedError
from hector.message import Event, EventKind, Failure, Message, Outcome, Part, TextPart
from hector_server import Host, Ready, ServerOptions, Skill, create_app, serve

__all__ = ["Agent", "Script", "Stage", "Turn", "calling", "serving", "text_agent"]


@attrs.frozen
class Turn:
    """One run: makes its events."""

    message: Message
    session: str
    user: str
    count: itertools.count[int] = attrs.field(factory=lambda: itertools.count(1))
    messages: dict[str, int] = attrs.field(factory=dict[str, int])

    def event(
        self,
        kind: EventKind,
        *parts: Part,
        author: str = "agent",
        branch: str = "",
        outcome: Outcome | None = None,
        failure: Failure | None = None,
    ) -> Event:
        number = 0 if kind == "delta" else next(self.count)
        return Event(
            id=f"e{number}" if kind not in ("delta", "message") else self.message_id(branch, kind),
            kind=kind,
            invocation_id="i1",
            author=author,
            parts=parts,
            branch=branch,
            sequence=None if kind == "delta" else number,
            timestamp=time.time(),
            generation=1,
            outcome=outcome,
            failure=failure,
        )

    def message_id(self, branch: str, kind: EventKind) -> str:
        """The pieces of a message have its id; the next message of the branch has another."""
        number = self.messages.setdefault(branch, 1)
        self.messages[branch] = number + (kind == "message")
        return f"m{number}/{branch}"

    def delta(self, text: str, *, branch: str = "") -> Event:
        return self.event("delta", TextPart(text), branch=branch)

    def says(self, text: str, *, branch: str = "") -> Event:
        return self.event("message", TextPart(text), branch=branch)


Script: TypeAlias = Callable[[Turn], AsyncGenerator[Event, None]]


@attrs.frozen(kw_only=True)
class Agent:
    """What a host knows of an agent, with the script it plays."""

    name: str
    script: Script
    title: str = ""
    description: str = "Answers."
    visibility: str = "public"
    skills: Sequence[Skill] = ()
    input_modes: Sequence[str] = ("text/plain",)
    output_modes: Sequence[str] = ("text/plain",)


@attrs.frozen
class Condition:
    status: str


@attrs.frozen
class StageConfig:
    version: str


class Stage:
    """Plays the scripts; satisfies `hector_server.Host`."""

    def __init__(self, *agents: Agent, metrics: tuple[bytes, str] | None = None) -> None:
        self.agents: Mapping[str, Agent] = {agent.name: agent for agent in agents}
        self.name = "stage"
        self.config = StageConfig("1.2.3")
        self.generation = 7
        self.status = "ok"
        self.users: list[str] = []
        self._counts: dict[str, itertools.count[int]] = {}
        self._metrics = metrics

    async def run(
        self,
        agent: str,
        message: str | Message,
        *,
        user: str = "local",
        session: str | None = None,
        task: str | None = None,
    ) -> AsyncIterator[Event]:
        if self.status == "closing":
            raise RuntimeClosedError("the runtime is closing", hint="start it again")
        self.users.append(user)
        whole = Message.user(message) if isinstance(message, str) else message
        count = self._counts.setdefault(session or "new", itertools.count(1))
        turn = Turn(whole, session or "new", user, count)
        yield turn.event("started", *whole.parts, author="user")
        async with contextlib.aclosing(self.agents[agent].script(turn)) as events:
            async for event in events:
                yield event
                if event.kind == "finished":
                    return
        yield turn.event("finished", outcome="completed")

    def health(self) -> Condition:
        return Condition(self.status)

    def metrics(self) -> tuple[bytes, str] | None:
        return self._metrics


def text_agent(*pieces: str, name: str = "helper") -> Agent:
    """An agent that streams `pieces` and then says them as one message."""

    async def script(turn: Turn) -> AsyncGenerator[Event, None]:
        for piece in pieces:
            yield turn.delta(piece)
            await asyncio.sleep(0)
        yield turn.says("".join(pieces))

    return Agent(name=name, script=script)


@contextlib.asynccontextmanager
async def serving(
    host: Host,
    options: ServerOptions | None = None,
    *,
    shutdown_timeout_s: float = 1.0,
    stop: asyncio.Event | None = None,
) -> AsyncGenerator[httpx.AsyncClient]:
    """Serve `host` on a free port; gives a client whose base is the server's address."""
    stop, ready = stop or asyncio.Event(), asyncio.Queue[Ready]()
    async with asyncio.TaskGroup() as group:
        group.create_task(
            serve(
                host,
                port=0,
                options=options,
                shutdown_timeout_s=shutdown_timeout_s,
                on_ready=ready.put_nowait,
                stop=stop,
            )
        )
        address = (await ready.get()).url
        try:
            async with httpx.AsyncClient(base_url=address, timeout=20) as client:
                yield client
        finally:
            stop.set()


@contextlib.asynccontextmanager
async def calling(
    host: Host, options: ServerOptions | None = None
) -> AsyncGenerator[httpx.AsyncClient]:
    """The same without a socket, for the many cases that only the application decides."""
    app = create_app(host, options=options)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client,
    ):
        yield client
