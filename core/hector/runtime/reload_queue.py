"""Reloads one at a time: who waits, who is answered together, and what is written down about each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import attrs

from hector.agent import is_cancelled
from hector.errors import (
    ComponentError,
    ConfigError,
    HectorError,
    ReloadError,
    ReloadSupersededError,
    RuntimeClosedError,
)
from hector.runtime.build import Builder
from hector.runtime.history import History
from hector.runtime.live import Live
from hector.runtime.loading import ConfigInput, ConfigLoader
from hector.runtime.reading import Reading
from hector.runtime.reload_report import ReloadOutcome, ReloadRecord, ReloadReport
from hector.runtime.reloading import Reloading, Request
from hector.runtime.retirement import Retirement
from hector.runtime.tasks import TaskScope
from hector.spi import Observer, ReloadMeasure

__all__ = ["ReloadQueue", "open_queue"]

T = TypeVar("T")


@attrs.define(kw_only=True)
class ReloadQueue:
    """Takes requests as they come.

    The latest config wins: a request that waits or builds gives way to a later one that can be used and wants something
    else, unless either insists on an etag. Requests that waited for the same config while it was being read anew share
    what came of it.

    Those that build do not give way to each other for ever: when they have done so for `server.build_timeout`, the one
    under way is let to its end.
    """

    reloading: Reloading
    history: History
    group: TaskScope
    observer: Observer | None
    _turn: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)
    _requests: dict[Request, None] = attrs.field(factory=dict[Request, None], init=False)
    _answered: tuple[Request, ReloadReport | HectorError] | None = attrs.field(
        default=None, init=False
    )
    _running: Request | None = attrs.field(default=None, init=False)
    _begun: Request | None = attrs.field(default=None, init=False)
    _replacing_since: float | None = attrs.field(default=None, init=False)
    _is_closed: bool = attrs.field(default=False, init=False)

    async def submit(self, request: Request) -> ReloadReport:
        """Wait for the turn, reload, and write down what came of it. See `Runtime.reload`."""
        at = time.time()
        report: ReloadReport | None = None
        self._requests[request] = None
        try:
            if self._turn.locked() and request.if_match is None:
                await self._overtake(request)
            async with self._turn:
                report = await self._answer(request)
                if report.is_changed and not request.is_shared:
                    telling = self.reloading.tell(request, report)
                    await asyncio.shield(self.group.create_task(telling, name="tell plugins"))
        except BaseException as error:
            request.phases.end()
            self._note(request, at, report or error)
            raise
        finally:
            del self._requests[request]
            request.is_planned.set()
            if not self._requests:
                # A traceback would keep alive what a failed reload has closed.
                self._answered = self._begun = self._replacing_since = None
        self._note(request, at, report)
        return report

    # Giving way

    async def _overtake(self, request: Request) -> None:
        """While others are under way: read the config at once, and end the one that builds something else.

        A config that cannot be used is refused here, and ends nothing.
        """
        plan = await self._in_task(
            request, lambda: self.reloading.read(request.config), "read ahead"
        )
        if isinstance(plan, Exception):
            raise plan
        request.plan = plan
        request.is_planned.set()
        while (running := self._running) is not None and running.number < request.number:
            await running.is_planned.wait()
            if running.plan is None or running is not self._running:
                continue  # it has ended
            is_same = await self.reloading.reading.is_same(running.plan, plan)
            if running is self._running:
                if not is_same and self._may_replace(running):
                    self._replace(running, request)
                return

    def _may_replace(self, running: Request) -> bool:
        if running.if_match is not None or running.work is None:
            return False
        since = self._replacing_since
        timeout_s = self.reloading.live.generation.plan.config.server.build_timeout
        return since is None or asyncio.get_running_loop().time() < since + timeout_s

    def _replace(self, running: Request, request: Request) -> None:
        if self._replacing_since is None:
            self._replacing_since = asyncio.get_running_loop().time()
        running.replaced_by = request.reason
        if running.work is not None:
            running.work.cancel()

    async def _give_way(self, request: Request) -> None:
        """Raise if a later request wants another config that can be used; one that is just being read is waited for.

        One that was cancelled while it waited replaces nothing.
        """
        while (later := self._later(request)) is not None:
            if later.plan is not None:
                raise _superseded(later.reason, "while it waited for its turn")
            await later.is_planned.wait()

    def _later(self, request: Request) -> Request | None:
        for item in (*reversed(self._requests), self._begun):
            if (
                item is not None
                and item.number > request.number
                and item.if_match is None
                and item.config != request.config
                and (item.plan is not None or not item.is_planned.is_set())
            ):
                return item
        return None

    # Carrying out

    async def _answer(self, request: Request) -> ReloadReport:
        if request.if_match is None:
            await self._give_way(request)
        if self._is_closed:
            raise RuntimeClosedError("the runtime is closing and does not reload")
        shared = self._shared(request)
        if shared is not None:
            request.is_shared = True
            if isinstance(shared, HectorError):
                raise shared
            return shared
        if request.if_match is None:
            self._begun = request
        request.plan = None  # what was read ahead is read again
        request.is_planned.clear()
        self._running = request
        try:
            result = await self._in_task(request, lambda: self.reloading.reload(request), "reload")
        finally:
            self._running = None
            request.is_planned.set()
            if not request.replaced_by:
                self._replacing_since = None
        if isinstance(result, ReloadReport | HectorError):
            self._answered = (request, result)
        if isinstance(result, Exception):
            raise result
        return result

    async def _in_task(
        self, request: Request, work: Callable[[], Coroutine[Any, Any, T]], name: str
    ) -> T | Exception:
        """Do a part of it in a task of the runtime, which closing can cancel, and a later request.

        What it raises is returned.
        """
        task: asyncio.Task[T | Exception] = self.group.create_task(_caught(work), name=name)
        request.work = task
        try:
            return await task
        except asyncio.CancelledError as error:
            if is_cancelled():
                raise
            if self._is_closed:
                raise RuntimeClosedError("the runtime closed before the reload was done") from error
            if request.replaced_by:
                raise _superseded(request.replaced_by, "before it was done") from error
            raise ReloadError("something that the reload called cancelled it") from error
        finally:
            request.work = None

    def _shared(self, request: Request) -> ReloadReport | HectorError | None:
        """What came of a reload of the same thing that began after this was asked for."""
        if self._answered is None:
            return None
        begun, result = self._answered
        is_later = begun.phases.begun_at >= request.phases.started
        is_same = (begun.config, begun.if_match) == (request.config, request.if_match)
        return result if is_later and is_same else None

    def close(self) -> None:
        """Take no more, and cancel those under way."""
        self._is_closed = True
        for request in self._requests:
            if request.work is not None:
                request.work.cancel()

    async def wait_until_idle(self) -> None:
        """Wait until the one under way has ended."""
        async with self._turn:
            pass

    # Writing it down

    def _note(self, request: Request, at: float, result: ReloadReport | BaseException) -> None:
        report = result if isinstance(result, ReloadReport) else None
        error = result if isinstance(result, BaseException) else None
        generation = self.reloading.live.generation
        record = ReloadRecord(
            at=at,
            reason=request.reason,
            outcome=_outcome(result),
            generation=generation.number,
            etag=request.etag,
            report=report,
            error=str(error) if isinstance(error, HectorError) else _name(error),
            diagnostics=error.diagnostics if isinstance(error, ConfigError) else (),
            duration_s=request.phases.duration_s,
        )
        self.history.note(record)
        config = generation.plan.config
        self.history.keep(
            generation.number, config.source.snapshot, limit=config.server.reload.history
        )
        if self.observer is not None:
            self.observer.reload_ended(_measure(request, record, error))


async def _caught(work: Callable[[], Coroutine[Any, Any, T]]) -> T | Exception:
    # Raised in a task of the runtime it would be logged; it belongs to whoever asked.
    try:
        return await work()
    except Exception as error:  # noqa: BLE001
        return error


def _superseded(reason: str, when: str) -> ReloadSupersededError:
    return ReloadSupersededError(
        f"a later reload ({reason}) replaced this one {when}",
        hint="nothing is to be done: the latest config wins",
    )


def _outcome(result: ReloadReport | BaseException) -> ReloadOutcome:
    if isinstance(result, ReloadReport):
        return "applied" if result.is_changed else "unchanged"
    if isinstance(result, ReloadSupersededError):
        return "superseded"
    return "canceled" if isinstance(result, asyncio.CancelledError) else "failed"


def _name(error: BaseException | None) -> str:
    return "" if error is None else type(error).__name__


def _measure(request: Request, record: ReloadRecord, error: BaseException | None) -> ReloadMeasure:
    report = record.report if not request.is_shared else None  # counted once
    code = error.code if isinstance(error, HectorError) else _name(error)
    return ReloadMeasure(
        reason=request.reason,
        outcome=record.outcome,
        generation=record.generation,
        duration_s=record.duration_s,
        phases=dict(request.phases.seconds),
        added=len(report.added) if report else 0,
        rebuilt=len(report.rebuilt) if report else 0,
        carried_over=report.carried_over if report and report.is_changed else 0,
        removed=len(report.removed) if report else 0,
        failed=1 if isinstance(error, ComponentError) and not request.is_shared else 0,
        error_code=code or None,
    )


def open_queue(
    source: ConfigInput,
    live: Live,
    *,
    loader: ConfigLoader,
    builder: Builder,
    observer: Observer | None,
) -> ReloadQueue:
    """The queue of a runtime that has just opened; its history begins with the start."""
    config = live.generation.plan.config
    history = History()
    history.note(
        ReloadRecord(
            at=time.time(), reason="start", outcome="applied", generation=1, etag=config.source.etag
        )
    )
    history.keep(1, config.source.snapshot, limit=config.server.reload.history)
    retirement = Retirement(
        builder.group,
        current=lambda: live.generation.cells,
        close_timeout_s=builder.close_timeout_s,
    )
    reloading = Reloading(
        live=live,
        reading=Reading(live=live, loader=loader, injections=builder.injections, started=config),
        builder=builder,
        retirement=retirement,
        app=config.name,
        source=source,
    )
    return ReloadQueue(reloading=reloading, history=history, group=builder.group, observer=observer)
