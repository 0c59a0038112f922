"""A tool that remembers how it was called, and a toolset of such."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeAlias

import attrs

from hector.message import JSONObject, JSONValue
from hector.spi import Tool, ToolContext, ToolEffect, ToolOutput, ToolSpec

__all__ = ["RecordedCall", "RecordingTool", "RecordingToolset", "ToolAnswer"]

ToolAnswer: TypeAlias = (
    JSONValue | ToolOutput | Exception | Callable[[JSONObject], JSONValue | ToolOutput]
)
"""What a recording tool gives: a value, an exception to raise, or a function of the arguments."""


@attrs.frozen(kw_only=True)
class RecordedCall:
    """One call as it came.

    Attributes:
        arguments: as the model gave them.
        call_id: the `ToolCall.id`.
        idempotency_key: the same whenever the call is run again.
    """

    arguments: JSONObject
    call_id: str
    idempotency_key: str


class RecordingTool:
    """Implements `hector.spi.LookupTool`; it remembers its calls, and gives what the test wants.

    Attributes:
        spec: what a model is told.
        calls: every call so far, in the order in which they began.
        effects: the idempotency keys of the calls that came to their end, each once, in order.
        cancelled: how many calls were cancelled.
        gate: a call waits for it before it answers; it is open unless the test clears it.
    """

    def __init__(
        self,
        name: str = "record",
        answer: ToolAnswer = "done",
        *,
        description: str = "Remembers that it was called.",
        parameters: JSONObject | None = None,
        effect: ToolEffect = "idempotent",
        needs_approval: bool = False,
        timeout_s: float | None = None,
    ) -> None:
        """Begin without calls.

        Args:
            name: see `ToolSpec`.
            answer: see `ToolAnswer`.
            description: see `ToolSpec`.
            parameters: JSON Schema of the arguments; None takes any. They are not checked.
            effect: see `ToolSpec`.
            needs_approval: see `ToolSpec`.
            timeout_s: see `ToolSpec`.
        """
        schema: JSONObject = {"type": "object", "properties": {}}
        self.spec = ToolSpec(
            name=name,
            description=description,
            parameters=schema if parameters is None else parameters,
            effect=effect,
            needs_approval=needs_approval,
            timeout_s=timeout_s,
        )
        self.calls: list[RecordedCall] = []
        self.effects: list[str] = []
        self.cancelled = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self._answer = answer

    async def call(self, arguments: JSONObject, context: ToolContext) -> ToolOutput | JSONValue:
        """Remember the call and answer."""
        self.calls.append(
            RecordedCall(
                arguments=arguments,
                call_id=context.call_id,
                idempotency_key=context.idempotency_key,
            )
        )
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if context.idempotency_key not in self.effects:
            self.effects.append(context.idempotency_key)
        return self._answered(arguments)

    async def lookup(
        self, arguments: JSONObject, context: ToolContext
    ) -> ToolOutput | JSONValue | None:
        """What the call gave, if it came to its end."""
        if context.idempotency_key not in self.effects:
            return None
        return self._answered(arguments)

    def _answered(self, arguments: JSONObject) -> ToolOutput | JSONValue:
        answer = self._answer
        if isinstance(answer, Exception):
            raise answer
        return answer(arguments) if callable(answer) else answer


class RecordingToolset:
    """Implements `hector.spi.Toolset` with recording tools.

    Attributes:
        recording: the tools, to look at what they were called with.
    """

    def __init__(self, *tools: RecordingTool) -> None:
        """Hold the tools; a single one named `record` when none is given."""
        self.recording: tuple[RecordingTool, ...] = tools or (RecordingTool(),)

    def tools(self) -> Sequence[Tool]:
        """See `hector.spi.Toolset.tools`."""
        return self.recording
