"""A runtime against a plain model of it, over histories that Hypothesis makes up."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any
from unittest.mock import patch

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from reload_configs import BUILD_TIMEOUT_S, DRAIN_TIMEOUT_S, MAX_DRAINING, Wanted, wanted
from reload_ledger import Ledger, Part, part_of
from steady_loop import SteadyLoop

from hector import ReloadReport, Runtime
from hector.errors import (
    ComponentError,
    ComponentNotFoundError,
    ConfigError,
    GenerationNotFoundError,
    HectorError,
    ReloadSupersededError,
    ReloadTimeoutError,
    RuntimeClosedError,
)
from hector.message import Event

__all__ = ["ReloadMachine"]

GOOD = st.sampled_from(("no", "no", "no", "close"))
ANY = st.sampled_from(("no", "no", "config", "create", "open", "hang", "close"))
GETTERS = {
    "llms": "llm",
    "tools": "toolset",
    "embedders": "embedder",
    "vector_stores": "vector_store",
    "document_stores": "document_store",
    "agents": "agent",
}


@attrs.define(eq=False)
class Reload:
    """One that was asked for."""

    task: asyncio.Task[ReloadReport]
    wanted: Wanted
    done_at: float = 0.0
    is_cancelled: bool = False
    is_overtaken: bool = False
    is_read: bool = False


def _count(events: list[Event]) -> str:
    return str(len(events))


@attrs.define(eq=False)
class Visit:
    """One invocation.

    Attributes:
        events: what came of it.
        task: reads it to the end by itself, if anything does.
        replaced_at: when the generation it runs on was replaced, by the loop's clock.
    """

    iterator: AsyncGenerator[Event] = attrs.field(repr=False)
    generation: int
    gate: str = ""
    events: list[Event] = attrs.field(factory=list[Event], repr=_count)
    task: asyncio.Task[None] | None = None
    replaced_at: float | None = None
    is_over: bool = False


class ReloadMachine(RuleBasedStateMachine):
    """Whatever is done to a runtime, it keeps the promises of reload."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = SteadyLoop()
        asyncio.set_event_loop(self.loop)
        self.clock = patch("time.monotonic", self.loop.time)
        self.clock.start()
        self.ledger = Ledger()
        self.reloads: list[Reload] = []
        self.visits: list[Visit] = []
        self.members: dict[int, set[Part]] = {}
        self.history: dict[int, Wanted] = {}
        self.tokens: dict[str, tuple[tuple[object, ...], int]] = {}
        self.things: dict[tuple[str, int], Any] = {}
        self.number = 1
        self.is_closed = False
        self.busy_since = 0.0
        self.count = itertools.count(1)
        self.logger = logging.getLogger("hector")
        self.level = self.logger.level
        self.logger.setLevel(logging.CRITICAL)

    # -------------------------------------------------------------------------------- beginning and end

    @initialize(first=wanted(GOOD))
    def open(self, first: Wanted) -> None:
        """Open a runtime, held by a task of its own."""
        opened: asyncio.Future[Runtime] = self.loop.create_future()
        self.leave = asyncio.Event()
        self.holder = self.loop.create_task(self._hold(first, opened))
        self.runtime = self.loop.call(_result(opened))
        self.loop.call(self.loop.settle())
        self._swap(1, first, 0.0)
        self._check_live()

    async def _hold(self, first: Wanted, opened: asyncio.Future[Runtime]) -> None:
        try:
            async with Runtime.open(
                first.config(), env={}, providers=self.ledger.providers()
            ) as runtime:
                opened.set_result(runtime)
                await self.leave.wait()
        except BaseException as error:
            if not opened.done():
                opened.set_exception(error)
            raise

    def teardown(self) -> None:
        """Close, and see that nothing is left."""
        try:
            if hasattr(self, "runtime") and not self.is_closed:
                self.close()
            if hasattr(self, "runtime"):
                self._check_end()
        finally:
            self.clock.stop()
            self.logger.setLevel(self.level)
            self.loop.call(self._end())
            self.loop.close()
            asyncio.set_event_loop(None)

    async def _end(self) -> None:
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        await self.loop.shutdown_asyncgens()

    def _check_end(self) -> None:
        for visit in self.visits:
            self._read_to_end(visit)
        self.visits.clear()
        self.loop.call(self.loop.settle())
        assert not self.ledger.open
        assert not self.ledger.hanging
        assert self.ledger.faults == []
        tasks = {task.get_name() for task in asyncio.all_tasks(self.loop)}
        assert not tasks

    @precondition(lambda self: not self.is_closed)
    @rule()
    def close(self) -> None:
        """Leave the runtime while everything else is as it is."""
        self.is_closed = True
        self.leave.set()
        self.loop.call(self.holder)
        self.loop.call(self.loop.settle())
        self._reconcile()
        assert all(reload.task.done() for reload in self.reloads)
        assert not self.ledger.open

    # -------------------------------------------------------------------------------- reloads

    @rule(several=st.lists(wanted(ANY), min_size=1, max_size=3))
    def reload(self, several: list[Wanted]) -> None:
        """Ask for one reload, or for some at once."""
        if not self._pending():
            self.busy_since = self.loop.time()
        for item in several:
            self._submit(item)
        self.loop.call(self.loop.settle())
        self._reconcile()
        assert not several[-1].is_good or self.reloads[-1].task.done() or self._must_wait()

    def _must_wait(self) -> bool:
        """Whether even a good reload may wait: until one has drained, or since builds replaced each other for long."""
        is_full = len(self.runtime.health().draining) >= MAX_DRAINING
        return is_full or self.loop.time() >= self.busy_since + BUILD_TIMEOUT_S

    def _submit(self, item: Wanted) -> None:
        for other in self.reloads:
            if not other.task.done():
                other.is_overtaken = True
        task = self.loop.create_task(self.runtime.reload(item.config()))
        reload = Reload(task, item)
        task.add_done_callback(lambda _: setattr(reload, "done_at", self.loop.time()))
        self.reloads.append(reload)

    @precondition(lambda self: self._pending())
    @rule(data=st.data())
    def cancel_reload(self, data: st.DataObject) -> None:
        """Cancel one that hangs or waits."""
        reload = data.draw(st.sampled_from(self._pending()))
        reload.is_cancelled = True
        reload.task.cancel()
        self.loop.call(self.loop.settle())
        assert reload.task.done()
        self._reconcile()

    @precondition(lambda self: not self.is_closed and not self._pending())
    @rule(back=st.integers(1, 3) | st.none())
    def rollback(self, back: int | None) -> None:
        """Return to an earlier config."""
        target = None if back is None else self.number - back
        known = [record.generation for record in self.runtime.history if record.can_return]
        runs = self.history[self.number].config()
        others = [number for number in known if self.history[number].config() != runs]
        work = self.runtime.rollback(target)
        try:
            self._settled(work)
        except GenerationNotFoundError:
            assert target not in known if target is not None else not others
            return
        report = self.rolled_back
        expected = self.history[max(others) if target is None else target]
        if report.is_changed:
            assert report.generation == self.number + 1
            self._swap(report.generation, expected, self.rolled_back_at)
        else:
            assert self._marks(expected) == self._marks(self.history[self.number])
        self._check_live()

    def _settled(self, work: Any) -> None:
        """Await a reload that may have to wait until a generation has drained."""
        self.rolled_back: ReloadReport = self.loop.call(work)
        self.rolled_back_at = self.loop.time()
        self.loop.call(self.loop.settle())

    def _pending(self) -> list[Reload]:
        return [reload for reload in self.reloads if not reload.task.done()]

    @rule(seconds=st.sampled_from([1.0, 11.0, 22.0, 63.0]))
    def pass_time(self, seconds: float) -> None:
        """Deadlines pass."""
        self.loop.call(self.loop.pass_time(seconds))
        self._reconcile()

    def _reconcile(self) -> None:
        """Compare what came of the reloads with what may come of them."""
        applied: dict[int, Reload] = {}
        for reload in self.reloads:
            if not reload.task.done() or reload.is_read:
                continue
            reload.is_read = True
            report = self._outcome(reload, reload.wanted)
            if report is not None and report.is_changed:
                # Those that waited with the same config are answered together.
                first = applied.setdefault(report.generation, reload)
                assert first.wanted.config() == reload.wanted.config()
        for number, reload in sorted(applied.items()):
            assert number == self.number + 1
            self._swap(number, reload.wanted, reload.done_at)
        self._check_live()

    def _outcome(self, reload: Reload, item: Wanted) -> ReloadReport | None:
        if reload.task.cancelled():
            assert reload.is_cancelled
            return None
        error = reload.task.exception()
        if error is None:
            assert item.is_good
            return reload.task.result()
        allowed: list[type[BaseException]] = []
        if self.is_closed:
            allowed.append(RuntimeClosedError)
        if reload.is_overtaken:
            allowed.append(ReloadSupersededError)
        if item.fails == "config":
            allowed.append(ConfigError)
        elif not item.is_good:
            allowed.append(ComponentError)
        if self.visits or item.fails == "hang":
            allowed.append(ReloadTimeoutError)
        assert isinstance(error, tuple(allowed)), repr(error)
        return None

    def _swap(self, number: int, item: Wanted, now: float) -> None:
        self.number = number
        self.history[number] = item
        for visit in self.visits:
            if visit.generation < number and visit.replaced_at is None:
                visit.replaced_at = now
        tokens: dict[str, tuple[tuple[object, ...], int]] = {}
        for path in item.answers:
            mark, known = item.mark(path), self.tokens.get(path)
            tokens[path] = known if known and known[0] == mark else (mark, number)
        self.tokens = tokens

    def _marks(self, item: Wanted) -> dict[str, Any]:
        return {path: item.mark(path) for path in item.answers}

    def _check_live(self) -> None:
        """The live generation is the one that was last applied, and what did not change is the same object."""
        if self.is_closed:
            return
        item = self.history[self.number]
        assert self.runtime.generation == self.number
        members: set[Part] = set()
        for path, (_, since) in self.tokens.items():
            section, _, name = path.partition(".")
            thing = getattr(self.runtime, GETTERS[section])(name)
            assert self.things.setdefault((path, since), thing) is thing, path
            part = part_of(thing)
            assert part.answer == item.answers[path]
            members.add(part)
        self.members[self.number] = members
        agents = [path.partition(".")[2] for path in item.answers if path.startswith("agents.")]
        assert sorted(self.runtime.agents) == sorted(agents)

    # -------------------------------------------------------------------------------- invocations

    def _begin(self, agent: str, gate: str = "") -> Visit:
        iterator = self.runtime.run(agent, gate or "hi")
        return Visit(iterator, self.number, gate)

    @precondition(lambda self: not self.is_closed)
    @rule(agent=st.sampled_from(["root", "root", "sub", "helper"]))
    def start(self, agent: str) -> None:
        """Begin to read an answer; an agent that is not in the live config is refused."""
        visit = self._begin(agent)
        if f"agents.{agent}" not in self.history[self.number].answers:
            try:
                self.loop.call(_next(visit.iterator))
            except ComponentNotFoundError:
                return
            raise AssertionError(f"{agent} is gone and answers")
        self.visits.append(visit)
        self._step(visit)

    @precondition(lambda self: not self.is_closed)
    @rule()
    def start_in_task(self) -> None:
        """An answer that a task reads to its end, and that waits at a gate in the middle."""
        visit = self._begin("root", f"gate {next(self.count)}")
        self.ledger.gates[visit.gate] = asyncio.Event()
        self.visits.append(visit)
        visit.task = self.loop.create_task(_read(visit))
        self.loop.call(self.loop.settle())
        assert len(visit.events) == 2

    @precondition(lambda self: self._held())
    @rule(data=st.data(), is_cancelled=st.booleans())
    def leave_gate(self, data: st.DataObject, is_cancelled: bool) -> None:
        """Let it go on, or cancel the task."""
        visit = data.draw(st.sampled_from(self._held()))
        assert visit.task is not None
        self.loop.call(self.loop.settle())
        if visit.task.done() or not is_cancelled:
            self.ledger.gates[visit.gate].set()
        else:
            visit.task.cancel()
        self.loop.call(self.loop.settle())
        self._ended_by_task(visit, is_cancelled)
        self._reconcile()

    def _ended_by_task(self, visit: Visit, is_cancelled: bool) -> None:
        assert visit.task is not None
        assert visit.task.done()
        with suppress(asyncio.CancelledError):
            visit.task.result()
        if not is_cancelled:
            self._check_last(visit)
        self._forget(visit)

    @precondition(lambda self: self._read_by_hand())
    @rule(data=st.data(), steps=st.integers(1, 12))
    def step(self, data: st.DataObject, steps: int) -> None:
        """Go on with a paused one."""
        visit = data.draw(st.sampled_from(self._read_by_hand()))
        for _ in range(steps):
            if not visit.is_over:
                self._step(visit)
        self.loop.call(self.loop.settle())
        self._reconcile()

    @precondition(lambda self: self._read_by_hand())
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        """Read one to its last event."""
        self._read_to_end(data.draw(st.sampled_from(self._read_by_hand())))
        self.loop.call(self.loop.settle())
        self._reconcile()

    @precondition(lambda self: self._read_by_hand())
    @rule(data=st.data(), is_tidy=st.booleans())
    def stop_reading(self, data: st.DataObject, is_tidy: bool) -> None:
        """Close the iterator, or just drop it."""
        visit = data.draw(st.sampled_from(self._read_by_hand()))
        self._forget(visit)
        if is_tidy:
            self.loop.call(_close(visit.iterator))
        visit.iterator = _nothing()  # nobody holds the other any more
        self.loop.call(self.loop.settle())
        self._reconcile()

    def _step(self, visit: Visit) -> None:
        try:
            event = self.loop.call(_next(visit.iterator))
        except StopAsyncIteration:
            self._check_last(visit)
            self._forget(visit)
            return
        assert event.generation == visit.generation
        visit.events.append(event)

    def _read_to_end(self, visit: Visit) -> None:
        if visit.task is not None:
            assert visit.task.done()
        while not visit.is_over:
            self._step(visit)

    def _forget(self, visit: Visit) -> None:
        visit.is_over = True
        self.visits.remove(visit)

    def _check_last(self, visit: Visit) -> None:
        """It ended well, unless its generation's time to drain was over."""
        last = visit.events[-1]
        assert last.kind == "finished"
        if last.outcome != "completed":
            assert self._is_overdue(visit) or self.is_closed, last
            assert last.outcome == "canceled"
            assert last.failure is not None
            assert last.failure.code == "H502"

    def _is_overdue(self, visit: Visit) -> bool:
        since = visit.replaced_at
        return since is not None and self.loop.time() >= since + DRAIN_TIMEOUT_S

    def _held(self) -> list[Visit]:
        return [visit for visit in self.visits if visit.task is not None]

    def _read_by_hand(self) -> list[Visit]:
        return [visit for visit in self.visits if visit.task is None]

    # -------------------------------------------------------------------------------- laws

    @invariant()
    def no_rule_is_broken(self) -> None:
        """Nothing is used after its close, or closed twice, early or in another task."""
        assert self.ledger.faults == []
        for generation, used in self.ledger.uses.items():
            if generation in self.members:
                assert used <= self.members[generation]

    @precondition(lambda self: hasattr(self, "runtime") and not self.is_closed)
    @invariant()
    def only_what_somebody_holds_is_open(self) -> None:
        """The live generation, and those that invocations still run on; never too many of them."""
        health = self.runtime.health()
        assert len(health.draining) <= MAX_DRAINING
        waiting = [
            visit
            for visit in self.visits
            if not self._is_overdue(visit) and visit.events[-1].kind != "finished"
        ]
        assert health.leases == len([v for v in waiting if v.generation == self.number])
        if self._pending():
            return
        held = {self.number, *(visit.generation for visit in waiting)}
        assert set(health.draining) == held - {self.number}, self.loop.time()
        expected = set[Part]().union(*(self.members[number] for number in held))
        assert self.ledger.open == expected

    @precondition(lambda self: self.is_closed)
    @invariant()
    def a_closed_runtime_refuses(self) -> None:
        """Both messages and reloads."""
        for work in (_next(self.runtime.run("root", "hi")), self.runtime.reload()):
            try:
                self.loop.call(work)
            except RuntimeClosedError:
                continue
            raise AssertionError("a closed runtime goes on")


async def _next(iterator: AsyncGenerator[Event]) -> Event:
    return await anext(iterator)  # in here: the loop must know the generator from its first step


async def _close(iterator: AsyncGenerator[Event]) -> None:
    await iterator.aclose()


async def _nothing() -> AsyncGenerator[Event]:
    return
    yield


async def _result(future: asyncio.Future[Any]) -> Any:
    return await future


async def _read(visit: Visit) -> None:
    with suppress(HectorError):
        async for event in visit.iterator:
            visit.events.append(event)
