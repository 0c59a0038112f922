"""The contract of an agent, and what the runtime hands it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, MutableMapping, Sequence
from typing import Protocol

from hector.message import Actions, Event, JSONObject, JSONValue, Message, Part, ToolCall
from hector.spi.artifacts import Artifacts
from hector.spi.llm import LLM, LLMRequest, RequestMaker
from hector.spi.memory import MemoryHit
from hector.spi.tool import Tool

__all__ = ["Agent", "Invocation"]


class Invocation(Protocol):
    """One run of one agent for one message in one session.

    It keeps the session's log: what comes out of `generate`, `call_tools` and `run` is already recorded where it must
    be (a model's answer before it is acted on, an intent before the effect), so an agent only passes those events on.
    Other events an agent makes go through `record`; a durable event that reaches the runtime unrecorded is recorded
    there.

    Attributes:
        id: invocation id, unique.
        agent: name of the running agent.
        app, user, session: the session's key.
        branch: see `Event.branch`.
        generation: number of the generation this invocation runs on.
        message: the user's message that began it (for an agent called as a tool, the request).
        state: the session's state as this invocation sees it. What the agent sets and deletes in it is committed with
            the next event that it records (its model's answer, its tools' intents), or with a `state` event when it
            is done; an agent that fails loses what was not committed. Set None to delete; what is read is a copy; a
            value that is not JSON raises `StateError`. `temp:` keys last as long as the invocation and are never
            stored. Tools write to the state of their `ToolContext`.
        artifacts: the session's files; what the agent saves is committed like its state.
    """

    @property
    def id(self) -> str: ...
    @property
    def agent(self) -> str: ...
    @property
    def app(self) -> str: ...
    @property
    def user(self) -> str: ...
    @property
    def session(self) -> str: ...
    @property
    def branch(self) -> str: ...
    @property
    def generation(self) -> int: ...
    @property
    def message(self) -> Message: ...
    @property
    def state(self) -> MutableMapping[str, JSONValue]: ...
    @property
    def artifacts(self) -> Artifacts: ...

    def history(self) -> tuple[Message, ...]:
        """The conversation as this agent sees it, oldest first, ready for an `LLMRequest`.

        Its own branch, its ancestors and (but for isolated ones) its descendants. What other agents said comes as
        user messages that name the speaker. A call without a result is left out together with its intent.
        """
        ...

    async def search_memory(self, query: str, *, limit: int = 10) -> Sequence[MemoryHit]:
        """What this user and the agents said in this user's sessions of this app, the best first, at most `limit`.

        What is said in this invocation is left out: it is in sight, and would answer its own question best.

        Raises:
            MemoryIndexError: there is no index, or it cannot be searched now.
        """
        ...

    def generate(self, llm: LLM, request: LLMRequest | RequestMaker) -> AsyncIterator[Event]:
        """Ask a model: yields `delta` events, then exactly one recorded `message` event with the whole answer.

        Args:
            llm: the model.
            request: what it is asked; a function is called only if it is asked, which a replay does not.

        Raises:
            LLMError: the call failed; nothing but deltas was yielded.
        """
        ...

    def call_tools(
        self,
        calls: Sequence[ToolCall],
        tools: Mapping[str, Tool],
        *,
        timeout_s: float | None = None,
    ) -> AsyncIterator[Event]:
        """Run the calls of one answer concurrently.

        Yields:
            A `tool_intent` for each call that runs and an `approval` for each that needs one, in the order of the
            calls; then, as they come, what called agents stream and one `tool_result` per call, recorded on arrival
            (`history` puts them in the order of the calls). A failing, unknown, overdue or denied tool gives a result
            with `is_error`; it never raises.

        Args:
            calls: what the model asked for; ids are unique.
            tools: the tools on offer by name.
            timeout_s: deadline of a call whose tool states none.

        Raises:
            InputRequiredError: every call that could run has its result, and others wait for a person.
        """
        ...

    def run(self, agent: Agent, *, branch: str | None = None) -> AsyncIterator[Event]:
        """Run another agent in this session, on `branch` (a new last segment) or on the same branch if None."""
        ...

    def call_agent(self, agent: Agent, request: str, *, call_id: str) -> AsyncIterator[Event]:
        """Run another agent on an isolated branch with `request` as its message; its last `message` is the answer."""
        ...

    def resumed(self) -> JSONValue:
        """What this run said last by `progress` before it was interrupted, or None; call it once, before any step.

        What it had recorded up to there is left out of the replay: it goes on behind it.
        """
        ...

    def progress(self, value: JSONValue) -> None:
        """Say, between two steps, how far this run has come: a checkpoint keeps it, and `resumed` gives it back.

        It makes resuming cheaper and is never needed: without it every recorded step is replayed. Cheap, no I/O.

        Args:
            value: JSON; what `run` needs in order to go on behind the steps that it has taken.
        """
        ...

    def event(
        self, *parts: Part, actions: Actions | None = None, metadata: JSONObject | None = None
    ) -> Event:
        """Make (not record) an event by this agent: a `message` if there are parts, else a `state` event."""
        ...

    async def record(self, event: Event) -> Event:
        """Append a durable event to the log; returns it with its `sequence`.

        Raises:
            SessionConflictError: another worker took the session over: stop, no further effect may follow.
        """
        ...


class Agent(Protocol):
    """Something that answers; one instance serves many concurrent invocations and keeps no state between them."""

    @property
    def name(self) -> str:
        """Unique in the config; `[a-zA-Z][a-zA-Z0-9_-]*`, never `user`."""
        ...

    @property
    def description(self) -> str:
        """What it is good for, for people and for models that may transfer to it."""
        ...

    def run(self, invocation: Invocation) -> AsyncIterator[Event]:
        """Answer `invocation.message`, yielding events as they happen.

        An invocation that was interrupted, by a crash or to wait for a person, goes on by calling `run` again, from
        its beginning. Its steps (`generate`, `call_tools`, `run`, `call_agent`, `record`) then give what they have
        recorded, without doing anything, until they come to what never happened. So the steps that `run` takes may
        depend only on `invocation.message` and on what earlier steps gave. What depends on anything else (a clock,
        chance, the state, another service) is decided once, put into an event and recorded, and read from the event
        that `record` returns. Whatever has an effect is done in a tool. The steps of one branch follow one another;
        agents that run at the same time have a branch each. See `Invocation.progress` for what makes it cheap.

        Raises:
            InputRequiredError: of a step; let it through. `parallel` shows what to do where others still run.
            HectorError: the invocation failed. Cancellation ends it at any await.
        """
        ...
