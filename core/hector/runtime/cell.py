"""A cell keeps one component from opening to closing."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from traceback import format_exception
from typing import Any

from hector.errors import (
    ComponentOpenError,
    ComponentTimeoutError,
    ComponentTypeError,
    HectorError,
)
from hector.runtime.plan import ComponentSpec
from hector.runtime.redaction import redacted
from hector.runtime.tasks import TaskScope

__all__ = ["Cell", "Make", "close_all"]

logger = logging.getLogger("hector.runtime")

Make = Callable[[AsyncExitStack], Any | Awaitable[Any]]
"""Builds a component; whatever must be closed with it goes on the stack."""

SHAPES: dict[str, tuple[str, ...]] = {
    "llm": ("model", "provider", "generate"),
    "embedder": ("model", "dimension", "embed"),
    "vector_store": ("create_collection", "upsert", "search", "delete", "get", "count"),
    "toolset": ("tools",),
    "document_store": ("name", "search"),
    "agent": ("name", "description", "run"),
    "document_source": ("documents",),
    "document_parser": ("accepts", "parse"),
    "chunker": ("chunk",),
    "session_backend": ("create", "load", "append", "claim", "list", "delete"),
}
"""What a component of each kind must have; a full check by type is the conformance suites' work."""


class Cell:
    """Owns one component.

    A component whose `create` is asynchronous, or gives a context manager, is opened and closed in a task of its own:
    cancel scopes and task groups inside a component must be left in the task that entered them, while builds,
    reloads and shutdowns are asked for by any task.

    Attributes:
        spec: what it was built from.
        component: the component, once open.
        dependencies: the cells it was built on.
        users: the cells that were built on it and have not closed.
        is_down: whether it ended by itself after it had opened, or was closed and could not be opened again.
    """

    __slots__ = (
        "__weakref__",
        "_closed",
        "_closing",
        "_keeper",
        "component",
        "dependencies",
        "is_down",
        "spec",
        "users",
    )

    def __init__(self, spec: ComponentSpec, dependencies: Iterable[Cell] = ()) -> None:
        self.spec = spec
        self.component: Any = None
        self.dependencies = tuple(dependencies)
        self.users: set[Cell] = set()
        self.is_down = False
        self._closing = asyncio.Event()
        self._closed = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    @property
    def is_usable(self) -> bool:
        """Whether it is neither down nor closing."""
        return not self.is_down and not self._closing.is_set()

    @property
    def is_closed(self) -> bool:
        """Whether nothing of it is open any more."""
        return self._closed.is_set()

    async def open(self, make: Make, group: TaskScope, *, timeout_s: float) -> None:
        """Build the component.

        Args:
            make: see `Make`.
            group: owns the keeper task.
            timeout_s: deadline, in seconds.

        Raises:
            ComponentError: it did not come up, in time or at all, or is of another shape than its kind's; whatever it
                had opened is closed again. Cancellation does the same.
        """
        path = self.spec.path
        self._check_dependencies()
        for cell in self.dependencies:
            cell.users.add(self)
        deadline = asyncio.timeout(timeout_s)
        try:
            async with deadline:
                made = await self._made(make, group)
        except asyncio.CancelledError:
            await self._abandon()
            raise
        except TimeoutError as error:
            await self._abandon()
            if not deadline.expired():
                raise self._open_error(error) from error
            raise ComponentTimeoutError(
                path,
                f"did not open within {timeout_s:g} s",
                hint="raise server.build_timeout, or see what it waits for",
            ) from error
        except Exception as error:
            await self._abandon()
            raise self._open_error(error) from error
        self._check_shape(made)
        self.component = made

    def _check_dependencies(self) -> None:
        for cell in self.dependencies:
            cell.check_alive()

    def check_alive(self) -> None:
        """Raise `ComponentOpenError` when it ended by itself after it had opened."""
        if self.is_down:
            raise ComponentOpenError(
                self.spec.path,
                "ended by itself before it was used",
                hint="the log says why",
            )

    async def _made(self, make: Make, group: TaskScope) -> Any:
        stack = AsyncExitStack()
        made = make(stack)
        if not inspect.isawaitable(made):
            return made
        ready: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        keeper = group.create_task(
            self._keep(made, stack, ready), name=f"component {self.spec.path}"
        )
        self._keeper = keeper
        # A task that is cancelled before its first step never runs, and leaves what it was given unawaited.
        keeper.add_done_callback(lambda _: _close_unawaited(made))
        return await ready

    def _open_error(self, error: Exception) -> HectorError:
        settings = self.spec.entry.settings
        if isinstance(error, ComponentOpenError | ComponentTypeError | ComponentTimeoutError):
            reason = redacted(error.reason, settings)
            return (
                error
                if reason == error.reason
                else type(error)(error.component, reason, hint=error.hint)
            )
        if isinstance(error, HectorError):
            hint = error.hint
        else:
            type_ = self.spec.entry.type
            hint = (
                f"that is what the plugin of `{type_}` raised; --debug shows where"
                if type_
                else None
            )
        reason = redacted(_reason(error), settings)
        return ComponentOpenError(self.spec.path, f"did not open: {reason}", hint=hint)

    def _check_shape(self, made: Any) -> None:
        kind = self.spec.entry.kind
        missing = [name for name in SHAPES[kind] if not hasattr(made, name)]
        if missing:
            self._closing.set()
            raise ComponentTypeError(
                self.spec.path,
                f"was created as a {type(made).__name__}, which is no {kind}: it lacks {', '.join(missing)}",
                hint="the plugin's `create` must return what hector.spi says for this kind",
            )

    async def _keep(
        self, made: Awaitable[Any], stack: AsyncExitStack, ready: asyncio.Future[Any]
    ) -> None:
        # The border to a component's own code: what it raises here is reported, and never ends the runtime.
        try:
            async with stack:
                component = await made
                if ready.done():  # given up meanwhile
                    return
                ready.set_result(component)
                try:
                    await self._closing.wait()
                except BaseException:
                    self.is_down = (
                        not self._closing.is_set()
                    )  # at once: its own closing may take a while
                    raise
            if not self._closing.is_set():  # it swallowed a cancellation of its own making
                self.is_down = True
                logger.error("component %s ended by itself", self.spec.path)
        except asyncio.CancelledError:
            self.is_down = ready.done() and not self._closing.is_set()
            if not ready.done():  # by its own code: whoever gives it up cancels `ready` first
                ready.set_exception(ComponentOpenError(self.spec.path, "did not open: cancelled"))
            raise
        except Exception as error:  # noqa: BLE001
            if not ready.done():
                ready.set_exception(error)
            else:
                self.is_down = not self._closing.is_set()
                logger.error(  # noqa: TRY400 - with the traceback, but without secrets
                    "component %s failed%s\n%s",
                    self.spec.path,
                    " while closing" if self._closing.is_set() else "",
                    redacted("".join(format_exception(error)), self.spec.entry.settings),
                )

    async def _abandon(self) -> None:
        keeper = self._keeper
        if keeper is not None and not keeper.done():
            keeper.cancel()
            await asyncio.wait([keeper], timeout=ABANDON_TIMEOUT_S)

    async def close(self, *, timeout_s: float) -> None:
        """Close the component after those that depend on it.

        An error is logged; a component that takes longer than `timeout_s` seconds is cancelled.
        """
        for user in tuple(self.users):
            await user.wait_closed()
        self._closing.set()
        keeper = self._keeper
        try:
            if keeper is None or keeper.done():
                return
            _, late = await asyncio.wait([keeper], timeout=timeout_s)
            if late:
                logger.error(
                    "component %s did not close within %g s and is cancelled",
                    self.spec.path,
                    timeout_s,
                )
                await self._abandon()
        finally:
            self._closed.set()
            for cell in self.dependencies:
                cell.users.discard(self)

    async def wait_closed(self) -> None:
        """Wait until it has closed, which somebody else sees to."""
        await self._closed.wait()


def _close_unawaited(made: Awaitable[Any]) -> None:
    if inspect.iscoroutine(made):
        made.close()  # nothing, if it has run


async def close_all(cells: Iterable[Cell], *, timeout_s: float) -> None:
    """Close cells at the same time, each after those that depend on it, the last opened first."""
    async with asyncio.TaskGroup() as group:
        for cell in reversed(tuple(cells)):
            group.create_task(cell.close(timeout_s=timeout_s))


ABANDON_TIMEOUT_S = 5.0
"""How long a cancelled component is waited for before others go on closing; the runtime ends when it does."""


def _reason(error: BaseException) -> str:
    if isinstance(error, HectorError):
        return error.message
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
