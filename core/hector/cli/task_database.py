"""What the commands about tasks share: the database they are in, and which of them is meant."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from hector.cli.files import find_config
from hector.cli.session_database import plain
from hector.errors import TaskNotFoundError, UsageError
from hector.runtime.stored_tasks import StoredTasks, open_stored_tasks
from hector.spi import TaskRecord, TaskState

__all__ = ["ACTIVE_STATES", "all_tasks", "find_task", "on_tasks", "one_of"]

T = TypeVar("T")

ACTIVE_STATES: tuple[TaskState, ...] = ("running", "ready", "waiting")
"""Something happens to it yet."""

_PAGE = 1000
_NAMED = 5


def on_tasks(config_file: Path | None, work: Callable[[StoredTasks], Awaitable[T]]) -> T:
    """Do something with the tasks in the session database of a config.

    Args:
        config_file: as the user named it.
        work: is given the tasks.

    Raises:
        HectorError: the config keeps no sessions or no tasks, or the database did not come up.
    """
    file = find_config(config_file)

    async def do() -> T:
        async with open_stored_tasks(file) as tasks:
            return await work(tasks)

    return asyncio.run(do())


async def all_tasks(
    tasks: StoredTasks, user: str | None, states: Sequence[TaskState] = ACTIVE_STATES
) -> AsyncGenerator[TaskRecord]:
    """Every task in one of some states, in the order of their ids."""
    cursor: str | None = None
    while True:
        page = await tasks.list(states=states, user=user, limit=_PAGE, cursor=cursor)
        for record in page.tasks:
            yield record
        cursor = page.next_cursor
        if cursor is None:
            return


async def find_task(tasks: StoredTasks, given: str, user: str | None) -> TaskRecord:
    """The task of an id; or the only one that has not ended and whose id begins so, or the only one at all for `-`.

    Raises:
        TaskNotFoundError: there is none.
        UsageError: there are several.
    """
    if given != "-":
        try:
            return await tasks.get(given, user=user)
        except TaskNotFoundError:
            pass
    records = {record.id: record async for record in all_tasks(tasks, user)}
    try:
        return records[one_of("task", given, records)]
    except LookupError:
        raise TaskNotFoundError(
            plain(given),
            "does not exist",
            hint="`hector checkpoints ls` lists those that have not ended",
        ) from None


def one_of(what: str, given: str, ids: Iterable[str]) -> str:
    """The one id that is `given` or begins with it; the only one there is for `-`.

    Raises:
        LookupError: there is none.
        UsageError: there are several.
    """
    known = list(ids)
    if given in known:
        return given
    found = known if given == "-" else [id for id in known if id.startswith(given)]
    if not found:
        raise LookupError(given)
    if len(found) > 1:
        names = ", ".join(plain(id) for id in found[:_NAMED])
        more = ", …" if len(found) > _NAMED else ""
        begins = "" if given == "-" else f" that begin with `{plain(given)}`"
        raise UsageError(
            f"there are {len(found)} {what}s{begins}: {names}{more}",
            hint=f"say which {what} is meant",
        )
    return found[0]
