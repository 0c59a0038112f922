"""Group commit: what queued while the database was busy shares the next statement."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

import attrs

from hector.errors import SessionError
from hector_plugin_mysql.appends import Append, append_all
from hector_plugin_mysql.errors import DRIVER_ERRORS, explain, is_fleeting, is_lost
from hector_plugin_mysql.pool import ConnectionPool, Pauses

__all__ = ["GroupWriter"]

_LARGEST_GROUP = 256
_LARGEST_GROUP_CHARACTERS = 8 * 1024 * 1024


@attrs.define(eq=False)
class _Queued:
    append: Append
    outcome: asyncio.Future[None]
    is_running: bool = False
    decided: asyncio.Future[None] | None = None  # what a caller cancelled meanwhile waits for

    def decide(self, error: SessionError | None) -> None:
        self.is_running = False
        if self.decided is not None and not self.decided.done():
            self.decided.set_result(None)
        if self.outcome.done():
            return
        if error is None:
            self.outcome.set_result(None)
        else:
            self.outcome.set_exception(error)


class GroupWriter:
    """Takes appends from many tasks and commits them together.

    There is no timer: an idle writer commits at once, a busy one takes what has queued since. A group is of one app
    and has at most one append of each session; those of one session keep their order.

    When the connection breaks, nobody knows whether the group was committed. It is sent again on a new connection
    until the time is up: the fence lets it through if it was not, and if it was, its events are found in the log.

    Attributes:
        on_commit: called after each group.
    """

    def __init__(self, pool: ConnectionPool, on_commit: Callable[[], None]) -> None:
        self._pool = pool
        self._queue: deque[_Queued] = deque()
        self._wake = asyncio.Event()
        self._is_stopping = False
        self.on_commit = on_commit

    async def submit(self, append: Append) -> None:
        """Append in the next group; it is durable when this returns.

        When the caller is cancelled, an append that still waits is dropped; one that has begun is waited for, so
        that in any case it is decided when `CancelledError` gets out.

        Raises:
            SessionError: it was refused, the database failed, or the writer is stopping.
        """
        if self._is_stopping:
            raise SessionError(
                f"the session database {self._pool.settings.where} is closed",
                hint="keep the store open for as long as it is used",
            )
        loop = asyncio.get_running_loop()
        queued = _Queued(append, loop.create_future())
        self._queue.append(queued)
        self._wake.set()
        try:
            await queued.outcome
        except asyncio.CancelledError:
            if queued.is_running:
                queued.decided = loop.create_future()
                await queued.decided
            elif (
                queued in self._queue
            ):  # else it is decided, and the caller had not heard of it yet
                self._queue.remove(queued)
            raise

    def stop(self) -> None:
        """Take nothing more; `run` ends when the queue is empty."""
        self._is_stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Commit groups until `stop`. Run it in one task, for as long as the writer lives."""
        try:
            while True:
                if self._queue:
                    await self._commit(self._take())
                elif self._is_stopping:
                    return
                else:
                    self._wake.clear()
                    await self._wake.wait()
        finally:
            self._is_stopping = True
            while self._queue:
                self._queue.popleft().decide(self._closed())

    def _take(self) -> list[_Queued]:
        """The next group, taken from the queue."""
        first = self._queue[0]
        group: list[_Queued] = []
        left: deque[_Queued] = deque()
        sessions: set[bytes] = set()
        characters = 0
        while (
            self._queue and len(group) < _LARGEST_GROUP and characters < _LARGEST_GROUP_CHARACTERS
        ):
            queued = self._queue.popleft()
            append = queued.append
            is_first = append.identity not in sessions
            sessions.add(append.identity)
            if is_first and append.key.app == first.append.key.app:
                queued.is_running = True
                group.append(queued)
                characters += sum(len(row[2]) for row in append.rows)
            else:
                left.append(queued)
        left.extend(self._queue)
        self._queue = left
        return group

    async def _commit(self, group: Sequence[_Queued]) -> None:
        """Write a group, and tell each caller."""
        try:
            results = await self._attempt(group, is_unsure=False)
        except BaseException:  # cancelled, or unheard of: whoever waits must not wait for ever
            for queued in group:
                queued.decide(self._unknown(self._closed().message))
            raise
        for queued, result in zip(group, results, strict=True):
            queued.decide(result)
        self.on_commit()

    async def _attempt(
        self, group: Sequence[_Queued], *, is_unsure: bool
    ) -> list[SessionError | None]:
        """Write a group; if it fails for what is in it, one after the other."""
        pauses = Pauses(self._pool.settings.timeout)
        while True:
            try:
                async with self._pool.lend() as connection:
                    return await append_all(
                        connection, [queued.append for queued in group], is_unsure=is_unsure
                    )
            except SessionError as error:
                return [error for _ in group]
            except DRIVER_ERRORS as error:
                is_unsure = is_unsure or is_lost(error)
                if (is_lost(error) or is_fleeting(error)) and await pauses.next():
                    continue
                if is_lost(error) or len(group) == 1 or isinstance(error, OSError):
                    return [self._explained(error, is_unsure=is_unsure) for _ in group]
            results: list[SessionError | None] = []
            for queued in group:
                results += await self._attempt([queued], is_unsure=True)
            return results

    def _explained(self, cause: BaseException, *, is_unsure: bool) -> SessionError:
        error = explain(self._pool.settings, cause)
        if is_unsure or isinstance(cause, TimeoutError):
            error = self._unknown(error.message)
        error.__cause__ = cause
        return error

    def _unknown(self, what: str) -> SessionError:
        return SessionError(
            f"{what}; whether this was appended is not known",
            hint="append the same events again: the head tells (`hector.spi.append_again`)",
        )

    def _closed(self) -> SessionError:
        return SessionError(
            f"the session database {self._pool.settings.where} was closed before it answered",
            hint="append it again with a store that is open",
        )
