"""One question and what comes of it on a terminal, with what a person has to decide on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Protocol

import click

from hector.cli.prompt import Prompt
from hector.cli.session_database import plain
from hector.errors import DecisionRefusedError, TaskError
from hector.message import Event
from hector.runtime import Runtime
from hector.runtime.decisions import PendingApproval

__all__ = ["Exchange", "Printer"]

LOOK_AGAIN_S = 0.5
"""How often a task is looked at that another process goes on with."""


class Printer(Protocol):
    """Shows events."""

    def show(self, event: Event) -> None:
        """Print an event."""
        ...


class Exchange:
    """Shows a task's events, each once, and has a person decide what it waits for.

    Attributes:
        is_waiting: whether it ended, for now, because somebody has to decide.
    """

    def __init__(
        self,
        runtime: Runtime,
        task: str,
        printer: Printer,
        *,
        asks: bool,
        prompt: Prompt | None = None,
    ) -> None:
        """Begin to follow a task.

        Args:
            runtime: runs it.
            task: its id.
            printer: shows its events.
            asks: whether somebody is there to be asked.
            prompt: asks them; made when it is needed.
        """
        self.is_waiting = False
        self._runtime = runtime
        self._task = task
        self._printer = printer
        self._asks = asks
        self._prompt = prompt
        self._seen: set[int] = set()

    async def follow(self, events: AsyncGenerator[Event]) -> None:
        """Show it to its end, or until the person leaves it waiting."""
        await self.stream(events)
        while self.is_waiting and await self.decide():
            await self.stream(self.resumed())

    async def stream(self, events: AsyncGenerator[Event]) -> None:
        """Show what is new among `events`, which are closed."""
        # Closed here: a runtime that closes waits for the invocations that nobody reads any more.
        async with aclosing(events):
            async for event in events:
                if event.sequence is not None:
                    if event.sequence in self._seen:
                        continue
                    self._seen.add(event.sequence)
                if event.kind == "finished":
                    self.is_waiting = event.outcome == "input_required"
                self._printer.show(event)

    async def decide(self) -> bool:
        """Ask about everything that waits; whether all of it is decided."""
        if not self._asks:
            return False
        for pending in await self._runtime.tasks.approvals(task=self._task):
            if not await self._decided(pending):
                return False
        return True

    async def _decided(self, pending: PendingApproval) -> bool:
        """Ask about one call, again while the arguments that are given do not fit; False: it is left waiting."""
        from hector.cli.deciding import ask_person  # most answers need nobody

        prompt = self._prompt = self._prompt or Prompt()
        while (decision := await ask_person(prompt, pending)) is not None:
            try:
                await self._runtime.tasks.decide(self._task, decision)
            except DecisionRefusedError as error:
                click.echo(f"error: {error}", err=True)
                if error.because == "arguments":
                    continue
            return True  # be it by somebody who was faster, or because its time is over
        return False

    async def resumed(self) -> AsyncGenerator[Event]:
        """The task as it goes on: here, or in another process that took it."""
        events = self._runtime.tasks.resume(self._task)
        try:
            async with aclosing(events):
                async for event in events:
                    yield event
            return
        except TaskError:
            record = await self._runtime.tasks.get(self._task)
            if record.state == "ready":
                raise  # nobody has it, and it cannot go on here
        click.echo("Another process goes on with it.", err=True)
        async with aclosing(self._watched()) as watched:
            async for event in watched:
                yield event

    async def _watched(self) -> AsyncGenerator[Event]:
        """What another process records, until it has ended or waits again."""
        while True:
            record = await self._runtime.tasks.get(self._task)
            for event in await self._runtime.tasks.events(
                self._task, after=max(self._seen, default=0)
            ):
                yield event
            if record.has_ended or record.state == "waiting":
                return
            await asyncio.sleep(LOOK_AGAIN_S)

    async def tell_waiting(self) -> None:
        """Say what waits, and how it is decided later."""
        if not self.is_waiting:
            return
        waiting = await self._runtime.tasks.approvals(task=self._task)
        for pending in waiting:
            call = f"{plain(pending.event.author)} waits to call {plain(pending.call.name)}"
            asked = pending.event.approval.prompt if pending.event.approval is not None else ""
            click.echo(f"{call}: {plain(asked)}", err=True)
        if self._runtime.config.server.sessions.backend == "inmemory":
            click.echo(
                "This config keeps no sessions: it cannot be decided any more once this ends."
                " Set server.sessions.backend: sql to decide later.",
                err=True,
            )
            return
        for pending in waiting:
            ids = f"{plain(self._task)} {plain(pending.call.id)}"
            click.echo(
                f"Decide with: hector approvals approve {ids} (or show, deny, edit)", err=True
            )
        if waiting:
            click.echo(
                f"Then, unless a server runs: hector checkpoints resume {plain(self._task)}",
                err=True,
            )
