"""Reading configs beside whatever runs, in threads, and holding them against the running one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar, TypeVarTuple, Unpack

import attrs

from hector.config import Config, give_way, giving_way
from hector.errors import ConfigError, Diagnostic, ReloadTimeoutError
from hector.runtime.changes import compare
from hector.runtime.factories import Injections
from hector.runtime.generation import Generation
from hector.runtime.live import Live
from hector.runtime.loading import ConfigInput, ConfigLoader
from hector.runtime.plan import Plan
from hector.runtime.reload_report import Comparison

__all__ = ["Compared", "Reading"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


@attrs.frozen(kw_only=True)
class Compared:
    """A config that was read.

    Attributes:
        plan: what it asks for.
        running: the generation it was held against, which was current when reading began.
        comparison: what it changes of that.
        phases: seconds of `read`, `registry`, `structure` and `plan`.
    """

    plan: Plan
    running: Generation
    comparison: Comparison
    phases: Mapping[str, float]


class _Lane:
    """Runs one call at a time in a thread of the loop's executor.

    Whoever gives up leaves the thread at its work, which may last for ever at a file that hangs. The next one waits for
    it here, not in a further thread: those belong to everybody.
    """

    def __init__(self) -> None:
        self._busy: asyncio.Future[Any] | None = None

    async def call(self, function: Callable[[Unpack[Ts]], T], *arguments: *Ts) -> T:
        while self._busy is not None:
            await asyncio.wait([self._busy])
        future = asyncio.get_running_loop().run_in_executor(None, function, *arguments)
        self._busy = future
        future.add_done_callback(self._free)
        return await asyncio.shield(future)

    def _free(self, _: object) -> None:
        self._busy = None


@attrs.define(kw_only=True)
class Reading:
    """Reads configs without building anything.

    Attributes:
        live: where the current generation stands.
        loader: reads configs, and remembers the last one.
        injections: what the embedding program adds, which a config must have a place for.
        started: the config the runtime opened with: what needs a restart is still as it says.
    """

    live: Live
    loader: ConfigLoader
    injections: Injections
    started: Config
    _plans: _Lane = attrs.field(factory=_Lane, init=False)
    _checks: _Lane = attrs.field(factory=_Lane, init=False)

    async def compared(self, source: ConfigInput) -> Compared:
        """Read a config and hold it against the running one; conversations go on meanwhile.

        Raises:
            ConfigError: it cannot be used.
            UsageError: it does not go with what is injected.
        """
        read = await self._plans.call(self._compare, source)
        self.injections.check(read.plan.config)
        return read

    def _compare(self, source: ConfigInput) -> Compared:
        with giving_way():
            return self._compared(source)

    def _compared(self, source: ConfigInput) -> Compared:
        old = self.live.generation
        planned = self.loader.plan(source)
        give_way()
        _refuse_empty(planned.plan, old.plan)
        started = time.perf_counter()
        down: list[str] = []
        for path in list(old.cells):
            give_way()
            if not old.cells[path].is_usable:
                down.append(path)
        comparison = compare(old.plan, planned.plan, down=down, started=self.started)
        phases = dict(planned.phases)
        phases["plan"] += time.perf_counter() - started
        return Compared(plan=planned.plan, running=old, comparison=comparison, phases=phases)

    async def compared_in_time(self, source: ConfigInput) -> Compared:
        """The same, within `server.reload.timeout` of the running config.

        Raises:
            ReloadTimeoutError: it took longer.
        """
        async with self._in_time("reading the config"):
            return await self.compared(source)

    async def check(self, source: ConfigInput) -> tuple[Diagnostic, ...]:
        """What is wrong or doubtful about a config, within the same time.

        Raises:
            ReloadTimeoutError: it took longer.
        """
        async with self._in_time("checking the config"):
            return await self._checks.call(self.loader.check, source)

    async def is_same(self, one: Plan, other: Plan) -> bool:
        """Whether two plans ask for the same; in a thread, for it may take time in the size of the config."""
        return await asyncio.to_thread(lambda: compare(one, other).is_same)

    @asynccontextmanager
    async def _in_time(self, what: str) -> AsyncGenerator[None]:
        timeout_s = self.live.generation.plan.config.server.reload.timeout
        deadline = asyncio.timeout(timeout_s)
        try:
            async with deadline:
                yield
        except TimeoutError as error:
            if not deadline.expired():
                raise
            raise ReloadTimeoutError(
                f"{what} took longer than {timeout_s:g} s",
                hint="see whether its files can be read, or raise server.reload.timeout",
            ) from error


def _refuse_empty(new: Plan, old: Plan) -> None:
    """A file caught between being emptied and being written would take every agent away."""
    snapshot = new.config.source.snapshot
    content = snapshot.content
    if old.specs and isinstance(content, bytes | str) and (not content or content.isspace()):
        raise ConfigError(
            (
                Diagnostic(
                    code="H101",
                    path="",
                    message="is empty, and what runs is not",
                    hint="to run nothing on purpose, write `agents: {}`",
                    file=snapshot.name,
                ),
            )
        )
