"""Reloading: build a new generation beside the running one, swap, and let the old one drain."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from typing import Any

import attrs

from hector.errors import ReloadConflictError, ReloadTimeoutError
from hector.runtime.build import Builder
from hector.runtime.cell import Cell
from hector.runtime.exclusive import find_contest
from hector.runtime.generation import Generation
from hector.runtime.live import Live
from hector.runtime.loading import ConfigInput
from hector.runtime.plan import ComponentSpec, Plan
from hector.runtime.reading import Reading
from hector.runtime.redaction import redacted
from hector.runtime.reload_report import Change, Comparison, ReloadPlan, ReloadReport
from hector.runtime.retirement import Retirement
from hector.runtime.stop_start import StopStart
from hector.spi import GenerationChange

__all__ = ["Phases", "Reloading", "Request"]


class Phases:
    """Measures one phase after the other.

    Attributes:
        seconds: by phase, those that have ended; the last one may have been cut short.
        started: when it was asked for, by `time.perf_counter`.
        begun_at: when the waiting was over.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.started = self.begun_at = self._mark = time.perf_counter()
        self._running = "wait"

    def begin(self, phase: str) -> None:
        """End the one that runs, and begin another."""
        self.end()
        self._running = phase
        if len(self.seconds) == 1:
            self.begun_at = self._mark

    def end(self) -> None:
        """End the one that runs, if any."""
        now = time.perf_counter()
        if self._running:
            self.seconds[self._running] = now - self._mark
        self._mark, self._running = now, ""

    def split(self, parts: Mapping[str, float]) -> None:
        """End the one that runs as several, measured by whoever ran them."""
        self._running = ""
        self.end()
        self.seconds.update(parts)

    @property
    def duration_s(self) -> float:
        """Seconds so far."""
        return time.perf_counter() - self.started


@attrs.define(kw_only=True, eq=False)
class Request:
    """Somebody wants a config to run.

    Attributes:
        config: None for what the runtime was opened with.
        if_match: the etag that the running config must have.
        reason: who asks.
        is_lasting: whether later requests without a config read this one's.
        phases: how long each took.
        number: higher than those of all that were asked for earlier.
        etag: of the config, once it was read.
        plan: what the config asks for, once it was read and can be used.
        is_planned: set when `plan` is known, or will not be.
        work: the task that reads or carries it out.
        replaced_by: why a later request ended it; empty if none did.
        is_shared: another request of the same time had the same answer.
    """

    config: ConfigInput | None
    if_match: str | None
    reason: str
    is_lasting: bool = False
    phases: Phases = attrs.field(factory=Phases)
    number: int = attrs.field(factory=itertools.count().__next__)
    etag: str = ""
    plan: Plan | None = None
    is_planned: asyncio.Event = attrs.field(factory=asyncio.Event)
    work: asyncio.Task[Any] | None = None
    replaced_by: str = ""
    is_shared: bool = False


@attrs.define(kw_only=True)
class Reloading:
    """Carries reloads out, one at a time.

    Attributes:
        live: where the current generation stands.
        reading: reads configs.
        builder: opens components.
        retirement: takes what is no longer current.
        app: the runtime's name.
        source: what a reload without a config reads.
    """

    live: Live
    reading: Reading
    builder: Builder
    retirement: Retirement
    app: str
    source: ConfigInput

    async def read(self, config: ConfigInput | None) -> Plan:
        """What a config asks for; raises as `Reading.compared_in_time` does."""
        return (await self.reading.compared_in_time(self._or_source(config))).plan

    async def plan(self, config: ConfigInput | None) -> ReloadPlan:
        """See `Runtime.plan`."""
        read = await self.reading.compared_in_time(self._or_source(config))
        return ReloadPlan(
            generation=read.running.number,
            etag=read.running.plan.config.source.etag,
            changes=read.comparison,
            warnings=read.plan.config.warnings,
        )

    def _or_source(self, config: ConfigInput | None) -> ConfigInput:
        return self.source if config is None else config

    async def reload(self, request: Request) -> ReloadReport:
        """Carry one out; the caller sees to it that there is one at a time.

        Raises:
            ConfigError, ComponentError, ReloadError: it did not happen.
        """
        old = self.live.generation
        request.phases.begin("read")
        running = old.plan.config.source.etag
        if request.if_match is not None and request.if_match != running:
            raise ReloadConflictError(expected=request.if_match, running=running)
        timeout_s = old.plan.config.server.reload.timeout
        deadline = asyncio.timeout(timeout_s)
        try:
            async with deadline:
                read = await self.reading.compared(self._or_source(request.config))
                plan, comparison = read.plan, read.comparison
                request.etag, request.plan = plan.config.source.etag, plan
                request.is_planned.set()
                request.phases.split(read.phases)
                timeout_s = plan.config.server.reload.timeout
                left_s = timeout_s - (time.perf_counter() - request.phases.begun_at)
                deadline.reschedule(asyncio.get_running_loop().time() + left_s)
                if comparison.is_same:
                    old.plan = (
                        plan  # the same, but for bytes that mean nothing: it has the new etag
                    )
                else:
                    await self._take_over(request, old, plan, comparison)
        except TimeoutError as error:
            if not deadline.expired():
                raise
            raise ReloadTimeoutError(
                f"the reload took longer than {timeout_s:g} s",
                hint="see which component is slow, or raise server.reload.timeout",
            ) from error
        request.phases.end()
        if request.is_lasting and request.config is not None:
            self.source = request.config
        return self._report(request, old, comparison)

    async def _take_over(
        self, request: Request, old: Generation, plan: Plan, comparison: Comparison
    ) -> None:
        request.phases.begin("build")
        builder = attrs.evolve(self.builder, build_timeout_s=plan.config.server.build_timeout)
        try:
            kept, fresh = self._divide(old, plan, comparison)
            contest = find_contest(
                fresh,
                claims=builder.claims,
                generations=(*self.retirement.draining.values(), old),
            )
            late = {spec.path for spec in contest.late} if contest is not None else set[str]()
            early = [spec for spec in fresh if spec.path not in late]
            async with AsyncExitStack() as undo:
                opened = await builder.build(plan, early, kept)
                undo.push_async_callback(builder.discard, opened.values())
                await plan.registry.lifecycle.before_swap(
                    self._change(request, old, plan, comparison), redact=_redacting(plan)
                )
                await self.retirement.wait_until_fewer(plan.config.server.reload.max_draining)
                if contest is not None:
                    stop_start = StopStart(
                        live=self.live, builder=builder, retirement=self.retirement
                    )
                    opened.update(await stop_start.build(plan, contest, kept, early=opened))
                request.phases.begin("swap")
                for cell in opened.values():
                    cell.check_alive()
                self._swap(old, plan, {**kept, **opened}, comparison.changes)
                undo.pop_all()
        finally:
            self.live.resume()
            self.retirement.unpin()

    def _divide(
        self, old: Generation, plan: Plan, comparison: Comparison
    ) -> tuple[dict[str, Cell], list[ComponentSpec]]:
        """What is open already, and what is to be built, dependencies first."""
        changes = comparison.changes
        kept = dict(old.cells)
        for path in changes:
            kept.pop(path, None)
        wanted = [plan.specs[path] for path, item in changes.items() if item.action != "remove"]
        fresh: list[ComponentSpec] = []
        reused: dict[str, Cell] = {}
        reusable = self.retirement.reusable()
        for spec in sorted(wanted, key=lambda spec: spec.depth):
            cell = reusable.get((spec.path, spec.fingerprint))
            if cell is not None and all(
                kept.get(other.spec.path) is other for other in cell.dependencies
            ):
                kept[spec.path] = reused[spec.path] = cell
            else:
                fresh.append(spec)
        self.retirement.pin(reused.values())
        return kept, fresh

    def _change(
        self, request: Request, old: Generation, plan: Plan, comparison: Comparison
    ) -> GenerationChange:
        return GenerationChange(
            app=self.app,
            from_generation=old.number,
            to_generation=old.number + 1,
            reason=request.reason,
            etag=plan.config.source.etag,
            added=_paths(comparison, "add"),
            rebuilt=_paths(comparison, "rebuild"),
            removed=_paths(comparison, "remove"),
            carried_over=comparison.carried_over,
        )

    def _swap(
        self, old: Generation, plan: Plan, cells: Mapping[str, Cell], changed: Iterable[str]
    ) -> None:
        """The one step in which the new generation becomes visible; nothing is awaited in it."""
        current = self.live.generation
        self.live.generation = Generation(current.number + 1, plan, cells)
        dropped = [old.cells[path] for path in changed if path in old.cells]
        self.retirement.retire(
            old,
            dropped=dropped,
            drain_timeout_s=plan.config.server.reload.drain_timeout,
            why=f"generation {current.number + 1} took over, and it did not end in time",
        )

    async def tell(self, request: Request, report: ReloadReport) -> None:
        """Tell the plugins that a reload has taken place."""
        plan = self.live.generation.plan
        change = GenerationChange(
            app=self.app,
            from_generation=report.generation - 1,
            to_generation=report.generation,
            reason=request.reason,
            etag=report.etag,
            added=report.added,
            rebuilt=report.rebuilt,
            removed=report.removed,
            carried_over=report.carried_over,
        )
        await plan.registry.lifecycle.after_swap(change, redact=_redacting(plan))

    def _report(self, request: Request, old: Generation, comparison: Comparison) -> ReloadReport:
        new = self.live.generation
        is_changed = new is not old
        changed = comparison.changes if is_changed else dict[str, Change]()
        return ReloadReport(
            generation=new.number,
            etag=new.plan.config.source.etag,
            is_changed=is_changed,
            added=_paths(comparison, "add"),
            rebuilt=_paths(comparison, "rebuild"),
            carried_over=comparison.carried_over,
            removed=_paths(comparison, "remove"),
            needs_restart=comparison.needs_restart,
            changes=changed,
            phases=dict(request.phases.seconds),
            duration_s=request.phases.duration_s,
        )


def _redacting(plan: Plan) -> Callable[[str], str]:
    return lambda text: redacted(text, [spec.entry.settings for spec in plan.specs.values()])


def _paths(comparison: Comparison, action: str) -> tuple[str, ...]:
    return tuple(sorted(path for path, item in comparison.changes.items() if item.action == action))
