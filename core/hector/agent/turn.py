"""The calls of one answer, each brought from where its log stands to its result."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING

import attrs

from hector.agent.approving import approval_of
from hector.agent.call_steps import CallStep, next_step
from hector.agent.drafts import Drafts
from hector.agent.one_call import denied, look_up, record_output, run_call
from hector.agent.replay import NOTHING_RECORDED
from hector.errors import InputRequiredError, ToolError
from hector.message import Decision, Event, ToolCall
from hector.spi import Tool, ToolContext, ToolOutput

if TYPE_CHECKING:
    from hector.agent.invocation import AgentInvocation

__all__ = ["Turn"]


class Turn:
    """Runs the calls of one answer at the same time.

    Attributes:
        recorded: what the log holds of the calls, in its order.
        queue: what happens, as it happens: events, errors, and None when every call is over or waits.
    """

    def __init__(
        self,
        invocation: AgentInvocation,
        calls: Sequence[ToolCall],
        tools: Mapping[str, Tool],
        timeout_s: float,
    ) -> None:
        self._invocation = invocation
        self._tools = tools
        self._timeout_s = timeout_s
        replay = invocation.log.replay
        found: dict[str, list[Event]] = {}
        if replay is not NOTHING_RECORDED:
            ids = {call.id for call in calls}
            found = replay.take_calls(invocation.branch, ids, author=invocation.agent)
        events = chain.from_iterable(found.values())
        self.recorded: Sequence[Event] = sorted(events, key=lambda event: event.sequence or 0)
        now = time.time()
        self._steps = [
            next_step(call, tools.get(call.name), found.get(call.id, ()), now=now) for call in calls
        ]
        self.queue: asyncio.Queue[Event | Exception | None] = asyncio.Queue()
        self._unfinished = 0

    @property
    def is_over(self) -> bool:
        """Whether every call has its result."""
        return all(step.next == "done" for step in self._steps)

    async def announce(self) -> Sequence[Event]:
        """Record, in the order of the calls, the intents of those that run and what is asked about those that wait."""
        announced: dict[int, Event] = {}
        for at, step in enumerate(self._steps):
            if step.next in ("begin", "run"):
                announced[at] = self._intent(step)
            elif step.next == "ask":
                announced[at] = self._question(step)
        if not announced:
            return ()
        events = await self._invocation.record_steps([*announced.values()])
        for at, event in zip(announced, events, strict=True):
            step = attrs.evolve(self._steps[at], key=event.idempotency_key or "")
            if step.next == "ask":
                self._steps[at] = attrs.evolve(step, next="wait", approval=event)
            else:
                self._steps[at] = attrs.evolve(step, next="run_again")  # the intent is there
        return events

    def start(self, group: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """Begin to work on every call that has no result."""
        steps = [step for step in self._steps if step.next != "done"]
        self._unfinished = len(steps)
        return [
            group.create_task(self._follow(step), name=f"tool {step.call.name}") for step in steps
        ]

    async def _follow(self, step: CallStep) -> None:
        # An error here is not the tool's (those become results) but the log's. It travels through the queue: a task
        # group that cancelled its parent might hit the consumer's code, which runs in the same task.
        try:
            await self._bring_on(step)
        except Exception as error:  # noqa: BLE001 - raised again by the reader
            self.queue.put_nowait(error)
        finally:
            self._unfinished -= 1
            if not self._unfinished:
                self.queue.put_nowait(None)

    async def _bring_on(self, step: CallStep) -> None:
        match step.next:
            case "wait":
                await self._wait(step)
            case "deny":
                await self._answer(step, denied(step))
            case "look_up":
                await self._look_up(step)
            case _:
                await self._run(step)

    async def _run(self, step: CallStep) -> None:
        drafts = Drafts(self._invocation.log)
        context = self._context(step, drafts)
        output = await run_call(self._invocation, step.call, self._tools, context, self._timeout_s)
        drafts.close()
        self._tell(await record_output(self._invocation, drafts, step.call, output))

    async def _answer(self, step: CallStep, output: ToolOutput) -> None:
        drafts = Drafts(self._invocation.log)
        self._tell(await record_output(self._invocation, drafts, step.call, output))

    async def _look_up(self, step: CallStep) -> None:
        context = self._context(step, Drafts(self._invocation.log))
        try:
            found = await look_up(self._tools.get(step.call.name), step, context)
        except ToolError:
            asked = attrs.evolve(step, next="ask", is_in_doubt=True)
            question = await self._record(self._question(asked))
            await self._wait(attrs.evolve(asked, next="wait", approval=question))
            return
        if found is None:
            await self._run(step)
        else:
            await self._answer(step, found)

    async def _wait(self, step: CallStep) -> None:
        """Go on with what an outside system decides, or tell that a person has to.

        Raises:
            InputRequiredError: a person has to.
        """
        question, approver = step.approval, self._invocation.approver
        decision = (
            await approver.ask(self._invocation, question)
            if approver is not None and question is not None
            else None
        )
        event = await self._decided(step, decision) if decision is not None else None
        if decision is None or event is None:
            expires_at = question.approval.expires_at if question and question.approval else None
            raise InputRequiredError(
                self._invocation.agent, call_ids=(step.call.id,), expires_at=expires_at
            )
        await self._go_on(step, decision, event)

    async def _decided(self, step: CallStep, decision: Decision) -> Event | None:
        """Record what an outside system decided; None: a person was quicker, and that decision counts."""
        branch = self._invocation.branch
        asked = (step.approval.sequence or 0) if step.approval is not None else 0

        def is_void(events: Sequence[Event]) -> bool:
            return any(
                event.decision is not None
                and event.decision.call_id == step.call.id
                and event.branch == branch
                and (event.sequence or 0) > asked
                for event in reversed(events)
            )

        made = attrs.evolve(self._invocation.make("decision", author="user"), decision=decision)
        recorded = await self._invocation.log.append_unless(made, is_void)
        if recorded is not None:
            self._tell(recorded)
        return recorded

    async def _go_on(self, step: CallStep, decision: Decision, event: Event) -> None:
        if decision.choice == "deny":
            await self._answer(step, denied(attrs.evolve(step, decision=event)))
            return
        if decision.choice == "edit" and decision.arguments is not None:
            call = attrs.evolve(step.call, arguments=decision.arguments)
            step = attrs.evolve(step, call=call)
        await self._record(self._intent(step))
        await self._run(step)

    # ----------------------------------------------------------------------------- events

    def _intent(self, step: CallStep) -> Event:
        return self._keyed(step, self._invocation.make("tool_intent", (step.call,)))

    def _question(self, step: CallStep) -> Event:
        tool, approver = self._tools.get(step.call.name), self._invocation.approver
        approval = approval_of(
            step.call,
            tool.spec if tool is not None else None,
            reason="in_doubt" if step.is_in_doubt else "policy",
            expires_at=approver.expires_at() if approver is not None else None,
        )
        return self._keyed(step, self._invocation.make("approval", (step.call,), approval=approval))

    @staticmethod
    def _keyed(step: CallStep, event: Event) -> Event:
        """The first event of a call names its key: of calls whose ids are equal, each has its own."""
        key = step.key or f"{event.id}:{step.call.id}"
        return attrs.evolve(event, idempotency_key=key)

    async def _record(self, event: Event) -> Event:
        (recorded,) = await self._invocation.log.append(event)
        self._tell(recorded)
        return recorded

    def _tell(self, event: Event) -> None:
        self.queue.put_nowait(event)

    def _context(self, step: CallStep, drafts: Drafts) -> ToolContext:
        return ToolContext(
            call_id=step.call.id,
            idempotency_key=step.key,
            invocation=self._invocation,
            emit=self.queue.put_nowait,
            state=drafts.state,
            artifacts=drafts.artifacts,
        )
