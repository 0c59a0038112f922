"""An observer of the embedding program sees every span, and without one there are none."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any

import attrs

from hector import Runtime
from hector.agent import AgentInvocation
from hector.message import Event, FinishReason, Outcome, TextPart, ToolCall, Usage
from hector.spi import (
    Invocation,
    ReloadMeasure,
    ResponseMetadata,
    RuntimeGauges,
    function_tool,
)
from hector.testing import ScriptedLLM, scripted_provider

CONFIG = {"llms": {"default": {"provider": "scripted"}}, "agents": {"main": {"llm": "default"}}}


@attrs.define
class Line:
    """Implements `hector.spi.Span` as a line of a book."""

    book: list[str]
    name: str
    ended: int = 0

    def child(self, operation: str, name: str) -> Line:
        line = Line(self.book, f"{self.name} > {operation} {name}")
        self.book.append(f"begin {line.name}")
        return line

    def end(
        self,
        *,
        error: BaseException | None = None,
        outcome: Outcome | None = None,
        usage: Usage | None = None,
        finish_reason: FinishReason | None = None,
        metadata: ResponseMetadata | None = None,
    ) -> None:
        self.ended += 1
        assert self.ended == 1
        said = [str(item) for item in (error, outcome, finish_reason) if item is not None]
        self.book.append(f"end {self.name}{': ' if said else ''}{', '.join(said)}")


@attrs.define
class Book:
    """Implements `hector.spi.Observer`."""

    lines: list[str] = attrs.field(factory=list[str])
    known: list[dict[str, Any]] = attrs.field(factory=list[dict[str, Any]])
    reads: list[Callable[[], RuntimeGauges]] = attrs.field(
        factory=list[Callable[[], RuntimeGauges]]
    )
    measures: list[ReloadMeasure] = attrs.field(factory=list[ReloadMeasure])

    def invocation(self, **known: Any) -> Line:
        self.known.append(known)
        self.lines.append("begin it")
        return Line(self.lines, "it")

    def watch_runtime(self, read: Callable[[], RuntimeGauges]) -> None:
        self.reads.append(read)

    def reload_ended(self, measure: ReloadMeasure) -> None:
        self.measures.append(measure)

    def metrics(self) -> tuple[bytes, str] | None:
        return b"own 1\n", "text/plain"


def add(left: int, right: int) -> int:
    """Add."""
    return left + right


async def test_an_own_observer_sees_every_span_and_gives_the_metrics() -> None:
    book = Book()
    call = ToolCall(id="c", name="add", arguments={"left": 1, "right": 2})
    async with Runtime.open(
        CONFIG,
        env={},
        providers=[scripted_provider(ScriptedLLM(call, "three"))],
        direct_tools={"main": [function_tool(add)]},
        observer=book,
    ) as runtime:
        async for _ in runtime.run("main", "add", user="ann", session="s1"):
            pass
        assert runtime.metrics() == (b"own 1\n", "text/plain")
    (known,) = book.known
    assert len(known.pop("invocation_id")) == 32
    assert known == {"agent": "main", "session": "s1", "user": "ann", "generation": 1}
    inner = "it > invoke_agent main"
    assert book.lines == [
        "begin it",
        f"begin {inner}",
        f"begin {inner} > chat scripted",
        f"end {inner} > chat scripted: tool_calls",
        f"begin {inner} > execute_tool add",
        f"end {inner} > execute_tool add",
        f"begin {inner} > chat scripted",
        f"end {inner} > chat scripted: stop",
        f"end {inner}",
        "end it: completed",
    ]


@attrs.define
class Nosy:
    """An agent that keeps the invocation it was given."""

    name: str = "nosy"
    description: str = ""
    seen: list[Invocation] = attrs.field(factory=list[Invocation])

    async def run(self, invocation: Invocation) -> AsyncGenerator[Event]:
        self.seen.append(invocation)
        yield invocation.event(TextPart("seen"))


async def test_without_an_observer_an_invocation_has_no_span() -> None:
    nosy = Nosy()
    hand_over = ToolCall(id="t", name="transfer_to_nosy", arguments={})
    async with Runtime.open(
        CONFIG,
        env={},
        providers=[scripted_provider(ScriptedLLM(hand_over))],
        sub_agents={"main": [nosy]},
    ) as runtime:
        async for _ in runtime.run("main", "hello"):
            pass
    (invocation,) = nosy.seen
    assert isinstance(invocation, AgentInvocation)
    assert invocation.span is None
    assert invocation.call_spans == {}
