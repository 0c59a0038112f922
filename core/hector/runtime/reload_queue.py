"""Reloads one at a time: who waits, who is answered together, and what is written down about each."""

from __future__ import annotations

import asyncio
import time

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
from hector.runtime.reload_report import ReloadOutcome, ReloadRecord, ReloadReport
from hector.runtime.reloading import Reloading, Request
from hector.runtime.retirement import Retirement
from hector.runtime.tasks import TaskScope
from hector.spi import Observer, ReloadMeasure

__all__ = ["ReloadQueue", "open_queue"]


@attrs.define(kw_only=True)
class ReloadQueue:
    """Takes requests as they come.

    The latest config wins: a request that still waits gives way to a later one for another config, unless either
    insists on an etag. Requests that waited for the same config while it was being read anew share what came of it.
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
    _work: asyncio.Task[ReloadReport | Exception] | None = attrs.field(default=None, init=False)
    _is_closed: bool = attrs.field(default=False, init=False)

    async def submit(self, request: Request) -> ReloadReport:
        """Wait for the turn, reload, and write down what came of it. See `Runtime.reload`."""
        at = time.time()
        report: ReloadReport | None = None
        self._requests[request] = None
        try:
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
            if not self._requests:
                self._answered = (
                    None  # a traceback would keep alive what a failed reload has closed
                )
        self._note(request, at, report)
        return report

    async def _answer(self, request: Request) -> ReloadReport:
        if self._is_closed:
            raise RuntimeClosedError("the runtime is closing and does not reload")
        shared = self._shared(request)
        if shared is not None:
            request.is_shared = True
            if isinstance(shared, HectorError):
                raise shared
            return shared
        # Those that were asked for earlier have ended; one that was cancelled while it waited replaces nothing.
        latest = [item for item in self._requests if item.if_match is None][-1:]
        if request.if_match is None and latest[0].config != request.config:
            raise ReloadSupersededError(
                f"a later reload ({latest[0].reason}) replaced this one while it waited for its turn",
                hint="nothing is to be done: the latest config wins",
            )
        self._work = self.group.create_task(self._carry_out(request), name="reload")
        try:
            result = await self._work
        except asyncio.CancelledError as error:
            if is_cancelled():
                raise
            if self._is_closed:
                raise RuntimeClosedError("the runtime closed before the reload was done") from error
            raise ReloadError("something that the reload called cancelled it") from error
        finally:
            self._work = None
        if isinstance(result, ReloadReport | HectorError):
            self._answered = (request, result)
        if isinstance(result, Exception):
            raise result
        return result

    async def _carry_out(self, request: Request) -> ReloadReport | Exception:
        # In a task of the runtime, so that closing can cancel it. What it raises is raised by `submit`, to whoever
        # asked; raised in here it would end the runtime.
        try:
            return await self.reloading.reload(request)
        except Exception as error:  # noqa: BLE001
            return error

    def _shared(self, request: Request) -> ReloadReport | HectorError | None:
        """What came of a reload of the same thing that began after this was asked for."""
        if self._answered is None:
            return None
        begun, result = self._answered
        is_later = begun.phases.begun_at >= request.phases.started
        is_same = (begun.config, begun.if_match) == (request.config, request.if_match)
        return result if is_later and is_same else None

    def close(self) -> None:
        """Take no more, and cancel the one under way."""
        self._is_closed = True
        if self._work is not None:
            self._work.cancel()

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
        loader=loader,
        builder=builder,
        retirement=retirement,
        app=config.name,
        source=source,
        started=config,
    )
    return ReloadQueue(reloading=reloading, history=history, group=builder.group, observer=observer)
