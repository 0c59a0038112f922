"""The contract of tools and toolsets."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping, Sequence
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, get_args, runtime_checkable

import attrs

from hector.errors import ToolError, UsageError
from hector.message import Actions, DataPart, Event, FilePart, JSONObject, JSONValue, TextPart

if TYPE_CHECKING:
    from hector.spi.agent import Invocation
    from hector.spi.artifacts import Artifacts

__all__ = [
    "LookupTool",
    "Tool",
    "ToolContext",
    "ToolEffect",
    "ToolOutput",
    "ToolSpec",
    "Toolset",
    "with_spec",
]

ToolEffect: TypeAlias = Literal["pure", "idempotent", "lookup", "unsafe"]
"""What to do with a call that was cut off by a crash, so that nobody knows whether it had its effect.

`pure`: it has none, so run it again. `idempotent`: a second run with the same idempotency key does nothing more, so
run it again with that key. `lookup`: ask the tool, which must be a `LookupTool`. `unsafe`: ask a person.
"""


@attrs.frozen(kw_only=True)
class ToolSpec:
    """What a model is told about a tool, and what the runtime must know.

    Attributes:
        name: `[a-zA-Z0-9_-]{1,64}`.
        description: for the model; stable from call to call, so that prompt caches hold.
        parameters: JSON Schema 2020-12 of an object.
        effect: decides what happens to a call that was cut off by a crash.
        timeout_s: seconds one call may take, > 0; None leaves it to the agent.
        needs_approval: whether a person has to approve every call before it runs.
        approval_prompt: what the person is asked; `{argument}` stands for an argument of that name. Empty: a
            sentence that names the tool.
    """

    name: str
    description: str
    parameters: JSONObject = attrs.field(
        factory=lambda: dict[str, JSONValue](type="object", properties={})
    )
    effect: ToolEffect = "unsafe"
    timeout_s: float | None = None
    needs_approval: bool = False
    approval_prompt: str = ""

    def __attrs_post_init__(self) -> None:
        """Refuse a word that no crash would be recovered by.

        Raises:
            UsageError: `effect` is none of `ToolEffect`.
        """
        if self.effect not in get_args(ToolEffect):
            known = ", ".join(get_args(ToolEffect))
            raise UsageError(
                f"tool `{self.name}` has the effect `{self.effect}`", hint=f"say one of: {known}"
            )


@attrs.frozen(kw_only=True)
class ToolOutput:
    """What a tool returns when text or JSON alone is not enough.

    Attributes:
        content: what the model gets to see, in order.
        is_error: whether the tool failed in a way it wants to tell the model about.
        actions: what else happens: state changes, a transfer, an escalation.
    """

    content: tuple[TextPart | DataPart | FilePart, ...] = ()
    is_error: bool = False
    actions: Actions | None = None


def _discard(_event: Event) -> None:
    """Nobody watches."""


@attrs.frozen(kw_only=True)
class ToolContext:
    """The surroundings of one call.

    Attributes:
        call_id: the `ToolCall.id`.
        idempotency_key: the same on every retry of this call; hand it to whatever has the effect.
        invocation: the invocation that calls.
        emit: passes an event on to whoever watches the invocation, in order, before the result; never blocks. For the
            events of a called agent, whose `branch` says that they are not the caller's answer. Without a watcher
            events are dropped.
        state, artifacts: what the call changes; those of the invocation when left out, whose changes are committed
            with the next event that its agent records.
    """

    call_id: str
    idempotency_key: str
    invocation: Invocation
    emit: Callable[[Event], None] = _discard
    _state: MutableMapping[str, JSONValue] | None = attrs.field(default=None, alias="state")
    _artifacts: Artifacts | None = attrs.field(default=None, alias="artifacts")

    @property
    def state(self) -> MutableMapping[str, JSONValue]:
        """The session's state; what is set and deleted here is committed with the call's `tool_result`.

        Keys may begin with `app:`, `user:` or `temp:`. Reads see the call's own writes and everything that the
        invocation has committed so far. Calls of one turn run at the same time: none sees the writes of another
        before that one's result is recorded, and of two that write one key the one whose result is recorded later
        wins. A call that raises, or returns an output with `is_error`, has written nothing. Where `ToolOutput.actions`
        names the same key, it wins.

        What is read is a copy: set a list again after changing it. Setting None deletes. A value that is not JSON,
        or a write after the call is over, raises `StateError`.
        """
        return self.invocation.state if self._state is None else self._state

    @property
    def artifacts(self) -> Artifacts:
        """The session's files; what is saved here is committed with the call's `tool_result`."""
        return self.invocation.artifacts if self._artifacts is None else self._artifacts


class Tool(Protocol):
    """Something a model can call; one instance serves many concurrent calls."""

    @property
    def spec(self) -> ToolSpec:
        """What it is; constant for the life of the instance."""
        ...

    async def call(self, arguments: JSONObject, context: ToolContext) -> ToolOutput | JSONValue:
        """Do it.

        Args:
            arguments: as the model gave them; the tool checks them.
            context: see `ToolContext`.

        Returns:
            A string (shown to the model as it is), any other JSON value (shown as JSON), or a `ToolOutput`.

        Raises:
            ToolError: its message goes to the model, and after it in parentheses its hint: say there what to try
                instead. Any other exception goes to the model as a short notice and to the log in full; it does
                not end the invocation.

        Cancellation stops the work and releases everything it holds.
        """
        ...


@runtime_checkable
class LookupTool(Protocol):
    """A tool of effect `lookup`: it can say what became of a call."""

    async def lookup(
        self, arguments: JSONObject, context: ToolContext
    ) -> ToolOutput | JSONValue | None:
        """What the call with `context.idempotency_key` gave; None: it never had its effect, so it may run.

        Raises:
            ToolError: it cannot be told now; a person is asked.
        """
        ...


class Toolset(Protocol):
    """A group of tools that is opened and closed as one."""

    def tools(self) -> Sequence[Tool]:
        """The tools there are now, in a stable order; cheap, no I/O. A toolset whose server is down has none."""
        ...


def with_spec(tool: Tool, spec: ToolSpec) -> Tool:
    """The same tool under another description, such as another name; it is a `LookupTool` if its effect is `lookup`."""
    return _LookupWithSpec(tool, spec) if spec.effect == "lookup" else _WithSpec(tool, spec)


class _WithSpec:
    __slots__ = ("_tool", "spec")

    def __init__(self, tool: Tool, spec: ToolSpec) -> None:
        self._tool = tool
        self.spec = spec

    async def call(self, arguments: JSONObject, context: ToolContext) -> ToolOutput | JSONValue:
        return await self._tool.call(arguments, context)


class _LookupWithSpec(_WithSpec):
    __slots__ = ()

    async def lookup(
        self, arguments: JSONObject, context: ToolContext
    ) -> ToolOutput | JSONValue | None:
        if not isinstance(self._tool, LookupTool):
            raise ToolError(f"{self.spec.name} cannot say what became of a call")
        return await self._tool.lookup(arguments, context)
