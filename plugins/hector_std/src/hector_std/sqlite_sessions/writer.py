"""Group commit: whatever queued while the disk was busy shares the next commit."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar, cast

import attrs

from hector.errors import SessionError
from hector_std.sqlite_sessions.appends import Append, append_all
from hector_std.sqlite_sessions.connection import DriverErrors, SqliteConnection, explain
from hector_std.sqlite_sessions.places import Places
from hector_std.sqlite_sessions.schema import OtherVersionError

__all__ = ["AbandonedError", "Apart", "GroupWriter", "Operation"]

T = TypeVar("T")

Operation = Callable[[sqlite3.Connection], T]
"""Statements of one caller. It raises `SessionError` before it wrote, `AbandonedError` after."""

Work = Operation[Any] | Append

_LARGEST_GROUP = 1024


class AbandonedError(Exception):
    """An operation found out after writing that it must not: what it wrote has to be undone.

    Attributes:
        reason: what its caller gets.
    """

    def __init__(self, reason: SessionError) -> None:
        super().__init__(reason)
        self.reason = reason


class Apart:
    """A function to run between groups, outside any transaction: a checkpoint, for instance."""

    def __init__(self, function: Callable[[sqlite3.Connection], None]) -> None:
        self.function = function


@attrs.define(eq=False)
class _Queued:
    operation: Work | Apart
    outcome: asyncio.Future[Any]
    is_settled: bool = False
    settled: asyncio.Future[None] | None = None  # what a caller cancelled meanwhile waits for

    def settle(self) -> None:
        """It is decided; its caller was cancelled, and may wait to hear that."""
        self.is_settled = True
        if self.settled is not None and not self.settled.done():
            self.settled.set_result(None)


class GroupWriter:
    """The only writer of a database: takes operations from many tasks and commits them together.

    There is no timer: an idle writer commits at once, a busy one takes what has queued since. An
    operation is durable when `submit` returns. Within a group operations run in the order they were
    submitted, each wholly or not at all.

    The connection's thread takes all that waits at once, so that one hop leads there and one back.
    While the event loop is busy with other callers, the interpreter's lock keeps the thread from
    beginning, so what they submit comes into the same group.

    Attributes:
        places: where the logs end; for operations, which run on the thread.
        on_commit: called on the event loop after each group with the number of its operations.
    """

    def __init__(self, connection: SqliteConnection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._waiting: list[_Queued] = []
        self._apart: list[_Queued] = []
        self._taking = threading.Lock()  # over what follows, too
        self._wakes: SimpleQueue[None] = SimpleQueue()
        self._is_woken = False
        self._is_stopping = False
        self.places = Places()
        self.on_commit: Callable[[int], None] | None = None

    async def submit(self, operation: Operation[T] | Append | Apart) -> T:
        """Run an operation in the next group and return its result once it is durable.

        When the caller is cancelled, an operation that still waits is dropped; one that has begun
        is waited for, so that in any case it is decided when `CancelledError` gets out.

        Raises:
            SessionError: it refused, the database failed, or the writer is stopping; nothing was
                written.
        """
        queued = _Queued(operation, asyncio.get_running_loop().create_future())
        with self._taking:
            if self._is_stopping:
                raise self._closed()
            (self._apart if type(operation) is Apart else self._waiting).append(queued)
            if not self._is_woken:
                self._is_woken = True
                self._wakes.put(None)
        try:
            return cast("T", await queued.outcome)
        except asyncio.CancelledError:
            if queued.outcome.cancelled() and not self._drop(queued) and not queued.is_settled:
                queued.settled = asyncio.get_running_loop().create_future()
                await queued.settled
            raise

    def stop(self) -> None:
        """Take nothing more; `run` ends when the queue is empty."""
        with self._taking:
            self._is_stopping = True
            self._wakes.put(None)

    async def run(self) -> None:
        """Commit groups until `stop`. Run it in one task, for as long as the writer lives.

        It has the connection for itself. When it is cancelled, what is queued is still committed.
        """
        loop = asyncio.get_running_loop()
        try:
            await self._connection.call(lambda connection: self._serve(connection, loop))
        except asyncio.CancelledError:
            self.stop()
            raise
        finally:
            self._is_stopping = True

    # -------------------------------------------------------------------------------- on the thread

    def _serve(self, connection: sqlite3.Connection, loop: asyncio.AbstractEventLoop) -> None:
        is_open = True
        while is_open:
            self._wakes.get()
            group, apart, is_open = self._take(_LARGEST_GROUP)
            try:
                if group:
                    operations = [cast("Work", queued.operation) for queued in group]
                    results = _run_group(connection, self.places, operations, self._path)
                    loop.call_soon_threadsafe(self._tell, group, results)
                    group = []
                while apart:
                    cast("Apart", apart[0].operation).function(connection)
                    loop.call_soon_threadsafe(_tell_each, [apart.pop(0)], [None])
            except BaseException:  # unheard of; whoever waits must not wait for ever
                with self._taking:
                    self._is_stopping = True
                more, others, _ = self._take(None)
                lost = [*group, *apart, *more, *others]
                loop.call_soon_threadsafe(_tell_each, lost, [self._lost() for _ in lost])
                raise

    def _take(self, most: int | None) -> tuple[list[_Queued], list[_Queued], bool]:
        """A group, and what runs apart after it; False: it is the last."""
        with self._taking:
            group, self._waiting = self._waiting[:most], self._waiting[most:] if most else []
            apart, self._apart = self._apart, []
            self._is_woken = bool(self._waiting)
            if self._is_woken:
                self._wakes.put(None)
            return group, apart, self._is_woken or not self._is_stopping

    # -------------------------------------------------------------------------------- on the loop

    def _drop(self, queued: _Queued) -> bool:
        """Take it out of the queue, if it still waits there."""
        with self._taking:
            for waiting in (self._waiting, self._apart):
                if queued in waiting:
                    waiting.remove(queued)
                    return True
        return False

    def _tell(self, group: Sequence[_Queued], results: Sequence[Any]) -> None:
        _tell_each(group, results)
        if self.on_commit is not None:
            self.on_commit(len(group))

    def _lost(self) -> SessionError:
        return SessionError(
            f"the session database {self._path} was closed before it answered",
            hint="load the session to see whether this was written",
        )

    def _closed(self) -> SessionError:
        return SessionError(
            f"the session database {self._path} is closed",
            hint="keep the store open for as long as it is used",
        )


def _tell_each(group: Sequence[_Queued], results: Sequence[Any]) -> None:
    """Tell the callers; a `SessionError` is raised there."""
    for queued, result in zip(group, results, strict=True):
        outcome = queued.outcome
        if outcome.done():
            queued.settle()
        elif isinstance(result, SessionError):
            outcome.set_exception(result)
        else:
            outcome.set_result(result)


def _run_group(
    connection: sqlite3.Connection, places: Places, operations: Sequence[Work], path: Path
) -> list[Any]:
    """Each operation's result, or the `SessionError` that says why it has none.

    The common case is one transaction for all. When one fails half-way, everything is undone and
    each gets a transaction of its own, so that it takes nobody with it.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.Error as error:
        return [_explained(path, error) for _ in operations]
    try:
        places.begin(connection)
        results = _attempt_all(connection, places, operations)
        places.index(connection)
    except OtherVersionError as error:
        _roll_back(connection, places)
        return [_explained(path, error) for _ in operations]
    except (AbandonedError, *DriverErrors) as error:
        _roll_back(connection, places)
        if len(operations) == 1:
            return [_explained(path, error)]
        return [_run_group(connection, places, [item], path)[0] for item in operations]
    except BaseException:
        _roll_back(connection, places)
        raise
    try:
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        _roll_back(connection, places)
        return [_explained(path, error) for _ in operations]
    return results


def _attempt_all(
    connection: sqlite3.Connection, places: Places, operations: Sequence[Work]
) -> list[Any]:
    results: list[Any] = []
    appends: list[Append] = []  # those behind one another share their statements
    for operation in operations:
        if isinstance(operation, Append):
            appends.append(operation)
            continue
        if appends:
            results += append_all(connection, places, appends)
            appends = []
        try:
            results.append(operation(connection))
        except SessionError as error:
            results.append(error)
    if appends:
        results += append_all(connection, places, appends)
    return results


def _roll_back(connection: sqlite3.Connection, places: Places) -> None:
    places.clear()
    if connection.in_transaction:  # some errors have rolled back already
        connection.execute("ROLLBACK")


def _explained(path: Path, cause: BaseException) -> SessionError:
    error = cause.reason if isinstance(cause, AbandonedError) else explain(path, cause)
    error.__cause__ = cause
    return error
