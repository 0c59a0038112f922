"""Group commit over a pool of connections: what queued while the database was busy shares the next transaction."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Generic, Protocol, TypeVar

import attrs

from hector.errors import SessionError
from hector.spi.session_state import ScopedState
from hector.spi.session_stores.rows import EventRow
from hector.spi.session_values import ArtifactDraft, SessionKey
from hector.spi.task_codec import TaskRow

__all__ = ["Append", "GroupLimits", "GroupWriter", "Pauses", "Pool"]

C = TypeVar("C")
C_co = TypeVar("C_co", covariant=True)
T = TypeVar("T")

_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 1.0
_LANES = 2
_WORTH_HALVING = 32
"""As many appends for an idle writer are two groups: those who wait for the first go on while the second is written."""


class Pool(Protocol[C_co]):
    """Lends connections, and says in Hector's words what goes wrong with them.

    Attributes:
        where: the database, for messages; without secrets.
        timeout_s: how long to go on when the server is lost.
        failures: what calls of the driver raise.
    """

    @property
    def where(self) -> str: ...
    @property
    def timeout_s(self) -> float: ...
    @property
    def failures(self) -> tuple[type[Exception], ...]: ...

    def lend(self) -> AbstractAsyncContextManager[C_co]:
        """A connection, for as long as it is held. Raises the driver's errors, and `SessionError`."""
        ...

    async def run(self, work: Callable[[C_co], Awaitable[T]]) -> T:
        """Do something on a connection. Raises `SessionError` only."""
        ...

    async def read(self, work: Callable[[C_co], Awaitable[T]]) -> T:
        """As `run`, for what may be done twice: a lost connection is replaced until the time is up."""
        ...

    def is_lost(self, error: BaseException) -> bool:
        """Whether the connection is gone, so that nobody knows whether a commit happened."""
        ...

    def is_fleeting(self, error: BaseException) -> bool:
        """Whether nothing was written, and the same may go well a moment later."""
        ...

    def explain(self, error: BaseException) -> SessionError:
        """An error of the driver or the network, said for people."""
        ...


class Pauses:
    """Ever longer pauses until a deadline."""

    def __init__(self, seconds: float) -> None:
        """The deadline is so many seconds from now."""
        self._clock = asyncio.get_running_loop().time
        self._end = self._clock() + seconds
        self._pause_s = _FIRST_PAUSE_S

    async def next(self) -> bool:
        """Pause; False if there is no time left."""
        left = self._end - self._clock()
        if left <= 0:
            return False
        await asyncio.sleep(min(self._pause_s, left))
        self._pause_s = min(self._pause_s * 2, _LONGEST_PAUSE_S)
        return True


@attrs.define(eq=False)  # not frozen: made for every append, and that takes longer
class Append:
    """One caller's append, encoded; `rows` have the sequences from `head` + 1 on.

    Attributes:
        identity: the digest of the key, see `rows.identity`.
        now: when it was asked for, in seconds since the epoch.
        task: the row that is written with it.
    """

    key: SessionKey
    identity: bytes
    rows: Sequence[EventRow]
    delta: ScopedState | None
    artifacts: Sequence[ArtifactDraft]
    head: int
    epoch: int
    now: float
    task: TaskRow | None = None


def _characters(append: Append) -> int:
    """Of the payloads, and of the task's row."""
    task = append.task
    return sum(len(row[2]) for row in append.rows) + len((task and task.values[-1]) or "")


@attrs.frozen(kw_only=True)
class GroupLimits:
    """How much goes into one group.

    Attributes:
        appends: at most so many.
        characters: no more are taken when the payloads have so many.
        are_artifacts_alone: whether an append with artifacts is a group of its own.
    """

    appends: int
    characters: int
    are_artifacts_alone: bool


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


class GroupWriter(Generic[C]):
    """Takes appends from many tasks and commits them together.

    There is no timer: an idle writer commits at once, a busy one takes what has queued since. Two groups are on their
    way at a time, so that this process works on one while the server works on the other. A group is of one app and
    has at most one append of each session; those of one session keep their order.

    When the connection breaks, nobody knows whether the group was committed. It is sent again on a new connection
    until the time is up: the fence lets it through if it was not, and if it was, its events are found in the log.

    Attributes:
        on_commit: called after each group.
    """

    def __init__(
        self,
        pool: Pool[C],
        write: Callable[[C, Sequence[Append], bool], Awaitable[Sequence[SessionError | None]]],
        limits: GroupLimits,
        on_commit: Callable[[], None],
    ) -> None:
        """Prepare; `run` commits.

        Args:
            pool: of the database.
            write: writes appends, all that the fences let through in one transaction, and gives for each what it is
                refused with, or None. The flag says that they may have been committed by an attempt that nobody
                heard of, so that it has to look for them.
            limits: how large a group is.
            on_commit: called after each group.
        """
        self._pool = pool
        self._write = write
        self._limits = limits
        self._queue: deque[_Queued] = deque()
        self._on_their_way: set[bytes] = set()  # sessions that a group has which is being written
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
                f"the session database {self._pool.where} is closed",
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
            async with asyncio.TaskGroup() as lanes:
                for _ in range(_LANES):
                    lanes.create_task(self._commit_groups())
        finally:
            self._is_stopping = True
            while self._queue:
                self._queue.popleft().decide(self._closed())

    async def _commit_groups(self) -> None:
        while True:
            if group := self._take():
                try:
                    await self._commit(group)
                finally:
                    self._on_their_way -= {queued.append.identity for queued in group}
                    self._wake.set()  # what waited for one of these sessions can be taken now
            elif self._is_stopping and not self._queue:
                return
            else:
                self._wake.clear()
                await self._wake.wait()

    def _take(self) -> list[_Queued]:
        """The next group, taken from the queue; empty while all that there is waits for what is on its way."""
        queue, limits = self._queue, self._limits
        size, room = limits.appends, limits.characters
        if not self._on_their_way and len(queue) >= _WORTH_HALVING:
            size = min(size, (len(queue) + 1) // 2)
        group: list[_Queued] = []
        left: list[_Queued] = []
        sessions = set(self._on_their_way)
        while queue and len(group) < size and room > 0:
            queued = queue.popleft()
            append = queued.append
            is_alone = limits.are_artifacts_alone and bool(append.artifacts)
            is_free = append.identity not in sessions
            sessions.add(append.identity)
            if not is_free or (group and (is_alone or append.key.app != group[0].append.key.app)):
                left.append(queued)
                continue
            queued.is_running = True
            group.append(queued)
            room -= _characters(append)
            if is_alone:
                break
        queue.extendleft(reversed(left))
        self._on_their_way.update(queued.append.identity for queued in group)
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
    ) -> Sequence[SessionError | None]:
        """Write a group; if it fails for what is in it, one after the other."""
        pool = self._pool
        pauses = Pauses(pool.timeout_s)
        while True:
            try:
                async with pool.lend() as connection:
                    return await self._write(connection, [it.append for it in group], is_unsure)
            except SessionError as error:
                return [error for _ in group]
            except pool.failures as error:
                is_unsure = is_unsure or pool.is_lost(error)
                if (pool.is_lost(error) or pool.is_fleeting(error)) and await pauses.next():
                    continue
                if pool.is_lost(error) or len(group) == 1 or isinstance(error, OSError):
                    return [self._explained(error, is_unsure=is_unsure) for _ in group]
            results: list[SessionError | None] = []
            for queued in group:
                results += await self._attempt([queued], is_unsure=True)
            return results

    def _explained(self, cause: BaseException, *, is_unsure: bool) -> SessionError:
        error = self._pool.explain(cause)
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
            f"the session database {self._pool.where} was closed before it answered",
            hint="append it again with a store that is open",
        )
