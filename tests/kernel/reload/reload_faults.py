"""Faults at awaits: every suspension of every task a reload makes is counted, and one of them throws."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import attrs

import hector.rag

__all__ = ["Fault", "Faults", "Resources", "resources"]

Fault = Literal["error", "cancelled", "cancel"]
"""What happens: an error, a cancellation out of nowhere, or the reload's caller that cancels it."""


ASYNCIO = str(Path(asyncio.__file__).parent)
RAG = str(Path(hector.rag.__file__).parent)


class InjectedError(RuntimeError):
    """What is thrown."""


class Faults:
    """Counts suspensions, and throws at one.

    Attributes:
        count: suspensions so far.
        at: where it was thrown: the name of the task, or empty.
    """

    def __init__(self, kind: Fault, k: int, is_armed: Callable[[], bool]) -> None:
        self.count = 0
        self.at = ""
        self._kind = kind
        self._k = k
        self._is_armed = is_armed
        self._reload: asyncio.Task[Any] | None = None

    async def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run a reload in a task of its own; gives what came of it, also an exception."""
        with self._in_force():
            self._reload = asyncio.get_running_loop().create_task(work, name="reload")
            try:
                return await asyncio.shield(self._reload)
            except BaseException as error:  # noqa: BLE001 - what comes of it is the test's to judge
                return error

    @contextmanager
    def _in_force(self) -> Generator[None]:
        loop = asyncio.get_running_loop()
        before = loop.get_task_factory()
        loop.set_task_factory(self._make)
        try:
            yield
        finally:
            loop.set_task_factory(before)

    def _make(
        self, loop: asyncio.AbstractEventLoop, work: Any, **options: Any
    ) -> asyncio.Task[Any]:
        # Not those of asyncio's own transports, nor indexing in the background, which reports by itself.
        is_other = work.cr_code.co_filename.startswith((ASYNCIO, RAG))
        counted = work if is_other else _Counted(work, self)
        task: asyncio.Task[Any] = asyncio.Task(counted, loop=loop, **options)
        return task

    def _only_waits(self, work: Any) -> bool:
        """Whether nothing but a cancellation can come up: the caller, and whoever waits for a task group."""
        if self._kind == "cancel":
            return False
        is_caller = asyncio.current_task() is self._reload
        return is_caller or (self._kind == "error" and _is_in_task_group(work))

    def suspended(self, work: Any) -> BaseException | None:
        """Count one; what it throws, if it is the one."""
        if not self._is_armed() or self._only_waits(work):
            return None
        self.count += 1
        if self.count != self._k:
            return None
        task = asyncio.current_task()
        self.at = task.get_name() if task is not None else "?"
        if self._kind == "cancel":
            assert self._reload is not None
            self._reload.cancel()
            return None
        return InjectedError("at an await") if self._kind == "error" else asyncio.CancelledError()


def _is_in_task_group(work: Any) -> bool:
    """Whether it waits for a task group's tasks: nothing but a cancellation comes up there."""
    while (inner := getattr(work, "cr_await", None)) is not None and hasattr(inner, "cr_code"):
        work = inner
    return bool(work.cr_code.co_filename == asyncio.taskgroups.__file__)


class _Counted(Coroutine[Any, Any, Any]):
    """A coroutine whose suspensions are counted."""

    def __init__(self, work: Coroutine[Any, Any, Any], faults: Faults) -> None:
        self._work = work
        self._faults = faults

    def send(self, value: Any) -> Any:
        return self._step(self._work.send, value)

    def throw(
        self,
        typ: Any,
        val: BaseException | object = None,
        tb: TracebackType | None = None,
    ) -> Any:
        return self._step(self._work.throw, typ)

    def close(self) -> None:
        self._work.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return (yield from self._work.__await__())

    def _step(self, resume: Callable[[Any], Any], value: Any) -> Any:
        waits_for = resume(value)
        fault = self._faults.suspended(self._work)
        if fault is None:
            return waits_for
        if waits_for is not None:
            # As if it had never been awaited; asyncio has no other way to say so.
            waits_for._asyncio_future_blocking = False  # noqa: SLF001
        return self._step(self._work.throw, fault)


@attrs.frozen
class Resources:
    """What this process holds.

    Attributes:
        tasks: their names, sorted.
        threads, descriptors: how many.
        children: how many processes.
    """

    tasks: tuple[str, ...]
    threads: int
    descriptors: int
    children: int


def resources() -> Resources:
    """What this process holds now."""
    names = sorted(task.get_name() for task in asyncio.all_tasks())
    me = asyncio.current_task()
    assert me is not None
    names.remove(me.get_name())
    return Resources(
        tasks=tuple(names),
        threads=threading.active_count(),
        descriptors=sum(1 for _ in Path("/dev/fd").iterdir()),
        children=len(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()),
    )
